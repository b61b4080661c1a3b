//! The values that a user gives to reports' parameters.

use std::collections::HashMap;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::Offset,
};

use super::{Report, ReportError};
use crate::library::params::{Bound, Kind, Parameter, day};

/// The moment that `--as-of` means: a moment in UTC or with its offset, or the end of a day.
pub fn as_of(text: &str) -> Result<Timestamp, ReportError> {
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let end = |day: Date| Offset::UTC.to_timestamp(day.at(23, 59, 59, 999_999_000)).ok();
    // What is read as a day may have a time of day, and a moment its time zone's name, which would be left out.
    let moment = if text.contains('[') {
        None
    } else if text.contains(':') {
        text.parse().ok().or_else(|| Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
    } else {
        day(text, today).and_then(end)
    };
    moment.ok_or_else(|| ReportError::Parameter {
        name: "--as-of".to_owned(),
        problem: format!("\"{text}\" is no moment such as 2026-01-31 (its end), -7d or 2026-01-31T12:00:00Z"),
    })
}

/// The `--param` options, and those of the configuration for parameters that they do not name.
#[derive(Clone, Debug, Default)]
pub struct Given {
    options: HashMap<String, String>,
    configured: HashMap<String, String>,
}

impl Given {
    /// Reads `name=value` options.
    pub fn parse(options: &[String]) -> Result<Self, ReportError> {
        let mut given = HashMap::new();
        for option in options {
            let Some((name, value)) = option.split_once('=') else {
                return Err(ReportError::Parameter { name: option.clone(), problem: "expected name=value".to_owned() });
            };
            if given.insert(name.trim().to_owned(), value.to_owned()).is_some() {
                let problem = "is given twice; a list is one value with commas".to_owned();
                return Err(ReportError::Parameter { name: name.trim().to_owned(), problem });
            }
        }
        Ok(Self { options: given, configured: HashMap::new() })
    }

    /// With the values that the configuration has.
    pub fn with_configured(mut self, configured: impl IntoIterator<Item = (String, String)>) -> Self {
        self.configured = configured.into_iter().collect();
        self
    }

    /// Whether each option was declared by one of the reports. Returns those that only some of several know.
    pub fn check<'a>(&self, reports: impl Iterator<Item = &'a Report> + Clone) -> Result<Vec<String>, ReportError> {
        let mut partly = Vec::new();
        for name in self.options.keys() {
            let declares = |report: &&Report| report.parameters.iter().any(|parameter| parameter.name == *name);
            let (all, knowing) = (reports.clone().count(), reports.clone().filter(declares).count());
            if knowing == 0 {
                let mut known: Vec<_> = reports.flat_map(|r| &r.parameters).map(|p| p.name.as_str()).collect();
                known.sort_unstable();
                known.dedup();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(ReportError::Parameter {
                    name: name.clone(),
                    problem: format!("no report chosen has it; there is {known}"),
                });
            }
            if knowing < all {
                partly.push(format!("--param {name} is known to {knowing} of {all} reports; the others go without"));
            }
        }
        partly.sort_unstable();
        Ok(partly)
    }

    fn text<'a>(&'a self, parameter: &'a Parameter) -> Option<&'a str> {
        let given = self.options.get(&parameter.name).or_else(|| self.configured.get(&parameter.name));
        given.or(parameter.default.as_ref()).map(String::as_str)
    }

    /// Which of a report's parameters were given a text to find, as far as the report declares them so.
    pub fn sought<'a>(&self, report: &'a Report) -> Vec<&'a str> {
        let is_text = |parameter: &&Parameter| matches!(parameter.kind, Kind::Text | Kind::List);
        let is_given = |parameter: &&Parameter| {
            self.text(parameter)
                .is_some_and(|text| !text.trim().is_empty() && Some(text) != parameter.default.as_deref())
        };
        report.parameters.iter().filter(is_text).filter(is_given).map(|parameter| parameter.name.as_str()).collect()
    }

    /// The values for a report's statement.
    pub fn for_report(&self, report: &Report, today: Date) -> Result<HashMap<String, Bound>, ReportError> {
        let value = |parameter: &Parameter| {
            let value = parameter.value(self.text(parameter), today);
            let refused = |problem| ReportError::Parameter {
                name: parameter.name.clone(),
                problem: format!("{problem} ({}: {})", report.name, parameter.kind.describe()),
            };
            Ok((parameter.name.clone(), value.map_err(refused)?))
        };
        report.parameters.iter().map(value).collect()
    }

    /// What a report was run with, as text; days that were given relative to today as they are.
    pub fn effective(&self, report: &Report, today: Date) -> Vec<(String, Option<String>)> {
        let shown = |parameter: &Parameter| {
            let text = self.text(parameter);
            let value = match parameter.value(text, today) {
                Ok(Bound::Date(day)) => Some(day.to_string()),
                Ok(Bound::Null) => None,
                _ => text.map(str::to_owned),
            };
            (parameter.name.clone(), value)
        };
        report.parameters.iter().map(shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_end_and_a_moment_itself() {
        for (text, expected) in [
            ("2026-10-01", "2026-10-01T23:59:59.999999Z"),
            ("2026-10-01T12:00:00+02:00", "2026-10-01T10:00:00Z"),
            ("2026-10-01 12:00", "2026-10-01T12:00:00Z"),
        ] {
            assert_eq!(as_of(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["2026-02-30", "", "2026-10-01T12:00:00[Europe/Berlin]"] {
            assert!(as_of(text).is_err(), "{text}");
        }
    }
}
