//! What a user would call the record, as one number: equal when the content is.
//!
//! The order of keys does not count, nor how a text was escaped or a number was padded, nor a null against a missing
//! key. The type of a column that day is not involved at all.

use twox_hash::XxHash3_64;

use super::scalar::Decimal;
use crate::json::{self, Kind};

const NULL: u64 = 0;
const OBJECT: u64 = 1;
const ARRAY: u64 = 2;
const TEXT: u64 = 3;
const NUMBER: u64 = 4;
const BOOLEAN: u64 = 5;

/// The hash of a checked value, no deeper than rows are allowed to be.
pub fn hash(raw: &str) -> u64 {
    match json::kind(raw) {
        Kind::Null => NULL,
        Kind::Bool => of(BOOLEAN, raw.as_bytes()),
        Kind::String => of(TEXT, json::text(raw).text.as_bytes()),
        Kind::Number => number(raw),
        Kind::Array => json::elements(raw).map_while(Result::ok).fold(ARRAY, |state, element| {
            let mut pair = [0; 16];
            pair[..8].copy_from_slice(&state.to_le_bytes());
            pair[8..].copy_from_slice(&hash(element).to_le_bytes());
            of(ARRAY, &pair)
        }),
        // A sum does not depend on the order of its terms.
        Kind::Object => json::members(raw).map_while(Result::ok).fold(OBJECT, |sum, (key, value)| {
            let value = hash(value);
            if value == NULL { sum } else { sum.wrapping_add(of(value, key.as_bytes())) }
        }),
    }
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
    use super::hash;

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
