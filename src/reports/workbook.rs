//! Excel workbooks: rows of texts in, sheets out, of answers as of exports. Written row by row: memory does not grow with
//! the rows.
//!
//! A cell is a number only where a double gives back all of its digits, and texts are texts: no cell is ever a formula or
//! a link.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::names::{Names, plain};
use crate::warehouse::portable::Kind;

/// The most columns of a sheet.
pub const MAX_COLUMNS: usize = 16_384;
/// The most rows of a sheet, its header beside.
pub const MAX_ROWS: u32 = 1_048_575;
/// The longest name of a sheet: 31 UTF-16 units, of which a name has no more than bytes.
const MAX_SHEET_NAME: usize = 31;
/// The longest text of a cell, in UTF-16 units.
pub const MAX_TEXT: usize = 32_767;
/// The digits that every double gives back.
const SAFE_DIGITS: usize = 15;
/// What Excel takes for a number at all; what is smaller or greater it calls an error or nought.
const NUMBERS: std::ops::Range<f64> = 2.3e-308..9.9e307;
/// The first day that all programs count alike: Excel has a 29 February 1900, and others do not.
const FIRST_DAY: Date = jiff::civil::date(1900, 3, 1);
/// Day 0, counted from [`FIRST_DAY`] on.
const DAY_ZERO: Date = jiff::civil::date(1899, 12, 30);

/// The names of a workbook's sheets.
pub fn sheet_names() -> Names {
    Names::up_to(MAX_SHEET_NAME)
}

/// How cells look.
pub struct Styles {
    header: Format,
    date: Format,
    timestamp: Format,
    /// Without it a sheet shows eleven digits of an integer, and then powers of ten.
    integer: Format,
}

impl Default for Styles {
    fn default() -> Self {
        Self {
            header: Format::new().set_bold(),
            date: Format::new().set_num_format("yyyy-mm-dd"),
            timestamp: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            integer: Format::new().set_num_format("0"),
        }
    }
}

/// A column of a sheet.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its texts are.
    pub kind: Kind,
    /// How its numbers look, such as `0.0%`, where that is not left to the program.
    pub look: Option<&'static str>,
}

/// A table on its way into one sheet or more.
pub struct Table<'a> {
    workbook: &'a mut Workbook,
    name: String,
    columns: Vec<Column>,
    looks: Vec<Option<Format>>,
    styles: &'a Styles,
    names: &'a mut Names,
    max_rows: u32,
    sheets: Vec<String>,
    /// The rows of the last sheet.
    rows: u32,
    cut: BTreeMap<usize, u64>,
    bytes: u64,
}

/// What became of a table.
#[derive(Debug)]
pub struct Done {
    /// Its sheets.
    pub sheets: Vec<String>,
    /// The columns with texts that were cut, and how many were.
    pub cut: Vec<(String, u64)>,
    /// The size of its cells before compression, about.
    pub bytes: u64,
}

impl<'a> Table<'a> {
    /// Begins the table's first sheet, which is called like it as far as a sheet can be.
    pub fn begin(
        workbook: &'a mut Workbook,
        name: &str,
        columns: Vec<Column>,
        styles: &'a Styles,
        names: &'a mut Names,
        max_rows: u32,
    ) -> Result<Self, XlsxError> {
        let looks = columns.iter().map(|column| column.look.map(|look| Format::new().set_num_format(look))).collect();
        let (sheets, cut) = (Vec::new(), BTreeMap::new());
        let name = plain(name);
        let mut table =
            Self { workbook, name, columns, looks, styles, names, max_rows, sheets, rows: 0, cut, bytes: 0 };
        table.add_sheet()?;
        Ok(table)
    }

    fn add_sheet(&mut self) -> Result<(), XlsxError> {
        let number = self.sheets.len() + 1;
        let name = if number == 1 { self.name.clone() } else { format!("{}~{number}", self.name) };
        let name = self.names.give(&name);
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(&name)?.set_freeze_panes(1, 0)?;
        for (position, column) in (0..).zip(&self.columns) {
            sheet.set_column_width(position, width(column))?;
        }
        for (position, column) in (0..).zip(&self.columns) {
            sheet.write_string_with_format(0, position, &column.name, &self.styles.header)?;
        }
        self.sheets.push(name);
        self.rows = 0;
        Ok(())
    }

    /// Adds a row.
    pub fn row<'c>(&mut self, cells: impl Iterator<Item = Option<&'c str>>) -> Result<(), XlsxError> {
        if self.rows == self.max_rows {
            self.filter()?;
            self.add_sheet()?;
        }
        self.rows += 1;
        let sheet = last(self.workbook)?;
        for (position, (cell, column)) in cells.zip(&self.columns).enumerate() {
            let Some(text) = cell else { continue };
            let (row, at) = (self.rows, u16::try_from(position).unwrap_or(u16::MAX));
            // What stands around a cell's value.
            self.bytes += text.len() as u64 + 48;
            let look = self.looks[position].as_ref();
            match value(text, column.kind) {
                Value::Boolean(value) => sheet.write_boolean(row, at, value)?,
                Value::Integer(value) => {
                    sheet.write_number_with_format(row, at, value, look.unwrap_or(&self.styles.integer))?
                }
                Value::Number(value) => match look {
                    Some(look) => sheet.write_number_with_format(row, at, value, look)?,
                    None => sheet.write_number(row, at, value)?,
                },
                Value::Day(value) => sheet.write_number_with_format(row, at, value, &self.styles.date)?,
                Value::Moment(value) => sheet.write_number_with_format(row, at, value, &self.styles.timestamp)?,
                Value::Text => {
                    let fitting = fitting(text);
                    if fitting.len() < text.len() {
                        *self.cut.entry(position).or_default() += 1;
                    }
                    sheet.write_string(row, at, fitting)?
                }
            };
        }
        Ok(())
    }

    /// Lets people filter the last sheet by its header.
    fn filter(&mut self) -> Result<(), XlsxError> {
        if let Some(last_column) = self.columns.len().checked_sub(1).and_then(|last| u16::try_from(last).ok()) {
            last(self.workbook)?.autofilter(0, 0, self.rows, last_column)?;
        }
        Ok(())
    }

    /// Ends the table.
    pub fn end(mut self) -> Result<Done, XlsxError> {
        self.filter()?;
        let column = |position: usize| self.columns[position].name.clone();
        let cut = self.cut.iter().map(|(position, cells)| (column(*position), *cells)).collect();
        Ok(Done { sheets: self.sheets, cut, bytes: self.bytes })
    }
}

fn last(workbook: &mut Workbook) -> Result<&mut Worksheet, XlsxError> {
    let index = workbook.worksheets().len().saturating_sub(1);
    workbook.worksheet_from_index(index)
}

/// The width of a column, in digits.
fn width(column: &Column) -> f64 {
    // The header has a button beside its text.
    let header = column.name.chars().count() + 4;
    let least = match column.kind {
        Kind::Boolean => 8,
        Kind::Date => 12,
        Kind::Number | Kind::Double => 14,
        Kind::Timestamp => 20,
        Kind::Text => 16,
    };
    header.clamp(least, 40) as f64
}

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Boolean(bool),
    Integer(f64),
    Number(f64),
    /// A day's serial number.
    Day(f64),
    /// A moment's serial number, whose fraction is the time of day.
    Moment(f64),
    /// Its own text.
    Text,
}

fn value(text: &str, kind: Kind) -> Value {
    match kind {
        Kind::Boolean => text.parse().map_or(Value::Text, Value::Boolean),
        Kind::Number => number(text),
        Kind::Double => text
            .parse()
            .ok()
            .filter(|number: &f64| *number == 0.0 || NUMBERS.contains(&number.abs()))
            .map_or(Value::Text, Value::Number),
        Kind::Date => text.parse().ok().and_then(serial).map_or(Value::Text, Value::Day),
        Kind::Timestamp => moment(text).map_or(Value::Text, Value::Moment),
        Kind::Text => Value::Text,
    }
}

/// A number of so few digits that a double gives all of them back.
fn number(text: &str) -> Value {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').len();
    if significant > SAFE_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Value::Text;
    }
    match text.parse() {
        Ok(number) if unsigned.contains('.') => Value::Number(number),
        Ok(number) => Value::Integer(number),
        Err(_) => Value::Text,
    }
}

fn serial(day: Date) -> Option<f64> {
    (day >= FIRST_DAY).then(|| day.since(DAY_ZERO).ok()).flatten().map(|days| f64::from(days.get_days()))
}

/// A moment is as exact as a double is there: to the microsecond until 2079.
fn moment(text: &str) -> Option<f64> {
    let moment: DateTime = text.strip_suffix('Z')?.parse().ok()?;
    let midnight = DateTime::from(moment.date());
    let seconds = moment.duration_since(midnight).as_secs_f64();
    Some(serial(moment.date())? + seconds / 86_400.0)
}

/// As much of a text as a cell holds.
fn fitting(text: &str) -> &str {
    // No text has more UTF-16 units than bytes.
    if text.len() <= MAX_TEXT {
        return text;
    }
    let mut units = 0;
    let end = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > MAX_TEXT
    });
    end.map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_only_where_no_digit_is_lost() {
        assert_eq!(value("999999999999999", Kind::Number), Value::Integer(999_999_999_999_999.0));
        assert_eq!(value("9999999999999999", Kind::Number), Value::Text);
        assert_eq!(value("-1234567890123.45", Kind::Number), Value::Number(-1_234_567_890_123.45));
        assert_eq!(value("12345678901234.567", Kind::Number), Value::Text);
        assert_eq!(value("0.000000000000000000001", Kind::Number), Value::Number(1e-21));
        assert_eq!(value("1.50000000000000000000", Kind::Number), Value::Number(1.5));
        assert_eq!(value("1e300", Kind::Double), Value::Number(1e300));
        for text in ["inf", "nan", "1e308", "5e-324"] {
            assert_eq!(value(text, Kind::Double), Value::Text, "{text}");
        }
    }

    #[test]
    fn dates_are_days_that_every_program_counts_alike() {
        assert_eq!(value("1900-03-01", Kind::Date), Value::Day(61.0));
        assert_eq!(value("2026-01-31", Kind::Date), Value::Day(46_053.0));
        assert_eq!(value("2026-01-31T18:00:00Z", Kind::Timestamp), Value::Moment(46_053.75));
        assert_eq!(value("2026-01-31T00:00:00.5Z", Kind::Timestamp), Value::Moment(46_053.0 + 0.5 / 86_400.0));
        for text in ["1900-02-28", "1899-12-31", "10000-01-01", "infinity"] {
            assert_eq!(value(text, Kind::Date), Value::Text, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(fitting(&"x".repeat(MAX_TEXT + 1)).len(), MAX_TEXT);
        assert_eq!(fitting(&"\u{1f600}".repeat(MAX_TEXT)).encode_utf16().count(), MAX_TEXT - 1);
        assert_eq!(fitting(&"ä".repeat(MAX_TEXT)).chars().count(), MAX_TEXT);
    }
}
