//! A workbook: the answer in a sheet of its own, and what is to be known of it in another.

use std::io::Write;

use arrow::datatypes::{DataType, TimeUnit};
use rust_xlsxwriter::Workbook;

use super::{About, Answer, RenderError};
use crate::{
    reports::{
        cells::columns,
        header::Unit,
        workbook::{Column, MAX_COLUMNS, MAX_ROWS, MAX_TEXT, Styles, Table, sheet_names},
    },
    warehouse::portable::Kind,
};

pub(super) fn write(out: &mut dyn Write, answer: &Answer, about: Option<&About>) -> Result<(), RenderError> {
    let fields = answer.schema.fields();
    if fields.len() > MAX_COLUMNS {
        return Err(RenderError::TooWide(fields.len()));
    }
    let kinds: Vec<_> = fields.iter().map(|field| kind(field.data_type())).collect();
    let shown = fields.iter().zip(&kinds).map(|(field, kind)| Column {
        name: field.name().clone(),
        kind: *kind,
        look: about.and_then(|about| about.unit(field.name())).map(look),
    });
    let name = about.and_then(|about| about.report.as_deref()).unwrap_or("answer");
    let mut workbook = Workbook::new();
    let styles = Styles::default();
    let mut names = sheet_names();
    // Whatever the report is called, the sheet about it has its name.
    let about_name = names.give("about");
    let mut table = Table::begin(&mut workbook, name, shown.collect(), &styles, &mut names, MAX_ROWS)?;
    for batch in &answer.batches {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            let cells: Vec<_> = columns
                .iter()
                .zip(&kinds)
                .map(|(column, kind)| {
                    let text = column.text(row)?;
                    // As exports write it; the sheet's notation of days knows no other.
                    let is_moment = *kind == Kind::Timestamp && !text.ends_with('Z');
                    Some(if is_moment { format!("{text}Z") } else { text })
                })
                .collect();
            table.row(cells.iter().map(Option::as_deref))?;
        }
    }
    let done = table.end()?;
    let mut remarks: Vec<String> = about.into_iter().flat_map(About::remarks).map(str::to_owned).collect();
    for (column, cells) in &done.cut {
        let remark = format!("{cells} texts of {column} are cut: a cell holds {MAX_TEXT} characters.");
        tracing::warn!(column, cells, "texts cut: a cell holds {MAX_TEXT} characters; parquet and csv have them whole");
        remarks.push(remark);
    }
    if let Some(about) = about {
        let sheet = workbook.add_worksheet();
        sheet.set_name(&about_name)?.set_column_width(0, 16)?.set_column_width(1, 80)?;
        for (row, (key, value)) in (0..).zip(lines(about, remarks)) {
            sheet.write_string(row, 0, key)?.write_string(row, 1, value)?;
        }
    }
    out.write_all(&workbook.save_to_buffer()?)?;
    Ok(())
}

/// What the sheet about the answer says.
fn lines(about: &About, remarks: Vec<String>) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut add = |key: &str, value: String| lines.push((key.to_owned(), value));
    if let Some(report) = &about.report {
        add("report", report.clone());
        add("title", about.title.clone());
        add("question", about.question.clone());
        add("grain", about.header.grain.clone());
    }
    add("extracted_at", about.freshness.extracted_at.clone().unwrap_or_else(|| "never".to_owned()));
    add("verdict", about.freshness.verdict.clone().unwrap_or_else(|| "nothing swept".to_owned()));
    for remark in remarks {
        add("note", remark);
    }
    for (name, value) in &about.params {
        add(&format!("param {name}"), value.clone());
    }
    for definition in about.definitions() {
        add(&format!("definition {}", definition.term), definition.formula.clone());
    }
    lines
}

/// How numbers of a unit look; the cells have them whole.
fn look(unit: Unit) -> &'static str {
    match unit {
        Unit::Money => "#,##0.00",
        Unit::Share => "0.0%",
        Unit::Days => "#,##0.0",
        Unit::Count => "#,##0",
    }
}

fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Boolean => Kind::Boolean,
        DataType::Date32 | DataType::Date64 => Kind::Date,
        // What is finer than a microsecond, no cell holds.
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Kind::Text,
        DataType::Timestamp(..) => Kind::Timestamp,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Double,
        numeric if numeric.is_numeric() => Kind::Number,
        _ => Kind::Text,
    }
}
