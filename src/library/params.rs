//! Parameters of reports and checks: declared in the header, checked before the statement runs, bound and never pasted.

use jiff::{
    Span, ToSpan as _,
    civil::{Date, Weekday},
};

/// What values a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A day, as [`day`] reads it.
    Date,
    /// A whole number, between bounds where they are declared.
    Integer {
        /// The least.
        from: Option<i64>,
        /// The greatest.
        to: Option<i64>,
    },
    /// A decimal number.
    Number,
    /// A text.
    Text,
    /// Texts, separated by commas; one with a comma stands in double quotes.
    List,
    /// One of these texts.
    OneOf(Vec<String>),
}

/// A value, ready to be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Not given.
    Null,
    /// A day.
    Date(Date),
    /// A whole number.
    Integer(i64),
    /// The digits of a decimal number: its value without the point, and how many digits stand behind it.
    Number(i128, u8),
    /// A text.
    Text(String),
    /// Texts.
    List(Vec<String>),
}

/// A parameter as a header declares it: `name kind = default, description`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Its default; nothing where it need not be given.
    pub default: Option<String>,
    /// What it is for.
    pub description: String,
}

const DECLARATION: &str = "expected: param: name KIND = default, description; KIND is date, integer, integer from 1 to 10, \
                           number, text, list, or a choice such as a|b|c";
const DAY: &str = "a date such as 2026-01-31, today, yesterday, -90d, -2w, -3mo, -1y, start-of-month, start-of-quarter or \
                   end-of-year";
/// The most digits of a number.
const NUMBER_DIGITS: usize = 38;

impl Parameter {
    /// Reads a declaration.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (declared, rest) = text.split_once('=').ok_or(DECLARATION)?;
        let (name, kind) = declared.trim().split_once(char::is_whitespace).ok_or(DECLARATION)?;
        let rest = rest.trim_start();
        let (default, description) = match rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            Some((default, rest)) => (default, rest.trim_start().trim_start_matches(',')),
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        let default = default.trim();
        let parameter = Self {
            name: name.to_owned(),
            kind: Kind::parse(kind)?,
            default: Some(default).filter(|default| !default.is_empty()).map(str::to_owned),
            description: description.trim().to_owned(),
        };
        // Any day will do to see whether the default can be read.
        parameter
            .value(parameter.default.as_deref(), jiff::civil::date(2026, 1, 1))
            .map_err(|problem| format!("the default of {name}: {problem}"))?;
        Ok(parameter)
    }

    /// The value that a text means, on a day from which relative dates count.
    pub fn value(&self, text: Option<&str>, today: Date) -> Result<Bound, String> {
        let Some(text) = text else { return Ok(Bound::Null) };
        let trimmed = text.trim();
        match &self.kind {
            Kind::Text => Ok(Bound::Text(text.to_owned())),
            // Nothing, for what need not be given.
            _ if trimmed.is_empty() && self.default.is_none() => Ok(Bound::Null),
            Kind::List => Ok(Bound::List(list(text)?)),
            Kind::Integer { from, to } => integer(trimmed, *from, *to).map(Bound::Integer),
            Kind::Number => number(trimmed).ok_or_else(|| format!("\"{text}\" is not a number such as 250000 or 0.5")),
            Kind::Date => day(trimmed, today).map(Bound::Date).ok_or_else(|| format!("\"{text}\" is not {DAY}")),
            Kind::OneOf(values) => {
                let found = values.iter().find(|value| value.eq_ignore_ascii_case(trimmed));
                let found = found.ok_or_else(|| format!("\"{text}\" is not one of {}", values.join(", ")))?;
                Ok(Bound::Text(found.clone()))
            }
        }
    }
}

impl Kind {
    fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let bound = |text: &str| text.parse().map_err(|_| DECLARATION.to_owned());
        match words.as_slice() {
            ["date"] => Ok(Self::Date),
            ["integer"] => Ok(Self::Integer { from: None, to: None }),
            ["integer", "from", from] => Ok(Self::Integer { from: Some(bound(from)?), to: None }),
            ["integer", "from", from, "to", to] => Ok(Self::Integer { from: Some(bound(from)?), to: Some(bound(to)?) }),
            ["number"] => Ok(Self::Number),
            ["text"] => Ok(Self::Text),
            ["list"] => Ok(Self::List),
            ["one", "of", ..] => {
                let values = text.trim_start_matches(|c: char| c.is_whitespace()).splitn(3, char::is_whitespace).nth(2);
                Ok(Self::choice(values.unwrap_or_default()))
            }
            _ if text.contains('|') => Ok(Self::choice(text)),
            _ => Err(DECLARATION.to_owned()),
        }
    }

    /// Texts between bars.
    fn choice(text: &str) -> Self {
        Self::OneOf(text.split('|').map(|value| value.trim().to_owned()).collect())
    }

    /// What it is called in a list of parameters.
    pub fn describe(&self) -> String {
        match self {
            Self::Date => "date".to_owned(),
            Self::Integer { from: Some(from), to: Some(to) } => format!("integer from {from} to {to}"),
            Self::Integer { from: Some(from), .. } => format!("integer from {from}"),
            Self::Integer { .. } => "integer".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Text => "text".to_owned(),
            Self::List => "list".to_owned(),
            Self::OneOf(values) => values.join("|"),
        }
    }
}

fn integer(text: &str, from: Option<i64>, to: Option<i64>) -> Result<i64, String> {
    let number: i64 = text.parse().map_err(|_| format!("\"{text}\" is not a whole number"))?;
    match (from, to) {
        (Some(from), _) if number < from => Err(format!("{number} is less than {from}")),
        (_, Some(to)) if number > to => Err(format!("{number} is more than {to}")),
        _ => Ok(number),
    }
}

fn number(text: &str) -> Option<Bound> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{fraction}");
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) && digits.len() <= NUMBER_DIGITS;
    let value: i128 = is_number.then(|| digits.parse().ok())??;
    Some(Bound::Number(if text.starts_with('-') { -value } else { value }, u8::try_from(fraction.len()).ok()?))
}

/// Texts between commas; in double quotes a comma is one of the text, and two quotes are one.
fn list(text: &str) -> Result<Vec<String>, String> {
    let refused = || format!("\"{text}\" is not a list such as Ann,Bob or \"Lee, Ann\",Bob");
    let mut texts = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() || !texts.is_empty() {
        let (one, after) = if let Some(inside) = rest.strip_prefix('"') {
            let closing = inside.char_indices().zip(inside.char_indices().skip(1).map(|(_, c)| c).chain([' ']));
            let mut is_second = false;
            let end = closing.into_iter().find(|((_, c), next)| {
                let is_end = *c == '"' && *next != '"' && !is_second;
                is_second = *c == '"' && *next == '"' && !is_second;
                is_end
            });
            let ((end, _), _) = end.ok_or_else(refused)?;
            (inside[..end].replace("\"\"", "\""), inside[end + 1..].trim_start())
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (rest[..end].trim_end().to_owned(), &rest[end..])
        };
        texts.push(one);
        match after.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None if after.is_empty() => break,
            None => return Err(refused()),
        }
    }
    Ok(texts)
}

/// The day that a text means: `2026-01-31`, `today`, `yesterday`, `tomorrow`, so many days, weeks, months or years before or
/// after today (`-90d`, `+2w`, `-3mo`, `-1y`), and the first or last day of today's week, month, quarter or year.
pub fn day(text: &str, today: Date) -> Option<Date> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(unit) = text.strip_prefix("start-of-") {
        return start(unit, today);
    }
    if let Some(unit) = text.strip_prefix("end-of-") {
        let length: Span = match unit {
            "week" => 1.week(),
            "month" => 1.month(),
            "quarter" => 3.months(),
            "year" => 1.year(),
            _ => return None,
        };
        return start(unit, today)?.checked_add(length).ok()?.yesterday().ok();
    }
    match text.as_str() {
        "today" => return Some(today),
        "yesterday" => return today.yesterday().ok(),
        "tomorrow" => return today.tomorrow().ok(),
        _ => {}
    }
    if text.starts_with(['-', '+']) {
        let unit = text.trim_start_matches(|c: char| c == '-' || c == '+' || c.is_ascii_digit());
        let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
        let span = match unit {
            "d" => Span::new().try_days(count),
            "w" => Span::new().try_weeks(count),
            "mo" | "m" => Span::new().try_months(count),
            "y" => Span::new().try_years(count),
            _ => return None,
        };
        return today.checked_add(span.ok()?).ok();
    }
    // Nothing but the day: a time of day would be left out.
    Some(text).filter(|text| text.len() == 10)?.parse().ok()
}

fn start(unit: &str, today: Date) -> Option<Date> {
    match unit {
        "week" => match today.weekday() {
            Weekday::Monday => Some(today),
            _ => today.nth_weekday(-1, Weekday::Monday).ok(),
        },
        "month" => Some(today.first_of_month()),
        "quarter" => Date::new(today.year(), (today.month() - 1) / 3 * 3 + 1, 1).ok(),
        "year" => Some(today.first_of_year()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_may_be_relative() {
        // A Thursday.
        let today = jiff::civil::date(2026, 8, 20);
        for (text, expected) in [
            ("2026-01-31", "2026-01-31"),
            ("today", "2026-08-20"),
            ("Yesterday", "2026-08-19"),
            ("-90d", "2026-05-22"),
            ("+2w", "2026-09-03"),
            ("-6mo", "2026-02-20"),
            ("-1y", "2025-08-20"),
            ("start-of-week", "2026-08-17"),
            ("end-of-week", "2026-08-23"),
            ("start-of-month", "2026-08-01"),
            ("end-of-month", "2026-08-31"),
            ("start-of-quarter", "2026-07-01"),
            ("end-of-quarter", "2026-09-30"),
            ("start-of-year", "2026-01-01"),
            ("end-of-year", "2026-12-31"),
        ] {
            assert_eq!(day(text, today).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(day("start-of-week", jiff::civil::date(2026, 8, 17)).unwrap().to_string(), "2026-08-17");
        for text in
            ["soon", "2026-02-30", "90d", "-d", "--1d", "-1h", "2026-08-20T10:00", "start-of-day", "", "-9999999d"]
        {
            assert_eq!(day(text, today), None, "{text}");
        }
    }

    #[test]
    fn declarations_are_read() {
        let read = |text: &str| Parameter::parse(text).unwrap();
        let limit = read("limit integer from 1 = 10, how many rows, at most");
        assert_eq!((limit.name.as_str(), limit.default.as_deref()), ("limit", Some("10")));
        assert_eq!(limit.description, "how many rows, at most");
        assert_eq!(limit.kind, Kind::Integer { from: Some(1), to: None });
        assert_eq!(read("owners list = \"a,b\", whose").default.as_deref(), Some("a,b"));
        assert_eq!(read("quota number =").default, None);
        for declared in ["by one of count|amount = count", "by count|amount = count", "by count | amount = count"] {
            assert_eq!(read(declared).kind, Kind::OneOf(vec!["count".into(), "amount".into()]));
        }
        for wrong in
            ["limit", "limit = 3", "limit whole = 3", "limit integer = x", "by one of a|b = c", "d date = soon"]
        {
            assert!(Parameter::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_checked() {
        let today = jiff::civil::date(2026, 8, 20);
        let value = |declared: &str, text: &str| Parameter::parse(declared).unwrap().value(Some(text), today);
        assert_eq!(value("n integer from 1 to 9 = 1", "9"), Ok(Bound::Integer(9)));
        assert_eq!(value("n integer from 1 to 9 = 1", "0").unwrap_err(), "0 is less than 1");
        assert_eq!(value("n integer from 1 to 9 = 1", "10").unwrap_err(), "10 is more than 9");
        assert!(value("n integer = 1", "1.5").is_err());
        assert_eq!(value("x number = 1", "-250000.50"), Ok(Bound::Number(-25_000_050, 2)));
        assert!(value("x number = 1", "1e3").is_err() && value("x number = 1", "").is_err());
        assert_eq!(value("x number =", ""), Ok(Bound::Null));
        let texts = |texts: &[&str]| Ok(Bound::List(texts.iter().map(|text| (*text).to_owned()).collect()));
        assert_eq!(value("o list =", "Ann, \"Lee, Bob\",C"), texts(&["Ann", "Lee, Bob", "C"]));
        assert_eq!(value("o list =", "\"a \"\"b\"\" c\",,d"), texts(&["a \"b\" c", "", "d"]));
        assert!(value("o list =", "\"a").is_err() && value("o list =", "\"a\"b").is_err());
        assert_eq!(value("o list =", ""), Ok(Bound::Null));
        assert_eq!(value("o list = a", ""), texts(&[]));
        assert_eq!(value("b one of count|amount = count", "Amount"), Ok(Bound::Text("amount".to_owned())));
        assert!(value("b one of count|amount = count", "sum").unwrap_err().contains("count, amount"));
    }
}
