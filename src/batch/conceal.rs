//! Rows without what is kept out: their text is rewritten before anything else looks at it.
//!
//! What no rule means stays as it came, digit for digit.

use std::{borrow::Cow, collections::HashMap};

use super::{
    hash::is_hash,
    path::{Path, Segment},
    privacy::{Action, Rules},
    reject::MAX_ROW_DEPTH,
    scalar::Type,
};
use crate::{
    catalog,
    json::{self, Kind},
    pages::sighting::id_text,
};

/// Stands for what cannot be looked through, as JSON.
const WITHHELD: &str = "\"withheld: [privacy] keeps columns of this resource out\"";
/// A key that is no text, with what it stands for: where one is met, the rest of its object cannot be read.
const UNREADABLE_KEY: &str = "\"\\ud800\"";
/// What is nested deeper is withheld. Deeper than rows may be, so that what was refused is still refused as such.
const MAX_DEPTH: usize = MAX_ROW_DEPTH + 2;

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

impl Screen<'_> {
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
        if json::kind(raw) == Kind::Object { self.value(record, raw, false, 0) } else { Some(WITHHELD.to_owned()) }
    }

    fn value(&self, place: &mut Place<'r>, raw: &str, is_hashed: bool, depth: usize) -> Option<String> {
        match json::kind(raw) {
            Kind::Object | Kind::Array if depth > MAX_DEPTH => Some(WITHHELD.to_owned()),
            Kind::Object => self.object(place, raw, is_hashed, depth),
            Kind::Array if matches!(place.path.0.as_slice(), [Segment::Key(key)] if key == catalog::CUSTOM_FIELDS) => {
                self.custom_fields(place, raw, is_hashed, depth)
            }
            Kind::Array => joined(
                json::elements(raw)
                    .map_while(Result::ok)
                    .map(|element| (element, self.value(place.elements(), element, is_hashed, depth + 1))),
            ),
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
    fn custom_field(&self, fields: &mut Place<'r>, raw: &str, is_hashed: bool, depth: usize) -> Option<Option<String>> {
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
        let members =
            self.members.iter().map(|(key, raw, new)| format!("{}:{}", quoted(key), new.as_deref().unwrap_or(raw)));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        batch::{hash::HashKey, privacy::Privacy},
        secret::Secret,
    };

    const KEY: &str = "a key of the hashes";

    fn privacy(drop: &[&str], hash: &[&str]) -> Privacy {
        let owned = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
        Privacy::new(&owned(drop), &owned(hash), Some(&Secret::new(KEY))).unwrap()
    }

    fn rewritten(drop: &[&str], hash: &[&str], list: &str) -> String {
        let privacy = privacy(drop, hash);
        let labels = HashMap::from([("f1".to_owned(), vec!["Phone".to_owned()])]);
        let rules = privacy.rules("contacts", labels, &[]).unwrap();
        rules.screen(true).rows(list).into_owned()
    }

    fn hash(text: &str) -> String {
        HashKey::new(&Secret::new(KEY)).unwrap().of(text)
    }

    #[test]
    fn nothing_else_changes() {
        let row = r#"[{"id":1, "a":1.500,"phone" : "x","b":{"c":[1e2,"\u00e9"]},"phone":"y"}]"#;
        assert_eq!(rewritten(&["contacts.phone"], &[], row), r#"[{"id":1,"a":1.500,"b":{"c":[1e2,"\u00e9"]}}]"#);
        assert_eq!(rewritten(&["contacts.fax"], &[], row), row);
        let all = r#"[{"id":7,"e":"","n":null,"o":{"p":["q",2,{"r":true}]}}]"#;
        assert_eq!(
            rewritten(&["contacts.o.p.r"], &["contacts.e", "contacts.n", "contacts.o"], all),
            format!(r#"[{{"id":7,"e":"","n":null,"o":{{"p":["{}","{}",{{}}]}}}}]"#, hash("q"), hash("2"))
        );
    }

    #[test]
    fn custom_fields_are_found_in_either_notation() {
        for (named, action) in
            [("contacts.cf_phone", "drop"), ("contacts.customFields.f1", "hash"), ("contacts.cf_f1", "hash")]
        {
            let (drop, hashed): (&[&str], &[&str]) = if action == "drop" { (&[named], &[]) } else { (&[], &[named]) };
            for list in [
                r#"[{"id":"1","customFields":{"f1":"secret","f2":"open"}}]"#,
                r#"[{"id":"1","customFields":[{"id":"f1","value":"secret","label":"Phone"},{"id":"f2","value":"open"}]}]"#,
                r#"[{"id":"1","customFields":[{"fieldId":"f1","id":"secret","value":"secret","shown":"secret"}]}]"#,
                r#"[{"id":"1","customFields":[{"id":"f1","value":"secret"},{"id":"f1","value":["secret"]},5]}]"#,
            ] {
                let new = rewritten(drop, hashed, list);
                assert!(!new.contains("secret"), "{named}: {new}");
                assert_eq!(new.contains(&hash("secret")), action == "hash", "{new}");
                assert_eq!(new.contains("open"), list.contains("open"), "{new}");
            }
        }
    }

    #[test]
    fn fields_that_nobody_can_name_are_held_back() {
        let privacy = privacy(&["contacts.cf_phone"], &[]);
        let rules = privacy.rules("contacts", HashMap::new(), &[]).unwrap();
        let row = r#"[{"id":"1","customFields":{"f1":"secret"},"a":1}]"#;
        assert_eq!(rules.screen(false).rows(row), r#"[{"id":"1","customFields":{},"a":1}]"#);
        assert_eq!(rules.screen(true).rows(row), row);
    }

    #[test]
    fn what_cannot_be_a_row_is_concealed_and_refused_for_the_same_reason() {
        let deep = format!(r#"{{"id":"1","a":{}"secret"{}}}"#, "[".repeat(900), "]".repeat(900));
        for row in [
            r#"{"phone":"secret"}"#,
            r#"{"id":"1","\ud800":1,"phone":"secret"}"#,
            r#"{"id":"1","b":{"\ud800":{"phone":"secret"}}}"#,
            r#""secret""#,
            r#"["secret"]"#,
            &deep,
        ] {
            let list = format!("[{row}]");
            let new = rewritten(&["contacts.phone"], &[], &list);
            assert!(!new.contains("secret"), "{new}");
            let reason = |list: &str| super::super::reject::rows(list).next().unwrap().unwrap_err().reason;
            assert_eq!(reason(&list), reason(&new));
        }
    }

    #[test]
    fn what_is_concealed_already_stays_so() {
        let privacy = privacy(&["contacts.deep.no"], &["contacts.deep.yes", "contacts.email"]);
        let rules = privacy.rules("contacts", HashMap::new(), &[]).unwrap();
        let path = Path::parse("deep").unwrap();
        let once = rules.old_json(&path, r#"{"yes":["a",5],"no":1,"other":"a"}"#).unwrap();
        assert_eq!(once, format!(r#"{{"yes":["{}","{}"],"other":"a"}}"#, hash("a"), hash("5")));
        assert_eq!(rules.old_json(&path, &once), None);
        let email = rules.old_scalar("a@b", Type::Text).unwrap();
        assert_eq!((email.as_str(), rules.old_scalar(&email, Type::Text)), (hash("a@b").as_str(), None));
        assert_eq!(rules.old_scalar("7.00", Type::Decimal { precision: 18, scale: 2 }), Some(hash("7")));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z\"\\\\é]{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-d]|homePhone", inner), 0..4)
                    .prop_map(|members| json!(members.into_iter().collect::<serde_json::Map<_, _>>())),
            ]
        })
    }

    /// The value without what stands at a path of keys, lists passed through: written anew, for comparison.
    fn without(value: &Value, keys: &[&str]) -> Value {
        match value {
            Value::Object(members) => members
                .iter()
                .filter(|(key, _)| keys != [key.as_str()])
                .map(|(key, value)| {
                    let rest = if keys.first() == Some(&key.as_str()) { &keys[1..] } else { &[] };
                    (key.clone(), if rest.is_empty() { value.clone() } else { without(value, rest) })
                })
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::Array(elements) => elements.iter().map(|element| without(element, keys)).collect::<Vec<_>>().into(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn a_dropped_value_is_gone_and_everything_else_is_there(
            record in prop::collection::vec(("[a-d]|homePhone", values()), 0..6),
            keys in prop::collection::vec("[a-d]|homePhone", 1..3),
        ) {
            let mut record: serde_json::Map<String, Value> = record.into_iter().collect();
            record.insert("id".to_owned(), json!("1"));
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let list = Value::from(vec![Value::from(record)]);
            let new = rewritten(&[&format!("contacts.{}", keys.join("."))], &[], &list.to_string());
            prop_assert_eq!(serde_json::from_str::<Value>(&new).unwrap(), without(&list, &keys));
        }

        #[test]
        fn a_hashed_secret_is_nowhere_and_equal_values_stay_equal(value in values()) {
            let list = json!([{"id": "1", "a": {"x": value, "s": "S3CR3T"}, "b": "S3CR3T"}, {"id": "2", "b": value}]);
            let new = rewritten(&[], &["contacts.a", "contacts.b"], &list.to_string());
            prop_assert!(!new.contains("S3CR3T"));
            let new: Value = serde_json::from_str(&new).unwrap();
            prop_assert_eq!(&new[0]["a"]["x"], &new[1]["b"]);
            prop_assert_eq!(&new[0]["a"]["s"], &new[0]["b"]);
        }
    }
}
