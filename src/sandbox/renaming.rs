//! The same business under other names: one mapping, applied to a record when it is served.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Names, other_names};

/// What the other instance writes in place of the usual values, one for one.
pub(super) type Words = &'static [(&'static str, &'static str)];

/// A member of a record, and what it is called in the other instance.
#[derive(Debug)]
pub(super) struct Member {
    usual: &'static str,
    other: &'static str,
    /// The values that are others there.
    words: Words,
    /// The members of the object that it is, or of the objects in its list.
    inside: &'static [Self],
    /// Whether it stands in the record itself there, however deep it is here.
    is_lifted: bool,
}

impl Member {
    /// A member whose values are the same.
    pub(super) const fn named(usual: &'static str, other: &'static str) -> Self {
        Self { usual, other, words: &[], inside: &[], is_lifted: false }
    }

    /// A member whose values are others.
    pub(super) const fn worded(usual: &'static str, other: &'static str, words: Words) -> Self {
        Self { words, ..Self::named(usual, other) }
    }

    /// An object, or a list of objects.
    pub(super) const fn holding(usual: &'static str, other: &'static str, inside: &'static [Self]) -> Self {
        Self { inside, ..Self::named(usual, other) }
    }

    /// The same in the record itself instead of in the object that holds it.
    pub(super) const fn lifted(self) -> Self {
        Self { is_lifted: true, ..self }
    }
}

impl Names {
    /// A record of a resource under these names. What the mapping does not know, such as what a test has set, stays as it
    /// is.
    pub(super) fn of<'a>(self, resource: &str, record: &'a Value) -> Cow<'a, Value> {
        match self {
            Self::Usual => Cow::Borrowed(record),
            Self::Other => {
                let mut lifted = Map::new();
                let mut renamed = rename(record, other_names::members(resource), &mut lifted);
                if let Value::Object(members) = &mut renamed {
                    members.extend(lifted);
                }
                Cow::Owned(renamed)
            }
        }
    }
}

fn rename(value: &Value, members: &[Member], lifted: &mut Map<String, Value>) -> Value {
    match value {
        Value::Object(object) => {
            let mut renamed = Map::with_capacity(object.len());
            for (key, value) in object {
                let Some(member) = members.iter().find(|member| member.usual == key) else {
                    renamed.insert(key.clone(), value.clone());
                    continue;
                };
                let value = if member.inside.is_empty() {
                    reword(value, member.words)
                } else {
                    rename(value, member.inside, lifted)
                };
                let place = if member.is_lifted { &mut *lifted } else { &mut renamed };
                place.insert(member.other.to_owned(), value);
            }
            Value::Object(renamed)
        }
        Value::Array(elements) => elements.iter().map(|element| rename(element, members, lifted)).collect(),
        scalar => scalar.clone(),
    }
}

/// A value, or each value of a list, in the other instance's words.
fn reword(value: &Value, words: Words) -> Value {
    match value {
        Value::String(text) => {
            let other = words.iter().find(|(usual, _)| usual == text).map(|(_, other)| *other);
            other.map_or_else(|| value.clone(), Value::from)
        }
        Value::Array(elements) => elements.iter().map(|element| reword(element, words)).collect(),
        value => value.clone(),
    }
}
