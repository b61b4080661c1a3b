//! Answers at the size of a terminal: what does not fit is cut where that does no harm, left out where it would, and told.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The fewest characters of a text that can be read.
const READABLE: usize = 12;
/// What a table's frame and the statement before it take of a screen.
const FRAME: usize = 8;
/// The fewest rows that a table shows, however low the screen.
const FEW: usize = 5;
/// Stands for what was cut.
const CUT: char = '…';

/// A terminal's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Screen {
    columns: usize,
    lines: usize,
}

impl Default for Screen {
    fn default() -> Self {
        Self { columns: 80, lines: 24 }
    }
}

impl Screen {
    /// Of so many characters; a terminal that does not know says none.
    pub(super) fn new(columns: u16, lines: u16) -> Self {
        let or = |size: u16, usual| if size == 0 { usual } else { usize::from(size) };
        let usual = Self::default();
        Self { columns: or(columns, usual.columns), lines: or(lines, usual.lines) }
    }

    /// How many rows of a table fit.
    pub(super) fn rows(self) -> usize {
        self.lines.saturating_sub(FRAME).max(FEW)
    }

    /// How many rows fit that have a line for each of their columns.
    pub(super) fn records(self, columns: usize) -> usize {
        (self.lines.saturating_sub(FRAME) / (columns + 1)).max(1)
    }
}

/// An answer's rows, or the first of them.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) names: Vec<String>,
    pub(super) is_number: Vec<bool>,
    /// Whether a column's values must not be cut.
    pub(super) is_rigid: Vec<bool>,
    /// Row by row; nothing for a null.
    pub(super) cells: Vec<Vec<Option<String>>>,
}

impl Grid {
    fn cell(&self, row: usize, column: usize) -> &str {
        self.cells[row][column].as_deref().unwrap_or("NULL")
    }
}

/// Writes a table, or the one row that does not fit as lines; `total` is how many rows there are.
pub(super) fn table(out: &mut dyn Write, grid: &Grid, total: usize, screen: Screen) -> io::Result<()> {
    let widths = widths(grid, screen.columns);
    if widths.len() < grid.names.len() && total == 1 {
        return lines(out, grid, 1, total);
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(grid.names.iter().zip(&widths).map(|(name, width)| cut(name, *width)));
    for (column, is_number) in table.column_iter_mut().zip(&grid.is_number) {
        if *is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in 0..grid.cells.len() {
        table.add_row(widths.iter().enumerate().map(|(column, width)| cut(grid.cell(row, column), *width)));
    }
    writeln!(out, "{table}")?;
    writeln!(out, "{}", told_rows(grid.cells.len(), total))?;
    if let [_, ..] = &grid.names[widths.len()..] {
        let hidden = grid.names[widths.len()..].join(", ");
        let told = format!("{} columns do not fit (.format lines shows them): ", grid.names.len() - widths.len());
        writeln!(out, "{told}{}", cut(&hidden, screen.columns.saturating_sub(told.width()).max(1)))?;
    }
    Ok(())
}

/// Writes the first rows as lines, one a column.
pub(super) fn lines(out: &mut dyn Write, grid: &Grid, rows: usize, total: usize) -> io::Result<()> {
    let longest = grid.names.iter().map(|name| name.width()).max().unwrap_or(0);
    let shown = grid.cells.len().min(rows);
    for row in 0..shown {
        writeln!(out, "── row {} ──", row + 1)?;
        for (column, name) in grid.names.iter().enumerate() {
            let indent = " ".repeat(longest - name.width());
            // A line of its own for each line of a text, below the first.
            let text = grid.cell(row, column).replace('\n', &format!("\n{}", " ".repeat(longest + 2)));
            writeln!(out, "{name}{indent}  {text}")?;
        }
    }
    writeln!(out, "{}", told_rows(shown, total))
}

fn told_rows(shown: usize, total: usize) -> String {
    match total {
        _ if shown < total => {
            format!("{} of {} rows; .rows all shows the other {}", digits(shown), digits(total), digits(total - shown))
        }
        1 => "1 row".to_owned(),
        _ => format!("{} rows", digits(total)),
    }
}

/// A number in groups of three digits.
fn digits(number: usize) -> String {
    let text = number.to_string();
    let first = text.len() % 3;
    let mut grouped = text[..first].to_owned();
    for at in (first..text.len()).step_by(3) {
        grouped.push_str(if grouped.is_empty() { "" } else { "," });
        grouped.push_str(&text[at..at + 3]);
    }
    grouped
}

/// How wide the first columns are, as many as fit: numbers and dates whole, texts at least readable.
fn widths(grid: &Grid, screen: usize) -> Vec<usize> {
    let columns = grid.names.len();
    let width = |text: &str| one_line(text).width().max(1);
    let heads: Vec<usize> = grid.names.iter().map(|name| width(name)).collect();
    let bodies: Vec<usize> = (0..columns)
        .map(|column| (0..grid.cells.len()).map(|row| width(grid.cell(row, column))).max().unwrap_or(0))
        .collect();
    let least = |column: usize| {
        let body = if grid.is_rigid[column] { bodies[column] } else { bodies[column].min(READABLE) };
        body.max(heads[column].min(READABLE))
    };
    // Beside each column a frame and two blanks, and at the end a frame.
    let room = |count: usize| screen.saturating_sub(3 * count + 1);
    let fits = |count: &usize| (0..*count).map(least).sum::<usize>() <= room(*count);
    let count = (1..=columns).rev().find(fits).unwrap_or(1).min(columns);
    let at_most = |most: usize| -> Vec<usize> {
        (0..count)
            .map(|column| bodies[column].max(heads[column]).min(most.max(least(column))).min(room(1).max(1)))
            .collect()
    };
    let widest = heads.iter().chain(&bodies).copied().max().unwrap_or(0);
    let most = (READABLE..=widest).rev().find(|most| at_most(*most).iter().sum::<usize>() <= room(count));
    at_most(most.unwrap_or(READABLE))
}

/// A text on one line, which is as wide as it looks.
fn one_line(text: &str) -> String {
    text.replace('\n', "⏎")
}

/// A text that is no wider than so many characters.
fn cut(text: &str, width: usize) -> String {
    let text = one_line(text);
    if text.width() <= width {
        return text;
    }
    let mut left = width.saturating_sub(1);
    let mut short = String::new();
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        short.push(c);
    }
    short.push(CUT);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(columns: &[(&str, bool, &str)], rows: usize) -> Grid {
        Grid {
            names: columns.iter().map(|(name, ..)| (*name).to_owned()).collect(),
            is_number: columns.iter().map(|(_, is_number, _)| *is_number).collect(),
            is_rigid: columns.iter().map(|(_, is_number, _)| *is_number).collect(),
            cells: vec![columns.iter().map(|(.., cell)| Some((*cell).to_owned())).collect(); rows],
        }
    }

    fn shown(grid: &Grid, total: usize, columns: u16) -> String {
        let mut out = Vec::new();
        table(&mut out, grid, total, Screen::new(columns, 24)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_fits_is_whole() {
        let grid = grid(&[("id", true, "4711"), ("title", false, "A deal")], 2);
        let expected = "\
┌──────┬────────┐
│   id ┆ title  │
╞══════╪════════╡
│ 4711 ┆ A deal │
│ 4711 ┆ A deal │
└──────┴────────┘
2 rows
";
        assert_eq!(shown(&grid, 2, 80), expected);
    }

    #[test]
    fn texts_are_cut_and_numbers_are_not() {
        let text = "A title that goes on and on, and then on";
        let wide = grid(&[("amount", true, "12345678901234.56"), ("title", false, text), ("note", false, "x\ny")], 2);
        for columns in [30, 40, 50, 60, 70] {
            let shown = shown(&wide, 1_234_567, columns);
            assert!(shown.lines().take(6).all(|line| line.width() <= usize::from(columns)), "{columns}:\n{shown}");
            assert!(shown.contains("12345678901234.56"), "{columns}:\n{shown}");
            assert!(shown.contains("2 of 1,234,567 rows; .rows all shows the other 1,234,565"), "{columns}:\n{shown}");
        }
        assert!(shown(&wide, 2, 50).contains("A title that goes … ┆ x⏎y"), "{}", shown(&wide, 2, 50));
    }

    #[test]
    fn columns_that_do_not_fit_are_told_and_one_row_is_written_as_lines() {
        let many: Vec<_> = (0..20).map(|_| ("some_column", false, "a text of some length")).collect();
        let two = shown(&grid(&many, 2), 2, 80);
        assert!(two.contains("15 columns do not fit (.format lines shows them): some_column, "), "{two}");
        assert!(two.lines().all(|line| line.width() <= 80), "{two}");
        let one = shown(&grid(&many, 1), 1, 80);
        assert_eq!(one.matches("some_column  a text of some length").count(), 20, "{one}");
    }

    #[test]
    fn a_terminal_as_narrow_as_nothing_is_no_reason_to_stop() {
        let grid = grid(&[("a_long_name", true, "123456"), ("title", false, "日本語の長いテキスト")], 2);
        for columns in 1..60 {
            assert!(shown(&grid, 2, columns).contains("2 rows"));
        }
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(Screen::new(0, 0), Screen::default());
    }

    #[test]
    fn an_answer_without_rows_has_its_columns() {
        assert!(shown(&grid(&[("id", true, "1")], 0), 0, 80).contains("0 rows"));
    }
}
