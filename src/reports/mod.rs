//! Questions to the warehouse: report files and ad-hoc statements, run read-only.

pub mod params;
mod pivot;
pub mod render;
pub mod statements;
pub mod tokens;

use std::{path::Path, sync::Arc};

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use duckdb::{Connection, InterruptHandle, params_from_iter, types::Value};
use jiff::{Timestamp, civil::Date, tz::Offset};

use crate::{
    library::{LibraryError, SqlFile},
    warehouse::{Reading, WarehouseError, ledger, open_read_only, past::open_as_of, tidy},
};

use self::statements::{Guard, Refusal};

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The warehouse.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// A report's header.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// No report has that name.
    #[error("no report is called \"{name}\"; there is {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A parameter that no report has, or a value that does not fit.
    #[error("parameter {name}: {problem}")]
    Parameter {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// DuckDB refused the statement.
    #[error("{what}: {message}")]
    Statement {
        /// The report, or `SQL`.
        what: String,
        /// DuckDB's message, in one line.
        message: String,
    },
    /// The statement is no question, or does more than ask.
    #[error("{what}: {refusal}")]
    Refused {
        /// The report, or `SQL`.
        what: String,
        /// Why it is not run.
        refusal: Refusal,
    },
    /// The answer could not be rendered.
    #[error("the answer could not be rendered")]
    Render(#[from] arrow::error::ArrowError),
}

impl ReportError {
    /// What the user can do about it.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Unknown { .. } => Some("`crmlake report --list` describes them".to_owned()),
            Self::Warehouse(WarehouseError::Absent { .. }) => {
                Some("run `crmlake extract` first, or name another file with --warehouse".to_owned())
            }
            Self::Statement { message, .. } if message.contains("does not exist") => {
                Some("`crmlake sql \"SHOW ALL TABLES\"` lists what there is".to_owned())
            }
            Self::Refused { refusal, .. } => Some(refusal.advice()),
            _ => None,
        }
    }
}

/// A report, as its file describes it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The question it answers.
    pub question: String,
    /// Its parameters.
    pub parameters: Vec<params::Parameter>,
    file: SqlFile,
}

impl Report {
    /// Reads a report from its file.
    pub fn from_file(file: SqlFile) -> Result<Self, ReportError> {
        let parameters = file
            .all("param")
            .map(|(line, text)| params::Parameter::parse(text).map_err(|problem| file.problem(line, problem)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: file.name.clone(),
            title: file.get("title").unwrap_or(&file.name).to_owned(),
            question: file.get("question").or_else(|| file.get("description")).unwrap_or_default().to_owned(),
            parameters,
            file,
        })
    }
}

/// An answer: its columns and rows.
#[derive(Debug)]
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
}

impl Answer {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// A warehouse opened for questions.
#[derive(Debug)]
pub struct Reader {
    reading: Reading,
    guard: Guard,
    /// The day that relative dates count from.
    today: Date,
}

/// Stops what a [`Reader`] is being asked, from elsewhere. It can be asked again.
#[derive(Clone)]
pub struct Stopper(Arc<InterruptHandle>);

impl Stopper {
    /// Stops it, if anything is being asked.
    pub fn stop(&self) {
        self.0.interrupt();
    }
}

impl std::fmt::Debug for Stopper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Stopper")
    }
}

impl Reader {
    /// Opens a warehouse as it is.
    pub fn open(warehouse: &Path) -> Result<Self, ReportError> {
        Self::open_as_of(warehouse, None)
    }

    /// Opens a warehouse as it stood at a moment, or as it is.
    pub fn open_as_of(warehouse: &Path, at: Option<Timestamp>) -> Result<Self, ReportError> {
        let today = Offset::UTC.to_datetime(at.unwrap_or_else(Timestamp::now)).date();
        let reading = match at {
            None => open_read_only(warehouse)?,
            Some(at) => open_as_of(warehouse, at)?,
        };
        Ok(Self { reading, guard: Guard::new()?, today })
    }

    /// Runs a statement; `values` gives each named parameter its value.
    pub fn ask(
        &self,
        what: &str,
        statement: &str,
        values: &dyn Fn(&str) -> Option<Value>,
    ) -> Result<Answer, ReportError> {
        Ok(self.ask_for(what, statement, values, None)?.0)
    }

    /// Runs a statement without parameters and keeps so many rows of its answer. Returns how many there are, too.
    pub fn ask_some(&self, what: &str, statement: &str, rows: usize) -> Result<(Answer, usize), ReportError> {
        self.ask_for(what, statement, &|_| None, Some(rows))
    }

    fn ask_for(
        &self,
        what: &str,
        statement: &str,
        values: &dyn Fn(&str) -> Option<Value>,
        kept: Option<usize>,
    ) -> Result<(Answer, usize), ReportError> {
        self.guard.check(what, statement)?;
        let refused =
            |error: duckdb::Error| ReportError::Statement { what: what.to_owned(), message: tidy(&error.to_string()) };
        let mut prepared = self.connection().prepare(statement).map_err(refused)?;
        let mut bound = Vec::with_capacity(prepared.parameter_count());
        for index in 1..=prepared.parameter_count() {
            let name = prepared.parameter_name(index).map_err(refused)?;
            bound.push(values(&name).ok_or_else(|| ReportError::Parameter {
                name: name.clone(),
                problem: format!("the statement of {what} uses ${name}, and it has no value"),
            })?);
        }
        let bound = params_from_iter(bound);
        // Rows that are not kept need not be in memory all at once.
        let arrow = match kept {
            Some(_) => prepared.stream_arrow(bound),
            None => prepared.query_arrow(bound),
        };
        let schema = arrow.map_err(refused)?.get_schema();
        let kept = kept.unwrap_or(usize::MAX);
        let (mut batches, mut rows) = (Vec::new(), 0_usize);
        while let Some(rest) = prepared.step().map_err(refused)? {
            let batch = RecordBatch::from(&rest);
            let wanted = kept.saturating_sub(rows).min(batch.num_rows());
            rows += batch.num_rows();
            if wanted > 0 {
                batches.push(batch.slice(0, wanted));
            }
        }
        Ok((Answer { schema, batches }, rows))
    }

    /// What stops this reader's answers.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.connection().interrupt_handle())
    }

    /// Runs a report.
    pub fn run(&self, report: &Report, given: &params::Given) -> Result<Answer, ReportError> {
        let values = given.for_report(report, self.today)?;
        self.ask(&report.name, &report.file.body, &|name| values.get(name).cloned())
    }

    /// How fresh and how whole the data is.
    pub fn freshness(&self) -> Result<ledger::Freshness, ReportError> {
        Ok(ledger::freshness(self.connection())?)
    }

    /// The connection, for other rooms' questions.
    pub(crate) fn connection(&self) -> &Connection {
        &self.reading.connection
    }
}
