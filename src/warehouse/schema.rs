//! What a warehouse is made of: its schemas, the tables of `meta`, and how `history` grows with what is seen.

use duckdb::{Connection, params};

use super::{WarehouseError, doing, sql};
use crate::{
    batch::{Column, Field, KnownColumn, Remarks, Table, scalar::Type},
    catalog,
};

/// The version of this layout, kept in `meta.format`.
pub const FORMAT: i64 = 3;

/// The columns of `history` before the record's own, and after them.
pub const BEFORE: [(&str, &str); 1] = [("_instance", "VARCHAR")];
/// See [`BEFORE`].
pub const AFTER: [(&str, &str); 4] =
    [("_valid_from", "TIMESTAMP"), ("_valid_to", "TIMESTAMP"), ("_deleted", "BOOLEAN"), ("_run_id", "VARCHAR")];

/// What brings a warehouse to each version of the layout from the one before, beginning with nothing at all.
const MIGRATIONS: [(i64, &str); 3] = [
    (
        1,
        "
CREATE SCHEMA IF NOT EXISTS crm;
CREATE SCHEMA IF NOT EXISTS history;
CREATE SCHEMA IF NOT EXISTS model;
CREATE SCHEMA IF NOT EXISTS meta;
CREATE TABLE IF NOT EXISTS meta.format (version BIGINT);
CREATE TABLE IF NOT EXISTS meta.runs (
    run_id VARCHAR, started_at TIMESTAMP, finished_at TIMESTAMP, outcome VARCHAR, exit_code INTEGER, version VARCHAR
);
CREATE TABLE IF NOT EXISTS meta.sweeps (
    run_id VARCHAR, instance VARCHAR, resource VARCHAR, verdict VARCHAR, reason VARCHAR, distinct_ids BIGINT,
    repeated BIGINT, without_id BIGINT, total_before BIGINT, total_after BIGINT, pages BIGINT, passes INTEGER,
    requests BIGINT, retries BIGINT
);
CREATE TABLE IF NOT EXISTS meta.columns (
    resource VARCHAR, column_name VARCHAR, source_path VARCHAR, type VARCHAR, label VARCHAR,
    first_seen TIMESTAMP, last_seen TIMESTAMP, whole_digits INTEGER
);
CREATE TABLE IF NOT EXISTS meta.schema_changes (
    run_id VARCHAR, resource VARCHAR, column_name VARCHAR, change VARCHAR, old_type VARCHAR, new_type VARCHAR,
    observed_at TIMESTAMP
);
CREATE TABLE IF NOT EXISTS meta.rejects (
    run_id VARCHAR, instance VARCHAR, resource VARCHAR, reason VARCHAR, raw VARCHAR
);
CREATE TABLE IF NOT EXISTS meta.changes (
    run_id VARCHAR, instance VARCHAR, resource VARCHAR, id VARCHAR, column_name VARCHAR, old_value VARCHAR,
    new_value VARCHAR, observed_at TIMESTAMP
);
",
    ),
    (
        2,
        "
ALTER TABLE meta.columns ADD COLUMN declared_type VARCHAR;
ALTER TABLE meta.columns ADD COLUMN is_hinted BOOLEAN DEFAULT false;
ALTER TABLE meta.columns ADD COLUMN blanks BIGINT DEFAULT 0;
ALTER TABLE meta.columns ADD COLUMN impossible_dates BIGINT DEFAULT 0;
ALTER TABLE meta.columns ADD COLUMN inexact BIGINT DEFAULT 0;
CREATE TABLE meta.unfitted (instance VARCHAR, resource VARCHAR, column_name VARCHAR);
",
    ),
    (3, "CREATE TABLE meta.pruned (horizon TIMESTAMP, pruned_at TIMESTAMP)"),
];

/// Whether `meta` has a table, which depends on the layout's version.
pub(super) fn has_book(connection: &Connection, table: &str) -> Result<bool, WarehouseError> {
    let query = "SELECT count(*) > 0 FROM information_schema.tables WHERE table_schema = 'meta' AND table_name = ?";
    connection.query_row(query, [table], |row| row.get(0)).map_err(doing("looking for the tables of meta"))
}

/// The layout's version that a warehouse has; 0 when it has none.
pub fn format(connection: &Connection) -> Result<i64, WarehouseError> {
    if !has_book(connection, "format")? {
        return Ok(0);
    }
    let action = "reading the warehouse's format";
    let version: Option<i64> =
        connection.query_row("SELECT max(version) FROM meta.format", [], |row| row.get(0)).map_err(doing(action))?;
    Ok(version.unwrap_or(0))
}

/// Brings a warehouse to the current layout.
pub fn migrate(connection: &Connection) -> Result<(), WarehouseError> {
    let found = format(connection)?;
    if found > FORMAT {
        return Err(WarehouseError::Newer { found });
    }
    for (version, step) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        let action = || doing(format!("bringing the warehouse to format {version}"));
        connection.execute_batch(step).map_err(action())?;
        connection.execute("INSERT INTO meta.format VALUES (?)", params![version]).map_err(action())?;
    }
    // Every resource has its table, loaded or not, so that no view and no report depends on what was extracted.
    for resource in catalog::RESOURCES {
        create_history(connection, resource.name, false)?;
    }
    create_history(connection, &format!("{}__{}", catalog::STAGES.0, catalog::STAGES.1), true)
}

/// Creates a history table with the warehouse's own columns.
pub(super) fn create_history(connection: &Connection, table: &str, is_child: bool) -> Result<(), WarehouseError> {
    let keys: &[(&str, &str)] =
        if is_child { &[("_parent_id", "VARCHAR"), ("_position", "BIGINT")] } else { &[(catalog::KEY, "VARCHAR")] };
    let hash: &[(&str, &str)] = if is_child { &[] } else { &[("_hash", "UBIGINT")] };
    let columns = BEFORE.iter().chain(keys).chain(&AFTER).chain(hash);
    let definitions: Vec<_> = columns.map(|(name, kind)| format!("{} {kind}", sql::name(name))).collect();
    connection
        .execute_batch(&format!("CREATE TABLE IF NOT EXISTS history.{} ({})", sql::name(table), definitions.join(", ")))
        .map_err(doing(format!("creating history.{table}")))
}

/// Columns that `meta.columns` did not have from the first format on, and what stands for them where they are not.
const LATER_COLUMNS: [(&str, &str); 6] = [
    ("whole_digits", "0"),
    ("declared_type", "NULL"),
    ("is_hinted", "false"),
    ("blanks", "0"),
    ("impossible_dates", "0"),
    ("inexact", "0"),
];

/// The columns that the warehouse has from earlier runs.
pub fn known_columns(connection: &Connection) -> Result<Vec<KnownColumn>, WarehouseError> {
    let action = "reading meta.columns";
    // A file of an older format, which nothing brings up to date while it is only read, lacks some.
    let there: Vec<String> = connection
        .prepare("SELECT name FROM pragma_table_info('meta.columns')")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(doing(action))?;
    let is_there = |name: &str| there.iter().any(|column| column == name);
    let later = LATER_COLUMNS.map(|(name, default)| if is_there(name) { name } else { default }).join(", ");
    let mut statement = connection
        .prepare(&format!(
            "SELECT resource, column_name, source_path, type, label, {later} FROM meta.columns ORDER BY rowid"
        ))
        .map_err(doing(action))?;
    let rows = statement
        .query_map([], |row| {
            let type_name: String = row.get(3)?;
            let (kind, is_list) = type_named(&type_name);
            Ok(KnownColumn {
                table: row.get(0)?,
                column: Column {
                    name: row.get(1)?,
                    source_path: row.get(2)?,
                    kind,
                    is_list,
                    whole_digits: row.get(5)?,
                    field: Field { label: row.get(4)?, declared: row.get(6)? },
                    is_hinted: row.get(7)?,
                    came: false,
                },
                remarks: Remarks { blanks: row.get(8)?, impossible: row.get(9)?, inexact: row.get(10)? },
            })
        })
        .map_err(doing(action))?;
    rows.collect::<Result<_, _>>().map_err(doing(action))
}

/// What a new warehouse needs to go on as if it had earlier runs: the lines of `meta.columns`, as a JSON list of objects.
pub fn told(connection: &Connection) -> Result<String, WarehouseError> {
    connection
        .query_row(
            "SELECT coalesce(CAST(to_json(list(c ORDER BY c.rowid)) AS VARCHAR), '[]') FROM meta.columns c",
            [],
            |row| row.get(0),
        )
        .map_err(doing("reading meta.columns"))
}

/// Gives a new warehouse the columns that [`told`] of another told.
pub fn retell(connection: &Connection, columns: &str) -> Result<(), WarehouseError> {
    let action = || doing("writing meta.columns");
    let structure: String = connection
        .query_row(
            "SELECT CAST(to_json([map_from_entries(list((column_name, data_type)))]) AS VARCHAR)
             FROM information_schema.columns WHERE table_schema = 'meta' AND table_name = 'columns'",
            [],
            |row| row.get(0),
        )
        .map_err(action())?;
    connection
        .execute(
            &format!(
                "INSERT INTO meta.columns BY NAME SELECT unnest(from_json($1, {}), recursive := true)",
                sql::text(&structure)
            ),
            [columns],
        )
        .map_err(action())?;
    for KnownColumn { table, column, .. } in known_columns(connection)? {
        let is_child = catalog::resource(&table).is_none();
        create_history(connection, &table, is_child)?;
        if column.source_path == catalog::KEY && !is_child {
            continue;
        }
        let (name, kind) = (sql::name(&column.name), sql::type_of_column(&column));
        connection
            .execute_batch(&format!("ALTER TABLE history.{} ADD COLUMN {name} {kind}", sql::name(&table)))
            .map_err(doing(format!("creating history.{table}")))?;
    }
    Ok(())
}

/// The name of a column's type in `meta.columns`.
pub fn type_name(column: &Column) -> String {
    format!("{}{}", column.kind.name(), if column.is_list { "[]" } else { "" })
}

/// The type of that name, and whether it is one of lists.
pub fn type_named(name: &str) -> (Type, bool) {
    let (name, is_list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
    (Type::from_name(name).unwrap_or(Type::Text), is_list)
}

/// A change of the tables' shape, for `meta.schema_changes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// The table.
    pub table: String,
    /// The column as it is.
    pub new: Column,
    /// The column as it was; nothing if it is new.
    pub old: Option<Column>,
}

/// Creates the history table of a planned table, or widens it to hold what was planned; values stay what they were.
pub fn shape_history(
    connection: &Connection,
    table: &Table,
    is_child: bool,
    known: &[KnownColumn],
) -> Result<Vec<SchemaChange>, WarehouseError> {
    let target = format!("history.{}", sql::name(&table.name));
    let action = || doing(format!("shaping {target}"));
    let known: Vec<&Column> =
        known.iter().filter(|known| known.table == table.name).map(|known| &known.column).collect();
    create_history(connection, &table.name, is_child)?;
    let mut changes = Vec::new();
    for column in &table.columns {
        let name = sql::name(&column.name);
        match known.iter().find(|known| known.source_path == column.source_path) {
            None if column.source_path == catalog::KEY && !is_child => {}
            None => {
                connection
                    .execute_batch(&format!("ALTER TABLE {target} ADD COLUMN {name} {}", sql::type_of_column(column)))
                    .map_err(action())?;
                // The columns of a table's first load are no change, also where an empty list came before.
                if known.iter().any(|known| known.source_path != catalog::KEY) {
                    changes.push(SchemaChange { table: table.name.clone(), new: column.clone(), old: None });
                }
            }
            Some(known) if (known.kind, known.is_list) != (column.kind, column.is_list) => {
                let using = sql::widened(&name, known, column);
                let new_type = sql::type_of_column(column);
                connection
                    .execute_batch(&format!("ALTER TABLE {target} ALTER COLUMN {name} TYPE {new_type} USING {using}"))
                    .map_err(action())?;
                changes.push(SchemaChange {
                    table: table.name.clone(),
                    new: column.clone(),
                    old: Some((*known).clone()),
                });
            }
            Some(_) => {}
        }
    }
    Ok(changes)
}
