//! What JSON and HTML write as an escape, read as what it means, and the addresses in a text that may have some.

use crate::{batch::hash::is_hash, json};

/// The character that an escape of JSON or HTML at the start means, and the bytes it takes.
pub(super) fn escaped(text: &str) -> Option<(char, usize)> {
    if text.starts_with('&') {
        let name = text.get(1..text.bytes().take(12).position(|byte| byte == b';')?)?;
        let number = name.strip_prefix('#');
        let hexadecimal = number.and_then(|number| number.strip_prefix(['x', 'X']));
        let code = match (hexadecimal, number) {
            (Some(digits), _) => u32::from_str_radix(digits, 16).ok()?,
            (None, Some(digits)) => digits.parse().ok()?,
            (None, None) => {
                let entity = &text[..name.len() + 2];
                let mut meant = html_escape::decode_html_entities(entity).into_owned();
                let character = meant.pop().filter(|_| meant.is_empty() && !name.is_empty())?;
                return Some((character, entity.len()));
            }
        };
        return Some((char::from_u32(code)?, name.len() + 2));
    }
    // JSON inside JSON has more than one backslash.
    let run = text.bytes().take_while(|byte| *byte == b'\\').count();
    match text[run..].chars().next()? {
        _ if run == 0 => None,
        'u' => {
            let (high, mut length) = (unit(text)?, run + 5);
            let character = char::from_u32(high).or_else(|| {
                let rest = &text[length..];
                let low = unit(rest).filter(|low| (0xdc00..0xe000).contains(low))?;
                length += rest.find('u').unwrap_or_default() + 5;
                char::from_u32(0x10000 + (high.checked_sub(0xd800)? << 10) + (low - 0xdc00))
            });
            Some((character?, length))
        }
        'n' | 't' | 'r' | 'b' | 'f' if run % 2 == 1 => Some((' ', run + 1)),
        c @ ('"' | '/') => Some((c, run + 1)),
        _ => Some(('\\', run)),
    }
}

/// The number of a `\uXXXX`, behind any number of backslashes.
fn unit(text: &str) -> Option<u32> {
    let digits = text.trim_start_matches('\\').strip_prefix('u').filter(|_| text.starts_with('\\'))?;
    u32::from_str_radix(digits.get(..4)?, 16).ok()
}

/// Whether a text is JSON in which an escape must stay one.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"']) && json::check(text.as_bytes()).is_ok()
}

/// The e-mail addresses in a text, in lower case: whatever has an `@` inside. A hash stands for one.
pub(super) fn addresses_in(text: &str) -> Vec<String> {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (character, length) = escaped(rest).unwrap_or((first, first.len_utf8()));
        read.push(character);
        rest = &rest[length..];
    }
    let parts = read.split(|c: char| c.is_whitespace() || c.is_control() || ",;:<>()[]{}|\"\\/?&=".contains(c));
    let parts = parts.map(|part| part.trim_matches(['.', '\'', '`']).to_lowercase());
    parts
        .filter(|part| {
            is_hash(part) || part.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_out_of_anything() {
        assert_eq!(addresses_in("Anna <A@x.de>; mailto:b@y.org, n/a"), ["a@x.de", "b@y.org"]);
        assert_eq!(addresses_in(r#"[{"value":"j\u00fc@x.de"}]"#), ["jü@x.de"]);
        assert_eq!(addresses_in("@home a@"), Vec::<String>::new());
    }
}
