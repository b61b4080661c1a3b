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

use super::{WarehouseError, doing, ledger, open_to_export, portable::Column, sql};

/// The schemas whose views are led out, in the order in which they are told.
const SCHEMAS: [&str; 2] = ["crm", "model"];

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
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|column| format!("{} AS {}", expression(column), sql::name(&column.name)))
            .collect();
        format!("SELECT {} FROM {}", columns.join(", "), self.name.quoted())
    }
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
        let action = || doing(format!("describing {}", name.full()));
        let mut statement =
            self.connection.prepare(&format!("DESCRIBE SELECT * FROM {}", name.quoted())).map_err(action())?;
        let columns = statement.query_map([], |row| Ok(Column::new(row.get(0)?, row.get(1)?))).map_err(action())?;
        let columns = columns.collect::<Result<_, _>>().map_err(action())?;
        Ok(View { name, columns })
    }

    /// Writes a view as a Parquet file. Returns its rows.
    pub fn write_parquet(&self, view: &View, path: &Path) -> Result<u64, WarehouseError> {
        let action = || doing(format!("writing {} as Parquet", view.name.full()));
        let mut beyond = Vec::new();
        for column in &view.columns {
            if let Some(condition) = column.is_beyond_decimal() {
                let query = format!("SELECT 1 FROM {} WHERE {condition} LIMIT 1", view.name.quoted());
                let found: Option<i64> =
                    self.connection.query_row(&query, [], |row| row.get(0)).optional().map_err(action())?;
                if found.is_some() {
                    beyond.push(&column.name);
                }
            }
        }
        let select = view.select(|column| column.as_parquet(!beyond.contains(&&column.name)));
        let target = sql::text(&path.to_string_lossy());
        let rows = self
            .connection
            .execute(&format!("COPY ({select}) TO {target} (FORMAT parquet, COMPRESSION zstd)"), [])
            .map_err(action())?;
        Ok(rows as u64)
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
