//! Exact decimals: integers of ten-billionths. What the reports say to the cent is compared to the cent.

use std::{
    iter::Sum,
    ops::{Add, Mul, Neg, Sub},
};

/// Digits behind the point.
const DIGITS: u32 = 10;
const ONE: i128 = 10_i128.pow(DIGITS);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(i128);

impl Number {
    pub const ZERO: Self = Self(0);

    /// Reads a decimal number such as `-12.50` or `1e-05`; nothing where the text is none, or has too many digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (text, exponent) = match text.split_once(['e', 'E']) {
            Some((text, exponent)) => (text, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = format!("{whole}{fraction}");
        let is_number = !whole.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && digits.len() < 28;
        let value: i128 = is_number.then(|| digits.parse().ok())??;
        let shift = i32::try_from(DIGITS).ok()? + exponent - i32::try_from(fraction.len()).ok()?;
        let power = 10_i128.pow(shift.unsigned_abs());
        if shift >= 0 {
            Some(Self(sign * value * power))
        } else {
            (value % power == 0).then(|| Self(sign * value / power))
        }
    }

    pub fn of(whole: usize) -> Self {
        Self(whole as i128 * ONE)
    }

    /// A quotient, rounded to so many digits, halves away from zero; nothing where the divisor is zero.
    pub fn ratio(dividend: Self, divisor: Self, digits: u32) -> Option<Self> {
        if divisor.0 == 0 {
            return None;
        }
        let scaled = dividend.0 * 10_i128.pow(digits);
        Some(Self(divide(scaled, divisor.0) * 10_i128.pow(DIGITS - digits)))
    }

    /// A share of counts, to four digits.
    pub fn share(part: usize, whole: usize) -> Option<Self> {
        Self::ratio(Self::of(part), Self::of(whole), 4)
    }

    pub fn round(self, digits: u32) -> Self {
        let unit = 10_i128.pow(DIGITS - digits);
        Self(divide(self.0, unit) * unit)
    }

    /// So many hundredths of it.
    pub fn per_cent(self, hundredths: Self) -> Self {
        Self(divide(self.0 * hundredths.0, ONE * 100))
    }
}

/// Divides and rounds, halves away from zero.
fn divide(dividend: i128, divisor: i128) -> i128 {
    let (dividend, divisor) = if divisor < 0 { (-dividend, -divisor) } else { (dividend, divisor) };
    let half = divisor / 2 + divisor % 2;
    let rounded = dividend.abs() / divisor + i128::from(dividend.abs() % divisor >= half);
    if dividend < 0 { -rounded } else { rounded }
}

impl Add for Number {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Number {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Number {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Mul<usize> for Number {
    type Output = Self;

    fn mul(self, times: usize) -> Self {
        Self(self.0 * times as i128)
    }
}

impl Sum for Number {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        numbers.fold(Self::ZERO, |sum, number| sum + number)
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (self.0.abs() / ONE, self.0.abs() % ONE);
        let fraction = format!("{fraction:010}");
        let fraction = fraction.trim_end_matches('0');
        write!(formatter, "{sign}{whole}{}{fraction}", if fraction.is_empty() { "" } else { "." })
    }
}

/// The sum of what is known; nothing where nothing is, as SQL has it.
pub fn sum(numbers: impl IntoIterator<Item = Option<Number>>) -> Option<Number> {
    numbers.into_iter().flatten().reduce(|sum, number| sum + number)
}

/// The value in the middle, or between the two in the middle, to one digit.
pub fn median(mut values: Vec<Number>) -> Option<Number> {
    values.sort();
    let middle = values.len() / 2;
    let sum = if values.len() % 2 == 1 { *values.get(middle)? * 2 } else { *values.get(middle)? + values[middle - 1] };
    Number::ratio(sum, Number::of(2), 1)
}

/// The least value that nine of ten do not exceed, to one digit.
pub fn ninth_of_ten(mut values: Vec<Number>) -> Option<Number> {
    values.sort();
    let place = (values.len() * 9).div_ceil(10);
    values.get(place.checked_sub(1)?).map(|value| value.round(1))
}

pub fn average(values: &[Number], digits: u32) -> Option<Number> {
    Number::ratio(values.iter().copied().sum(), Number::of(values.len()), digits)
}

#[test]
fn numbers_are_exact() {
    let number = |text: &str| Number::parse(text).unwrap();
    for text in ["0", "12.5", "-0.01", "123456789012.34", "0.0000000001"] {
        assert_eq!(number(text).to_string(), text);
    }
    assert_eq!(number("1200.00"), number("1200"));
    assert_eq!(number("5e-05").to_string(), "0.00005");
    for text in ["", "-", "1.", "x", "1.2.3", "0.00000000001", "2026-01-31"] {
        assert_eq!(
            Number::parse(text).map(|number| number.to_string()),
            (text == "1.").then(|| "1".to_owned()),
            "{text}"
        );
    }
    assert_eq!(Number::share(1, 3).unwrap().to_string(), "0.3333");
    assert_eq!(Number::ratio(number("-1"), number("8"), 2).unwrap().to_string(), "-0.13");
    assert_eq!(number("80.10").per_cent(number("12.5")).to_string(), "10.0125");
    assert_eq!(median(vec![number("1"), number("4"), number("2"), number("2.1")]).unwrap().to_string(), "2.1");
    assert_eq!(ninth_of_ten((1..=11).map(Number::of).collect()).unwrap().to_string(), "10");
    assert_eq!((sum([None, None]), median(Vec::new()), ninth_of_ten(Vec::new())), (None, None, None));
}
