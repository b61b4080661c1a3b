//! Column names: snake_case, unique without regard to case, safe without quotes in DuckDB, Spark and BI tools.
//!
//! A name is given once and kept: the registry begins with the names that the warehouse has. New names depend on the
//! paths alone and not on their order.

use std::collections::{BTreeMap, BTreeSet};

use twox_hash::XxHash3_64;
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Longer names are cut and end in a hash: PostgreSQL's limit, the lowest among the readers of such tables.
const MAX_LENGTH: usize = 63;

/// Words that need quotes somewhere, and DuckDB's own column.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "anti",
    "any",
    "array",
    "as",
    "asc",
    "asof",
    "asymmetric",
    "at",
    "authorization",
    "between",
    "binary",
    "both",
    "by",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "delete",
    "desc",
    "describe",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "except",
    "exists",
    "false",
    "fetch",
    "filter",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "function",
    "generated",
    "glob",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lambda",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "map",
    "minus",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "pivot",
    "pivot_longer",
    "pivot_wider",
    "placing",
    "positional",
    "primary",
    "qualify",
    "references",
    "returning",
    "revoke",
    "right",
    "rowid",
    "select",
    "semi",
    "session_user",
    "set",
    "show",
    "similar",
    "some",
    "struct",
    "summarize",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "try_cast",
    "union",
    "unique",
    "unnest",
    "unpack",
    "unpivot",
    "update",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

/// The names of one table's columns, by their source path.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_path: BTreeMap<String, String>,
    taken: BTreeSet<String>,
}

impl Names {
    /// A registry that knows these (path, name) pairs.
    pub fn known<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut names = Self::default();
        for (path, name) in pairs {
            names.taken.insert(name.to_ascii_lowercase());
            names.by_path.insert(path.to_owned(), name.to_owned());
        }
        names
    }

    /// The name of a path, once it has one.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.by_path.get(path).map(String::as_str)
    }

    /// Names the paths that have none yet, each with the words it should be named by.
    pub fn assign(&mut self, wanted: &[(String, String)]) {
        let mut new: Vec<(String, &str, &str)> = wanted
            .iter()
            .filter(|(path, _)| !self.by_path.contains_key(path))
            .map(|(path, words)| (snake_case(words), words.as_str(), path.as_str()))
            .collect();
        // A key that is its own name goes first, so that `title` keeps it beside `Title`.
        new.sort_by_key(|(name, words, path)| (name != words, path.to_owned()));
        for (name, _, path) in new {
            let mut free = name.clone();
            let mut salt = path.to_owned();
            while self.taken.contains(&free) {
                free = with_hash(&name, &salt);
                salt.push(' ');
            }
            self.taken.insert(free.clone());
            self.by_path.insert(path.to_owned(), free);
        }
    }
}

/// Whether a value with these words, at this path, may have got a name: as it is, or with the hash of its path where the
/// name was taken.
pub fn may_be_called(words: &str, path: &str, name: &str) -> bool {
    let plain = snake_case(words);
    plain == name || (name.len() > 9 && name.as_bytes()[name.len() - 9] == b'_' && with_hash(&plain, path) == name)
}

/// The words as a name: never empty, never reserved, never beginning with an underscore or a digit.
pub fn snake_case(words: &str) -> String {
    let mut name = String::with_capacity(words.len() + 4);
    let mut previous = ' ';
    let mut characters = words.nfkd().filter(|c| !is_combining_mark(*c)).peekable();
    while let Some(character) = characters.next() {
        let boundary = character.is_ascii_uppercase()
            && (previous.is_ascii_lowercase()
                || previous.is_ascii_digit()
                || (previous.is_ascii_uppercase() && characters.peek().is_some_and(char::is_ascii_lowercase)));
        if character.is_ascii_alphanumeric() {
            if boundary {
                name.push('_');
            }
            name.push(character.to_ascii_lowercase());
        } else if character == 'ß' {
            name.push_str("ss");
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        previous = character;
        if name.len() > 4 * MAX_LENGTH {
            break;
        }
    }
    name.truncate(name.trim_end_matches('_').len());
    if name.is_empty() {
        name = with_hash("field", words);
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "n_");
    }
    if RESERVED.binary_search(&name.as_str()).is_ok() {
        name.push('_');
    }
    if name.len() > MAX_LENGTH { with_hash(&name, words) } else { name }
}

/// The name cut to leave room for a hash of what it stands for.
fn with_hash(name: &str, of: &str) -> String {
    let hash = XxHash3_64::oneshot(of.as_bytes()) & 0xffff_ffff;
    let kept = name.len().min(MAX_LENGTH - 9);
    format!("{}_{hash:08x}", name[..kept].trim_end_matches('_'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reserved_words_are_sorted() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn usual_keys_become_usual_names() {
        for (key, name) in [
            ("expectedCloseDate", "expected_close_date"),
            ("lastUpdatedOn", "last_updated_on"),
            ("HTTPStatus", "http_status"),
            ("Umsatz (größer als 5 €)", "umsatz_grosser_als_5"),
            ("order", "order_"),
            ("_run_id", "run_id"),
            ("rowid", "rowid_"),
            ("2020 Revenue", "n_2020_revenue"),
            ("=cmd|' /C calc'!A0", "cmd_c_calc_a0"),
        ] {
            assert_eq!(snake_case(key), name, "{key}");
        }
        assert!(snake_case("😀").starts_with("field_"));
    }

    #[test]
    fn the_same_words_get_different_names_whatever_the_order() {
        let mut wanted: Vec<(String, String)> =
            ["Title", "title", "TITLE"].iter().map(|key| ((*key).to_owned(), (*key).to_owned())).collect();
        let mut names = Names::default();
        names.assign(&wanted);
        assert_eq!(names.get("title"), Some("title"));
        wanted.reverse();
        let mut again = Names::default();
        again.assign(&wanted);
        assert_eq!(names.by_path, again.by_path);
        let hashed = names.get("Title").unwrap().to_owned();
        let mut squatted = Names::default();
        squatted.assign(&["title", "Title", &hashed].map(|key| (key.to_owned(), key.to_owned())));
        assert_eq!(squatted.by_path.values().collect::<BTreeSet<_>>().len(), 3);
        let mut known = Names::known([("title", "headline")]);
        known.assign(&wanted);
        assert_eq!(known.get("title"), Some("headline"));
    }

    proptest! {
        #[test]
        fn any_keys_become_safe_unique_names(keys in proptest::collection::btree_set(".{0,80}", 0..20)) {
            let mut names = Names::default();
            let wanted: Vec<_> = keys.iter().map(|key| (key.clone(), key.clone())).collect();
            names.assign(&wanted);
            let given: BTreeSet<_> = names.by_path.values().collect();
            prop_assert_eq!(given.len(), keys.len());
            for name in given {
                prop_assert!(name.len() <= MAX_LENGTH);
                prop_assert!(name.starts_with(|c: char| c.is_ascii_lowercase()));
                prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
                prop_assert!(RESERVED.binary_search(&name.as_str()).is_err());
            }
        }
    }
}
