//! `crmlake forget`

use std::io::{self, Read as _};

use super::{Context, print, removed_table};
use crate::{
    batch::hash::HashKey,
    catalog,
    cli::Forget,
    config::ConfigError,
    error::{Error, ExitCode},
    warehouse::forget::{Address, Forgotten, Who, forget},
};

pub(super) fn run(context: &Context, args: Forget) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    let dry_run = args.dry_run;
    let mut who = who(args)?;
    if let Who::Address(address) = who {
        let key = match settings.privacy_key(context.environment) {
            Err(ConfigError::NoPrivacyKey { .. }) => None,
            key => key?,
        };
        who = Who::Address(match key.as_ref().and_then(HashKey::new) {
            Some(key) => address.hashed_with(&key),
            None => address,
        });
    }
    let forgotten = forget(&settings.warehouse, &who, dry_run)?;
    if !context.quiet {
        print(&summary(&forgotten, dry_run, &settings.warehouse.display().to_string()))?;
    }
    Ok(ExitCode::Whole)
}

fn who(args: Forget) -> Result<Who, Error> {
    let Some(email) = args.email else {
        let resource = args.resource.as_deref().map(|name| {
            catalog::resource(name).ok_or_else(|| {
                let known: Vec<_> = catalog::RESOURCES.iter().map(|resource| resource.name).collect();
                Error::Usage(format!("no resource is called \"{name}\"; there is {}", known.join(", ")))
            })
        });
        return Ok(Who::Id {
            id: args.id.unwrap_or_default(),
            resource: resource.transpose()?,
            instance: args.instance,
        });
    };
    let is_piped = email == "-";
    let email = if is_piped {
        let mut text = String::new();
        let read = io::stdin().read_to_string(&mut text);
        read.map_err(|source| Error::Input { what: "standard input".to_owned(), source })?;
        text
    } else {
        email
    };
    // Not quoted: it may be somebody's after all.
    let from = if is_piped { "standard input holds" } else { "--email is" };
    Address::parse(&email).map(Who::Address).ok_or_else(|| Error::Usage(format!("{from} not one e-mail address")))
}

/// What was removed, and what the user should know of it.
fn summary(forgotten: &Forgotten, dry_run: bool, warehouse: &str) -> String {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    if forgotten.removed.is_empty() {
        line(&format!("nothing found: {warehouse} is as it was"));
    } else {
        if dry_run {
            line("nothing was changed; this would be removed:");
        }
        line(&removed_table(&forgotten.removed).to_string());
    }
    if forgotten.is_thing {
        line("the record is not about a person: only the record itself counts, not its names and addresses elsewhere");
    }
    if !forgotten.namesakes.is_empty() {
        line(&format!(
            "the same name is somebody else's too, who keeps it: {}; elsewhere it counts only in rows that also hold the \
             person's id or address",
            some(&forgotten.namesakes)
        ));
    }
    if !forgotten.sharers.is_empty() {
        line(&format!(
            "an address of theirs also stood in {}; these records stay, without it",
            some(&forgotten.sharers)
        ));
    }
    if !forgotten.keepers.is_empty() {
        line(&format!(
            "an address of theirs is other people's too, who keep it: {}; it is gone only with the person's own records",
            some(&forgotten.keepers)
        ));
    }
    if !forgotten.unsearched.is_empty() {
        line(&format!(
            "hashed addresses could not be searched, because there is no key of [privacy] hash: {}; --id finds such records",
            some(&forgotten.unsearched)
        ));
    }
    if forgotten.has_short_names {
        line("a name of one word is not looked for in other records, because too many have it");
    }
    for (place, count) in &forgotten.left {
        line(&format!("{place}: {count} texts have the name or address inside a longer one, which stays"));
    }
    if !forgotten.named_after.is_empty() {
        line(&format!(
            "called after a key with the name or address, which cannot be removed: {}",
            some(&forgotten.named_after)
        ));
    }
    if !dry_run {
        if let Some(bytes) = forgotten.bytes {
            let size = bytesize::ByteSize(bytes).display().iec();
            line(&format!("{warehouse} ({size}) was written anew"));
        }
        line("pages that a stopped run left in .crmlake are gone");
    }
    if !forgotten.removed.is_empty() {
        line("if the CRM still has them, delete them there first: the next run would bring them back");
        line("exports and copies of the warehouse made earlier are not touched");
    }
    text
}

/// The first few, and how many more there are.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > 5 { format!("{shown} and {} more", names.len() - 5) } else { shown }
}
