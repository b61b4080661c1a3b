//! What is kept out of the warehouse: which values the entries of `[privacy]` mean.
//!
//! An entry names a value by the path that the record has it at or by the name of its column; both come down to the same
//! words in snake_case, so that `homePhone` and `home_phone` are one. Where an entry could mean two values it means both:
//! better one column too few than one too many. What is done to the values is in [`super::conceal`].

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    hash::HashKey,
    names::{may_be_called, snake_case},
    path::{Path, Segment},
    plan::{CHILD, KnownColumn},
};
use crate::{
    catalog::{self, RESOURCES},
    secret::Secret,
};

/// How the columns of custom fields begin.
const CUSTOM: &str = "cf_";

/// What is done to a value. The stronger one comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is left out.
    Drop,
    /// A keyed hash stands for it.
    Hash,
}

/// Why an entry cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct EntryError {
    /// The list that it stands in, and the entry.
    pub setting: String,
    /// What is wrong with it.
    pub problem: String,
}

/// All entries, and the key of the hashes.
#[derive(Debug, Default)]
pub struct Privacy {
    entries: Vec<Entry>,
    key: Option<HashKey>,
}

/// One entry.
#[derive(Debug)]
struct Entry {
    written: String,
    action: Action,
    /// The resources whose records it is about.
    resources: Vec<&'static str>,
    /// Whether it is about every table there is.
    is_everywhere: bool,
    /// The list of objects that it looks into, by the name of its table.
    child: Option<String>,
    /// The value, by the name of its column; nothing where it means a child table as a whole.
    name: String,
    /// Whether it meant anything in this run.
    met: AtomicBool,
}

impl Privacy {
    /// Reads the entries.
    pub fn new(drop: &[String], hash: &[String], key: Option<&Secret>) -> Result<Self, EntryError> {
        let mut entries: Vec<Entry> = Vec::with_capacity(drop.len() + hash.len());
        for (list, action, written) in [("drop", Action::Drop, drop), ("hash", Action::Hash, hash)] {
            for written in written {
                let refused = |problem| EntryError { setting: format!("[privacy] {list} \"{written}\""), problem };
                let entry = Entry::parse(written, action).map_err(refused)?;
                if entries.iter().any(|other| other.action != action && other.is_same(&entry)) {
                    return Err(refused("stands in drop and in hash".to_owned()));
                }
                entries.push(entry);
            }
        }
        Ok(Self { entries, key: key.and_then(HashKey::new) })
    }

    /// What it means for one resource; nothing where no entry is about it. `labels` are all that a form ever called its
    /// fields, by field id.
    pub fn rules(
        &self,
        resource: &'static str,
        labels: HashMap<String, Vec<String>>,
        known: &[KnownColumn],
    ) -> Option<Rules<'_>> {
        let entries: Vec<&Entry> = self.entries.iter().filter(|entry| entry.resources.contains(&resource)).collect();
        if entries.is_empty() {
            return None;
        }
        let named = known.iter().filter_map(|known| {
            let child = known.table.strip_prefix(resource)?;
            let child = if child.is_empty() { None } else { Some(child.strip_prefix(CHILD)?.to_owned()) };
            Some((known.column.source_path.clone(), (child, known.column.name.clone())))
        });
        Some(Rules { entries, key: self.key.as_ref(), labels, named: named.collect() })
    }

    /// The entries that meant nothing, although a resource that they are about had rows.
    pub fn unmet<'a>(&'a self, had_rows: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'a str> {
        let met = |entry: &Entry| entry.met.load(Ordering::Relaxed);
        self.entries
            .iter()
            .filter(move |entry| {
                let covered = || self.entries.iter().any(|other| met(other) && other.covers(entry));
                !met(entry) && entry.resources.iter().any(|resource| had_rows(resource)) && !covered()
            })
            .map(|entry| entry.written.as_str())
    }
}

impl Entry {
    fn parse(written: &str, action: Action) -> Result<Self, String> {
        const FORM: &str = "write <resource>.<column>, such as contacts.phone";
        let (table, rest) = written.trim().split_once('.').map_or((written.trim(), None), |(t, r)| (t, Some(r)));
        let (resource, child) = table.split_once(CHILD).map_or((table, None), |(r, child)| (r, Some(child)));
        let is_everywhere = resource == "*";
        let resources: Vec<&'static str> = if is_everywhere {
            RESOURCES.iter().map(|resource| resource.name).collect()
        } else {
            catalog::selected(resource).iter().map(|resource| resource.name).collect()
        };
        if resources.is_empty() {
            let known: Vec<_> = RESOURCES.iter().map(|resource| resource.name).collect();
            return Err(format!("no resource is called \"{resource}\"; there is {}", known.join(", ")));
        }
        let path = match (rest, child) {
            (Some(rest), _) => Path::parse(rest).filter(is_meant).ok_or(FORM)?,
            (None, Some(_)) => Path::default(),
            (None, None) => return Err(FORM.to_owned()),
        };
        if child.is_some_and(|child| child.trim().is_empty()) {
            return Err(FORM.to_owned());
        }
        let name = if path.0.is_empty() { String::new() } else { snake_case(&path.words()) };
        if child.is_none() && name == catalog::KEY {
            return Err("the key of a record can be neither dropped nor hashed".to_owned());
        }
        Ok(Self {
            written: written.to_owned(),
            action,
            resources,
            is_everywhere,
            child: child.map(snake_case),
            name,
            met: AtomicBool::new(false),
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.resources, &self.child, &self.name) == (&other.resources, &other.child, &other.name)
    }

    /// Whether it means something that holds what the other one means.
    fn covers(&self, other: &Self) -> bool {
        let whole = |entry: &Self| match &entry.child {
            Some(child) => format!("{child}_{}", entry.name),
            None => format!("{}_", entry.name),
        };
        other.resources.iter().all(|resource| self.resources.contains(resource))
            && whole(other).starts_with(&whole(self))
    }

    /// Whether it means the value at a path that goes by these words.
    fn means(&self, path: &Path, words: &[String], list: Option<&Path>) -> bool {
        let text = path.to_string();
        let called = |words: &str, name: &str| may_be_called(words, &text, name);
        let below = || list.map(|list| Path(path.0[list.0.len()..].to_vec()).words());
        match (&self.child, list) {
            (Some(child), None) => self.name.is_empty() && called(&path.words(), child),
            (Some(child), Some(list)) => {
                may_be_called(&list.words(), &list.to_string(), child)
                    && !self.name.is_empty()
                    && below().is_some_and(|words| called(&words, &self.name))
            }
            (None, _) => {
                words.iter().any(|words| called(words, &self.name))
                    || (self.is_everywhere && below().is_some_and(|words| called(&words, &self.name)))
            }
        }
    }
}

/// Whether a path names something: each key has a text, and none is a pattern.
fn is_meant(path: &Path) -> bool {
    let is_named = |segment: &Segment| match segment {
        Segment::Key(key) => !key.trim().is_empty() && !key.contains(['*', '"']),
        Segment::Elements => true,
    };
    path.0.iter().all(is_named) && matches!(path.0.first(), Some(Segment::Key(_)))
}

/// The entries about one resource.
#[derive(Debug)]
pub struct Rules<'p> {
    entries: Vec<&'p Entry>,
    pub(super) key: Option<&'p HashKey>,
    labels: HashMap<String, Vec<String>>,
    /// The names that columns have, by their path: the child table's, where it is one's, and the column's.
    named: HashMap<String, (Option<String>, String)>,
}

impl Rules<'_> {
    /// What is done to the value at a path itself, whatever becomes of what it stands in.
    pub(super) fn at(&self, path: &Path) -> Option<Action> {
        if matches!(path.0.as_slice(), [] | [Segment::Elements, ..])
            || matches!(path.0.as_slice(), [Segment::Key(key)] if key == catalog::KEY)
        {
            return None;
        }
        let list = path.list();
        let words = self.words(path);
        let named = self.named.get(&path.to_string());
        let mut found = None;
        for entry in &self.entries {
            let is_named = || {
                named.is_some_and(|(child, name)| {
                    *name == entry.name && (*child == entry.child || (entry.is_everywhere && entry.child.is_none()))
                })
            };
            if entry.means(path, &words, list.as_ref()) || is_named() {
                entry.met.store(true, Ordering::Relaxed);
                found = Some(found.map_or(entry.action, |found: Action| found.min(entry.action)));
            }
        }
        found
    }

    /// What is done to the value at a path, or to what it stands in.
    pub fn action(&self, path: &Path) -> Option<Action> {
        (1..=path.0.len()).filter_map(|end| self.at(&Path(path.0[..end].to_vec()))).min()
    }

    /// Whether an entry may mean something inside the value at a path.
    pub fn reaches_below(&self, path: &Path) -> bool {
        let stems = self.words(path).into_iter().map(|words| {
            let stem = snake_case(&words);
            format!("{}_", stem.trim_end_matches('_'))
        });
        let stems: Vec<String> = stems.collect();
        let is_in_list = path.list().is_some();
        self.entries.iter().any(|entry| {
            let may_be_in_list = is_in_list && (entry.child.is_some() || entry.is_everywhere);
            may_be_in_list || stems.iter().any(|stem| entry.name.starts_with(stem))
        })
    }

    /// Whether an entry names a custom field by what its form calls it.
    pub fn need_labels(&self) -> bool {
        self.entries.iter().any(|entry| entry.name.starts_with(CUSTOM))
    }

    /// The custom fields that have a column.
    pub(super) fn fields_with_columns(&self) -> HashSet<String> {
        let paths = self.named.keys().filter_map(|path| Path::parse(path));
        paths.filter_map(|path| path.custom_field().map(|(id, _)| id.to_owned())).collect()
    }

    /// The fingerprint of the key, where something is hashed.
    pub fn key_print(&self) -> Option<String> {
        let hashes = self.entries.iter().any(|entry| entry.action == Action::Hash);
        self.key.filter(|_| hashes).map(HashKey::print)
    }

    /// What a value may be called by: its keys or, for a custom field, whatever its form ever called it.
    fn words(&self, path: &Path) -> Vec<String> {
        let mut words = vec![path.words()];
        if let Some((id, rest)) = path.custom_field() {
            let labels = self.labels.get(id).into_iter().flatten().map(String::as_str);
            words.extend(labels.chain([id]).map(|label| format!("cf {label} {rest}")));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(drop: &[&str], hash: &[&str]) -> String {
        let owned = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
        let error = Privacy::new(&owned(drop), &owned(hash), None).unwrap_err();
        format!("{}: {}", error.setting, error.problem)
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for malformed in
            ["contacts", "contacts.", "contacts.a..b", "contacts.a[0]", "contacts.*", "contacts.[]", "*", ""]
        {
            let told = refused(&[malformed], &[]);
            assert!(told.contains("such as contacts.phone") || told.contains("no resource"), "{told}");
        }
        assert!(
            refused(&["people.phone"], &[])
                .starts_with("[privacy] drop \"people.phone\": no resource is called \"people\"")
        );
        for key in ["contacts.id", "*.id", "contacts.ID"] {
            assert!(refused(&[], &[key]).contains("the key of a record"), "{key}");
        }
        assert_eq!(
            refused(&["contacts.homePhone"], &["contacts.home_phone"]),
            "[privacy] hash \"contacts.home_phone\": stands in drop and in hash"
        );
    }

    #[test]
    fn a_path_and_a_column_mean_the_same() {
        let means = |entry: &str, path: &str| {
            let privacy = Privacy::new(&[entry.to_owned()], &[], None).unwrap();
            let labels =
                HashMap::from([("f1".to_owned(), vec!["Old label".to_owned(), "Social security no.".to_owned()])]);
            let rules = privacy.rules("opportunities", labels, &[]).unwrap();
            rules.action(&Path::parse(path).unwrap()).is_some()
        };
        for (entry, path) in [
            ("opportunities.phone", "phone"),
            ("opportunities.home_phone", "homePhone"),
            ("opportunities.owner.email", "owner.email"),
            ("opportunities.owner_email", "owner.email"),
            ("opportunities.owner", "owner.email"),
            ("*.email", "email"),
            ("*.email", "people[].email"),
            ("opportunities.order_", "order"),
            ("opportunities.products", "products[].sku"),
            ("opportunities__products", "products[].sku"),
            ("opportunities__products.sku", "products[].sku"),
            ("opportunities.products[].sku", "products[].sku"),
            ("opportunities.customFields.f1", "customFields.f1"),
            ("opportunities.cf_f1", "customFields.f1"),
            ("opportunities.cf_social_security_no", "customFields.f1"),
            ("opportunities.cf_old_label", "customFields.f1.street"),
            ("opportunities.deep.a.b", "deep.a.b[].c"),
        ] {
            assert!(means(entry, path), "{entry} {path}");
        }
        for (entry, path) in [
            ("opportunities.phone", "phones"),
            ("opportunities.phone", "owner.phone"),
            ("opportunities.sku", "products[].sku"),
            ("opportunities__products.sku", "sku"),
            ("opportunities__products.id", "id"),
            ("*.email", "owner.email"),
            ("opportunities.cf_f2", "customFields.f1"),
        ] {
            assert!(!means(entry, path), "{entry} {path}");
        }
    }

    #[test]
    fn an_entry_that_meant_nothing_is_told() {
        let drop = ["contacts.address", "contacts.address.city", "contacts.fone", "leads.x"].map(str::to_owned);
        let privacy = Privacy::new(&drop, &[], None).unwrap();
        let rules = privacy.rules("contacts", HashMap::new(), &[]).unwrap();
        assert_eq!(rules.at(&Path::parse("address").unwrap()), Some(Action::Drop));
        assert_eq!(privacy.unmet(|resource| resource == "contacts").collect::<Vec<_>>(), ["contacts.fone"]);
    }
}
