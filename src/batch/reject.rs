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
    // Most lists are flat as a whole, and looking once is cheaper than looking at each row.
    let may_be_deep = json::depth(list.as_bytes()) > MAX_ROW_DEPTH;
    json::elements(list).map_while(Result::ok).map(move |raw| match row_id(raw, may_be_deep) {
        Ok(id) => Ok(Row { id, raw }),
        Err(reason) => Err(Reject { reason, raw: raw.to_owned() }),
    })
}

/// The id of a record, if it can be a row.
pub fn record_id(raw: &str) -> Option<Cow<'_, str>> {
    row_id(raw, true).ok()
}

fn row_id(raw: &str, may_be_deep: bool) -> Result<Cow<'_, str>, &'static str> {
    if json::kind(raw) != Kind::Object {
        return Err("it is not an object");
    }
    if may_be_deep && json::depth(raw.as_bytes()) > MAX_ROW_DEPTH {
        return Err("it is nested more than 128 levels deep");
    }
    let mut id = None;
    for member in json::members(raw) {
        let Ok((key, value)) = member else { return Err("one of its keys is not text") };
        if key == catalog::KEY {
            id = id_text(value);
        }
    }
    id.ok_or("it has no id")
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
        let deep = format!(r#"{{"id":1,"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        assert_eq!(told(&deep), Err("it is nested more than 128 levels deep"));
    }
}
