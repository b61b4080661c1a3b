//! What a prompt remembers from one statement to the next, and how it answers.

use std::{
    cell::RefCell,
    fs,
    io::{self, Write as _},
    path::Path,
    rc::Rc,
    time::SystemTime,
};

use clap::ValueEnum as _;
use jiff::Timestamp;

use super::{
    ctrl_c::Halt,
    dots::{self, Dot},
    helper::Names,
    screen::{self, Screen},
};
use crate::{
    commands::{max_age, print, rendered},
    config::Settings,
    error::Error,
    reports::{
        Answer, Reader,
        render::{Format, cells, render},
        tokens::{statements, tokens},
    },
    warehouse::sql,
};

/// Columns of every table and view, in the order in which the schemas are read.
const COLUMNS: &str = "
SELECT schema_name || '.' || table_name AS \"table\", column_name AS \"column\", data_type AS type, schema_name, table_name,
       column_index
FROM duckdb_columns()
WHERE database_name = current_database() AND NOT internal AND schema_name IN ('crm', 'model', 'history', 'meta')";

/// How many rows a table has is known where it is stored, and as it is now; of a view only asking tells.
const TABLES: &str = "
SELECT \"table\", count(*) AS columns, any_value(estimated_size) AS rows
FROM ($columns) c
LEFT JOIN (SELECT schema_name, table_name, estimated_size FROM duckdb_tables() WHERE $now AND NOT internal) t
    USING (schema_name, table_name)
GROUP BY schema_name, \"table\"
ORDER BY list_position(['crm', 'model', 'history', 'meta'], schema_name), \"table\"";

/// Formats that are text, and so can be shown.
const TEXTS: [Format; 4] = [Format::Csv, Format::Json, Format::Ndjson, Format::Markdown];

/// How answers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// A table that fits the terminal.
    Table,
    /// Each row as lines, one a column.
    Lines,
    /// As elsewhere: every row.
    As(Format),
}

impl Shown {
    fn named(name: &str) -> Option<Self> {
        match name {
            "table" => Some(Self::Table),
            "lines" => Some(Self::Lines),
            _ => Format::from_str(name, true).ok().filter(|format| TEXTS.contains(format)).map(Self::As),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Table => "table".to_owned(),
            Self::Lines => "lines".to_owned(),
            Self::As(format) => name_of(format),
        }
    }
}

fn name_of(format: Format) -> String {
    format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The names of the formats that can be shown.
pub(super) fn formats() -> [&'static str; 6] {
    ["csv", "json", "lines", "markdown", "ndjson", "table"]
}

/// How many rows a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// As many as fit the terminal.
    Auto,
    All,
    Limit(usize),
}

/// What comes after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Go,
    Quit,
}

/// See the module.
pub(super) struct Session<'a> {
    settings: &'a Settings,
    at: Option<Timestamp>,
    reader: Reader,
    /// Which file the reader has open.
    file: Option<Identity>,
    names: Rc<RefCell<Names>>,
    halt: Halt,
    shown: Shown,
    rows: Rows,
}

impl<'a> Session<'a> {
    /// Opens the warehouse.
    pub(super) fn open(
        settings: &'a Settings,
        at: Option<Timestamp>,
        format: Option<Format>,
        halt: Halt,
    ) -> Result<Self, Error> {
        let shown = format.map_or(Some(Shown::Table), |format| Shown::named(&name_of(format)));
        let shown = shown
            .ok_or_else(|| Error::Usage("that format is for files: give a statement, or another format".to_owned()))?;
        // Before it is opened: if another takes its place in between, the next statement finds that out.
        let file = Identity::of(&settings.warehouse);
        let reader = Reader::open(settings, at)?;
        let names = Rc::default();
        let session = Self { settings, at, reader, file, names, halt, shown, rows: Rows::Auto };
        session.learn()?;
        Ok(session)
    }

    /// The names for completion, which follow the warehouse.
    pub(super) fn names(&self) -> Rc<RefCell<Names>> {
        self.names.clone()
    }

    /// What is told first.
    pub(super) fn greeting(&self) -> Result<String, Error> {
        let freshness = self.reader.freshness(max_age(self.settings))?;
        let extracted = freshness.extracted_at.as_deref().unwrap_or("never");
        let verdict = freshness.verdict.as_deref().unwrap_or("nothing swept");
        let at = self.at.map(|at| format!(" as it stood at {at}")).unwrap_or_default();
        Ok(format!(
            "{}{at}, extracted {extracted}, {verdict}. A statement ends with a semicolon; .help tells more, Ctrl-D leaves.\n",
            self.settings.warehouse.display()
        ))
    }

    /// Answers what was typed: statements, or a command with a dot.
    pub(super) fn answer(&mut self, typed: &str, screen: Screen) -> Result<Next, Error> {
        if tokens(typed).all.is_empty() {
            return Ok(Next::Go);
        }
        self.follow()?;
        if dots::is_dot(typed) {
            return self.obey(typed, screen);
        }
        for statement in statements(typed) {
            self.ask(statement, self.shown, self.rows, screen)?;
        }
        Ok(Next::Go)
    }

    /// Opens the warehouse anew where a run has replaced it, and says so.
    fn follow(&mut self) -> Result<(), Error> {
        let file = Identity::of(&self.settings.warehouse);
        if file == self.file {
            return Ok(());
        }
        self.reader = Reader::open(self.settings, self.at)?;
        self.file = file;
        self.learn()?;
        let extracted = self.reader.freshness(max_age(self.settings))?.extracted_at.unwrap_or_default();
        print(&format!("A run has replaced the warehouse; from here on it is the one extracted {extracted}.\n"))
    }

    /// Takes in what the reader has.
    fn learn(&self) -> Result<(), Error> {
        self.halt.watch(self.reader.stopper());
        let answer = self.reader.ask("names", &format!("{COLUMNS} ORDER BY ALL"), &|_| None)?;
        let mut names = Names::new();
        for row in cells(&answer).map_err(rendered)? {
            if let [Some(table), Some(column), ..] = row.as_slice() {
                names.entry(table.clone()).or_default().push(column.clone());
            }
        }
        self.names.replace(names);
        Ok(())
    }

    fn obey(&mut self, typed: &str, screen: Screen) -> Result<Next, Error> {
        match dots::parse(typed).map_err(Error::Usage)? {
            Dot::Quit => return Ok(Next::Quit),
            Dot::Help => print(&dots::help())?,
            Dot::Tables => self.ask(
                &TABLES.replace("$columns", COLUMNS).replace("$now", &self.at.is_none().to_string()),
                Shown::Table,
                Rows::All,
                screen,
            )?,
            Dot::Schema(name) => self.describe(&name, screen)?,
            Dot::Format(None) => print(&format!("{}; there is {}\n", self.shown.name(), formats().join(", ")))?,
            Dot::Format(Some(name)) => {
                self.shown = Shown::named(&name).ok_or_else(|| {
                    Error::Usage(format!("\"{name}\" is no format for a terminal; there is {}", formats().join(", ")))
                })?;
            }
            Dot::Rows(None) => print(&match self.rows {
                Rows::Auto => "auto: as many as fit\n".to_owned(),
                Rows::All => "all\n".to_owned(),
                Rows::Limit(limit) => format!("{limit}\n"),
            })?,
            Dot::Rows(Some(rows)) => {
                self.rows = match (rows.as_str(), rows.parse()) {
                    ("auto", _) => Rows::Auto,
                    ("all", _) => Rows::All,
                    (_, Ok(limit)) if limit > 0 => Rows::Limit(limit),
                    _ => {
                        return Err(Error::Usage(format!("\"{rows}\" is neither a number from 1 on, nor all or auto")));
                    }
                };
            }
        }
        Ok(Next::Go)
    }

    /// The columns of a table, which may be named without its schema.
    fn describe(&self, name: &str, screen: Screen) -> Result<(), Error> {
        let wanted = name.to_lowercase();
        let names = self.names.borrow();
        let is_wanted =
            |table: &&String| **table == wanted || table.split_once('.').is_some_and(|(_, table)| table == wanted);
        let tables: Vec<String> = names.keys().filter(is_wanted).map(|table| sql::text(table)).collect();
        if tables.is_empty() {
            return Err(Error::Usage(format!("no table is called \"{name}\"; .tables lists them")));
        }
        let statement = format!(
            "SELECT \"table\", \"column\", type FROM ({COLUMNS}) WHERE \"table\" IN ({}) ORDER BY \"table\", column_index",
            tables.join(", ")
        );
        self.ask(&statement, Shown::Table, Rows::All, screen)
    }

    /// Asks, and shows the answer.
    fn ask(&self, statement: &str, shown: Shown, rows: Rows, screen: Screen) -> Result<(), Error> {
        let mut out = io::BufWriter::new(self.halt.watched(io::stdout().lock()));
        match shown {
            Shown::As(format) => {
                let answer = self.reader.ask("SQL", statement, &|_| None)?;
                render(&mut out, &answer, format, None).map_err(rendered)?;
            }
            Shown::Table | Shown::Lines => {
                let limit = match rows {
                    Rows::Auto => screen.rows(),
                    Rows::All => usize::MAX,
                    Rows::Limit(limit) => limit,
                };
                let (answer, total) = self.reader.ask_some("SQL", statement, limit)?;
                let grid = grid(&answer)?;
                if shown == Shown::Table {
                    screen::table(&mut out, &grid, total, screen)?;
                } else {
                    let fitting = if rows == Rows::Auto { screen.records(grid.names.len()) } else { limit };
                    screen::lines(&mut out, &grid, fitting, total)?;
                }
            }
        }
        out.flush()?;
        Ok(())
    }
}

fn grid(answer: &Answer) -> Result<screen::Grid, Error> {
    let fields = answer.schema.fields();
    Ok(screen::Grid {
        names: fields.iter().map(|field| field.name().clone()).collect(),
        is_number: fields.iter().map(|field| field.data_type().is_numeric()).collect(),
        // A number or a date that is cut is another one.
        is_rigid: fields.iter().map(|field| field.data_type().is_primitive()).collect(),
        cells: cells(answer).map_err(rendered)?,
    })
}

/// What tells one file from another that has its name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
}

impl Identity {
    /// Of the file at a path, where there is one.
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            length: file.len(),
            modified: file.modified().ok(),
            #[cfg(unix)]
            inode: {
                use std::os::unix::fs::MetadataExt as _;
                (file.dev(), file.ino())
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_for_a_terminal_are_found_by_their_names() {
        for name in formats() {
            assert_eq!(Shown::named(name).map(Shown::name).as_deref(), Some(name));
        }
        assert!(TEXTS.iter().all(|format| formats().contains(&name_of(*format).as_str())));
        assert_eq!(Shown::named("pictures"), None);
    }
}
