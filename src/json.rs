//! Raw JSON text: checked once when it arrives, then walked in place.
//!
//! Values stay slices of the answer they came in, so that a number keeps the digits it was served with and no tree is
//! built for a cell. The walking is done by a SIMD parser that recurses, which is why [`check`] measures the depth
//! first: after it, no input can exhaust the stack.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use sonic_rs::{to_array_iter, to_object_iter};

/// Answers nested deeper than this are refused as a whole. A record's own limit is lower, see `batch`.
pub const MAX_DEPTH: usize = 1_000;

/// Why a text is not JSON that can be walked. Never contains any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not well-formed, or not UTF-8.
    #[error("is not well-formed JSON")]
    Malformed,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// What a value is, told from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, with its own digits.
    Number,
    /// A string, still quoted and escaped.
    String,
    /// `[...]`
    Array,
    /// `{...}`
    Object,
}

/// The kind of a checked value.
pub fn kind(raw: &str) -> Kind {
    match raw.as_bytes().first() {
        Some(b'"') => Kind::String,
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        _ => Kind::Null,
    }
}

/// Whether the bytes are one well-formed JSON value that can be walked safely.
pub fn check(bytes: &[u8]) -> Result<&str, JsonError> {
    if depth(bytes) > MAX_DEPTH {
        return Err(JsonError::TooDeep);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Malformed)?;
    // Not allowed before JSON, and yet sent by some servers.
    let text = text.trim_start_matches('\u{feff}');
    sonic_rs::from_str::<IgnoredAny>(text).map_err(|_| JsonError::Malformed)?;
    Ok(text.trim_matches([' ', '\t', '\r', '\n']))
}

/// The deepest nesting of brackets outside strings. Needs no well-formed input.
pub fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    deepest
}

/// The members of a checked object, in their order. A key that cannot be read ends the walk with an error.
pub fn members(raw: &str) -> impl Iterator<Item = Result<(Cow<'_, str>, &str), JsonError>> {
    to_object_iter(raw)
        .map(|member| member.map(|(key, value)| (key, borrowed(value.as_raw_cow()))).map_err(|_| JsonError::Malformed))
}

/// The elements of a checked array, in their order.
pub fn elements(raw: &str) -> impl Iterator<Item = Result<&str, JsonError>> {
    to_array_iter(raw)
        .map(|element| element.map(|value| borrowed(value.as_raw_cow())).map_err(|_| JsonError::Malformed))
}

/// The value of one member of a checked object; of a repeated key, the last.
pub fn member<'a>(raw: &'a str, wanted: &str) -> Option<&'a str> {
    if kind(raw) != Kind::Object {
        return None;
    }
    members(raw).map_while(Result::ok).filter(|(key, _)| key == wanted).last().map(|(_, value)| value)
}

/// A value walked out of a `&str` is always a slice of it; the owned case exists only in the parser's type.
#[expect(clippy::needless_pass_by_value, reason = "the borrowed text must outlive the parameter")]
fn borrowed(raw: Cow<'_, str>) -> &str {
    match raw {
        Cow::Borrowed(text) => text,
        Cow::Owned(_) => "null",
    }
}

/// A string's text, and whether something in it has no representation (a lone surrogate, replaced by U+FFFD).
pub struct Text<'a> {
    /// The text with its escapes resolved.
    pub text: Cow<'a, str>,
    /// Whether a replacement character stands for something that is no character.
    pub replaced: bool,
}

/// The text of a checked string value.
pub fn text(raw: &str) -> Text<'_> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
    let Some(first) = inner.find('\\') else {
        return Text { text: Cow::Borrowed(inner), replaced: false };
    };
    let mut out = String::with_capacity(inner.len());
    let mut replaced = false;
    out.push_str(&inner[..first]);
    let mut rest = &inner[first..];
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let escape = rest.as_bytes().first().copied().unwrap_or(b'\\');
        let mut used = 1;
        match escape {
            b'n' => out.push('\n'),
            b't' => out.push('\t'),
            b'r' => out.push('\r'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'u' => {
                let (character, length) = unicode_escape(rest);
                replaced |= character.is_none();
                out.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
                used = length;
            }
            // A quote, a slash or a backslash: the checked text has no other escapes.
            other => out.push(char::from(other)),
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
    Text { text: Cow::Owned(out), replaced }
}

/// The character of `uXXXX` or `uXXXX\uXXXX` at the start, if it is one, and the bytes it takes.
fn unicode_escape(rest: &str) -> (Option<char>, usize) {
    let unit = |at: usize| rest.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let Some(high) = unit(1) else { return (None, 1) };
    if let Some(character) = char::from_u32(high) {
        return (Some(character), 5);
    }
    if (0xd800..0xdc00).contains(&high)
        && rest.get(5..7) == Some("\\u")
        && let Some(low) = unit(7).filter(|low| (0xdc00..0xe000).contains(low))
    {
        return (char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 11);
    }
    (None, 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        let bomb = "[".repeat(2_000_000);
        assert_eq!(check(bomb.as_bytes()), Err(JsonError::TooDeep));
        let fine = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(check(fine.as_bytes()).is_ok());
        assert_eq!(depth(br#"{"a":"[[[[\"[["}"#), 1);
    }

    #[test]
    fn malformed_text_is_refused() {
        for bad in ["", "{", "[1,]", "<html>", "{\"a\":1}x", "\"\u{1}\""] {
            assert_eq!(check(bad.as_bytes()), Err(JsonError::Malformed), "{bad:?}");
        }
        assert_eq!(check(b"\"\xff\""), Err(JsonError::Malformed));
        assert_eq!(check(b" [1] \n"), Ok("[1]"));
    }

    #[test]
    fn members_keep_their_raw_text() {
        let found: Vec<_> = members(r#"{"a":1.500,"b":{"c":[1]},"d\n":"x"}"#).map(Result::unwrap).collect();
        assert_eq!(found, [("a".into(), "1.500"), ("b".into(), r#"{"c":[1]}"#), ("d\n".into(), "\"x\"")]);
        assert_eq!(member(r#"{"a":1,"a":2}"#, "a"), Some("2"));
    }

    #[test]
    fn escapes_resolve_and_lone_surrogates_are_told() {
        assert_eq!(text(r#""a\"\\\/\n\u00e9\ud83d\ude00z""#).text, "a\"\\/\né😀z");
        let lone = text(r#""x\ud800y\udc00\ud800\u0041""#);
        assert_eq!(lone.text, "x\u{fffd}y\u{fffd}\u{fffd}A");
        assert!(lone.replaced);
    }
}
