//! The warehouse seen through other views: as it stood at some moment, or with other models than a run left there.
//!
//! A database of views only, a few kilobytes in a temporary folder, stands in front of the warehouse, which is attached
//! read-only: its `history` shows the versions that there were, and the `crm` and `model` views on top of that say what
//! they said then. Nothing is copied.

use std::path::Path;

use duckdb::{AccessMode, Config, Connection};

use super::{
    Reading, Spill, WarehouseError, doing, guard, open_read_only, prune, sql,
    views::{self, BrokenModel},
};
use crate::library::models::Model;

/// The alias of the attached warehouse.
const WAREHOUSE: &str = "warehouse_now";

/// Opens a warehouse with these models, as it stood at a moment or as it is. Returns the models that could not be made,
/// too.
pub fn open(
    warehouse: &Path,
    at: Option<jiff::Timestamp>,
    models: &[Model],
) -> Result<(Reading, Vec<BrokenModel>), WarehouseError> {
    // The same checks, with the same errors, as for the present.
    let present = open_read_only(warehouse)?;
    if let (Some(at), Some(horizon)) = (at, prune::horizon(&present.connection)?)
        && at < horizon
    {
        return Err(WarehouseError::Pruned { horizon });
    }
    drop(present);
    let io = |source| WarehouseError::Io { action: "create a folder in", path: "the temporary folder".into(), source };
    let folder = Spill::new().map_err(io)?;
    let file = folder.path().join("front.duckdb");
    let action = || doing("preparing the views");
    let connection = Connection::open(&file).map_err(action())?;
    attach(&connection, warehouse)?;
    create_views(&connection, at)?;
    let broken = views::create_models(&connection, models)?;
    connection.close().map_err(|(_, source)| doing("preparing the views")(source))?;
    let config = Config::default()
        .access_mode(AccessMode::ReadOnly)
        .and_then(|config| config.with("temp_directory", folder.path().to_string_lossy()))
        .map_err(action())?;
    let connection = Connection::open_with_flags(&file, config).map_err(action())?;
    attach(&connection, warehouse)?;
    guard(&connection)?;
    Ok((Reading { connection, _spill: Some(folder) }, broken))
}

/// A message of DuckDB's without the names that the warehouse's tables have behind the views.
pub fn plainly(message: &str) -> String {
    let alias = format!("{WAREHOUSE}.");
    let parts = message.split('"').map(|part| {
        if part.contains(&alias) {
            part.split(", ").filter(|name| !name.starts_with(&alias)).collect::<Vec<_>>().join(", ")
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join("\"").replace(" Did you mean \"\"?", "")
}

fn attach(connection: &Connection, warehouse: &Path) -> Result<(), WarehouseError> {
    let path = sql::text(&warehouse.to_string_lossy());
    connection
        .execute_batch(&format!("ATTACH {path} AS {WAREHOUSE} (READ_ONLY)"))
        .map_err(doing("opening the warehouse"))
}

fn create_views(connection: &Connection, at: Option<jiff::Timestamp>) -> Result<(), WarehouseError> {
    let action = || doing("preparing the views");
    let at = at.map(|at| format!("make_timestamp({})", at.as_microsecond()));
    connection
        .execute_batch("CREATE SCHEMA crm; CREATE SCHEMA history; CREATE SCHEMA model; CREATE SCHEMA meta")
        .map_err(action())?;
    for table in
        names(connection, "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = 'history'")?
    {
        let table = sql::name(&table);
        let versions = match &at {
            Some(at) => format!(
                "SELECT * REPLACE (
                     CASE WHEN _valid_to <= {at} THEN _valid_to END AS _valid_to,
                     _deleted AND _valid_to <= {at} AS _deleted
                 )
                 FROM {WAREHOUSE}.history.{table} WHERE _valid_from <= {at}"
            ),
            None => format!("FROM {WAREHOUSE}.history.{table}"),
        };
        connection.execute_batch(&format!("CREATE VIEW history.{table} AS {versions}")).map_err(action())?;
    }
    for table in
        names(connection, "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = 'meta'")?
    {
        let until = match (table.as_str(), &at) {
            ("runs", Some(at)) => format!("WHERE started_at <= {at}"),
            ("sweeps" | "rejects", Some(at)) => {
                format!("WHERE run_id IN (SELECT run_id FROM {WAREHOUSE}.meta.runs WHERE started_at <= {at})")
            }
            ("changes" | "schema_changes", Some(at)) => format!("WHERE observed_at <= {at}"),
            _ => String::new(),
        };
        let table = sql::name(&table);
        connection
            .execute_batch(&format!("CREATE VIEW meta.{table} AS FROM {WAREHOUSE}.meta.{table} {until}"))
            .map_err(action())?;
    }
    // Their statements name `history` and each other without a database, so that they read what was just created. The
    // catalog does not tell their order: one that reads a view still to come is tried again.
    let views = "SELECT sql FROM duckdb_views() WHERE database_name = ? AND schema_name = 'crm'";
    let mut pending = names(connection, views)?;
    while !pending.is_empty() {
        let before = pending.len();
        let mut refused = None;
        pending.retain(|statement| match connection.execute_batch(statement) {
            Ok(()) => false,
            Err(error) => {
                refused = Some(error);
                true
            }
        });
        if let Some(error) = refused.filter(|_| pending.len() == before) {
            return Err(doing("preparing the views")(error));
        }
    }
    Ok(())
}

/// What a query about the attached warehouse answers.
fn names(connection: &Connection, query: &str) -> Result<Vec<String>, WarehouseError> {
    let action = || doing("preparing the views");
    let mut statement = connection.prepare(query).map_err(action())?;
    let rows = statement.query_map([WAREHOUSE], |row| row.get(0)).map_err(action())?;
    rows.collect::<Result<_, _>>().map_err(action())
}
