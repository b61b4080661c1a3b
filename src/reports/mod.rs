//! Questions to the warehouse: report files and ad-hoc statements, run read-only.

pub mod diagnosis;
pub mod params;
pub mod render;

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use duckdb::{Connection, params_from_iter, types::Value};
use jiff::{Timestamp, civil::Date, tz::Offset};

use crate::{
    config::Settings,
    library::{
        LibraryError, SqlFile,
        models::{Model, Resolved, Semantics},
        params::Parameter,
    },
    warehouse::{
        WarehouseError, bind,
        front::{self, Front},
        ledger, open_read_only, schema, tidy,
        views::{self, BrokenModel},
    },
};

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
    pub parameters: Vec<Parameter>,
    file: SqlFile,
}

impl Report {
    /// Reads a report from its file.
    pub fn from_file(file: SqlFile) -> Result<Self, ReportError> {
        file.check()?;
        let parameters = file.parameters()?;
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
    opened: Opened,
    /// The day that relative dates count from.
    today: Date,
    /// What the models are, and what is wrong with others.
    models: Resolved,
    broken: Vec<BrokenModel>,
}

#[derive(Debug)]
enum Opened {
    /// The file itself.
    Direct(Connection),
    /// Other views in front of it.
    Behind(Front),
}

impl Reader {
    /// Opens the warehouse as it is, or as it stood at a moment, with the models that the files and the configuration
    /// describe now: where these are not what the latest run left there, other views stand in front of it.
    pub fn open(settings: &Settings, at: Option<Timestamp>) -> Result<Self, ReportError> {
        let today = Offset::UTC.to_datetime(at.unwrap_or_else(Timestamp::now)).date();
        let connection = open_read_only(&settings.warehouse)?;
        let models = Semantics::load(settings)?.resolve(settings, &schema::known_columns(&connection)?);
        if at.is_none() && views::are_current(&connection, &models.models)? {
            return Ok(Self { opened: Opened::Direct(connection), today, models, broken: Vec::new() });
        }
        drop(connection);
        let mut front = front::open(&settings.warehouse, at, &models.models)?;
        let broken = std::mem::take(&mut front.broken);
        Ok(Self { opened: Opened::Behind(front), today, models, broken })
    }

    /// What is wrong with models, in words.
    pub fn broken_models(&self) -> Vec<String> {
        let unresolved = self.models.broken.iter().map(ToString::to_string);
        let refused = self.broken.iter().map(|model| format!("{}: {}", model.origin, model.problem));
        unresolved.chain(refused).collect()
    }

    /// The models that there are.
    pub fn models(&self) -> &[Model] {
        &self.models.models
    }

    /// The day that relative dates count from.
    pub fn today(&self) -> Date {
        self.today
    }

    /// Runs a statement; `values` gives each named parameter its value.
    pub fn ask(
        &self,
        what: &str,
        statement: &str,
        values: &dyn Fn(&str) -> Option<Value>,
    ) -> Result<Answer, ReportError> {
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
        let arrow = prepared.query_arrow(params_from_iter(bound)).map_err(refused)?;
        let schema = arrow.get_schema();
        let batches = arrow.collect();
        Ok(Answer { schema, batches })
    }

    /// Runs a report.
    pub fn run(&self, report: &Report, given: &params::Given) -> Result<Answer, ReportError> {
        let values = given.for_report(report, self.today)?;
        self.ask(&report.name, &report.file.body, &|name| values.get(name).map(bind::value))
    }

    /// How fresh and how whole the data is.
    pub fn freshness(&self) -> Result<ledger::Freshness, ReportError> {
        Ok(ledger::freshness(self.connection())?)
    }

    /// The connection, for other rooms' questions.
    pub(crate) fn connection(&self) -> &Connection {
        match &self.opened {
            Opened::Direct(connection) => connection,
            Opened::Behind(front) => &front.connection,
        }
    }
}
