//! Checks run against a warehouse, or against the copy that is to become it.

use std::collections::HashMap;

use duckdb::{Connection, params_from_iter};
use jiff::civil::Date;

use super::{bind, tidy};
use crate::library::{
    checks::{Check, Severity},
    params::Bound,
};

/// A check with the values of its parameters.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The check.
    pub check: Check,
    /// Its parameters' values.
    pub values: HashMap<String, Bound>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's name.
    pub name: String,
    /// The check's title.
    pub title: String,
    /// How bad a row is.
    pub severity: Severity,
    /// How many rows there are, or why the check could not be run.
    pub rows: Result<u64, String>,
}

impl Finding {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.rows == Ok(0)
    }

    /// Whether it keeps a run from replacing the warehouse. A check that cannot be run vouches for nothing.
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Error && !self.is_clean()
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, title, rows, .. } = self;
        match rows {
            Ok(rows) => write!(formatter, "{name}: {title}: {rows} found"),
            Err(problem) => write!(formatter, "{name}: cannot be run: {problem}"),
        }
    }
}

/// Runs checks and counts what they find. The rows themselves are for `crmlake check` to show.
pub fn run(connection: &Connection, checks: &[Prepared]) -> Vec<Finding> {
    checks
        .iter()
        .map(|Prepared { check, values }| Finding {
            name: check.name.clone(),
            title: check.title.clone(),
            severity: check.severity,
            rows: count(connection, check, values).map_err(|error| tidy(&error.to_string())),
        })
        .collect()
}

fn count(connection: &Connection, check: &Check, values: &HashMap<String, Bound>) -> Result<u64, duckdb::Error> {
    let mut prepared = connection.prepare(&format!("SELECT count(*) FROM ({}\n)", check.statement))?;
    let mut bound = Vec::new();
    for index in 1..=prepared.parameter_count() {
        let name = prepared.parameter_name(index)?;
        bound.push(values.get(&name).map_or(duckdb::types::Value::Null, bind::value));
    }
    prepared.query_row(params_from_iter(bound), |row| row.get(0))
}

/// The values of a check's parameters: those configured, else their defaults.
pub fn prepare(check: Check, configured: &dyn Fn(&str) -> Option<String>, today: Date) -> Result<Prepared, String> {
    let mut values = HashMap::new();
    for parameter in &check.parameters {
        let text = configured(&parameter.name).or_else(|| parameter.default.clone());
        let value =
            parameter.value(text.as_deref(), today).map_err(|problem| format!("{}: {problem}", parameter.name))?;
        values.insert(parameter.name.clone(), value);
    }
    Ok(Prepared { check, values })
}
