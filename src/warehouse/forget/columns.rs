//! Which columns hold the addresses and names of people, told from where the records have them. The words are the
//! catalog's.

use std::collections::BTreeMap;

use crate::{
    batch::{
        Column, KnownColumn, Plan,
        names::snake_case,
        path::{Path, Segment},
        scalar::Type,
    },
    catalog::{self, About, Resource},
};

/// A table of `history` and what its columns say of people.
pub(super) struct Sheet {
    /// Its name.
    pub(super) table: String,
    /// The resource that it is of.
    pub(super) resource: &'static Resource,
    /// Whether its rows are elements of a list inside the records.
    pub(super) is_child: bool,
    /// The columns with the addresses of the person whom the record is about.
    pub(super) own_addresses: Vec<Text>,
    /// The people that a row shows: the one whom it is about, and others.
    pub(super) people: Vec<Person>,
}

/// A column of texts.
#[derive(Clone)]
pub(super) struct Text {
    /// Its name.
    pub(super) column: String,
    /// The words before it.
    words: String,
    /// Whether it holds lists.
    pub(super) is_list: bool,
}

/// Whom columns describe.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Whom {
    /// Whom or what the record is.
    Record,
    /// A contact inside the record.
    Contact,
    /// A user of the CRM.
    User,
    /// Somebody or something else inside the record.
    #[default]
    Other,
}

/// Of what an id is. Numbers may count each list by itself, so that a lead's id can be a contact's as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Contact,
    Lead,
    User,
}

impl Kind {
    /// What the id of an object is of, by the words that lead to the object.
    pub(super) fn of(words: &str) -> Option<Self> {
        let word = last_word(words);
        let is_about = |about: About| {
            let mut lists = catalog::RESOURCES.iter().filter(|resource| resource.about == about);
            lists.any(|resource| singular(resource.name) == word)
        };
        match () {
            () if catalog::USERS.contains(&word) => Some(Self::User),
            () if catalog::SELF.contains(&word) || is_about(About::Person) => Some(Self::Contact),
            () if is_about(About::Inquiry) => Some(Self::Lead),
            () => None,
        }
    }

    /// What a column of ids is of, by its name; `context` is what a column that is only called after the key is of.
    pub(super) fn of_key(column: &str, context: Option<Self>) -> Option<Self> {
        let column = singular(without_hash(column));
        if column == catalog::KEY { context } else { Self::of(column.strip_suffix(catalog::KEY)?.strip_suffix('_')?) }
    }
}

/// The columns that describe one person.
#[derive(Default)]
pub(super) struct Person {
    /// The words before its columns.
    words: String,
    pub(super) whom: Whom,
    /// Whether it is the person whom the record is about, and the name theirs.
    pub(super) is_self: bool,
    /// Whether it is certainly a person, so that the name beside an address is theirs.
    pub(super) is_certain: bool,
    pub(super) id: Option<String>,
    pub(super) addresses: Vec<String>,
    /// Columns of whole names.
    pub(super) names: Vec<String>,
    pub(super) first: Option<String>,
    pub(super) middle: Option<String>,
    pub(super) last: Option<String>,
}

impl Person {
    /// First and last name, where the record has both.
    pub(super) fn pair(&self) -> Option<(&str, &str)> {
        Some((self.first.as_deref()?, self.last.as_deref()?))
    }

    /// Whether an address is this person's, by the words before it. What is nobody else's is the record's own.
    pub(super) fn has(&self, address: &Text) -> bool {
        let words = &address.words;
        self.words.is_empty()
            || words.strip_prefix(&self.words).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }

    /// Every column of a name.
    pub(super) fn name_columns(&self) -> impl Iterator<Item = &str> {
        self.names.iter().chain(&self.first).chain(&self.middle).chain(&self.last).map(String::as_str)
    }
}

/// The tables of history that the warehouse has columns of.
pub(super) fn sheets(known: &[KnownColumn]) -> Vec<Sheet> {
    let mut tables: BTreeMap<&str, Vec<Column>> = BTreeMap::new();
    for known in known {
        tables.entry(&known.table).or_default().push(known.column.clone());
    }
    let sheets = tables.into_iter().filter_map(|(table, columns)| {
        let (name, child) = table.split_once("__").map_or((table, None), |(name, child)| (name, Some(child)));
        Some(sheet(table, catalog::resource(name)?, child.is_some(), &columns))
    });
    sheets.collect()
}

fn sheet(table: &str, resource: &'static Resource, is_child: bool, columns: &[Column]) -> Sheet {
    let is_about_one = resource.about != About::Things;
    let own = columns.iter().filter(|column| is_about_one && is_text(column) && is_own_address(column, columns));
    let own_addresses =
        own.map(|column| Text { column: column.name.clone(), words: words(column), is_list: column.is_list });
    let own_addresses = own_addresses.collect();
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    for column in columns.iter().filter(|column| !column.is_list) {
        let Some((words, role)) = role(column) else { continue };
        let person = people.entry(words).or_default();
        let name = column.name.clone();
        match role {
            Role::Id => person.id = Some(name),
            _ if !is_text(column) => {}
            Role::Address => person.addresses.push(name),
            Role::Name => person.names.push(name),
            Role::First => person.first = Some(name),
            Role::Middle => person.middle = Some(name),
            Role::Last => person.last = Some(name),
        }
    }
    let users = Plan::users_of(columns);
    let people = people.into_iter().filter_map(|(words, mut person)| {
        let word = last_word(&words);
        let is_root = words.is_empty() && !is_child;
        let is_user = catalog::USERS.contains(&word)
            || users.iter().any(|[_, name, _]| name.as_ref().is_some_and(|name| person.names.contains(name)));
        person.whom = match () {
            () if is_root => Whom::Record,
            () if is_user => Whom::User,
            () if catalog::SELF.contains(&word) => Whom::Contact,
            () => Whom::Other,
        };
        if is_root && resource.about == About::Inquiry && person.addresses.is_empty() {
            // The name of what was asked for.
            person.names.clear();
        }
        person.words = words;
        person.is_self = is_about_one && !is_child && matches!(person.whom, Whom::Record | Whom::Contact);
        let word = last_word(&person.words);
        person.is_certain = person.whom == Whom::User
            || person.pair().is_some()
            || catalog::PEOPLE.contains(&word)
            || (is_root && resource.about == About::Person);
        let is_named = person.name_columns().next().is_some();
        is_named.then_some(person)
    });
    Sheet { table: table.to_owned(), resource, is_child, own_addresses, people: people.collect() }
}

fn is_text(column: &Column) -> bool {
    matches!(column.kind, Type::Text | Type::Json | Type::Null)
}

/// Whether a column holds an address of the person whom the record is about: not of a user, of a firm, or of whoever else
/// the record embeds with an id.
fn is_own_address(column: &Column, columns: &[Column]) -> bool {
    let path = Path::parse(&column.source_path).unwrap_or_default();
    let keys: Vec<&str> = keys(&path).collect();
    let is_somebody_elses = keys.iter().any(|key| {
        let words = snake_case(key);
        words
            .split('_')
            .any(|word| catalog::NOT_SELF.contains(&singular(word)) || catalog::USERS.contains(&singular(word)))
    });
    if is_somebody_elses {
        return false;
    }
    if let Some(list) = path.list() {
        // A list of addresses, such as `emails[].value`; other lists may be of other people.
        return list.0.iter().any(|segment| matches!(segment, Segment::Key(key) if is_address(key)));
    }
    let Some((last, above)) = keys.split_last() else { return false };
    let mut prefix = Path::default();
    let is_within_the_record = above.iter().all(|key| {
        prefix = prefix.key(key);
        let id = prefix.key(catalog::KEY).to_string();
        catalog::SELF.contains(&last_word(&snake_case(key))) || !columns.iter().any(|column| column.source_path == id)
    });
    is_within_the_record && is_address(last)
}

enum Role {
    Id,
    Address,
    Name,
    First,
    Middle,
    Last,
}

/// Whose column it is, as the words that lead there, and what it holds of them.
fn role(column: &Column) -> Option<(String, Role)> {
    let path = Path::parse(&column.source_path)?;
    let keys: Vec<String> = keys(&path).map(snake_case).collect();
    let (last, above) = keys.split_last()?;
    if let Some((_, above)) = above.split_last().filter(|(name, _)| catalog::FULL_NAMES.contains(&name.as_str())) {
        let is = |part: fn(&(&'static str, &'static str, &'static str)) -> &'static str, words: &[&str]| {
            words.contains(&last.as_str()) || catalog::PARTS_OF_NAMES.iter().any(|parts| part(parts) == last)
        };
        let role = match () {
            () if is(|parts| parts.0, &catalog::FIRST_NAMES) => Role::First,
            () if is(|parts| parts.1, &catalog::MIDDLE_NAMES) => Role::Middle,
            () if is(|parts| parts.2, &catalog::LAST_NAMES) => Role::Last,
            () => return None,
        };
        return Some((above.join("_"), role));
    }
    let whose = |before: &str| {
        let words = above.iter().map(String::as_str).chain([before.trim_matches('_')]);
        words.filter(|words| !words.is_empty()).collect::<Vec<_>>().join("_")
    };
    let ending = |words: &[&str]| {
        let before = |word: &&str| last.strip_suffix(*word).filter(|before| before.is_empty() || before.ends_with('_'));
        words.iter().find_map(before).map(whose)
    };
    let id = || ending(&[catalog::KEY]).map(|whose| (whose, Role::Id));
    let address = || last.find("email").or_else(|| last.find("e_mail")).map(|at| (whose(&last[..at]), Role::Address));
    let first = || ending(&catalog::FIRST_NAMES).map(|whose| (whose, Role::First));
    let middle = || ending(&catalog::MIDDLE_NAMES).map(|whose| (whose, Role::Middle));
    let surname = || ending(&catalog::LAST_NAMES).map(|whose| (whose, Role::Last));
    let name = || ending(&catalog::FULL_NAMES).map(|whose| (whose, Role::Name));
    first().or_else(middle).or_else(surname).or_else(address).or_else(name).or_else(id)
}

/// The words before a column's own.
fn words(column: &Column) -> String {
    let path = Path::parse(&column.source_path).unwrap_or_default();
    let words: Vec<String> = keys(&path).map(snake_case).collect();
    words.split_last().map(|(_, above)| above.join("_")).unwrap_or_default()
}

fn keys(path: &Path) -> impl Iterator<Item = &str> {
    path.0.iter().filter_map(|segment| match segment {
        Segment::Key(key) => Some(key.as_str()),
        Segment::Elements => None,
    })
}

fn is_address(key: &str) -> bool {
    let letters: String = key.chars().filter(|c| c.is_alphanumeric()).collect();
    letters.to_lowercase().contains(catalog::EMAIL)
}

fn last_word(words: &str) -> &str {
    singular(words.trim_end_matches('_').rsplit('_').next().unwrap_or_default())
}

/// The name of a column without the hash that tells it from another of that name, see `batch::names`.
pub(super) fn without_hash(column: &str) -> &str {
    match column.rsplit_once('_') {
        Some((name, hash)) if hash.len() == 8 && hash.chars().all(|c| c.is_ascii_hexdigit()) => name,
        _ => column,
    }
}

fn singular(word: &str) -> &str {
    word.strip_suffix('s').unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Field, Remarks};

    fn told(table: &str, paths: &[&str]) -> (String, String) {
        let columns = paths.iter().map(|path| Column {
            name: snake_case(&Path::parse(path).unwrap().words()),
            source_path: (*path).to_owned(),
            kind: Type::Text,
            is_list: false,
            whole_digits: 0,
            field: Field::default(),
            is_hinted: false,
            came: true,
        });
        let known = columns.map(|column| KnownColumn { table: table.to_owned(), column, remarks: Remarks::default() });
        let sheet = sheets(&known.collect::<Vec<_>>()).remove(0);
        let own: Vec<_> = sheet.own_addresses.iter().map(|text| text.column.as_str()).collect();
        let own_names = sheet.people.iter().filter(|person| person.is_self).flat_map(Person::name_columns);
        (own.join(" "), own_names.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_persons_own_columns_are_told_from_other_peoples() {
        for (table, paths, addresses, names) in [
            (
                "contacts",
                &["firstName", "lastName", "eMail", "owner.id", "owner.email", "createdBy.email"][..],
                "e_mail",
                "first_name last_name",
            ),
            (
                "contacts",
                &["fullName", "primaryEmailAddress", "work.email", "salesAgentEmail", "organization.email"],
                "primary_email_address work_email",
                "full_name",
            ),
            (
                "contacts",
                &["name.first", "name.last", "company.name", "sibling.id", "sibling.email", "emailFrom"],
                "",
                "name_first name_last",
            ),
            (
                "contacts",
                &["name.firstName", "name.middleName", "name.lastName"],
                "",
                "name_first_name name_middle_name name_last_name",
            ),
            ("contacts__emails", &["emails[].value", "emails[].type"], "emails_value emails_type", ""),
            ("contacts__relatives", &["relatives[].email"], "", ""),
            (
                "leads",
                &["name", "contact.id", "contact.name", "contact.email", "owner.email", "owner.name"],
                "contact_email",
                "contact_name",
            ),
            ("leads", &["name", "contactName", "contactEmail", "ownerEmail"], "contact_email", "contact_name"),
            ("leads", &["name", "email"], "email", "name"),
            ("opportunities", &["email", "contact.email"], "", ""),
        ] {
            assert_eq!(told(table, paths), (addresses.to_owned(), names.to_owned()), "{table} {paths:?}");
        }
    }
}
