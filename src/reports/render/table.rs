//! Tables for terminals and for Markdown.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use unicode_width::UnicodeWidthStr as _;

use super::{About, Answer, RenderError, cells};
use crate::reports::cells::printable;

/// The least width of a column of texts, in which most words fit.
const MIN_TEXT: usize = 12;
/// The longest text that a table shows whole: more fills screens, and takes the longer to be laid out the longer it is.
const MAX_TEXT: usize = 2_000;
/// The widest cell of a Markdown table that others in its column are filled up to.
const MAX_PADDED: usize = 80;

/// How wide the terminal is; nothing where the output goes elsewhere.
pub(super) fn terminal_width() -> Option<u16> {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.width()
}

/// The answer's cells, with nothing for a null.
fn rows(answer: &Answer) -> Result<Vec<Vec<String>>, RenderError> {
    Ok(cells(answer)?.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect())
}

/// A text as far as a table shows it; how long it really is is told.
fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text,
    }
}

/// A table as wide as the terminal. Where its columns cannot stand side by side so that they can be read, each row becomes
/// a list of names and values.
pub(super) fn terminal(
    out: &mut dyn Write,
    answer: &Answer,
    about: Option<&About>,
    width: Option<u16>,
) -> Result<(), RenderError> {
    let rows: Vec<Vec<_>> = rows(answer)?.into_iter().map(|row| row.into_iter().map(shortened).collect()).collect();
    if let Some(title) = about.and_then(|about| about.report.as_ref().map(|_| &about.title)) {
        writeln!(out, "{}", printable(title))?;
    }
    let is_numeric: Vec<_> = answer.schema.fields().iter().map(|field| field.data_type().is_numeric()).collect();
    let names: Vec<_> = answer.schema.fields().iter().map(|field| printable(field.name())).collect();
    let widest = |column: usize| {
        let lines = rows.iter().flat_map(|row| row[column].lines().map(str::width));
        lines.chain([names[column].width()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..names.len()).map(widest).collect();
    let least = |(width, is_numeric): (&usize, &bool)| if *is_numeric { *width } else { (*width).min(MIN_TEXT) };
    let needed: usize = widths.iter().zip(&is_numeric).map(|pair| least(pair) + 3).sum::<usize>() + 1;
    match width {
        Some(width) if needed > usize::from(width) => lists(out, &names, &rows, width)?,
        _ => {
            let mut table = Table::new();
            table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
            if let Some(width) = width {
                table.set_width(width);
            }
            table.set_header(&names);
            for (column, (width, is_numeric)) in table.column_iter_mut().zip(widths.iter().zip(&is_numeric)) {
                if *is_numeric {
                    column.set_cell_alignment(CellAlignment::Right);
                }
                // No number may go on in another line.
                let least = u16::try_from(least((width, is_numeric)) + 2).unwrap_or(u16::MAX);
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
            }
            table.add_rows(&rows);
            writeln!(out, "{table}")?;
        }
    }
    if let Some(about) = about {
        for remark in about.remarks() {
            writeln!(out, "{}", printable(remark))?;
        }
        writeln!(out, "{}", about.freshness.line())?;
    }
    Ok(())
}

fn lists(out: &mut dyn Write, names: &[String], rows: &[Vec<String>], width: u16) -> Result<(), RenderError> {
    for (row, number) in rows.iter().zip(1_usize..) {
        let rule = format!("── {number} ");
        writeln!(out, "{rule:─<0$}", usize::from(width))?;
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        table.add_rows(names.iter().zip(row).map(|(name, value)| [name, value]));
        // Without a table's lines, blanks at the end are of no use.
        for line in table.to_string().lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    if rows.is_empty() {
        writeln!(out, "(no rows of {})", names.join(", "))?;
    }
    Ok(())
}

pub(super) fn markdown(out: &mut dyn Write, answer: &Answer, about: Option<&About>) -> Result<(), RenderError> {
    let names: Vec<_> = answer.schema.fields().iter().map(|field| escaped(field.name())).collect();
    let rows: Vec<Vec<_>> = rows(answer)?.iter().map(|row| row.iter().map(|text| escaped(text)).collect()).collect();
    if let Some(about) = about.filter(|about| about.report.is_some()) {
        writeln!(out, "## {}\n", escaped(&about.title))?;
    }
    let columns: Vec<_> = (answer.schema.fields().iter().enumerate())
        .map(|(index, field)| {
            let cells = rows.iter().map(|row| row[index].width()).filter(|width| *width <= MAX_PADDED);
            let width = cells.chain([names[index].width().min(MAX_PADDED), 3]).max().unwrap_or_default();
            (width, field.data_type().is_numeric())
        })
        .collect();
    markdown_row(out, &columns, &names)?;
    for (width, is_numeric) in &columns {
        write!(out, "|{}{}", "-".repeat(width + 1), if *is_numeric { ":" } else { "-" })?;
    }
    writeln!(out, "|")?;
    for row in &rows {
        markdown_row(out, &columns, row)?;
    }
    if let Some(about) = about {
        for remark in about.remarks() {
            writeln!(out, "\n{}", escaped(remark))?;
        }
        writeln!(out, "\n{}", about.freshness.line())?;
    }
    Ok(())
}

/// A row, its cells filled up to their columns' widths.
fn markdown_row(out: &mut dyn Write, columns: &[(usize, bool)], cells: &[String]) -> io::Result<()> {
    for ((width, is_numeric), cell) in columns.iter().zip(cells) {
        let blanks = " ".repeat(width.saturating_sub(cell.width()));
        let (left, right) = if *is_numeric { (blanks.as_str(), "") } else { ("", blanks.as_str()) };
        write!(out, "| {left}{cell}{right} ")?;
    }
    writeln!(out, "|")
}

/// A text that Markdown takes for nothing but a text: what people write into a CRM must not become an image, or a link behind
/// other words.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '\n' => escaped.push_str("<br>"),
            '\\' | '|' | '<' | '[' | '`' | '*' | '~' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{ArrayRef, Int64Array, RecordBatch, StringArray},
        datatypes::{DataType, Field, Schema},
    };

    use super::*;

    fn answer(texts: &[&str], numbers: &[i64]) -> Answer {
        let schema = Arc::new(Schema::new(vec![
            Field::new("organization_name", DataType::Utf8, true),
            Field::new("next_step", DataType::Utf8, true),
            Field::new("amount", DataType::Int64, true),
        ]));
        let names: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let columns = vec![names.clone(), names, Arc::new(Int64Array::from(numbers.to_vec())) as ArrayRef];
        let batches = vec![RecordBatch::try_new(schema.clone(), columns).unwrap()];
        Answer { schema, batches }
    }

    fn shown(answer: &Answer, width: u16) -> String {
        let mut out = Vec::new();
        terminal(&mut out, answer, None, Some(width)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_fits_the_terminal_and_never_breaks_a_number() {
        let answer = answer(&["Bergmann und Söhne Maschinenbau", "A"], &[123_456_789_012, 5]);
        for width in [50, 60, 80, 200] {
            let text = shown(&answer, width);
            assert!(text.lines().all(|line| line.width() <= usize::from(width)), "{text}");
            assert!(text.contains("123456789012") && text.contains('┆'), "{text}");
        }
    }

    #[test]
    fn where_columns_have_no_room_rows_become_lists() {
        let answer = answer(&["Bergmann und Söhne Maschinenbau", "A"], &[123_456_789_012, 5]);
        let text = shown(&answer, 32);
        assert!(text.lines().all(|line| line.width() <= 32), "{text}");
        assert!(text.starts_with("── 1 ───") && text.contains("── 2 ───"), "{text}");
        assert!(text.contains("amount") && text.contains("123456789012") && !text.contains('┆'), "{text}");
        let empty = Answer { schema: answer.schema.clone(), batches: Vec::new() };
        assert_eq!(shown(&empty, 20), "(no rows of organization_name, next_step, amount)\n");
    }

    #[test]
    fn a_long_text_is_whole_in_markdown_and_shortened_on_a_terminal() {
        let long = "ä".repeat(100_000);
        let answer = answer(&[&long, "A"], &[1, 2]);
        let mut out = Vec::new();
        markdown(&mut out, &answer, None).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().nth(2).unwrap().contains(&long));
        assert_eq!(text.lines().nth(3), Some("| A                 | A         |      2 |"));
        assert_eq!(text.lines().nth(1), Some("|-------------------|-----------|-------:|"));
        assert_eq!(text.lines().count(), 4);
        assert!(shown(&answer, 100).contains("(100000") && shown(&answer, 100).lines().count() < 100);
    }

    #[test]
    fn markdown_and_terminals_take_a_text_for_a_text() {
        let answer = answer(&["![x](http://x) <b>|\n`y`", "\u{1b}[31mred"], &[1, 2]);
        let mut out = Vec::new();
        markdown(&mut out, &answer, None).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("!\\[x](http://x) \\<b>\\|<br>\\`y\\`"), "{text}");
        assert!(!text.contains('\u{1b}') && !shown(&answer, 100).contains('\u{1b}'));
    }
}
