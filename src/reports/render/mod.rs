//! Answers in every format: for people, for spreadsheets, for programs. Numbers keep their digits in all of them, and each
//! says when the data was extracted and whether it is whole, as far as it has a place for that.

mod json;
mod parquet;
mod table;
mod xlsx;

pub use self::json::abouts;

use std::io::{self, Write};

use arrow::error::ArrowError;
use clap::ValueEnum as _;

use super::{
    Answer, Report,
    cells::{Cells, columns, printable},
    freshness::Freshness,
    header::{ChartHint, Definition, Header, Unit},
    page,
};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for a terminal.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// A Markdown table.
    Markdown,
    /// A page with charts, in one file.
    Html,
    /// A Parquet file.
    Parquet,
    /// An Excel workbook.
    Xlsx,
}

impl Format {
    /// What files of this format end in.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Table => "txt",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Parquet => "parquet",
            Self::Xlsx => "xlsx",
        }
    }

    /// The format that a file's extension means.
    pub fn from_extension(extension: &str) -> Option<Self> {
        let extension = extension.to_ascii_lowercase();
        Self::value_variants().iter().copied().find(|format| format.extension() == extension)
    }

    /// Whether it is no text.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Xlsx)
    }

    /// Whether it has a place for what is to be known beside the rows; an answer without a report's name has none in JSON.
    pub fn tells_about(self, about: &About) -> bool {
        match self {
            Self::Csv | Self::Ndjson => false,
            Self::Json => about.report.is_some(),
            _ => true,
        }
    }
}

/// Why an answer could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A value has no notation.
    #[error("the answer could not be rendered")]
    Arrow(#[from] ArrowError),
    /// The output is closed.
    #[error("cannot write the output")]
    Io(#[from] io::Error),
    /// The Parquet file.
    #[error("cannot write the Parquet file")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// The workbook.
    #[error("cannot write the workbook")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// A sheet cannot hold the answer.
    #[error("the answer has {0} columns, and a sheet has at most {max}; write it as parquet or csv", max = super::workbook::MAX_COLUMNS)]
    TooWide(usize),
}

/// What an answer's document says beside its rows.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The report's name; none for a statement of the user's own.
    pub report: Option<String>,
    /// Its title.
    pub title: String,
    /// The question it answers.
    pub question: String,
    /// What its header says of the answer.
    pub header: Header,
    /// How fresh and how whole the data is.
    pub freshness: Freshness,
    /// The parameters it was run with.
    pub params: Vec<(String, String)>,
    /// What one has to know to read the numbers right, such as that amounts were converted. Every format shows them.
    pub notes: Vec<String>,
}

impl About {
    /// What is to be known of a report's answer.
    pub fn report(report: &Report, freshness: Freshness, params: Vec<(String, String)>, notes: Vec<String>) -> Self {
        Self {
            report: Some(report.name.clone()),
            title: report.title.clone(),
            question: report.question.clone(),
            header: report.header.clone(),
            freshness,
            params,
            notes,
        }
    }

    /// What is to be known of the answer to a statement of the user's own.
    pub fn statement(freshness: Freshness, notes: Vec<String>) -> Self {
        Self { title: "Answer".to_owned(), freshness, notes, ..Self::default() }
    }

    /// What is doubtful, and then the notes.
    pub fn remarks(&self) -> impl Iterator<Item = &str> {
        self.freshness.warnings.iter().chain(&self.notes).map(String::as_str)
    }

    /// The chart that the header asks for.
    pub fn chart(&self) -> Option<&ChartHint> {
        self.header.chart.as_ref()
    }

    /// The terms and their formulas.
    pub fn definitions(&self) -> &[Definition] {
        &self.header.definitions
    }

    /// The unit of a column.
    pub fn unit(&self, column: &str) -> Option<Unit> {
        self.header.unit(column)
    }
}

/// Writes an answer.
pub fn render(out: &mut dyn Write, answer: &Answer, format: Format, about: Option<&About>) -> Result<(), RenderError> {
    match format {
        Format::Table => table::terminal(out, answer, about, table::terminal_width()),
        Format::Markdown => table::markdown(out, answer, about),
        Format::Csv => csv(out, answer),
        Format::Ndjson => json::lines(out, answer),
        Format::Json => json::document(out, answer, about),
        Format::Html => {
            let about = about.cloned().unwrap_or_default();
            Ok(out.write_all(page::answers(&[(&about, answer)])?.as_bytes())?)
        }
        Format::Parquet => parquet::write(out, answer, about),
        Format::Xlsx => xlsx::write(out, answer, about),
    }
}

/// The cells of an answer, row by row, as they can be shown on a terminal; nothing for a null.
pub fn cells(answer: &Answer) -> Result<Vec<Vec<Option<String>>>, RenderError> {
    let mut rows = Vec::with_capacity(answer.rows());
    for batch in &answer.batches {
        let columns = columns(batch)?;
        // A control character would reach the terminal as a command.
        let shown = |column: &Cells<'_>, row| column.text(row).map(|text| printable(&text));
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| shown(column, row)).collect()));
    }
    Ok(rows)
}

fn csv(out: &mut dyn Write, answer: &Answer) -> Result<(), RenderError> {
    let mut writer = csv::Writer::from_writer(out);
    let failed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => RenderError::Io(error),
        other => RenderError::Io(io::Error::other(format!("{other:?}"))),
    };
    writer.write_record(answer.schema.fields().iter().map(|field| field.name())).map_err(failed)?;
    for batch in &answer.batches {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| column.text(row).unwrap_or_default());
            writer.write_record(cells).map_err(failed)?;
        }
    }
    writer.flush()?;
    Ok(())
}
