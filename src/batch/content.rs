//! What a user would call the record, as one number: equal when the content is.
//!
//! The order of keys does not count, nor how a text was escaped or a number was padded, nor a null against a missing
//! key. The type of a column that day is not involved at all.

use twox_hash::XxHash3_64;

use super::{
    scalar::Decimal,
    shape::{Normal, normal},
};
use crate::json::{self, Kind};

const NULL: u64 = 0;
const OBJECT: u64 = 1;
const ARRAY: u64 = 2;
const TEXT: u64 = 3;
const NUMBER: u64 = 4;
const BOOLEAN: u64 = 5;

/// The hash of a record: of custom fields and tags by what they say, in whichever notation they came.
pub fn record(raw: &str) -> u64 {
    json::members(raw).map_while(Result::ok).fold(OBJECT, |sum, (key, value)| {
        let value = match normal(&key, value) {
            Normal::CustomFields(fields) => object(fields.iter().map(|field| (field.key.as_ref(), field.raw))),
            Normal::Tags(tags) => array(tags.iter().map(|tag| tag.raw)),
            Normal::AsIs => hash(value),
        };
        with_member(sum, &key, value)
    })
}

/// The hash of a checked value, no deeper than rows are allowed to be.
pub fn hash(raw: &str) -> u64 {
    match json::kind(raw) {
        Kind::Null => NULL,
        Kind::Bool => of(BOOLEAN, raw.as_bytes()),
        Kind::String => of(TEXT, json::text(raw).text.as_bytes()),
        Kind::Number => number(raw),
        Kind::Array => array(json::elements(raw).map_while(Result::ok)),
        Kind::Object => object(json::members(raw).map_while(Result::ok)),
    }
}

fn array<'a>(elements: impl Iterator<Item = &'a str>) -> u64 {
    elements.fold(ARRAY, |state, element| {
        let mut pair = [0; 16];
        pair[..8].copy_from_slice(&state.to_le_bytes());
        pair[8..].copy_from_slice(&hash(element).to_le_bytes());
        of(ARRAY, &pair)
    })
}

fn object<'a>(members: impl Iterator<Item = (impl AsRef<str>, &'a str)>) -> u64 {
    members.fold(OBJECT, |sum, (key, value)| with_member(sum, key.as_ref(), hash(value)))
}

/// A sum does not depend on the order of its terms.
fn with_member(sum: u64, key: &str, value: u64) -> u64 {
    if value == NULL { sum } else { sum.wrapping_add(of(value, key.as_bytes())) }
}

fn number(raw: &str) -> u64 {
    match Decimal::parse(raw) {
        Some(decimal) => {
            let (mut digits, mut scale) = (decimal.digits, decimal.scale);
            while scale > 0 && digits % 10 == 0 {
                digits /= 10;
                scale -= 1;
            }
            let mut bytes = [0; 20];
            bytes[..16].copy_from_slice(&digits.to_le_bytes());
            bytes[16..].copy_from_slice(&scale.to_le_bytes());
            of(NUMBER, &bytes)
        }
        None => of(NUMBER, raw.as_bytes()),
    }
}

fn of(seed: u64, bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, bytes)
}

#[cfg(test)]
mod tests {
    use super::{hash, record};

    #[test]
    fn custom_fields_and_tags_count_in_either_notation() {
        let one = record(r#"{"id":1,"customFields":{"f1":1,"f2":"x"},"tags":["a"]}"#);
        let other = r#"{"id":1,"tags":[{"id":"t","text":"a"}],
            "customFields":[{"id":"f2","value":"x","label":"X"},{"fieldId":"f1","value":1.0}]}"#;
        assert_eq!(one, record(other));
        assert_ne!(one, record(&other.replace("1.0", "2")));
    }

    #[test]
    fn notation_does_not_count_and_content_does() {
        let same = [
            r#"{"a":1,"b":{"c":[1.50,"é"]},"n":null}"#,
            r#"{ "b" : {"c":[1.5,"\u00e9"]}, "a":1.0 }"#,
            r#"{"a":1e0,"b":{"c":[15e-1,"é"],"x":null}}"#,
        ];
        assert!(same.iter().all(|raw| hash(raw) == hash(same[0])));
        let others = [
            r#"{"a":"1","b":{"c":[1.50,"é"]}}"#,
            r#"{"a":1,"b":{"c":["é",1.50]}}"#,
            r#"{"b":1,"a":{"c":[1.50,"é"]}}"#,
            r#"{"a":1,"b":{"c":[[1.50,"é"]]}}"#,
            r#"{"a":1,"b":{"c":[1.50,"é",null]}}"#,
        ];
        assert!(others.iter().all(|raw| hash(raw) != hash(same[0])));
    }
}
