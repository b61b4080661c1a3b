//! Finding a name or an address in a text, however it is written there, and taking it out.
//!
//! Letters are compared without regard to case and to how an accent is stored; any blanks stand for any others. What JSON
//! and HTML write as an escape is read as what it means, so that JSON needs no walking and stays JSON. A name inside a
//! longer one, and an address inside a longer one, are somebody else's: they stay, and are told.

use std::ops::Range;

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use super::{
    escapes::{escaped, is_json},
    name::Name,
};
use crate::json::{self, Kind};

/// What stands in a text where a name or an address stood.
pub(super) const MARK: &str = "[forgotten]";

/// Names and addresses to look for.
#[derive(Default)]
pub(super) struct Needles {
    needles: Vec<Needle>,
    /// Names as they are compared, first name first: those whose parts may stand under keys of their own.
    names: Vec<Vec<char>>,
}

struct Needle {
    folded: Vec<char>,
    what: What,
    /// A part that every text with the needle has, or has behind a backslash; nothing where there is none.
    probe: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Name,
    Address,
}

/// What is left of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Everything: nothing was found.
    Whole,
    /// Nothing: the text was a name or an address.
    Nothing,
    /// This.
    Text(String),
}

/// What was found in a text.
pub(super) struct Found {
    /// What is left of it.
    pub(super) rest: Rest,
    /// Whether a needle stands inside a longer name or address, and was left there.
    pub(super) is_inside: bool,
}

/// One character as it is compared, and the bytes that it came from.
#[derive(Clone, Copy)]
struct Unit {
    c: char,
    start: usize,
    end: usize,
}

impl Needles {
    /// Addresses to look for.
    pub(super) fn of_addresses<'a>(addresses: impl IntoIterator<Item = &'a String>) -> Self {
        let mut needles = Self::default();
        for address in addresses {
            needles.add_address(address);
        }
        needles
    }

    /// What texts with one of the ids have.
    pub(super) fn of_ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let needle = |id: &str| {
            let folded = folded(id);
            Needle { probe: probe(&folded), folded, what: What::Name }
        };
        Self { needles: ids.into_iter().map(needle).collect(), names: Vec::new() }
    }

    /// Those and these.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.needles.extend(other.needles);
        self.names.extend(other.names);
        self
    }

    /// Adds an address, as it is and as it stands in links.
    fn add_address(&mut self, address: &str) {
        let local = address.split('@').next().unwrap_or_default();
        let probe = probe(&folded(local));
        for address in [address.to_owned(), address.replace('@', "%40")] {
            self.needles.push(Needle { folded: folded(&address), what: What::Address, probe: probe.clone() });
        }
    }

    /// Adds a name in each way in which it is written.
    pub(super) fn add_name(&mut self, name: &Name) {
        self.names.push(folded(&name.whole()));
        self.needles.extend(name.spellings().into_iter().map(|spelling| {
            let folded = folded(&spelling);
            Needle { probe: probe(&folded), folded, what: What::Name }
        }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// What a text in lower case must have, if it has no backslash, to hold any of them; nothing where any text may.
    pub(super) fn probes(&self) -> Option<Vec<String>> {
        if self.is_empty() {
            return None;
        }
        let mut probes: Vec<String> = self.needles.iter().map(|needle| needle.probe.clone()).collect::<Option<_>>()?;
        probes.sort();
        probes.dedup();
        Some(probes)
    }

    /// Whether a text holds one.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.take_from(text).rest != Rest::Whole
    }

    /// Whether a text is one, and nothing more.
    pub(super) fn are(&self, text: &str) -> bool {
        self.take_from(text).rest == Rest::Nothing
    }

    /// Takes them out of a text.
    pub(super) fn take_from(&self, text: &str) -> Found {
        let (mut rest, mut is_inside) = self.taken_once(text);
        // What seemed part of something longer, such as the address in `a@x.de.Ann Lee`, stands by itself once its
        // neighbour is gone. A needle that is found in the mark itself ends it: marks no longer grow in number.
        while let Some(before) = &rest {
            let marks = |text: &str| text.matches(MARK).count();
            let (again, inside) = self.taken_once(before);
            is_inside = inside;
            match again.filter(|again| marks(again) > marks(before)) {
                Some(again) => rest = Some(again),
                None => break,
            }
        }
        let rest = match rest {
            None => Rest::Whole,
            Some(rest) if rest.trim_matches(|c: char| c.is_whitespace() || c == '"') == MARK => Rest::Nothing,
            Some(rest) => Rest::Text(rest),
        };
        Found { rest, is_inside }
    }

    /// A text without those that stand by themselves, nothing where none does; and whether one is part of something
    /// longer.
    fn taken_once(&self, text: &str) -> (Option<String>, bool) {
        let without_parts = self.without_parts(text);
        let (mut rest, mut is_inside) = self.replaced(without_parts.as_deref().unwrap_or(text), true);
        rest = rest.or(without_parts);
        // What looks like an escape is none where the text is a path such as `DOMAIN\name`.
        if text.contains('\\') && !is_json(text) {
            let (again, more) = self.replaced(rest.as_deref().unwrap_or(text), false);
            rest = again.or(rest);
            is_inside |= more;
        }
        (rest, is_inside)
    }

    /// JSON without the names whose parts stand beside each other in an object; nothing where there are none.
    fn without_parts(&self, text: &str) -> Option<String> {
        if self.names.is_empty() || !text.trim_start().starts_with(['{', '[']) || !is_json(text) {
            return None;
        }
        let mut values = Vec::new();
        self.find_parts(text, text.trim(), &mut values);
        values.sort_unstable_by_key(|value| value.start);
        values.dedup();
        let mut out = String::new();
        let mut copied = 0;
        for value in &values {
            out.push_str(&text[copied..value.start]);
            out.push_str(&format!("\"{MARK}\""));
            copied = value.end;
        }
        out.push_str(&text[copied..]);
        (!values.is_empty()).then_some(out)
    }

    /// Notes where in a text the parts of a name stand that one object inside it holds as values of its own.
    fn find_parts(&self, whole: &str, raw: &str, found: &mut Vec<Range<usize>>) {
        let values: Vec<&str> = match json::kind(raw) {
            Kind::Object => json::members(raw).map_while(Result::ok).map(|(_, value)| value).collect(),
            Kind::Array => {
                for element in json::elements(raw).map_while(Result::ok) {
                    self.find_parts(whole, element, found);
                }
                return;
            }
            _ => return,
        };
        for value in &values {
            self.find_parts(whole, value, found);
        }
        let texts = values.iter().filter(|value| json::kind(value) == Kind::String);
        let texts: Vec<(&str, Vec<char>)> = texts.map(|value| (*value, folded(&json::text(value).text))).collect();
        for (first, last) in self.parts(&texts) {
            for value in [first, last] {
                let start = value.as_ptr() as usize - whole.as_ptr() as usize;
                found.push(start..start + value.len());
            }
        }
    }

    /// The pairs of texts that together are a name.
    pub(super) fn parts<T: Copy>(&self, texts: &[(T, Vec<char>)]) -> Vec<(T, T)> {
        let mut pairs = Vec::new();
        for name in &self.names {
            for (first, part) in texts.iter().filter(|(_, part)| !part.is_empty()) {
                let Some(rest) = name.strip_prefix(part.as_slice()).and_then(|rest| rest.strip_prefix(&[' '])) else {
                    continue;
                };
                pairs.extend(texts.iter().filter(|(_, part)| part == rest).map(|(last, _)| (*first, *last)));
            }
        }
        pairs
    }

    fn replaced(&self, text: &str, reads_escapes: bool) -> (Option<String>, bool) {
        let units = units(text, reads_escapes);
        let mut out = String::new();
        let (mut copied, mut at, mut is_inside) = (0, 0, false);
        while at < units.len() {
            let mut longest = None;
            for needle in &self.needles {
                match needle.at(&units, at) {
                    Some(Place::Whole(end)) => longest = longest.max(Some(end)),
                    Some(Place::Inside) => is_inside = true,
                    None => {}
                }
            }
            let Some(end) = longest else {
                at += 1;
                continue;
            };
            out.push_str(&text[copied..units[at].start]);
            out.push_str(MARK);
            copied = units[end - 1].end;
            at = end;
        }
        if copied == 0 {
            return (None, is_inside);
        }
        out.push_str(&text[copied..]);
        (Some(out), is_inside)
    }
}

/// Where a needle stands.
enum Place {
    /// By itself, up to this unit.
    Whole(usize),
    /// Inside something longer.
    Inside,
}

impl Needle {
    fn at(&self, units: &[Unit], start: usize) -> Option<Place> {
        let end = start + self.folded.len();
        let here = units.get(start..end)?;
        if self.folded.is_empty() || !here.iter().zip(&self.folded).all(|(unit, c)| unit.c == *c) {
            return None;
        }
        // Half of a letter, such as the first `s` of `ß`, is no match.
        let is_one = |left: usize, right: usize| {
            units.get(left).zip(units.get(right)).is_some_and(|(left, right)| left.start == right.start)
        };
        if (start > 0 && is_one(start - 1, start)) || is_one(end - 1, end) {
            return None;
        }
        let before = || units[..start].iter().rev().map(|unit| unit.c);
        let after = |from: usize| units.get(from..).unwrap_or_default().iter().map(|unit| unit.c);
        Some(match self.what {
            What::Name => match () {
                () if goes_on(before()) => Place::Inside,
                () if !goes_on(after(end)) => Place::Whole(end),
                // A genitive.
                () if units[end].c == 's' && !goes_on(after(end + 1)) => Place::Whole(end + 1),
                () => Place::Inside,
            },
            What::Address => {
                let mut before = before().skip_while(|c| "._%+-'".contains(*c));
                let mut after = after(end);
                let is_inside = before.next().is_some_and(char::is_alphanumeric)
                    || match after.next() {
                        Some('.' | '-') => after.next().is_some_and(char::is_alphanumeric),
                        next => next.is_some_and(|c| c.is_alphanumeric() || c == '_'),
                    };
                if is_inside { Place::Inside } else { Place::Whole(end) }
            }
        })
    }
}

/// Whether a name goes on with these characters: with a letter, or with a hyphen and a letter.
fn goes_on(mut characters: impl Iterator<Item = char>) -> bool {
    match characters.next() {
        Some('-') => characters.next().is_some_and(char::is_alphanumeric),
        next => next.is_some_and(|c| c.is_alphanumeric() || is_combining_mark(c)),
    }
}

/// The longest run of ASCII letters and digits that a text has however its other letters are stored.
fn probe(folded: &[char]) -> Option<String> {
    let mut runs = vec![String::new()];
    for (at, c) in folded.iter().enumerate() {
        let is_accented = folded.get(at + 1).is_some_and(|next| is_combining_mark(*next));
        match runs.last_mut() {
            Some(run) if c.is_ascii_alphanumeric() && !is_accented => run.push(*c),
            _ => runs.push(String::new()),
        }
    }
    // `ss` may be an `ß`.
    let parts = runs.iter().flat_map(|run| run.split("ss"));
    parts.max_by_key(|part| part.len()).filter(|part| !part.is_empty()).map(str::to_owned)
}

/// A text as it is compared.
pub(super) fn folded(text: &str) -> Vec<char> {
    units(text.trim(), false).into_iter().map(|unit| unit.c).collect()
}

fn units(text: &str, reads_escapes: bool) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::with_capacity(text.len());
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let escape = if reads_escapes { escaped(&text[start..]) } else { None };
        let (character, length) = escape.unwrap_or((first, first.len_utf8()));
        let end = start + length;
        match units.last_mut() {
            Some(last) if character.is_whitespace() && last.c == ' ' => last.end = end,
            _ => fold(character, |c| units.push(Unit { c, start, end })),
        }
        start = end;
    }
    units
}

fn fold(character: char, mut push: impl FnMut(char)) {
    match character {
        c if c.is_whitespace() => push(' '),
        '\u{2019}' | '\u{2bc}' => push('\''),
        '\u{2010}' | '\u{2011}' => push('-'),
        c => c.to_lowercase().for_each(|c| {
            decompose_canonical(c, |c| match c {
                'ß' => ['s', 's'].into_iter().for_each(&mut push),
                c => push(c),
            });
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn needles(names: &[&str], addresses: &[&str]) -> Needles {
        let mut needles = Needles::default();
        names.iter().flat_map(|name| Name::read(name)).flatten().for_each(|name| needles.add_name(&name));
        for address in addresses {
            needles.add_address(address);
        }
        needles
    }

    fn rest(text: &str) -> Rest {
        needles(&["Jürgen Groß"], &["Juergen@x.de"]).take_from(text).rest
    }

    #[test]
    fn a_name_and_an_address_are_found_however_they_are_written() {
        for text in [
            "Jürgen Groß",
            " JÜRGEN\u{a0} GROSS\n",
            "Ju\u{308}rgen Groß",
            "Groß, Jürgen",
            "\"J\\u00fcrgen Gro\\u00DF\"",
            "J&#252;rgen&nbsp;Gro&#xdf;",
            "J&uuml;rgen Gro&szlig;",
            "JUERGEN@X.de",
            "juergen%40x.de",
        ] {
            assert_eq!(rest(text), Rest::Nothing, "{text}");
        }
        for (text, left) in [
            ("Call Jürgen Groß!", "Call [forgotten]!"),
            ("Jürgen Groß' und jürgen groß' Haus", "[forgotten]' und [forgotten]' Haus"),
            ("<p>Jürgen Großs Angebot</p>", "<p>[forgotten] Angebot</p>"),
            ("Jürgen Groß <juergen@x.de>", "[forgotten] <[forgotten]>"),
            (r#"{"a":["J\u00fcrgen\nGroß"],"b":"\"juergen@x.de\""}"#, r#"{"a":["[forgotten]"],"b":"\"[forgotten]\""}"#),
            (
                r#"[{"x":{"a":"Groß","b":1,"c":"J\u00fcrgen"}}]"#,
                r#"[{"x":{"a":"[forgotten]","b":1,"c":"[forgotten]"}}]"#,
            ),
            (r#"{"a":"{\"b\":\"J\\u00fcrgen Groß\"}"}"#, r#"{"a":"{\"b\":\"[forgotten]\"}"}"#),
            ("mailto:juergen@x.de.", "mailto:[forgotten]."),
            (r"X\jürgen groß", r"X\[forgotten]"),
            ("juergen@x.de.Jürgen Groß", "[forgotten].[forgotten]"),
        ] {
            assert_eq!(rest(text), Rest::Text(left.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_part_of_something_longer_is_somebody_elses() {
        for text in ["Jürgen Großmann", "Hans-Jürgen Groß", "Jürgen Groß-Klein", "xjuergen@x.de", "juergen@x.de.com"]
        {
            let found = needles(&["Jürgen Groß"], &["juergen@x.de"]).take_from(text);
            assert_eq!((found.rest, found.is_inside), (Rest::Whole, true), "{text}");
        }
        assert_eq!(rest("Jürgen Gros"), Rest::Whole);
        assert!(!needles(&["Jürgen Groß"], &[]).take_from("Jurgen Gross").is_inside);
    }

    #[test]
    fn probes_are_in_every_text_that_holds_the_needle() {
        assert_eq!(needles(&["Jürgen Groß"], &["a.bcd@x.de"]).probes().unwrap(), ["bcd", "rgen"]);
        assert!(needles(&["Юрий Гагарин"], &[]).probes().is_none());
    }

    fn escaped_json(text: &str) -> String {
        let mut escaped = String::new();
        for c in serde_json::Value::from(text).to_string().chars() {
            match c {
                c if c.is_ascii() => escaped.push(c),
                c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}"))),
            }
        }
        escaped
    }

    proptest! {
        #[test]
        fn nothing_is_left_and_json_stays_json(
            parts in proptest::collection::vec(prop_oneof![
                Just("Jürgen Groß".to_owned()), Just("GROSS, JÜRGEN".to_owned()), Just("juergen@x.de".to_owned()),
                ".{0,4}", Just("\\".to_owned()), Just("\"".to_owned()), Just(" ".to_owned()), Just("😀".to_owned()),
            ], 0..8),
            escape: bool,
            nested: bool,
        ) {
            let text = parts.concat();
            let write = |text: &str| if escape { escaped_json(text) } else { serde_json::Value::from(text).to_string() };
            let raw = format!("[{}]", if nested { write(&write(&text)) } else { write(&text) });
            let needles = needles(&["Jürgen Groß"], &["juergen@x.de"]);
            for text in [&text, &raw] {
                if let Rest::Text(rest) = needles.take_from(text).rest {
                    prop_assert!(!needles.are_in(&rest), "{rest}");
                    prop_assert_eq!(is_json(text), is_json(&rest), "{} {}", text, rest);
                }
            }
        }
    }
}
