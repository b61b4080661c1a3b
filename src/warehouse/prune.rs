//! `crmlake prune`: old versions leave history, and the rows as they are stay.
//!
//! What stood at a moment after the horizon can still be asked for: a version that ended before it was valid at none of
//! them. What stood before cannot, so the horizon is written to `meta.pruned`, which [`super::past`] asks.

use std::path::Path;

use duckdb::{Connection, params};
use jiff::Timestamp;

use super::{Removed, WarehouseError, Working, doing, existing, failed, merge::moment, schema, sql};
use crate::{
    catalog::{self, Resource},
    config::work_folder,
    warehouse::lock::Lock,
};

/// What a pruning did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The rows removed, of each table that lost any.
    pub removed: Vec<Removed>,
    /// The file's size before, in bytes.
    pub before: u64,
    /// The file's size now, in bytes; nothing where it was not written.
    pub after: Option<u64>,
}

/// Removes the versions that ended before a moment, with what the books say of that time. Where there is none, and where
/// it only is to be told what would go (`dry_run`), the file stays as it is.
pub fn prune(warehouse: &Path, horizon: Timestamp, dry_run: bool) -> Result<Pruned, WarehouseError> {
    existing(warehouse)?;
    let _lock = Lock::take(&work_folder(warehouse))?;
    let before = warehouse.metadata().map_err(failed("measure", warehouse))?.len();
    let mut working = Working::begin(warehouse)?;
    let removed = remove(working.connection()?, horizon)?;
    if dry_run || removed.is_empty() {
        return Ok(Pruned { removed, before, after: None });
    }
    working.rewrite()?;
    Ok(Pruned { removed, before, after: Some(working.replace()?) })
}

fn remove(connection: &Connection, horizon: Timestamp) -> Result<Vec<Removed>, WarehouseError> {
    let action = || doing("removing old versions");
    connection.execute_batch("BEGIN").map_err(action())?;
    let mut removed = Vec::new();
    let mut delete = |place: String, what: &'static str, condition: &str| {
        let statement = format!("DELETE FROM {place} WHERE {condition}");
        let count = connection.execute(&statement, params![moment(horizon)]).map_err(action())?;
        if count > 0 {
            removed.push(Removed { place: place.replace('"', ""), what, count: count as u64 });
        }
        Ok(())
    };
    // What forms ever called their fields decides what [privacy] means; they are few.
    let is_form = |table: &String| catalog::resource(table).is_some_and(Resource::is_form);
    for table in history_tables(connection)?.into_iter().filter(|table| !is_form(table)) {
        delete(format!("history.{}", sql::name(&table)), "old versions", "_valid_to < ?")?;
    }
    delete("meta.changes".to_owned(), "changes", "observed_at < ?")?;
    let old_runs = "run_id IN (SELECT run_id FROM meta.runs WHERE finished_at < ?)";
    delete("meta.rejects".to_owned(), "rejects", old_runs)?;
    if !removed.is_empty() {
        connection
            .execute("INSERT INTO meta.pruned VALUES (?, ?)", params![moment(horizon), moment(Timestamp::now())])
            .map_err(doing("writing meta.pruned"))?;
    }
    connection.execute_batch("COMMIT").map_err(action())?;
    Ok(removed)
}

/// The tables of `history`, by name.
pub(super) fn history_tables(connection: &Connection) -> Result<Vec<String>, WarehouseError> {
    let action = || doing("listing the tables of history");
    let query = "SELECT table_name FROM information_schema.tables
                 WHERE table_schema = 'history' AND table_type = 'BASE TABLE' ORDER BY table_name";
    let mut statement = connection.prepare(query).map_err(action())?;
    let names = statement.query_map([], |row| row.get(0)).map_err(action())?;
    names.collect::<Result<_, _>>().map_err(action())
}

/// The moment before which history was pruned, if it ever was.
pub fn horizon(connection: &Connection) -> Result<Option<Timestamp>, WarehouseError> {
    // A warehouse of an older format has no such table, and was never pruned.
    if !schema::has_book(connection, "pruned")? {
        return Ok(None);
    }
    let latest: Option<i64> = connection
        .query_row("SELECT epoch_us(max(horizon)) FROM meta.pruned", [], |row| row.get(0))
        .map_err(doing("reading meta.pruned"))?;
    Ok(latest.and_then(|latest| Timestamp::from_microsecond(latest).ok()))
}
