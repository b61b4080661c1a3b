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

/// The id of a row, or why it cannot be one.
pub fn row_id(row: &str) -> Result<Cow<'_, str>, &'static str> {
    if json::kind(row) != Kind::Object {
        return Err("it is not an object");
    }
    if json::depth(row.as_bytes()) > MAX_ROW_DEPTH {
        return Err("it is nested more than 128 levels deep");
    }
    if json::members(row).any(|member| member.is_err()) {
        return Err("one of its keys is not text");
    }
    json::member(row, catalog::KEY).and_then(id_text).ok_or("it has no id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_row_says_why() {
        assert_eq!(row_id(r#"{"id":7}"#).unwrap(), "7");
        assert_eq!(row_id(r#"{"id":"a\u0062"}"#).unwrap(), "ab");
        assert_eq!(row_id("5"), Err("it is not an object"));
        assert_eq!(row_id(r#"{"id":{}}"#), Err("it has no id"));
        let deep = format!(r#"{{"id":1,"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        assert_eq!(row_id(&deep), Err("it is nested more than 128 levels deep"));
    }
}
