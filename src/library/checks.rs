//! Checks: statements whose every row is something wrong with the warehouse.

use super::{LibraryError, SqlFile, params::Parameter};

/// How bad what a check finds is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is told.
    Warn,
    /// It keeps a run from replacing the warehouse.
    Error,
}

impl Severity {
    /// Reads `warn` or `error`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "warn" => Some(Self::Warn),
            "error" => Some(Self::Error),
            _ => None,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A check, as its file describes it.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The question whose answer should be nothing.
    pub question: String,
    /// How bad a row is.
    pub severity: Severity,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// What messages about its statement call it.
    pub called: String,
    /// The statement.
    pub statement: String,
}

impl Check {
    /// Reads a check from its file.
    pub fn from_file(file: &SqlFile) -> Result<Self, LibraryError> {
        file.check()?;
        let severity = match file.all("severity").next() {
            Some((line, text)) => {
                Severity::parse(text).ok_or_else(|| file.problem(line, "expected: severity: warn or error"))?
            }
            None => Severity::Warn,
        };
        Ok(Self {
            name: file.name.clone(),
            title: file.get("title").unwrap_or(&file.name).to_owned(),
            question: file.get("question").or_else(|| file.get("description")).unwrap_or_default().to_owned(),
            severity,
            parameters: file.parameters()?,
            called: file.called().to_owned(),
            statement: file.body.clone(),
        })
    }
}
