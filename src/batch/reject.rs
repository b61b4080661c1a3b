//! What cannot be a row: told apart, kept with its reason and its text, never dropped.

use std::borrow::Cow;

use crate::{
    catalog,
    json::{self, Kind},
    pages::sighting::id_text,
};

/// Levels of nesting that a record may have.
pub const MAX_ROW_DEPTH: usize = 128;

/// A list's element that cannot be a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub reason: &'static str,
    /// Its text.
    pub raw: String,
}

/// A list's element that can be a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// Its text.
    pub raw: &'a str,
}

/// The elements of a checked list: rows, and what cannot be one.
pub fn rows(list: &str) -> impl Iterator<Item = Result<Row<'_>, Reject>> {
    // Most lists are harmless as a whole, and looking once is cheaper than looking at each row.
    let suspicion = Suspicion::of(list);
    json::elements(list).map_while(Result::ok).map(move |raw| match row_id(raw, suspicion) {
        Ok(id) => Ok(Row { id, raw }),
        Err(reason) => Err(Reject { reason, raw: raw.to_owned() }),
    })
}

/// The id of a record, if it can be a row.
pub fn record_id(raw: &str) -> Option<Cow<'_, str>> {
    row_id(raw, Suspicion::of(raw)).ok()
}

/// What a text may hold that keeps a record from being a row.
#[derive(Clone, Copy)]
struct Suspicion {
    is_deep: bool,
    has_surrogates: bool,
}

impl Suspicion {
    fn of(raw: &str) -> Self {
        let escapes = memchr::memmem::find_iter(raw.as_bytes(), b"\\u");
        Self {
            is_deep: json::depth(raw.as_bytes()) > MAX_ROW_DEPTH,
            has_surrogates: escapes.into_iter().any(|at| matches!(raw.as_bytes().get(at + 2), Some(b'd' | b'D'))),
        }
    }
}

fn row_id(raw: &str, suspicion: Suspicion) -> Result<Cow<'_, str>, &'static str> {
    if json::kind(raw) != Kind::Object {
        return Err("it is not an object");
    }
    if suspicion.is_deep && json::depth(raw.as_bytes()) > MAX_ROW_DEPTH {
        return Err("it is nested more than 128 levels deep");
    }
    if suspicion.has_surrogates && !keys_are_text(raw) {
        return Err("one of its keys is not text");
    }
    let mut id = None;
    for (key, value) in json::members(raw).map_while(Result::ok) {
        if key == catalog::KEY {
            id = Some(value);
        }
    }
    let id = id.ok_or("it has no id")?;
    id_text(id).ok_or_else(|| if json::text(id).replaced { "its id is not text" } else { "it has no id" })
}

/// Whether every key can be read. Half of a surrogate pair in a key ends the walk of an object, and what follows would be
/// lost.
fn keys_are_text(raw: &str) -> bool {
    match json::kind(raw) {
        Kind::Object => json::members(raw).all(|member| member.is_ok_and(|(_, value)| keys_are_text(value))),
        Kind::Array => json::elements(raw).all(|element| element.is_ok_and(keys_are_text)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_row_says_why() {
        let told = |row: &str| {
            let list = format!("[{row}]");
            let mut rows = rows(&list).map(|row| row.map(|row| row.id.into_owned()).map_err(|reject| reject.reason));
            rows.next().unwrap()
        };
        assert_eq!(told(r#"{"id":7}"#).as_deref(), Ok("7"));
        assert_eq!(told(r#"{"id":"a\u0062"}"#).as_deref(), Ok("ab"));
        assert_eq!(told("5"), Err("it is not an object"));
        assert_eq!(told(r#"{"id":{}}"#), Err("it has no id"));
        assert_eq!(told(r#"{"id":1,"id":null}"#), Err("it has no id"));
        assert_eq!(told(r#"{"id":"a\ud800"}"#), Err("its id is not text"));
        assert_eq!(told(r#"{"id":"\ud83d\ude00","a":"\ud800"}"#).as_deref(), Ok("😀"));
        assert_eq!(told(r#"{"id":1,"a":[{"b\uDC00":1,"c":2}]}"#), Err("one of its keys is not text"));
        let deep = format!(r#"{{"id":1,"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        assert_eq!(told(&deep), Err("it is nested more than 128 levels deep"));
    }
}
