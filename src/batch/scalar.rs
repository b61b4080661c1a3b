//! The lattice of scalar types: what a column's values have in common, whatever their order.
//!
//! A [`Scalar`] is the set of kinds seen, with the widest number. Joining two is a union and a maximum, hence
//! associative, commutative and idempotent: which page came first cannot matter. The column's [`Type`] is read off the
//! set at the end; where the kinds disagree it is text, never null.

use super::moment::{self, Moment};
use crate::json::{self, Kind};

/// Digits that DuckDB's and Arrow's 128-bit decimals hold.
pub const MAX_DECIMAL: u32 = 38;
/// Digits that fit into a 64-bit decimal, which is faster.
const SMALL_DECIMAL: u32 = 18;
/// The empty string, as served. In a typed column it is null, and counted.
pub const BLANK: &str = "\"\"";
/// Digits that a binary double always gives back.
const DOUBLE_DIGITS: u32 = 15;

/// The type of a column's values, or of a list's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Nothing but nulls and empty strings so far: stored as text until a value comes.
    Null,
    /// True or false.
    Boolean,
    /// A 64-bit integer.
    Integer,
    /// An exact decimal.
    Decimal {
        /// Digits in all: 18 or 38.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// A binary double, for what no decimal holds.
    Double,
    /// A day.
    Date,
    /// A moment, in UTC, to the microsecond.
    Timestamp,
    /// Text.
    Text,
    /// JSON text.
    Json,
}

/// The kinds of scalar values seen in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of kinds, joined by union")]
pub struct Scalar {
    booleans: bool,
    numbers: Option<Numbers>,
    dates: bool,
    timestamps: bool,
    /// Texts that have the shape of a date or a moment and are none.
    impossible: bool,
    texts: bool,
    /// Empty strings, which say nothing about the type.
    blanks: bool,
}

/// The widest of the numbers seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    /// Digits before the point.
    whole: u32,
    /// Digits behind the point.
    scale: u32,
    /// Whether each is a whole number within 64 bits.
    integers: bool,
    /// Whether one has an exponent that no decimal holds.
    huge: bool,
    /// Whether a double gives back each as it is.
    doubles: bool,
}

impl Scalar {
    /// What a scalar value is. Nulls, objects and arrays are nothing here.
    pub fn of(raw: &str) -> Self {
        let mut seen = Self::default();
        match json::kind(raw) {
            Kind::Bool => seen.booleans = true,
            Kind::Number => seen.numbers = Some(Numbers::of(raw)),
            Kind::String if raw == BLANK => seen.blanks = true,
            Kind::String => match moment::read(raw) {
                Some(Moment::Day { .. }) => seen.dates = true,
                Some(Moment::Instant { .. }) => seen.timestamps = true,
                Some(Moment::Impossible) => seen.impossible = true,
                None => seen.texts = true,
            },
            Kind::Null | Kind::Array | Kind::Object => {}
        }
        seen
    }

    /// What the values of a column of this type are, for a column that exists already; `whole` is the most digits that
    /// its numbers have before the point.
    pub fn of_type(known: Type, whole: u32) -> Self {
        let mut seen = Self::default();
        match known {
            Type::Null => {}
            Type::Boolean => seen.booleans = true,
            Type::Integer => {
                seen.numbers = Some(Numbers { whole, scale: 0, integers: true, huge: false, doubles: false });
            }
            Type::Decimal { scale, .. } => {
                seen.numbers =
                    Some(Numbers { whole, scale: u32::from(scale), integers: false, huge: false, doubles: false });
            }
            Type::Double => {
                seen.numbers = Some(Numbers { whole: 0, scale: 0, integers: false, huge: true, doubles: true });
            }
            Type::Date => seen.dates = true,
            Type::Timestamp => seen.timestamps = true,
            Type::Text | Type::Json => seen.texts = true,
        }
        seen
    }

    /// The kinds of both.
    pub fn join(self, other: Self) -> Self {
        Self {
            booleans: self.booleans | other.booleans,
            numbers: match (self.numbers, other.numbers) {
                (Some(left), Some(right)) => Some(left.join(right)),
                (left, right) => left.or(right),
            },
            dates: self.dates | other.dates,
            timestamps: self.timestamps | other.timestamps,
            impossible: self.impossible | other.impossible,
            texts: self.texts | other.texts,
            blanks: self.blanks | other.blanks,
        }
    }

    /// The most digits that a number has before the point.
    pub fn whole_digits(self) -> u32 {
        self.numbers.map_or(0, |numbers| numbers.whole)
    }

    /// Whether no scalar value was seen.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether nothing was seen that says what the type is.
    pub fn says_nothing(self) -> bool {
        Self { blanks: false, ..self }.is_empty()
    }

    /// The type that holds all of them exactly.
    pub fn decided(self) -> Type {
        let moments = self.dates | self.timestamps;
        match (self.booleans, self.numbers, moments, self.texts | self.impossible) {
            (false, None, false, false) => Type::Null,
            (true, None, false, false) => Type::Boolean,
            (false, Some(numbers), false, false) => numbers.decided(),
            (false, None, true, false) if self.timestamps => Type::Timestamp,
            (false, None, true, false) => Type::Date,
            _ => Type::Text,
        }
    }
}

impl Numbers {
    fn of(raw: &str) -> Self {
        let Some(decimal) = Decimal::parse(raw) else {
            return Self { whole: 0, scale: 0, integers: false, huge: true, doubles: gives_back(raw) };
        };
        Self {
            whole: decimal.whole,
            scale: decimal.scale,
            integers: raw.parse::<i64>().is_ok(),
            huge: false,
            doubles: decimal.whole + decimal.scale <= DOUBLE_DIGITS,
        }
    }

    fn join(self, other: Self) -> Self {
        Self {
            whole: self.whole.max(other.whole),
            scale: self.scale.max(other.scale),
            integers: self.integers & other.integers,
            huge: self.huge | other.huge,
            doubles: self.doubles & other.doubles,
        }
    }

    fn decided(self) -> Type {
        let digits = self.whole + self.scale;
        match self {
            Self { huge: true, doubles: true, .. } => Type::Double,
            Self { huge: true, .. } => Type::Text,
            Self { integers: true, .. } => Type::Integer,
            _ if digits > MAX_DECIMAL => Type::Text,
            _ => Type::Decimal {
                precision: if digits <= SMALL_DECIMAL { 18 } else { 38 },
                // No more than 38, as just checked.
                scale: u8::try_from(self.scale).unwrap_or(0),
            },
        }
    }
}

/// A JSON number as an exact decimal: its digits and where the point stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The digits as a signed integer.
    pub digits: i128,
    /// Digits behind the point.
    pub scale: u32,
    /// Digits before the point.
    whole: u32,
}

impl Decimal {
    /// Reads a JSON number; nothing if it has more digits than a decimal holds.
    pub fn parse(raw: &str) -> Option<Self> {
        let (negative, unsigned) = raw.strip_prefix('-').map_or((false, raw), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            digits = digits.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let mut scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        while scale < 0 {
            if digits != 0 {
                digits = digits.checked_mul(10)?;
            }
            scale += 1;
            if digits == 0 {
                scale = scale.max(0);
            }
        }
        let scale = u32::try_from(scale).ok()?;
        let length = digits.checked_ilog10().map_or(0, |log| log + 1);
        let whole = length.saturating_sub(scale);
        (whole + scale <= MAX_DECIMAL).then_some(Self { digits: if negative { -digits } else { digits }, scale, whole })
    }

    /// The digits with the point moved to `scale`, which is at least the number's own.
    pub fn at_scale(self, scale: u32) -> Option<i128> {
        self.digits.checked_mul(10i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }
}

/// Whether a double keeps the value: written shortest, it has the same digits at the same place.
fn gives_back(raw: &str) -> bool {
    let Ok(number) = raw.parse::<f64>() else { return false };
    number.is_finite() && scientific(&format!("{number:e}")) == scientific(raw)
}

/// The significant digits of a number, and the power of ten of the first.
fn scientific(text: &str) -> Option<(bool, String, i64)> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let first = i64::try_from(whole.len()).ok()? - 1 - i64::try_from(leading).ok()? + exponent;
    let digits = digits.trim_matches('0').to_owned();
    let first = if digits.is_empty() { 0 } else { first };
    Some((negative, digits, first))
}

impl Type {
    /// As `meta.columns` writes it.
    pub fn name(self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Integer => "bigint".to_owned(),
            Self::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            Self::Double => "double".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Json => "json".to_owned(),
        }
    }

    /// Reads what [`Self::name`] wrote.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "bigint" => Self::Integer,
            "double" => Self::Double,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "text" => Self::Text,
            "json" => Self::Json,
            _ => {
                let (precision, scale) = name.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
                Self::Decimal { precision: precision.parse().ok()?, scale: scale.parse().ok()? }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decided(values: &[&str]) -> String {
        values.iter().fold(Scalar::default(), |seen, raw| seen.join(Scalar::of(raw))).decided().name()
    }

    #[test]
    fn a_column_gets_the_narrowest_exact_type() {
        for (values, expected) in [
            (&["null"][..], "null"),
            (&["true", "false"], "boolean"),
            (&["1", "-9223372036854775808"], "bigint"),
            (&["9223372036854775808"], "decimal(38,0)"),
            (&["1", "2.50"], "decimal(18,2)"),
            (&["12345678901234567", "0.25"], "decimal(38,2)"),
            (&["1e3"], "decimal(18,0)"),
            (&["1e308", "2"], "double"),
            (&["1e308", "9007199254740993"], "text"),
            (&["1e-400"], "text"),
            (&["4.12345678e-320"], "text"),
            (&["1.25e-300", "-2E+300"], "double"),
            (&["\"2016-12-31T23:59:60Z\""], "text"),
            (&["123456789012345678901234567890.123456789"], "text"),
            (&["\"2025-02-28\"", "\"\""], "date"),
            (&["\"2025-02-28\"", "\"2025-02-30\""], "text"),
            (&["\"2025-02-28\"", "\"2025-02-28T10:00:00Z\""], "timestamp"),
            (&["\"2025-02-28T10:00:00+02:00\"", "null"], "timestamp"),
            (&["\"\""], "null"),
            (&["\"\"", "5"], "bigint"),
            (&["\"2025-02-28T10:00:00.1234567Z\"", "\"9999-12-31T23:59:59Z\""], "timestamp"),
            (&["-0", "5"], "bigint"),
            (&["1", "\"n/a\""], "text"),
            (&["1", "true"], "text"),
            (&["\"12\""], "text"),
        ] {
            assert_eq!(decided(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_column_that_widens_run_by_run_stays_a_number() {
        let mut known = Scalar::default();
        for value in ["12", "10.5", "0.25", "3.125", "0.0625"] {
            let seen = known.join(Scalar::of(value));
            known = Scalar::of_type(seen.decided(), seen.whole_digits());
        }
        assert_eq!(known.decided().name(), "decimal(18,4)");
    }

    #[test]
    fn decimals_keep_their_digits() {
        let parsed = |raw: &str| Decimal::parse(raw).map(|decimal| (decimal.digits, decimal.scale));
        assert_eq!(parsed("-12.340"), Some((-12_340, 3)));
        assert_eq!(parsed("1.5e2"), Some((150, 0)));
        assert_eq!(parsed("1E-4"), Some((1, 4)));
        assert_eq!(parsed("0e999999"), Some((0, 0)));
        assert_eq!(parsed("1e39"), None);
        assert_eq!(Decimal::parse("1.5").unwrap().at_scale(3), Some(1_500));
    }

    fn raw_scalar() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("true".to_owned()),
            any::<i64>().prop_map(|value| value.to_string()),
            (any::<i32>(), 0u32..9).prop_map(|(whole, fraction)| format!("{whole}.{fraction:02}")),
            Just("1e308".to_owned()),
            Just("\"\"".to_owned()),
            Just("\"2024-02-29\"".to_owned()),
            Just("\"2024-02-29T01:02:03Z\"".to_owned()),
            "\"[a-z]{0,3}\"",
        ]
    }

    proptest! {
        #[test]
        fn joining_is_a_semilattice(a in raw_scalar(), b in raw_scalar(), c in raw_scalar()) {
            let (a, b, c) = (Scalar::of(&a), Scalar::of(&b), Scalar::of(&c));
            prop_assert_eq!(a.join(b), b.join(a));
            prop_assert_eq!(a.join(b).join(c), a.join(b.join(c)));
            prop_assert_eq!(a.join(a), a);
            prop_assert_eq!(a.join(Scalar::default()), a);
        }

        #[test]
        fn a_known_type_never_narrows(a in raw_scalar(), b in raw_scalar()) {
            let joined = Scalar::of(&a).join(Scalar::of(&b));
            let known = Scalar::of_type(joined.decided(), joined.whole_digits());
            let again = known.join(Scalar::of(&a)).join(Scalar::of(&b)).decided();
            prop_assert_eq!(joined.decided(), again);
        }
    }
}
