//! Keyed hashes that stand for values: of the same value always the same one, whichever column it is in.

use std::{borrow::Cow, fmt};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{
    moment::{self, Moment},
    scalar::{BLANK, Decimal},
};
use crate::{
    json::{self, Kind},
    secret::Secret,
};

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
    pub(super) fn of_scalar(&self, raw: &str) -> Option<String> {
        match json::kind(raw) {
            Kind::String if raw != BLANK => Some(match moment::read(raw) {
                Some(Moment::Instant { microseconds, .. }) => self.of(&jiff::Timestamp::from_microsecond(microseconds)
                    .map_or_else(|_| json::text(raw).text.into_owned(), |moment| format!("{moment:.6}"))),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> HashKey {
        HashKey::new(&Secret::new("a key of the hashes")).unwrap()
    }

    #[test]
    fn hashes_are_hmac_sha256() {
        // RFC 4231, test case 2.
        let key = HashKey::new(&Secret::new("Jefe")).unwrap();
        assert_eq!(
            key.of("what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(format!("{key:?}"), "HashKey(..)");
    }

    #[test]
    fn one_value_has_one_hash_however_it_is_written() {
        let of = |raw: &str| key().of_scalar(raw);
        for (raw, text) in [
            (r#""\u00e9@x""#, "é@x"),
            ("1.50", "1.5"),
            ("150e-2", "1.5"),
            ("-0.070", "-0.07"),
            ("700", "700"),
            ("true", "true"),
            (r#""2026-01-05T11:00:00+01:00""#, "2026-01-05T10:00:00.000000Z"),
            (r#""2026-01-05""#, "2026-01-05"),
            (r#""1.50""#, "1.50"),
        ] {
            assert_eq!(of(raw), Some(key().of(text)), "{raw}");
        }
        assert_eq!((of("null"), of("\"\"")), (None, None));
    }
}
