//! Answers as text: for people, for spreadsheets, for programs. Numbers keep their digits in every format.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use arrow::{
    array::{Array, ArrayRef, AsArray as _},
    datatypes::DataType,
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::Answer;

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
}

/// What a report's document says beside its rows.
#[derive(Clone, Debug)]
pub struct About {
    /// The report's name.
    pub report: String,
    /// Its title.
    pub title: String,
    /// When the data was extracted.
    pub extracted_at: Option<String>,
    /// The worst verdict of the latest sweeps.
    pub verdict: Option<String>,
    /// The parameters it was run with.
    pub params: Vec<(String, String)>,
}

/// Writes an answer.
pub fn render(out: &mut dyn Write, answer: &Answer, format: Format, about: Option<&About>) -> Result<(), RenderError> {
    match format {
        Format::Table => table(out, answer, about, presets::UTF8_FULL_CONDENSED),
        Format::Markdown => table(out, answer, about, presets::ASCII_MARKDOWN),
        Format::Csv => csv(out, answer),
        Format::Ndjson => objects(answer, |object| writeln!(out, "{object}").map_err(RenderError::from)),
        Format::Json => json(out, answer, about),
    }
}

fn table(out: &mut dyn Write, answer: &Answer, about: Option<&About>, preset: &str) -> Result<(), RenderError> {
    let mut table = Table::new();
    table.load_preset(preset);
    let is_markdown = preset == presets::ASCII_MARKDOWN;
    if !is_markdown {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(answer.schema.fields().iter().map(|field| field.name().clone()));
    for (column, field) in table.column_iter_mut().zip(answer.schema.fields()) {
        if field.data_type().is_numeric() {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for batch in &answer.batches {
        let columns = texts(batch.columns())?;
        for row in 0..batch.num_rows() {
            // A control character would reach the terminal as a command.
            table.add_row(columns.iter().map(|column| {
                let text = column.text(row).map(|text| printable(&text)).unwrap_or_default();
                if is_markdown { text.replace('|', "\\|").replace('\n', "<br>") } else { text }
            }));
        }
    }
    if let Some(about) = about {
        let heading = if preset == presets::ASCII_MARKDOWN { "## " } else { "" };
        writeln!(out, "{heading}{}", about.title)?;
        if !heading.is_empty() {
            writeln!(out)?;
        }
    }
    writeln!(out, "{table}")?;
    if let Some(about) = about {
        let extracted = about.extracted_at.as_deref().unwrap_or("never");
        let verdict = about.verdict.as_deref().unwrap_or("nothing swept");
        let blank = if preset == presets::ASCII_MARKDOWN { "\n" } else { "" };
        writeln!(out, "{blank}extracted {extracted}, {verdict}")?;
    }
    Ok(())
}

/// The cells of an answer, row by row, as they can be shown on a terminal; nothing for a null.
pub fn cells(answer: &Answer) -> Result<Vec<Vec<Option<String>>>, RenderError> {
    let mut rows = Vec::with_capacity(answer.rows());
    for batch in &answer.batches {
        let columns = texts(batch.columns())?;
        rows.extend(
            (0..batch.num_rows())
                .map(|row| columns.iter().map(|column| column.text(row).map(|text| printable(&text))).collect()),
        );
    }
    Ok(rows)
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

fn csv(out: &mut dyn Write, answer: &Answer) -> Result<(), RenderError> {
    let mut writer = csv::Writer::from_writer(out);
    let failed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => RenderError::Io(error),
        other => RenderError::Io(io::Error::other(format!("{other:?}"))),
    };
    writer.write_record(answer.schema.fields().iter().map(|field| field.name())).map_err(failed)?;
    for batch in &answer.batches {
        let columns = texts(batch.columns())?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| column.text(row).unwrap_or_default());
            writer.write_record(cells).map_err(failed)?;
        }
    }
    writer.flush()?;
    Ok(())
}

fn json(out: &mut dyn Write, answer: &Answer, about: Option<&About>) -> Result<(), RenderError> {
    if let Some(about) = about {
        let params: serde_json::Map<_, _> =
            about.params.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        write!(
            out,
            "{{\"report\":{},\"title\":{},\"extracted_at\":{},\"verdict\":{},\"params\":{},\"rows\":",
            quoted(&about.report),
            quoted(&about.title),
            about.extracted_at.as_deref().map_or("null".to_owned(), quoted),
            about.verdict.as_deref().map_or("null".to_owned(), quoted),
            serde_json::Value::from(params)
        )?;
    }
    write!(out, "[")?;
    let mut first = true;
    objects(answer, |object| {
        let separator = if std::mem::take(&mut first) { "\n" } else { ",\n" };
        write!(out, "{separator}{object}").map_err(RenderError::from)
    })?;
    writeln!(out, "\n]{}", if about.is_some() { "}" } else { "" })?;
    Ok(())
}

fn objects(answer: &Answer, mut each: impl FnMut(&str) -> Result<(), RenderError>) -> Result<(), RenderError> {
    let names: Vec<_> = answer.schema.fields().iter().map(|field| quoted(field.name())).collect();
    let mut object = String::new();
    for batch in &answer.batches {
        let columns = texts(batch.columns())?;
        for row in 0..batch.num_rows() {
            object.clear();
            object.push('{');
            for (index, (name, column)) in names.iter().zip(&columns).enumerate() {
                object.push_str(if index == 0 { "" } else { "," });
                object.push_str(name);
                object.push(':');
                column.json(row, &mut object)?;
            }
            object.push('}');
            each(&object)?;
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A column whose cells can be written.
struct Texts<'a> {
    array: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
}

const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(false);

fn texts(columns: &[ArrayRef]) -> Result<Vec<Texts<'_>>, ArrowError> {
    columns
        .iter()
        .map(|array| Ok(Texts { array, formatter: ArrayFormatter::try_new(array.as_ref(), &OPTIONS)? }))
        .collect()
}

impl Texts<'_> {
    /// The cell as plain text; nothing for a null.
    fn text(&self, row: usize) -> Option<String> {
        if self.array.is_null(row) {
            return None;
        }
        if self.array.data_type().is_nested() {
            let mut json = String::new();
            self.json(row, &mut json).ok()?;
            return Some(json);
        }
        // A date that has no notation, such as infinity, is told as such and is no reason to stop.
        Some(self.formatter.value(row).try_to_string().unwrap_or_else(|_| "out of range".to_owned()))
    }

    fn json(&self, row: usize, out: &mut String) -> Result<(), ArrowError> {
        if self.array.is_null(row) {
            out.push_str("null");
            return Ok(());
        }
        match self.array.data_type() {
            DataType::Boolean => {
                let _ = write!(out, "{}", self.array.as_boolean().value(row));
            }
            DataType::Float32 | DataType::Float64 => {
                let text = self.formatter.value(row).try_to_string()?;
                let number = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
                out.push_str(&number.map_or_else(|| quoted(&text), |number| number.to_string()));
            }
            kind if kind.is_numeric() => {
                out.push_str(&self.formatter.value(row).try_to_string()?);
            }
            DataType::List(_) => list(&self.array.as_list::<i32>().value(row), out)?,
            DataType::LargeList(_) => list(&self.array.as_list::<i64>().value(row), out)?,
            DataType::FixedSizeList(..) => list(&self.array.as_fixed_size_list().value(row), out)?,
            DataType::Struct(fields) => {
                let array = self.array.as_struct();
                out.push('{');
                for (index, (field, column)) in fields.iter().zip(texts(array.columns())?).enumerate() {
                    let _ = write!(out, "{}{}:", if index == 0 { "" } else { "," }, quoted(field.name()));
                    column.json(row, out)?;
                }
                out.push('}');
            }
            _ => out.push_str(&quoted(&self.text(row).unwrap_or_default())),
        }
        Ok(())
    }
}

fn list(elements: &ArrayRef, out: &mut String) -> Result<(), ArrowError> {
    let elements = texts(std::slice::from_ref(elements))?;
    out.push('[');
    for element in &elements {
        for row in 0..element.array.len() {
            out.push_str(if row == 0 { "" } else { "," });
            element.json(row, out)?;
        }
    }
    out.push(']');
    Ok(())
}
