//! Numbers and days as people read them: grouped, rounded where a column's unit says how, and never through binary
//! floating point where an exact value is at hand.

use arrow::datatypes::DataType;

use super::header::Unit;

/// A space that no line is broken at, between groups of digits and before a unit.
pub(super) const THIN: char = '\u{202f}';
/// The sign of a negative number.
const MINUS: char = '\u{2212}';

/// How a column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// As it is.
    Text,
    /// A number's own digits, such as a year's or an id's.
    Digits,
    /// A number with all its digits.
    Number,
    /// A number of things: decimals only where they say something.
    Count,
    /// With two decimals.
    Money,
    /// As per cent with one decimal.
    Share,
    /// With one decimal.
    Days,
    /// A day.
    Day,
    /// A day that stands for its month.
    Month,
    /// A day that stands for the month, or the longer time, that it begins.
    Period,
    /// A day that stands for its quarter.
    Quarter,
    /// A day that stands for its year.
    Year,
    /// A moment, to the minute.
    Moment,
}

impl Style {
    /// The style of a column by its name, type and unit.
    pub(super) fn of(name: &str, data_type: &DataType, unit: Option<Unit>) -> Self {
        let is = |what: &str| name == what || name.ends_with(&format!("_{what}"));
        match (data_type, unit) {
            (kind, Some(unit)) if kind.is_numeric() => match unit {
                Unit::Money => Self::Money,
                Unit::Share => Self::Share,
                Unit::Days => Self::Days,
                Unit::Count => Self::Count,
            },
            (kind, None) if kind.is_numeric() => {
                if is("year") || is("id") || is("week") {
                    Self::Digits
                } else {
                    Self::Number
                }
            }
            (DataType::Date32 | DataType::Date64, _) if is("month") => Self::Month,
            (DataType::Date32 | DataType::Date64, _) if is("period") => Self::Period,
            (DataType::Date32 | DataType::Date64, _) if is("quarter") => Self::Quarter,
            (DataType::Date32 | DataType::Date64, _) if is("year") => Self::Year,
            (DataType::Date32 | DataType::Date64, _) => Self::Day,
            (DataType::Timestamp(..), _) => Self::Moment,
            _ => Self::Text,
        }
    }

    /// Whether cells are aligned at their last digit.
    pub(super) fn is_figure(self) -> bool {
        matches!(self, Self::Number | Self::Count | Self::Money | Self::Share | Self::Days)
    }

    /// Whether the values follow each other in time.
    pub(super) fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Month | Self::Period | Self::Quarter | Self::Year | Self::Moment)
    }

    /// The value as it is shown, and whether that says less than the value.
    pub(super) fn show(self, text: &str) -> (String, bool) {
        match self {
            Self::Count if text.contains('.') => (grouped(text.trim_end_matches('0').trim_end_matches('.')), false),
            Self::Number | Self::Count => (grouped(text), false),
            Self::Money => fixed(text, 2),
            Self::Days => fixed(text, 1),
            Self::Share => match shifted(text) {
                Some(percent) => {
                    let (shown, is_less) = fixed(&percent, 1);
                    (format!("{shown}%"), is_less)
                }
                None => (text.to_owned(), false),
            },
            Self::Month | Self::Period if first_of_month(text) => (text[..7].to_owned(), false),
            Self::Quarter if first_of_month(text) => {
                let month: u32 = text[5..7].parse().unwrap_or(1);
                (format!("{} Q{}", &text[..4], month.saturating_sub(1) / 3 + 1), false)
            }
            Self::Year if text.ends_with("-01-01") => (text.trim_end_matches("-01-01").to_owned(), false),
            Self::Moment => match text.split_once('T') {
                Some((day, time)) if time.len() >= 5 && time.is_ascii() => {
                    (format!("{day} {}", &time[..5]), !matches!(&time[5..], "" | ":00"))
                }
                _ => (text.to_owned(), false),
            },
            // As it is written.
            _ => (text.to_owned(), false),
        }
    }
}

fn first_of_month(text: &str) -> bool {
    text.len() == 10 && text.is_ascii() && text.ends_with("-01")
}

/// The parts of a number written without an exponent: its sign, its whole digits and its decimals.
fn parts(text: &str) -> Option<(bool, &str, &str)> {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    (!whole.is_empty() && all_digits(whole) && all_digits(decimals)).then_some((is_negative, whole, decimals))
}

/// A number with its digits in groups; whatever else stays as it is.
pub(super) fn grouped(text: &str) -> String {
    let Some((is_negative, whole, decimals)) = parts(text) else { return text.to_owned() };
    let mut shown = String::with_capacity(text.len() * 2);
    if is_negative {
        shown.push(MINUS);
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            shown.push(THIN);
        }
        shown.push(digit);
    }
    if !decimals.is_empty() {
        shown.push('.');
        shown.push_str(decimals);
    }
    shown
}

/// A number with so many decimals, grouped, and whether it lost any: exact, and halves away from nought.
fn fixed(text: &str, places: usize) -> (String, bool) {
    let Some(rounded) = rounded(text, places) else { return (text.to_owned(), false) };
    let is_less = parts(text).is_some_and(|(_, _, decimals)| {
        decimals.len() > places && decimals[places..].bytes().any(|digit| digit != b'0')
    });
    (grouped(&rounded), is_less)
}

/// A number with exactly so many decimals.
pub(super) fn rounded(text: &str, places: usize) -> Option<String> {
    let (is_negative, whole, decimals) = parts(text)?;
    let mut digits: Vec<u8> = whole.bytes().chain(decimals.bytes()).collect();
    let keep = whole.len() + places;
    let is_up = digits.get(keep).is_some_and(|digit| *digit >= b'5');
    digits.resize(keep, b'0');
    let mut carry = is_up;
    for digit in digits.iter_mut().rev() {
        if !carry {
            break;
        }
        carry = *digit == b'9';
        *digit = if carry { b'0' } else { *digit + 1 };
    }
    if carry {
        digits.insert(0, b'1');
    }
    let is_zero = digits.iter().all(|digit| *digit == b'0');
    let mut shown: String = if is_negative && !is_zero { "-" } else { "" }.to_owned();
    let point = digits.len() - places;
    for (index, digit) in digits.iter().enumerate() {
        if index == point {
            shown.push('.');
        }
        shown.push(char::from(*digit));
    }
    Some(shown)
}

/// A hundred times a number.
fn shifted(text: &str) -> Option<String> {
    let (is_negative, whole, decimals) = parts(text)?;
    let padded = format!("{decimals:0<2}");
    let whole = format!("{whole}{}", &padded[..2]);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    };
    let sign = if is_negative { "-" } else { "" };
    let rest = &padded[2..];
    Some(if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") })
}

/// The scales that long numbers are told in.
const SCALES: [(f64, &str); 4] = [(1e12, "tn"), (1e9, "bn"), (1e6, "M"), (1e3, "k")];

/// A figure beside its mark in a chart: three digits and a scale.
pub(super) fn short(value: f64, unit: Option<Unit>) -> String {
    match unit {
        Some(Unit::Share) => format!("{}%", trimmed(value * 100.0, 1)),
        Some(Unit::Days) => format!("{}{THIN}d", trimmed(value, 1)),
        Some(Unit::Count) if value.abs() < 99_999.5 => trimmed(value, 1),
        _ => {
            let value = to_three_digits(value);
            let scale = SCALES.iter().find(|(scale, _)| value.abs() >= *scale && value.abs() >= 1e4);
            let (scaled, name) = scale.map_or((value, ""), |(scale, name)| (value / scale, *name));
            let places = if scaled.abs() >= 100.0 || scaled == 0.0 {
                0
            } else if scaled.abs() >= 10.0 {
                1
            } else {
                2
            };
            let shown = trimmed(scaled, places);
            if name.is_empty() { shown } else { format!("{shown}{THIN}{name}") }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the logarithm of a double is below 309")]
fn to_three_digits(value: f64) -> f64 {
    // Below ten thousand a number is short enough as it is, to the unit.
    if value == 0.0 || !value.is_finite() || (1e3..9_999.5).contains(&value.abs()) {
        return if value.is_finite() && value.abs() >= 1e3 { value.round() } else { value };
    }
    let power = 10_f64.powi(2 - value.abs().log10().floor() as i32);
    (value * power).round() / power
}

/// With at most so many decimals, none of them a nought at the end.
fn trimmed(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { grouped(text) }
}

/// The labels of an axis: one scale for all, and as many decimals as tell them apart.
pub(super) fn ticks(values: &[f64], unit: Option<Unit>) -> Vec<String> {
    let greatest = values.iter().fold(0.0_f64, |greatest, value| greatest.max(value.abs()));
    let step = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(f64::INFINITY, f64::min);
    let (scale, name) = match unit {
        Some(Unit::Share) => (0.01, "%".to_owned()),
        Some(Unit::Days) => (1.0, format!("{THIN}d")),
        _ => SCALES
            .iter()
            .find(|(scale, _)| greatest >= *scale && greatest >= 1e4)
            .map_or((1.0, String::new()), |(scale, name)| (*scale, format!("{THIN}{name}"))),
    };
    let tells_apart = |power: f64| {
        let scaled = step / scale * power;
        (scaled - scaled.round()).abs() < 1e-6 * scaled.abs().max(1.0) && scaled.round() >= 1.0
    };
    let places = [1.0, 10.0, 100.0, 1_000.0].into_iter().position(tells_apart).unwrap_or(4);
    values
        .iter()
        .map(|value| if *value == 0.0 { "0".to_owned() } else { format!("{}{name}", trimmed(value / scale, places)) })
        .collect()
}

/// A column's name in words: `win_rate` is `Win rate`.
pub(super) fn words(name: &str) -> String {
    let spaced = name.trim_matches('_').replace('_', " ");
    let mut characters = spaced.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::TimeUnit;

    use super::*;

    fn plain(text: &str) -> String {
        text.replace(THIN, " ").replace(MINUS, "-")
    }

    #[test]
    fn thousands_are_grouped_and_no_digit_is_lost() {
        for (text, expected) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1 000"),
            ("-1234567.50", "-1 234 567.50"),
            ("170141183460469231731687303715884105727", "170 141 183 460 469 231 731 687 303 715 884 105 727"),
            ("1e300", "1e300"),
            ("inf", "inf"),
            ("", ""),
        ] {
            assert_eq!(plain(&grouped(text)), expected);
        }
        assert!(!grouped("1000").contains(' '), "no line may be broken inside a number");
    }

    #[test]
    fn rounding_is_exact_and_goes_away_from_nought() {
        for (text, places, expected) in [
            ("1.005", 2, "1.01"),
            ("0.125", 2, "0.13"),
            ("-0.125", 2, "-0.13"),
            ("999.995", 2, "1000.00"),
            ("9.99", 0, "10"),
            ("-0.001", 2, "0.00"),
            ("12", 2, "12.00"),
            ("12345678901234567890.455", 2, "12345678901234567890.46"),
        ] {
            assert_eq!(rounded(text, places).unwrap(), expected);
        }
        assert_eq!(rounded("nan", 2), None);
    }

    #[test]
    fn a_unit_says_how_a_number_is_shown_and_what_is_left_out_is_known() {
        for (style, text, expected, is_less) in [
            (Style::Money, "1234.5", "1 234.50", false),
            (Style::Money, "1234.567", "1 234.57", true),
            (Style::Money, "1234.5000", "1 234.50", false),
            (Style::Share, "0.4033", "40.3%", true),
            (Style::Share, "0.5", "50.0%", false),
            (Style::Share, "1", "100.0%", false),
            (Style::Share, "-0.05", "-5.0%", false),
            (Style::Share, "12.3456", "1 234.6%", true),
            (Style::Days, "12.25", "12.3", true),
            (Style::Number, "1234.5678", "1 234.5678", false),
            (Style::Count, "1230.0000", "1 230", false),
            (Style::Count, "1230", "1 230", false),
            (Style::Count, "2.50", "2.5", false),
            (Style::Digits, "2026", "2026", false),
            (Style::Month, "2026-03-01", "2026-03", false),
            (Style::Month, "2026-03-02", "2026-03-02", false),
            (Style::Quarter, "2026-04-01", "2026 Q2", false),
            (Style::Quarter, "2026-12-01", "2026 Q4", false),
            (Style::Year, "2026-01-01", "2026", false),
            (Style::Moment, "2026-03-02T06:05:00", "2026-03-02 06:05", false),
            (Style::Moment, "2026-03-02T06:05:07.5", "2026-03-02 06:05", true),
            (Style::Text, "1234", "1234", false),
        ] {
            let (shown, less) = style.show(text);
            assert_eq!((plain(&shown).as_str(), less), (expected, is_less), "{text}");
        }
    }

    #[test]
    fn a_column_is_shown_by_its_unit_its_type_and_its_name() {
        let decimal = DataType::Decimal128(18, 2);
        assert_eq!(Style::of("amount", &decimal, Some(Unit::Money)), Style::Money);
        assert_eq!(Style::of("amount", &decimal, None), Style::Number);
        assert_eq!(Style::of("iso_year", &DataType::Int64, None), Style::Digits);
        assert_eq!(Style::of("close_month", &DataType::Date32, None), Style::Month);
        assert_eq!(Style::of("cohort_quarter", &DataType::Date32, None), Style::Quarter);
        assert_eq!(Style::of("closed_at", &DataType::Timestamp(TimeUnit::Microsecond, None), None), Style::Moment);
        assert_eq!(Style::of("amount", &DataType::Utf8, Some(Unit::Money)), Style::Text);
    }

    #[test]
    fn figures_beside_marks_have_three_digits() {
        for (value, unit, expected) in [
            (0.0, None, "0"),
            (12.345, None, "12.3"),
            (950.5, None, "951"),
            (1234.4, None, "1 234"),
            (9999.6, None, "10 k"),
            (12_345.0, Some(Unit::Money), "12.3 k"),
            (999_999.0, Some(Unit::Money), "1 M"),
            (-1_234_567.0, Some(Unit::Money), "-1.23 M"),
            (1.2e13, None, "12 tn"),
            (12_345.0, Some(Unit::Count), "12 345"),
            (0.4033, Some(Unit::Share), "40.3%"),
            (1.0, Some(Unit::Share), "100%"),
            (12.0, Some(Unit::Days), "12 d"),
            (0.004, None, "0"),
        ] {
            assert_eq!(plain(&short(value, unit)), expected, "{value}");
        }
    }

    #[test]
    fn labels_of_an_axis_share_a_scale_and_differ() {
        let shown = |values: &[f64], unit| ticks(values, unit).iter().map(|label| plain(label)).collect::<Vec<_>>();
        assert_eq!(shown(&[0.0, 500_000.0, 1_000_000.0], None), ["0", "0.5 M", "1 M"]);
        assert_eq!(shown(&[-20_000.0, 0.0, 20_000.0], Some(Unit::Money)), ["-20 k", "0", "20 k"]);
        assert_eq!(shown(&[0.0, 0.25, 0.5], Some(Unit::Share)), ["0", "25%", "50%"]);
        assert_eq!(shown(&[0.0, 2.5, 5.0], None), ["0", "2.5", "5"]);
        assert_eq!(shown(&[0.0, 2_000.0, 4_000.0], Some(Unit::Count)), ["0", "2 000", "4 000"]);
        assert_eq!(shown(&[0.0, 0.025, 0.05], Some(Unit::Share)), ["0", "2.5%", "5%"]);
    }

    #[test]
    fn names_become_words() {
        assert_eq!(words("win_rate"), "Win rate");
        assert_eq!(words("_instance"), "Instance");
        assert_eq!(words("__"), "");
    }
}
