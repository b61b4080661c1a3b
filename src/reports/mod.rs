//! Questions to the warehouse: report files and ad-hoc statements, run read-only.

mod cells;
mod chart;
pub mod diagnosis;
pub mod freshness;
pub mod header;
pub mod names;
mod number;
pub mod page;
pub mod params;
mod pivot;
pub mod render;
pub mod statements;
pub mod tokens;
pub mod workbook;

use std::sync::Arc;

use arrow::{array::ArrayRef, datatypes::SchemaRef, record_batch::RecordBatch};
use duckdb::{Connection, InterruptHandle, core::LogicalTypeId, params_from_iter, types::Value};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::Offset};

use self::{
    freshness::Freshness,
    header::Header,
    render::RenderError,
    statements::{Guard, Refusal},
    tokens::tokens,
};
use crate::{
    config::Settings,
    library::{
        LibraryError, SqlFile,
        models::{Model, Resolved, Semantics},
        params::Parameter,
    },
    warehouse::{
        Reading, WarehouseError, bind, front, ledger, open_read_only, schema, sql, tidy,
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
    #[error("no report is called \"{name}\"{}", .meant.as_ref().map(|meant| format!("; did you mean \"{meant}\"?")).unwrap_or_default())]
    Unknown {
        /// The name asked for.
        name: String,
        /// The one that was probably meant.
        meant: Option<String>,
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
    #[error(transparent)]
    Render(Box<RenderError>),
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
    pub parameters: Vec<Parameter>,
    /// What it says of its answer.
    pub header: Header,
    file: SqlFile,
}

impl Report {
    /// Reads a report from its file.
    pub fn from_file(file: SqlFile) -> Result<Self, ReportError> {
        file.check()?;
        let parameters = file.parameters()?;
        let header = Header::read(&file)?;
        Ok(Self {
            name: file.name.clone(),
            title: file.get("title").unwrap_or(&file.name).to_owned(),
            question: file.get("question").or_else(|| file.get("description")).unwrap_or_default().to_owned(),
            parameters,
            header,
            file,
        })
    }

    /// The parameters as the file declares them.
    pub fn declarations(&self) -> impl Iterator<Item = &str> {
        self.file.all("param").map(|(_, text)| text)
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
    /// An answer of these columns, all of one length.
    pub fn of(columns: Vec<(&str, ArrayRef)>) -> Result<Self, RenderError> {
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns)?;
        Ok(Self { schema: batch.schema(), batches: vec![batch] })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// What SHOW TABLES means here: DuckDB would look in the schema `main`, where a warehouse has nothing.
const TABLES: &str = "SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
    WHERE table_catalog = current_database() AND table_schema <> 'main' ORDER BY ALL";

/// The statement that is run for one that passed the door.
fn meant(statement: &str) -> &str {
    match tokens(statement).all.as_slice() {
        [show, tables, rest @ ..]
            if show.is("SHOW") && tables.is("TABLES") && rest.iter().all(|end| end.is_symbol(";")) =>
        {
            TABLES
        }
        _ => statement,
    }
}

/// A warehouse opened for questions.
#[derive(Debug)]
pub struct Reader {
    reading: Reading,
    guard: Guard,
    /// The moment that the answers are of.
    now: Timestamp,
    /// The day that relative dates count from.
    today: Date,
    /// What the models are, and what is wrong with others.
    models: Resolved,
    broken: Vec<BrokenModel>,
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
    /// Opens the warehouse as it is, or as it stood at a moment, with the models that the files and the configuration
    /// describe now: where these are not what the latest run left there, other views stand in front of it.
    pub fn open(settings: &Settings, at: Option<Timestamp>) -> Result<Self, ReportError> {
        let now = at.unwrap_or_else(Timestamp::now);
        let today = Offset::UTC.to_datetime(now).date();
        let guard = Guard::default();
        let reading = open_read_only(&settings.warehouse)?;
        let known = schema::known_columns(&reading.connection)?;
        let models = guard.admit(Semantics::load(settings)?.resolve(settings, &known));
        if at.is_none() && views::are_current(&reading.connection, &models.models)? {
            return Ok(Self { reading, guard, now, today, models, broken: Vec::new() });
        }
        drop(reading);
        let (reading, broken) = front::open(&settings.warehouse, at, &models.models)?;
        Ok(Self { reading, guard, now, today, models, broken })
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
        self.guard.check(what, statement)?;
        Ok(self.answer(what, meant(statement), values, None)?.0)
    }

    /// Runs a statement without parameters and keeps so many rows of its answer. Returns how many there are, too.
    pub fn ask_some(&self, what: &str, statement: &str, rows: usize) -> Result<(Answer, usize), ReportError> {
        self.guard.check(what, statement)?;
        self.answer(what, meant(statement), &|_| None, Some(rows))
    }

    fn answer(
        &self,
        what: &str,
        statement: &str,
        values: &dyn Fn(&str) -> Option<Value>,
        kept: Option<usize>,
    ) -> Result<(Answer, usize), ReportError> {
        let refused =
            |error: duckdb::Error| ReportError::Statement { what: what.to_owned(), message: self.explained(&error) };
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
        for (index, field) in schema.fields().iter().enumerate() {
            // As Arrow has them, DuckDB's own types of these are other numbers, or bytes.
            let kind = prepared.column_logical_type(index).id();
            if matches!(
                kind,
                LogicalTypeId::UHugeint | LogicalTypeId::Bignum | LogicalTypeId::Bit | LogicalTypeId::TimeTZ
            ) {
                let message = format!(
                    "the column {0} is of a type that answers cannot hold; turn it into text: CAST({0} AS VARCHAR)",
                    sql::name(field.name())
                );
                return Err(ReportError::Statement { what: what.to_owned(), message });
            }
        }
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

    /// What DuckDB says of a failed statement; of a model that could not be made, why it is not there.
    fn explained(&self, error: &duckdb::Error) -> String {
        let message = front::plainly(&tidy(&error.to_string()));
        let is_missing = |name: &str| {
            message
                .to_ascii_lowercase()
                .contains(&format!("table with name {} does not exist", name.to_ascii_lowercase()))
        };
        let refused =
            self.broken.iter().map(|model| (model.name.as_str(), format!("{}: {}", model.origin, model.problem)));
        let unresolved = self.models.broken.iter().filter_map(|error| Some((error.file_stem()?, error.to_string())));
        let broken = refused.chain(unresolved).find(|(name, _)| is_missing(name));
        broken.map_or(message, |(name, problem)| format!("model.{name} could not be made: {problem}"))
    }

    /// What stops this reader's answers.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.connection().interrupt_handle())
    }

    /// Runs a report.
    pub fn run(&self, report: &Report, given: &params::Given) -> Result<Answer, ReportError> {
        let values = given.for_report(report, self.today)?;
        let statement = &report.file.body;
        let what = report.file.called();
        self.guard.check_of(report.file.author, what, statement)?;
        let (answer, _) = self.answer(what, statement, &|name| values.get(name).map(bind::value), None)?;
        report.header.check(&report.file, &answer.schema)?;
        Ok(answer)
    }

    /// How fresh and how whole the data is; data of more than some age is old.
    pub fn freshness(&self, max_age: SignedDuration) -> Result<Freshness, ReportError> {
        let (told, lists) = (ledger::freshness(self.connection())?, ledger::latest(self.connection())?);
        Ok(Freshness::new(told, &lists, self.now, max_age))
    }

    /// The connection, for other rooms' questions.
    pub(crate) fn connection(&self) -> &Connection {
        &self.reading.connection
    }
}
