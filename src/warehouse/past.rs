//! The warehouse as it stood at some moment: the same names, read from history.
//!
//! A database of views only, a few kilobytes in a temporary folder, stands in front of the warehouse, which is attached
//! read-only: its `history` shows the versions that there were, and the warehouse's own `crm` and `model` views on top of
//! that say what they said then. Nothing is copied.

use std::path::Path;

use duckdb::{AccessMode, Config, Connection};

use super::{Reading, Spill, WarehouseError, doing, guard, open_read_only, prune, sql};

/// The alias of the attached warehouse.
const WAREHOUSE: &str = "warehouse_now";

/// Opens a warehouse as it stood at a moment.
pub fn open_as_of(warehouse: &Path, at: jiff::Timestamp) -> Result<Reading, WarehouseError> {
    // The same checks, with the same errors, as for the present.
    let present = open_read_only(warehouse)?;
    if let Some(horizon) = prune::horizon(&present.connection)?.filter(|horizon| at < *horizon) {
        return Err(WarehouseError::Pruned { horizon });
    }
    drop(present);
    let io = |source| WarehouseError::Io { action: "create a folder in", path: "the temporary folder".into(), source };
    let folder = Spill::new().map_err(io)?;
    let views = folder.path().join("past.duckdb");
    let action = || doing("going back in time");
    let connection = Connection::open(&views).map_err(action())?;
    attach(&connection, warehouse)?;
    create_views(&connection, at)?;
    connection.close().map_err(|(_, source)| doing("going back in time")(source))?;
    let config = Config::default()
        .access_mode(AccessMode::ReadOnly)
        .and_then(|config| config.with("temp_directory", folder.path().to_string_lossy()))
        .map_err(action())?;
    let connection = Connection::open_with_flags(&views, config).map_err(action())?;
    attach(&connection, warehouse)?;
    guard(&connection)?;
    Ok(Reading { connection, _spill: Some(folder) })
}

fn attach(connection: &Connection, warehouse: &Path) -> Result<(), WarehouseError> {
    let path = sql::text(&warehouse.to_string_lossy());
    connection
        .execute_batch(&format!("ATTACH {path} AS {WAREHOUSE} (READ_ONLY)"))
        .map_err(doing("opening the warehouse"))
}

fn create_views(connection: &Connection, at: jiff::Timestamp) -> Result<(), WarehouseError> {
    let action = || doing("going back in time");
    let at = format!("make_timestamp({})", at.as_microsecond());
    connection
        .execute_batch("CREATE SCHEMA crm; CREATE SCHEMA history; CREATE SCHEMA model; CREATE SCHEMA meta")
        .map_err(action())?;
    for table in
        names(connection, "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = 'history'")?
    {
        let table = sql::name(&table);
        connection
            .execute_batch(&format!(
                "CREATE VIEW history.{table} AS
                 SELECT * REPLACE (
                     CASE WHEN _valid_to <= {at} THEN _valid_to END AS _valid_to,
                     _deleted AND _valid_to <= {at} AS _deleted
                 )
                 FROM {WAREHOUSE}.history.{table} WHERE _valid_from <= {at}"
            ))
            .map_err(action())?;
    }
    for table in
        names(connection, "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = 'meta'")?
    {
        let until = match table.as_str() {
            "runs" => format!("WHERE started_at <= {at}"),
            "sweeps" | "rejects" => {
                format!("WHERE run_id IN (SELECT run_id FROM {WAREHOUSE}.meta.runs WHERE started_at <= {at})")
            }
            "changes" | "schema_changes" => format!("WHERE observed_at <= {at}"),
            _ => String::new(),
        };
        let table = sql::name(&table);
        connection
            .execute_batch(&format!("CREATE VIEW meta.{table} AS FROM {WAREHOUSE}.meta.{table} {until}"))
            .map_err(action())?;
    }
    // Their statements name `history` and each other without a database, so that they read what was just created. The
    // catalog does not tell their order: one that reads a view still to come is tried again.
    let views = "SELECT sql FROM duckdb_views() WHERE database_name = ? AND schema_name IN ('crm', 'model')";
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
            return Err(doing("going back in time")(error));
        }
    }
    Ok(())
}

/// What a query about the attached warehouse answers.
fn names(connection: &Connection, query: &str) -> Result<Vec<String>, WarehouseError> {
    let action = || doing("going back in time");
    let mut statement = connection.prepare(query).map_err(action())?;
    let rows = statement.query_map([WAREHOUSE], |row| row.get(0)).map_err(action())?;
    rows.collect::<Result<_, _>>().map_err(action())
}
