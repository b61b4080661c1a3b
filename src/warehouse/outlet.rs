//! The warehouse's way out: its views, led into files of other formats.
//!
//! The connection reads the warehouse and writes into the one folder it was opened for; it takes no statement from
//! outside.

use std::path::Path;

use arrow::{
    array::{Array as _, AsArray},
    record_batch::RecordBatch,
};
use duckdb::{Connection, OptionalExt as _};

use super::{
    WarehouseError, doing, ledger, open_to_export,
    portable::Column,
    schema::{AFTER, BEFORE},
    sql,
};

/// The schemas whose views are led out, in the order in which they are told.
const SCHEMAS: [&str; 2] = ["crm", "model"];

/// Rows of a row group: what readers take as one piece of work, and DuckDB's own measure.
const ROW_GROUP: u32 = 122_880;
/// The size at which another part begins.
const PART: &str = "512MB";

/// The name of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// `crm` or `model`.
    pub schema: String,
    /// Its name there.
    pub name: String,
}

impl Name {
    /// Both, such as `crm.leads`.
    pub fn full(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    fn quoted(&self) -> String {
        format!("{}.{}", sql::name(&self.schema), sql::name(&self.name))
    }
}

/// A view of the warehouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: Name,
    /// Its columns.
    pub columns: Vec<Column>,
}

impl View {
    fn select(&self, expression: impl Fn(&Column) -> String) -> String {
        select(&self.columns, &self.name.quoted(), expression)
    }
}

/// The rows of a table or a query in parentheses, each column as an expression of its own.
fn select(columns: &[Column], from: &str, expression: impl Fn(&Column) -> String) -> String {
    let columns: Vec<_> =
        columns.iter().map(|column| format!("{} AS {}", expression(column), sql::name(&column.name))).collect();
    format!("SELECT {} FROM {from}", columns.join(", "))
}

/// The columns of a table or a query in parentheses.
fn describe(connection: &Connection, from: &str) -> duckdb::Result<Vec<Column>> {
    let mut statement = connection.prepare(&format!("DESCRIBE SELECT * FROM {from}"))?;
    let columns = statement.query_map([], |row| Ok(Column::new(row.get(0)?, row.get(1)?)))?;
    columns.collect()
}

/// Writes the rows of a table or a query in parentheses as Parquet. Returns how many.
fn copy(connection: &Connection, columns: &[Column], from: &str, to: &Path, options: &str) -> duckdb::Result<u64> {
    let mut beyond = Vec::new();
    for column in columns {
        if let Some(condition) = column.is_beyond_decimal() {
            let query = format!("SELECT 1 FROM {from} WHERE {condition} LIMIT 1");
            let found: Option<i64> = connection.query_row(&query, [], |row| row.get(0)).optional()?;
            if found.is_some() {
                beyond.push(&column.name);
            }
        }
    }
    let select = select(columns, from, |column| column.as_parquet(!beyond.contains(&&column.name)));
    let target = sql::text(&to.to_string_lossy());
    let statement =
        format!("COPY ({select}) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}{options})");
    Ok(connection.execute(&statement, [])? as u64)
}

/// Writes the current rows of a table of `history` as Parquet files called `part-N.parquet` into a folder that is created.
/// Returns the rows.
pub fn write_parts(connection: &Connection, table: &str, folder: &Path) -> Result<u64, WarehouseError> {
    let own: Vec<_> = BEFORE.iter().chain(&AFTER).map(|(name, _)| *name).collect();
    let kept = format!("COLUMNS(c -> c NOT IN ('_hash', '{}'))", own.join("', '"));
    let current = format!("(SELECT {kept}, _instance FROM history.{} WHERE _valid_to IS NULL)", sql::name(table));
    write_rows(connection, table, &current, folder)
}

/// Writes what of a resource could not be a row, like [`write_parts`]. Returns nothing, and writes nothing, where there is
/// none.
pub fn write_rejects(connection: &Connection, resource: &str, folder: &Path) -> Result<Option<u64>, WarehouseError> {
    let rows = format!("(FROM meta.rejects WHERE resource = {})", sql::text(resource));
    let count: i64 = connection
        .query_row(&format!("SELECT count(*) FROM {rows}"), [], |row| row.get(0))
        .map_err(doing("counting rejects"))?;
    if count == 0 {
        return Ok(None);
    }
    write_rows(connection, "rejects", &rows, folder).map(Some)
}

fn write_rows(connection: &Connection, what: &str, from: &str, folder: &Path) -> Result<u64, WarehouseError> {
    let action = || doing(format!("writing {what} as Parquet"));
    let columns = describe(connection, from).map_err(action())?;
    let options = format!(", FILE_SIZE_BYTES '{PART}', FILENAME_PATTERN 'part-{{i}}', PER_THREAD_OUTPUT false");
    copy(connection, &columns, from, folder, &options).map_err(action())
}

/// A warehouse opened for leading its views out.
#[derive(Debug)]
pub struct Outlet {
    connection: Connection,
}

impl Outlet {
    /// Opens a warehouse, for files in `folder`, an absolute path, and nowhere else.
    pub fn open(warehouse: &Path, folder: &Path) -> Result<Self, WarehouseError> {
        Ok(Self { connection: open_to_export(warehouse, folder)? })
    }

    /// The views there are.
    pub fn names(&self) -> Result<Vec<Name>, WarehouseError> {
        let action = || doing("listing the views");
        let mut names = Vec::new();
        for schema in SCHEMAS {
            let mut statement = self
                .connection
                .prepare(
                    "SELECT table_name FROM information_schema.tables
                     WHERE table_catalog = current_database() AND table_schema = ? ORDER BY table_name",
                )
                .map_err(action())?;
            let found = statement
                .query_map([schema], |row| Ok(Name { schema: schema.to_owned(), name: row.get(0)? }))
                .map_err(action())?;
            for name in found {
                names.push(name.map_err(action())?);
            }
        }
        Ok(names)
    }

    /// A view, with the columns that it has now: what its `CREATE` saw may have changed since.
    pub fn view(&self, name: Name) -> Result<View, WarehouseError> {
        let columns =
            describe(&self.connection, &name.quoted()).map_err(doing(format!("describing {}", name.full())))?;
        Ok(View { name, columns })
    }

    /// Writes a view as a Parquet file. Returns its rows.
    pub fn write_parquet(&self, view: &View, path: &Path) -> Result<u64, WarehouseError> {
        copy(&self.connection, &view.columns, &view.name.quoted(), path, "")
            .map_err(doing(format!("writing {} as Parquet", view.name.full())))
    }

    /// Reads a view row by row, each cell as text. Returns its rows.
    pub fn read<E: From<WarehouseError>>(
        &self,
        view: &View,
        mut each: impl FnMut(&[Option<&str>]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let action = || doing(format!("reading {}", view.name.full()));
        let mut statement = self.connection.prepare(&view.select(Column::as_text)).map_err(action())?;
        // The stream's own iterator panics where a chunk fails; step by step, that is an error.
        drop(statement.stream_arrow([]).map_err(action())?);
        let mut rows = 0;
        while let Some(chunk) = statement.step().map_err(action())? {
            let batch = RecordBatch::from(&chunk);
            // Texts all of them: the statement casts every column.
            let columns: Vec<_> = batch.columns().iter().map(AsArray::as_string::<i32>).collect();
            let mut cells = Vec::with_capacity(columns.len());
            for row in 0..batch.num_rows() {
                cells.clear();
                cells.extend(columns.iter().map(|column| column.is_valid(row).then(|| column.value(row))));
                each(&cells)?;
            }
            rows += batch.num_rows() as u64;
        }
        Ok(rows)
    }

    /// The id of the last run.
    pub fn last_run(&self) -> Result<Option<String>, WarehouseError> {
        ledger::last_run(&self.connection)
    }

    /// How fresh and how whole the data is.
    pub fn freshness(&self) -> Result<ledger::Freshness, WarehouseError> {
        ledger::freshness(&self.connection)
    }
}
