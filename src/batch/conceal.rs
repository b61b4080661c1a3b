//! Rows without what is kept out: their text is rewritten before anything else looks at it.
//!
//! What no rule means stays as it came, digit for digit.

use std::{borrow::Cow, collections::HashMap, fmt};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{
    moment::{self, Moment},
    path::{Path, Segment},
    privacy::{Action, Rules},
    reject::MAX_ROW_DEPTH,
    scalar::{BLANK, Decimal, Type},
};
use crate::{
    catalog,
    json::{self, Kind},
    pages::sighting::id_text,
    secret::Secret,
};

/// Stands for what cannot be looked through, as JSON.
const WITHHELD: &str = "\"withheld: [privacy] keeps columns of this resource out\"";
/// A key that is no text, with what it stands for: where one is met, the rest of its object cannot be read.
const UNREADABLE_KEY: &str = "\"\\ud800\"";
/// What is nested deeper is withheld. Deeper than rows may be, so that what was refused is still refused as such.
const MAX_DEPTH: usize = MAX_ROW_DEPTH + 2;
/// What the fingerprint of a key is the hash of.
const PRINT_OF: &str = "crmlake privacy key";

/// The key of the hashes: HMAC-SHA256, written in hexadecimal.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

impl fmt::Debug for HashKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HashKey(..)")
    }
}

impl HashKey {
    /// The key that a secret makes. HMAC takes any length; were one refused, there would be no key.
    pub fn new(secret: &Secret) -> Option<Self> {
        Hmac::new_from_slice(secret.expose().as_bytes()).ok().map(Self)
    }

    /// The hash of a text.
    pub fn of(&self, text: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().iter().fold(String::with_capacity(64), |hex, byte| format!("{hex}{byte:02x}"))
    }

    /// What tells one key from another, and nothing of the key itself.
    pub(super) fn print(&self) -> String {
        self.of(PRINT_OF)[..16].to_owned()
    }

    /// The hash of a scalar value, nothing where it says nothing. A value that may be written in several ways, a number
    /// or a moment, has one hash.
    fn of_scalar(&self, raw: &str) -> Option<String> {
        match json::kind(raw) {
            Kind::String if raw != BLANK => Some(match moment::read(raw) {
                Some(Moment::Instant { microseconds, .. }) => {
                    self.of(&jiff::Timestamp::from_microsecond(microseconds).map_or_else(
                        |_| json::text(raw).text.into_owned(),
                        |moment| format!("{moment:.6}"),
                    ))
                }
                _ => self.of(&json::text(raw).text),
            }),
            Kind::Number => Some(self.of(&plain_number(raw))),
            Kind::Bool => Some(self.of(raw)),
            _ => None,
        }
    }
}

/// A number's digits without an exponent and without zeros that say nothing.
fn plain_number(raw: &str) -> Cow<'_, str> {
    let Some(mut decimal) = Decimal::parse(raw) else { return Cow::Borrowed(raw) };
    while decimal.scale > 0 && decimal.digits % 10 == 0 {
        decimal.digits /= 10;
        decimal.scale -= 1;
    }
    let scale = decimal.scale as usize;
    let digits = format!("{:0>width$}", decimal.digits.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if decimal.digits < 0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    Cow::Owned(format!("{sign}{whole}{point}{fraction}"))
}

/// Whether a text is what a hash looks like.
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What the rows of one instance's list are looked at through.
#[derive(Clone, Copy, Debug)]
pub struct Screen<'r> {
    rules: &'r Rules<'r>,
    /// Whether custom fields that have no column are left out, because nobody knows what they are called.
    holds_back: bool,
}

impl Rules<'_> {
    /// The screen for the rows of an instance whose form was read before, or was not.
    pub fn screen(&self, has_labels: bool) -> Screen<'_> {
        Screen { rules: self, holds_back: !has_labels && self.need_labels() }
    }

    /// A value that the warehouse has from before there was a rule that hashes it. What looks like a hash is one.
    pub fn old_scalar(&self, text: &str, kind: Type) -> Option<String> {
        let raw = match kind {
            Type::Boolean | Type::Integer | Type::Decimal { .. } | Type::Double => Cow::Borrowed(text),
            _ if is_hash(text) => return None,
            _ => Cow::Owned(quoted(text)),
        };
        self.key?.of_scalar(&raw)
    }

    /// JSON that the warehouse has from before, of the value at a path; nothing where it is as it must be.
    pub fn old_json(&self, path: &Path, text: &str) -> Option<String> {
        let is_hashed = self.action(path) == Some(Action::Hash);
        match json::check(text.as_bytes()) {
            Ok(raw) => {
                let writer = Writer { is_old: true, ..Writer::of(self.screen(true)) };
                writer.value(&mut Place::of(writer.screen, path.clone()), raw, is_hashed, 0)
            }
            // From a time when the column was text.
            Err(_) => is_hashed.then(|| self.old_scalar(text, Type::Text)).flatten(),
        }
    }

    /// A list of objects that the warehouse has from before, by its columns' names; nothing where it is as it must be.
    pub fn old_list(&self, columns: &HashMap<&str, Action>, text: &str) -> Option<String> {
        let writer = Writer { is_old: true, ..Writer::of(self.screen(true)) };
        let raw = json::check(text.as_bytes()).ok()?;
        let elements = json::elements(raw).map_while(Result::ok).map(|element| {
            let mut object = Object::default();
            for (key, value) in json::members(element).map_while(Result::ok) {
                match columns.get(key.as_ref()) {
                    Some(Action::Drop) => object.leave_out(),
                    Some(Action::Hash) => {
                        // A path that no entry means.
                        let mut place = Place::of(writer.screen, Path::default().elements());
                        object.push(key, value, writer.value(&mut place, value, true, 0));
                    }
                    None => object.push(key, value, None),
                }
            }
            (element, object.finish())
        });
        joined(elements)
    }

    /// What could not be a row and is in the warehouse from before; nothing where it is as it must be.
    pub fn old_reject(&self, text: &str) -> Option<String> {
        let writer = Writer { is_old: true, ..Writer::of(self.screen(true)) };
        let raw = json::check(text.as_bytes()).unwrap_or(WITHHELD);
        writer.row(&mut Place::of(writer.screen, Path::default()), raw).filter(|new| new != text)
    }
}

impl<'r> Screen<'r> {
    /// The rows of a checked list without what is kept out. What is no object cannot be looked through, and is withheld.
    pub fn rows<'a>(&self, list: &'a str) -> Cow<'a, str> {
        let writer = Writer::of(*self);
        let mut record = Place::of(*self, Path::default());
        let rows = json::elements(list).map_while(Result::ok).map(|row| (row, writer.row(&mut record, row)));
        joined(rows).map_or(Cow::Borrowed(list), Cow::Owned)
    }

    /// Whether custom fields that have no column are left out.
    pub fn holds_back(&self) -> bool {
        self.holds_back
    }

    fn at(&self, path: &Path) -> Option<Action> {
        let found = self.rules.at(path);
        let is_unknown = || match path.0.as_slice() {
            [Segment::Key(key), Segment::Key(id)] if key == catalog::CUSTOM_FIELDS => {
                !self.rules.fields_with_columns().contains(id)
            }
            _ => false,
        };
        if self.holds_back && is_unknown() { Some(Action::Drop) } else { found }
    }
}

/// What is done at a path and below it, as far as values were met there: what an entry means is found out once for all
/// rows of a list.
struct Place<'r> {
    screen: Screen<'r>,
    path: Path,
    action: Option<Action>,
    members: HashMap<String, Place<'r>>,
    elements: Option<Box<Place<'r>>>,
}

impl<'r> Place<'r> {
    fn of(screen: Screen<'r>, path: Path) -> Self {
        let action = screen.at(&path);
        Self { screen, path, action, members: HashMap::new(), elements: None }
    }

    fn member(&mut self, key: &str) -> &mut Self {
        if !self.members.contains_key(key) {
            let place = Self::of(self.screen, self.path.key(key));
            self.members.insert(key.to_owned(), place);
        }
        self.members.entry(key.to_owned()).or_insert_with(|| Self::of(self.screen, self.path.key(key)))
    }

    fn elements(&mut self) -> &mut Self {
        let (screen, path) = (self.screen, &self.path);
        self.elements.get_or_insert_with(|| Box::new(Self::of(screen, path.elements())))
    }
}

struct Writer<'r> {
    screen: Screen<'r>,
    /// Whether the values are the warehouse's own, some of which may be hashes already.
    is_old: bool,
}

/// Everything here answers the new text of a value, or nothing where it stays as it is.
impl<'r> Writer<'r> {
    fn of(screen: Screen<'r>) -> Self {
        Self { screen, is_old: false }
    }

    fn row(&self, record: &mut Place<'r>, raw: &str) -> Option<String> {
        if json::kind(raw) == Kind::Object {
            self.value(record, raw, false, 0)
        } else {
            Some(WITHHELD.to_owned())
        }
    }

    fn value(&self, place: &mut Place<'r>, raw: &str, is_hashed: bool, depth: usize) -> Option<String> {
        match json::kind(raw) {
            Kind::Object | Kind::Array if depth > MAX_DEPTH => Some(WITHHELD.to_owned()),
            Kind::Object => self.object(place, raw, is_hashed, depth),
            Kind::Array if matches!(place.path.0.as_slice(), [Segment::Key(key)] if key == catalog::CUSTOM_FIELDS) => {
                self.custom_fields(place, raw, is_hashed, depth)
            }
            Kind::Array => joined(json::elements(raw).map_while(Result::ok).map(|element| {
                (element, self.value(place.elements(), element, is_hashed, depth + 1))
            })),
            _ => self.scalar(raw).filter(|_| is_hashed),
        }
    }

    fn object(&self, place: &mut Place<'r>, raw: &str, is_hashed: bool, depth: usize) -> Option<String> {
        let mut object = Object::default();
        for member in json::members(raw) {
            let Ok((key, value)) = member else {
                object.cut();
                break;
            };
            let inner = place.member(&key);
            let is_hashed = is_hashed || inner.action == Some(Action::Hash);
            if inner.action == Some(Action::Drop) {
                object.leave_out();
            } else {
                object.push(key, value, self.value(inner, value, is_hashed, depth + 1));
            }
        }
        object.finish()
    }

    /// Custom fields in the notation that lists them.
    fn custom_fields(&self, fields: &mut Place<'r>, raw: &str, is_hashed: bool, depth: usize) -> Option<String> {
        let (mut kept, mut is_new) = (Vec::new(), false);
        for field in json::elements(raw).map_while(Result::ok) {
            let written = self.custom_field(fields, field, is_hashed, depth + 1);
            is_new |= !matches!(written, Some(None));
            kept.extend(written.map(|new| (field, new)));
        }
        is_new.then(|| list(&kept))
    }

    /// A custom field of the notation that lists them, each with its id; nothing where it is left out.
    #[expect(clippy::option_option, reason = "left out, or new, or as it is")]
    fn custom_field(
        &self,
        fields: &mut Place<'r>,
        raw: &str,
        is_hashed: bool,
        depth: usize,
    ) -> Option<Option<String>> {
        if json::kind(raw) != Kind::Object {
            return Some(self.value(fields.elements(), raw, is_hashed, depth));
        }
        let id = |name| json::member(raw, name).filter(|id| !matches!(json::kind(id), Kind::Object | Kind::Array));
        let ids: Vec<Cow<'_, str>> = ["fieldId", "id"].into_iter().filter_map(|name| id_text(id(name)?)).collect();
        let action = ids.iter().filter_map(|id| fields.member(id).action).min();
        if action == Some(Action::Drop) {
            return None;
        }
        let is_hashed = is_hashed || action == Some(Action::Hash);
        let mut object = Object::default();
        for member in json::members(raw) {
            let Ok((key, value)) = member else {
                object.cut();
                break;
            };
            let generic = fields.elements().member(&key).action;
            let is_hashed = is_hashed || generic == Some(Action::Hash);
            match (key.as_ref(), ids.first()) {
                _ if generic == Some(Action::Drop) => object.leave_out(),
                ("value", Some(id)) => {
                    object.push(key, value, self.value(fields.member(id), value, is_hashed, depth + 1));
                }
                // Which field it is, and what its form says of it. Beside the field's id another one is a value's own.
                ("fieldId" | "label" | "name" | "type", _) => object.push(key, value, None),
                ("id", _) if ids.len() < 2 => object.push(key, value, None),
                _ => {
                    let place = fields.elements().member(&key);
                    let new = self.value(place, value, is_hashed, depth + 1);
                    object.push(key, value, new);
                }
            }
        }
        Some(object.finish())
    }

    fn scalar(&self, raw: &str) -> Option<String> {
        if self.is_old && json::kind(raw) == Kind::String && is_hash(&json::text(raw).text) {
            return None;
        }
        self.screen.rules.key?.of_scalar(raw).map(|hash| format!("\"{hash}\""))
    }
}

/// An object as it is written anew, if it has to be.
#[derive(Default)]
struct Object<'a> {
    members: Vec<(Cow<'a, str>, &'a str, Option<String>)>,
    is_new: bool,
    is_cut: bool,
}

impl<'a> Object<'a> {
    fn push(&mut self, key: Cow<'a, str>, raw: &'a str, new: Option<String>) {
        self.is_new |= new.is_some();
        self.members.push((key, raw, new));
    }

    fn leave_out(&mut self) {
        self.is_new = true;
    }

    /// Says that the rest cannot be read: with a key that cannot be read either, so that it is refused for what it was.
    fn cut(&mut self) {
        (self.is_new, self.is_cut) = (true, true);
    }

    fn finish(self) -> Option<String> {
        if !self.is_new {
            return None;
        }
        let cut = self.is_cut.then(|| format!("{UNREADABLE_KEY}:{WITHHELD}"));
        let members = self.members.iter().map(|(key, raw, new)| {
            format!("{}:{}", quoted(key), new.as_deref().unwrap_or(raw))
        });
        Some(format!("{{{}}}", members.chain(cut).collect::<Vec<_>>().join(",")))
    }
}

/// A list of values, of which some are new; nothing where none is.
fn joined<'a>(values: impl Iterator<Item = (&'a str, Option<String>)>) -> Option<String> {
    let values: Vec<_> = values.collect();
    values.iter().any(|(_, new)| new.is_some()).then(|| list(&values))
}

fn list(values: &[(&str, Option<String>)]) -> String {
    let length: usize = values.iter().map(|(raw, new)| new.as_deref().unwrap_or(raw).len() + 1).sum();
    let mut text = String::with_capacity(length + 2);
    text.push('[');
    for (index, (raw, new)) in values.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(new.as_deref().unwrap_or(raw));
    }
    text.push(']');
    text
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
