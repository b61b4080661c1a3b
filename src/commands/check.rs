//! `crmlake check`

use std::{collections::HashMap, sync::Arc};

use arrow::array::UInt64Array;
use jiff::civil::Date;

use super::{Context, max_age, notes, output::tell, print, print_answer, rendered, texts, write_answer};
use crate::{
    cli::CheckArgs,
    config::Settings,
    error::{Error, ExitCode},
    library::{
        LibraryError, Shelf,
        checks::{Check, Severity},
        shelf,
    },
    reports::{
        Answer, Reader,
        render::{About, Format},
        statements::Guard,
    },
    warehouse::{
        bind,
        checks::{self, Finding, Prepared},
    },
};

pub(super) fn run(context: &Context, args: &CheckArgs) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    let reader = Reader::open(&settings, None)?;
    let mut chosen = prepared(&settings, reader.today(), &args.names)?;
    if args.list {
        chosen.sort_by(|left, right| left.check.name.cmp(&right.check.name));
        write_answer(&listing(&chosen)?, args.format)?;
        return Ok(ExitCode::Whole);
    }
    let format = super::format(args.format);
    if chosen.len() > 1 && !args.names.is_empty() && (format.is_binary() || format == Format::Html) {
        let name = format.extension();
        return Err(Error::Usage(format!("a {name} file holds what one check found: choose one")));
    }
    let about = About::statement(reader.freshness(max_age(&settings))?, notes(&settings));
    let titled = |title: &str| About { title: title.to_owned(), ..about.clone() };
    let findings = checks::run(reader.connection(), &chosen);
    if args.names.is_empty() {
        print_answer(&summary(&findings)?, format, Some(&titled("Checks")))?;
    } else {
        for (index, (Prepared { check, values }, finding)) in chosen.iter().zip(&findings).enumerate() {
            let rows = reader.ask(&check.called, &check.statement, &|name| values.get(name).map(bind::value))?;
            print(&between(format, index, chosen.len(), finding))?;
            print_answer(&rows, format, Some(&titled(&check.title)))?;
        }
        if format == Format::Json && chosen.len() > 1 {
            print("]\n")?;
        }
    }
    tell(&about, format, context.quiet)?;
    let is_fatal = findings.iter().any(Finding::is_fatal);
    Ok(if is_fatal { ExitCode::CheckFailed } else { ExitCode::Whole })
}

/// The checks that are on, with their severities and parameters as configured: all, or those named, which may be off.
pub(super) fn prepared(settings: &Settings, today: Date, names: &[String]) -> Result<Vec<Prepared>, Error> {
    let files = shelf(Shelf::Checks, settings.sql.as_deref())?;
    let known: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let unknown = |setting: &str, name: &str| {
        let problem = format!("no check is called \"{name}\"; there is {}", known.join(", "));
        Error::Library(LibraryError::Setting { setting: setting.to_owned(), problem })
    };
    let configured = &settings.checks;
    let mentioned = (configured.off.iter().map(|name| ("[checks] off", name)))
        .chain(configured.severity.keys().map(|name| ("[checks.severity]", name)))
        .chain(configured.params.keys().map(|name| ("[checks.params]", name)));
    for (setting, name) in mentioned {
        if !known.contains(&name.as_str()) {
            return Err(unknown(setting, name));
        }
    }
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Error::Usage(format!("no check is called \"{name}\"; there is {}", known.join(", "))));
    }
    let guard = Guard::default();
    let is_chosen =
        |name: &String| if names.is_empty() { !configured.off.contains(name) } else { names.contains(name) };
    files
        .iter()
        .filter(|file| is_chosen(&file.name))
        .map(|file| {
            let check = Check::from_file(file)?;
            // A run's checks are asked on the connection that writes, which has none of a reader's limits.
            guard.check_of(file.author, &check.called, &check.statement)?;
            prepare(settings, check, today)
        })
        .collect()
}

fn prepare(settings: &Settings, mut check: Check, today: Date) -> Result<Prepared, Error> {
    let name = check.name.clone();
    let refused = |setting: String, problem: String| Error::Library(LibraryError::Setting { setting, problem });
    if let Some(severity) = settings.checks.severity.get(&name) {
        check.severity = Severity::parse(severity).ok_or_else(|| {
            refused(format!("[checks.severity] {name}"), format!("\"{severity}\" is neither warn nor error"))
        })?;
    }
    let configured = settings.checks.params.get(&name);
    for parameter in configured.into_iter().flat_map(|params| params.keys()) {
        if !check.parameters.iter().any(|known| known.name == *parameter) {
            let there = check.parameters.iter().map(|known| known.name.as_str()).collect::<Vec<_>>().join(", ");
            let there = if there.is_empty() { "none".to_owned() } else { there };
            return Err(refused(
                format!("[checks.params.{name}] {parameter}"),
                format!("the check has no such parameter; there is {there}"),
            ));
        }
    }
    let value = |parameter: &str| Some(configured?.get(parameter)?.0.clone());
    checks::prepare(check, &value, today).map_err(|problem| refused(format!("[checks.params.{name}]"), problem))
}

/// What tells the rows of several checks apart: in JSON they are arrays in one array, in the order asked for.
fn between(format: Format, index: usize, count: usize, finding: &Finding) -> String {
    match format {
        _ if count < 2 => String::new(),
        Format::Json => if index == 0 { "[" } else { "," }.to_owned(),
        Format::Ndjson => String::new(),
        _ => format!("# {finding}\n"),
    }
}

/// What each check found.
fn summary(findings: &[Finding]) -> Result<Answer, Error> {
    let problem = |finding: &Finding| finding.rows.as_ref().err().cloned();
    Answer::of(vec![
        ("check", texts(findings.iter().map(|finding| Some(finding.name.clone())))),
        ("severity", texts(findings.iter().map(|finding| Some(finding.severity.as_str().to_owned())))),
        ("found", Arc::new(findings.iter().map(|finding| finding.rows.clone().ok()).collect::<UInt64Array>())),
        ("title", texts(findings.iter().map(|finding| Some(finding.title.clone())))),
        ("problem", texts(findings.iter().map(problem))),
    ])
    .map_err(rendered)
}

/// What checks there are.
fn listing(checks: &[Prepared]) -> Result<Answer, Error> {
    let shown = |values: &HashMap<String, crate::library::params::Bound>, check: &Check| {
        let parameters =
            check.parameters.iter().map(|parameter| format!("{} ({})", parameter.name, parameter.kind.describe()));
        let parameters: Vec<String> = parameters.collect();
        debug_assert_eq!(parameters.len(), values.len());
        parameters.join(", ")
    };
    Answer::of(vec![
        ("check", texts(checks.iter().map(|prepared| Some(prepared.check.name.clone())))),
        ("severity", texts(checks.iter().map(|prepared| Some(prepared.check.severity.as_str().to_owned())))),
        ("question", texts(checks.iter().map(|prepared| Some(prepared.check.question.clone())))),
        ("parameters", texts(checks.iter().map(|prepared| Some(shown(&prepared.values, &prepared.check))))),
    ])
    .map_err(rendered)
}
