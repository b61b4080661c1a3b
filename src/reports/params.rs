//! Parameters of reports: declared in the header, checked before the statement runs, bound and never pasted.

use std::collections::HashMap;

use duckdb::types::Value;
use jiff::{
    Span, Timestamp,
    civil::{Date, DateTime},
    tz::Offset,
};

use super::{Report, ReportError};

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A day: `2026-01-31`, `today`, `-90d`, `start-of-month`, `start-of-quarter`, `start-of-year`.
    Date,
    /// A whole number.
    Integer,
    /// A text.
    Text,
}

/// A parameter as a header declares it: `name kind = default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Its default.
    pub default: String,
    /// What it is for.
    pub description: String,
}

impl Parameter {
    /// Reads a declaration.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected: param: name date|integer|text = default, description";
        let (declared, rest) = text.split_once('=').ok_or(expected)?;
        let (name, kind) = declared.trim().split_once(' ').ok_or(expected)?;
        let kind = match kind.trim() {
            "date" => Kind::Date,
            "integer" => Kind::Integer,
            "text" => Kind::Text,
            _ => return Err(expected.to_owned()),
        };
        let (default, description) = rest.split_once(',').unwrap_or((rest, ""));
        Ok(Self {
            name: name.to_owned(),
            kind,
            default: default.trim().to_owned(),
            description: description.trim().to_owned(),
        })
    }

    fn value(&self, text: &str, today: Date) -> Result<Value, ReportError> {
        let problem = |problem: &str| ReportError::Parameter { name: self.name.clone(), problem: problem.to_owned() };
        match self.kind {
            Kind::Text => Ok(Value::Text(text.to_owned())),
            Kind::Integer => {
                text.parse().map(Value::BigInt).map_err(|_| problem(&format!("\"{text}\" is not a whole number")))
            }
            Kind::Date => {
                let date = date(text, today).ok_or_else(|| {
                    problem(&format!(
                        "\"{text}\" is not a date such as 2026-01-31, today, -90d, start-of-month, start-of-quarter or \
                         start-of-year"
                    ))
                })?;
                // As text, which the statement casts: DuckDB's dates are not among the crate's plain values.
                Ok(Value::Text(date.to_string()))
            }
        }
    }
}

fn date(text: &str, today: Date) -> Option<Date> {
    match text {
        "today" => Some(today),
        "start-of-month" => Some(today.first_of_month()),
        "start-of-quarter" => {
            let month = (today.month() - 1) / 3 * 3 + 1;
            Date::new(today.year(), month, 1).ok()
        }
        "start-of-year" => Some(today.first_of_year()),
        _ => match text.strip_suffix('d').and_then(|days| days.parse::<i32>().ok()) {
            Some(days) => today.checked_add(Span::new().try_days(days).ok()?).ok(),
            None => text.parse().ok(),
        },
    }
}

/// The moment that `--as-of` means: a moment in UTC or with its offset, or the end of a day.
pub fn as_of(text: &str) -> Result<Timestamp, ReportError> {
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let end = |day: Date| Offset::UTC.to_timestamp(day.at(23, 59, 59, 999_999_000)).ok();
    // What is read as a day may have a time of day, which would be left out.
    let moment = if text.contains(':') {
        text.parse().ok().or_else(|| Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
    } else {
        date(text, today).and_then(end)
    };
    moment.ok_or_else(|| ReportError::Parameter {
        name: "--as-of".to_owned(),
        problem: format!("\"{text}\" is no moment such as 2026-01-31 (its end), -7d or 2026-01-31T12:00:00Z"),
    })
}

/// The `--param` options.
#[derive(Clone, Debug, Default)]
pub struct Given(HashMap<String, String>);

impl Given {
    /// Reads `name=value` options.
    pub fn parse(options: &[String]) -> Result<Self, ReportError> {
        let mut given = HashMap::new();
        for option in options {
            let Some((name, value)) = option.split_once('=') else {
                return Err(ReportError::Parameter { name: option.clone(), problem: "expected name=value".to_owned() });
            };
            given.insert(name.trim().to_owned(), value.to_owned());
        }
        Ok(Self(given))
    }

    /// Whether each was declared by one of the reports.
    pub fn check<'a>(&self, reports: impl Iterator<Item = &'a Report> + Clone) -> Result<(), ReportError> {
        for name in self.0.keys() {
            let mut declared = reports.clone().flat_map(|report| &report.parameters);
            if !declared.any(|parameter| parameter.name == *name) {
                let known: Vec<_> = reports.flat_map(|r| &r.parameters).map(|p| p.name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(ReportError::Parameter {
                    name: name.clone(),
                    problem: format!("no report chosen has it; there is {known}"),
                });
            }
        }
        Ok(())
    }

    /// The values for a report's statement.
    pub fn for_report(&self, report: &Report, today: Date) -> Result<HashMap<String, Value>, ReportError> {
        report
            .parameters
            .iter()
            .map(|parameter| {
                let text = self.0.get(&parameter.name).unwrap_or(&parameter.default);
                Ok((parameter.name.clone(), parameter.value(text, today)?))
            })
            .collect()
    }

    /// What a report was run with, as text.
    pub fn effective<'a>(&'a self, report: &'a Report) -> impl Iterator<Item = (&'a str, &'a str)> {
        report.parameters.iter().map(|parameter| {
            (parameter.name.as_str(), self.0.get(&parameter.name).unwrap_or(&parameter.default).as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_may_be_relative() {
        let today = jiff::civil::date(2026, 8, 20);
        for (text, expected) in [
            ("2026-01-31", "2026-01-31"),
            ("today", "2026-08-20"),
            ("-90d", "2026-05-22"),
            ("start-of-month", "2026-08-01"),
            ("start-of-quarter", "2026-07-01"),
            ("start-of-year", "2026-01-01"),
        ] {
            assert_eq!(date(text, today).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(date("soon", today), None);
        assert_eq!(date("2026-02-30", today), None);
    }

    #[test]
    fn a_day_means_its_end_and_a_moment_itself() {
        for (text, expected) in [
            ("2026-10-01", "2026-10-01T23:59:59.999999Z"),
            ("2026-10-01T12:00:00+02:00", "2026-10-01T10:00:00Z"),
            ("2026-10-01 12:00", "2026-10-01T12:00:00Z"),
        ] {
            assert_eq!(as_of(text).unwrap().to_string(), expected, "{text}");
        }
        assert!(as_of("2026-02-30").is_err() && as_of("").is_err());
    }

    #[test]
    fn declarations_are_read() {
        let parameter = Parameter::parse("limit integer = 10, how many rows").unwrap();
        assert_eq!(
            (parameter.name.as_str(), parameter.kind, parameter.default.as_str()),
            ("limit", Kind::Integer, "10")
        );
        assert!(Parameter::parse("limit").is_err());
    }
}
