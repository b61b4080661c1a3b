//! Where the rows are in an answer, and whether it tells a total.
//!
//! The vendor documents neither, so both are detected: a bare array, or the one array of objects under a usual key or
//! the resource's own name; a whole number under a usual key, at the top or one level down. A configured path overrules
//! the detection.

use std::borrow::Cow;

use crate::json::{self, Kind};

const ITEMS: [&str; 5] = ["items", "data", "value", "results", "records"];
const TOTALS: [&str; 6] = ["itemCount", "totalCount", "total", "totalItems", "@odata.count", "count"];
const TOTAL_PARENTS: [(&str, &[&str]); 4] =
    [("meta", &[]), ("pagination", &[]), ("page", &[]), ("meta", &["pagination"])];

/// Where to look, when the configuration says.
#[derive(Clone, Debug, Default)]
pub struct Hints<'a> {
    /// The key of the resource's list, where the catalog knows it, and its own name.
    pub names: Vec<&'a str>,
    /// The configured path to the rows.
    pub items: Option<&'a str>,
    /// The configured path to the total.
    pub total: Option<&'a str>,
}

/// An answer taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The rows' array, as it came.
    pub items: &'a str,
    /// The total, where one is told.
    pub total: Option<u64>,
}

/// No list was recognised. Tells the keys that were there, never their values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no list of records found in the answer; {found}. Name the list's key as items under [api]")]
pub struct NoList {
    found: String,
}

/// The members of an answer: found once, because an answer may be megabytes long.
type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

/// Takes apart a checked answer.
pub fn open<'a>(answer: &'a str, hints: &Hints<'_>) -> Result<Envelope<'a>, NoList> {
    let members: Members<'a> = match json::kind(answer) {
        Kind::Object => json::members(answer).map_while(Result::ok).collect(),
        _ => Vec::new(),
    };
    let items = match hints.items {
        Some(path) => at(answer, path).filter(|list| is_array(list)),
        None if is_array(answer) => Some(answer),
        None => items(&members, &hints.names),
    };
    let items = items.ok_or_else(|| NoList { found: keys(answer, &members) })?;
    let total = match hints.total {
        Some(path) => at(answer, path).and_then(|raw| raw.parse().ok()),
        None => total(&members),
    };
    Ok(Envelope { items, total })
}

fn items<'a>(members: &Members<'a>, names: &[&str]) -> Option<&'a str> {
    // A list that is null is empty.
    let list = |key: &str| match find(members, key)? {
        "null" => Some("[]"),
        value => Some(value).filter(|value| is_array(value)),
    };
    if let Some(found) = names.iter().chain(&ITEMS).find_map(|key| list(key)) {
        return Some(found);
    }
    // The one array of objects or, on a page past the end, the one array there is.
    let arrays = || members.iter().map(|(_, value)| *value).filter(|value| is_array(value));
    only(arrays().filter(|array| holds_objects(array))).or_else(|| only(arrays()).filter(|array| is_empty(array)))
}

fn find<'a>(members: &Members<'a>, key: &str) -> Option<&'a str> {
    members.iter().rev().find(|(found, _)| found == key).map(|(_, value)| *value)
}

fn only<'a>(mut values: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    values.next().filter(|_| values.next().is_none())
}

fn is_array(raw: &str) -> bool {
    json::kind(raw) == Kind::Array
}

fn is_empty(array: &str) -> bool {
    json::elements(array).next().is_none()
}

fn holds_objects(array: &str) -> bool {
    json::elements(array).next().is_some_and(|first| first.is_ok_and(|first| json::kind(first) == Kind::Object))
}

fn total(members: &Members<'_>) -> Option<u64> {
    let told = TOTALS.iter().find_map(|key| find(members, key)?.parse().ok());
    told.or_else(|| {
        TOTAL_PARENTS.iter().find_map(|(first, rest)| {
            let parent = rest.iter().try_fold(find(members, first)?, |object, key| json::member(object, key))?;
            TOTALS.iter().find_map(|key| json::member(parent, key)?.parse().ok())
        })
    })
}

/// The value at a path of keys joined by dots.
fn at<'a>(answer: &'a str, path: &str) -> Option<&'a str> {
    path.split('.').try_fold(answer, |object, key| json::member(object, key))
}

/// The keys of an answer. One that does not look like a field's name may be a customer's, and is only counted.
fn keys(answer: &str, members: &Members<'_>) -> String {
    match json::kind(answer) {
        Kind::Object if members.is_empty() => "it has no keys".to_owned(),
        Kind::Object => {
            let is_field = |key: &str| {
                key.len() <= 40
                    && key.trim_start_matches("@odata.").chars().all(|c| c.is_ascii_alphabetic() || c == '_')
            };
            let fields: Vec<_> = members.iter().map(|(key, _)| key).filter(|key| is_field(key)).take(20).collect();
            let named: Vec<_> = fields.iter().map(|key| format!("\"{key}\"")).collect();
            match members.len() - fields.len() {
                0 => format!("its keys are {}", named.join(", ")),
                others if named.is_empty() => format!("it has {others} keys"),
                others => format!("its keys are {} and {others} more", named.join(", ")),
            }
        }
        Kind::Array => "it is an array".to_owned(),
        kind => format!("it is a JSON {}", format!("{kind:?}").to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(answer: &str) -> Result<(&str, Option<u64>), NoList> {
        open(answer, &Hints { names: vec!["leads"], ..Hints::default() }).map(|found| (found.items, found.total))
    }

    #[test]
    fn lists_and_totals_are_found_where_they_usually_are() {
        assert_eq!(opened("[1]"), Ok(("[1]", None)));
        for key in ["items", "data", "value", "results", "records", "leads"] {
            assert_eq!(opened(&format!(r#"{{"{key}":[{{}}]}}"#)), Ok(("[{}]", None)), "{key}");
        }
        for told in [
            r#""itemCount":7"#,
            r#""count":7"#,
            r#""@odata.count":7"#,
            r#""meta":{"total":7}"#,
            r#""page":{"totalItems":7}"#,
            r#""meta":{"pagination":{"totalCount":7}}"#,
        ] {
            assert_eq!(opened(&format!(r#"{{"items":[],{told}}}"#)), Ok(("[]", Some(7))), "{told}");
        }
        assert_eq!(opened(r#"{"tags":["a"],"rows":[{}]}"#), Ok(("[{}]", None)));
        assert_eq!(opened(r#"{"items":null,"itemCount":0}"#), Ok(("[]", Some(0))));
        assert_eq!(opened(r#"{"rows":[],"page":15}"#), Ok(("[]", None)), "past the end");
        assert!(opened(r#"{"warnings":[],"rows":[]}"#).is_err());
        assert_eq!(opened(r#"{"items":[],"total":"7"}"#), Ok(("[]", None)), "a text is no total");
    }

    #[test]
    fn what_is_not_found_is_told_by_keys_alone() {
        let error = opened(r#"{"secret":"value","a":[{}],"b":[{}]}"#).unwrap_err().to_string();
        assert!(error.contains(r#""secret", "a", "b""#) && !error.contains("value"), "{error}");
        let error = opened(r#"{"ann@customer.example":{},"rows":{}}"#).unwrap_err().to_string();
        assert!(error.contains(r#"its keys are "rows" and 1 more"#), "{error}");
        assert!(opened("12").unwrap_err().to_string().contains("JSON number"));
    }

    #[test]
    fn the_configuration_overrules() {
        let hints = Hints { items: Some("body.rows"), total: Some("body.n"), ..Hints::default() };
        let found = open(r#"{"items":[{}],"total":1,"body":{"rows":[{},{}],"n":2}}"#, &hints).unwrap();
        assert_eq!(found, Envelope { items: "[{},{}]", total: Some(2) });
        let hints = Hints { items: Some("nowhere"), ..Hints::default() };
        assert!(open(r#"{"items":[]}"#, &hints).is_err());
    }
}
