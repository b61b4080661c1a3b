//! Staged rows into history: set-based, in one transaction for each resource.
//!
//! A row whose content is as it was writes nothing. One that is new or changed closes the version there was and opens
//! another; its child rows follow it. A deleted row's last version is closed and marked.

use duckdb::{Connection, params};

use super::{
    WarehouseError, doing,
    schema::{AFTER, BEFORE},
    sql,
};
use crate::batch::{Plan, Table};

/// What is merged, and when.
#[derive(Clone, Copy, Debug)]
pub struct Merge<'a> {
    /// The columns whose type widened in this run, as (table, column): their old values are written differently now.
    pub widened: &'a [(String, String)],
    /// The run.
    pub run_id: &'a str,
    /// The instance.
    pub instance: &'a str,
    /// When the run saw all this: `_valid_from` of what it adds.
    pub observed_at: jiff::Timestamp,
}

/// What a merge did to a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows there are now.
    pub rows: u64,
    /// Ids that were not there before.
    pub new: u64,
    /// Rows whose content changed.
    pub changed: u64,
    /// Rows that are gone.
    pub deleted: u64,
}

/// The staging table of a planned table.
pub fn stage(table: &Table) -> String {
    sql::name(&format!("stage_{}", table.name))
}

/// Creates the staging table of a planned table.
pub fn create_stage(connection: &Connection, table: &Table, is_child: bool) -> Result<(), WarehouseError> {
    let system: &[(&str, &str)] = if is_child {
        &[("_parent_id", "VARCHAR"), ("_position", "BIGINT"), ("_seq", "BIGINT")]
    } else {
        &[("_hash", "UBIGINT"), ("_seq", "BIGINT")]
    };
    let columns = table.columns.iter().map(|column| (column.name.as_str(), sql::type_of_column(column)));
    let system = system.iter().map(|(name, kind)| (*name, (*kind).to_owned()));
    let definitions: Vec<_> = columns.chain(system).map(|(name, kind)| format!("{} {kind}", sql::name(name))).collect();
    connection
        .execute_batch(&format!("CREATE OR REPLACE TEMP TABLE {} ({})", stage(table), definitions.join(", ")))
        .map_err(doing(format!("staging {}", table.name)))
}

impl Merge<'_> {
    /// Merges what was staged for a resource, and removes the staging tables.
    pub fn resource(&self, connection: &Connection, plan: &Plan, deleted: &[String]) -> Result<Tally, WarehouseError> {
        let resource = &plan.main.name;
        let action = || doing(format!("merging {resource}"));
        self.pick(connection, &plan.main)?;
        let (new, changed): (u64, u64) = connection
            .query_row("SELECT count(*) FILTER (NOT existed), count(*) FILTER (existed) FROM picked", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .map_err(action())?;
        if changed > 0 {
            self.record_changes(connection, &plan.main)?;
        }
        let children = child_tables(connection, resource)?;
        let gone = self.delete(connection, resource, &children, deleted)?;
        if changed > 0 {
            // Ids that are new have no version to end.
            self.end(connection, resource, &children, "picked", false)?;
        }
        self.add(connection, &plan.main, &[], &["_hash"])?;
        for child in &plan.children {
            self.add(connection, child, &["_parent_id", "_position"], &[])?;
        }
        for table in std::iter::once(&plan.main).chain(&plan.children) {
            connection.execute_batch(&format!("DROP TABLE {}", stage(table))).map_err(action())?;
        }
        connection.execute_batch("DROP TABLE picked").map_err(action())?;
        let rows = connection
            .query_row(
                &format!(
                    "SELECT count(*) FROM history.{} WHERE _instance = ? AND _valid_to IS NULL",
                    sql::name(resource)
                ),
                [self.instance],
                |row| row.get(0),
            )
            .map_err(action())?;
        Ok(Tally { rows, new, changed, deleted: gone })
    }

    /// The staged rows that say something new, as table `picked`. Of several sightings of a row the latest counts: by its
    /// own time of change where it tells one, else by when it was seen.
    fn pick(&self, connection: &Connection, table: &Table) -> Result<(), WarehouseError> {
        let action = || doing(format!("comparing {}", table.name));
        let stage = stage(table);
        let repeated: bool = connection
            .query_row(&format!("SELECT count(DISTINCT id) < count(*) FROM {stage}"), [], |row| row.get(0))
            .map_err(action())?;
        let latest = if repeated {
            let updated = table.column(crate::catalog::LAST_UPDATED).filter(|column| !column.is_list);
            let order =
                updated.map_or(String::new(), |column| format!("{} DESC NULLS LAST, ", sql::name(&column.name)));
            format!("QUALIFY row_number() OVER (PARTITION BY id ORDER BY {order}_seq DESC) = 1")
        } else {
            String::new()
        };
        connection
            .execute(
                &format!(
                    "CREATE OR REPLACE TEMP TABLE picked AS
                     SELECT s._seq, s.id, h.id IS NOT NULL AS existed
                     FROM (SELECT id, _seq, _hash FROM {stage} {latest}) s
                     LEFT JOIN (
                         SELECT id, _hash FROM history.{} WHERE _instance = ? AND _valid_to IS NULL
                     ) h ON h.id = s.id
                     WHERE h.id IS NULL OR h._hash <> s._hash",
                    sql::name(&table.name)
                ),
                [self.instance],
            )
            .map_err(action())?;
        Ok(())
    }

    /// Writes the fields of changed rows to `meta.changes`, old and new value as text.
    fn record_changes(&self, connection: &Connection, table: &Table) -> Result<(), WarehouseError> {
        let is_widened = |name: &str| self.widened.iter().any(|(t, column)| *t == table.name && column == name);
        for column in table.columns.iter().filter(|column| column.source_path != crate::catalog::KEY) {
            if is_widened(&column.name) {
                continue;
            }
            let name = sql::name(&column.name);
            let old = sql::as_text(&format!("h.{name}"), column);
            let new = sql::as_text(&format!("s.{name}"), column);
            connection
                .execute(
                    &format!(
                        "INSERT INTO meta.changes
                         SELECT ?, ?, ?, s.id, ?, {old}, {new}, ?
                         FROM picked p JOIN {} s ON s._seq = p._seq JOIN history.{} h ON h.id = s.id
                         WHERE p.existed AND h._instance = ? AND h._valid_to IS NULL
                           AND h.{name} IS DISTINCT FROM s.{name}
                         ORDER BY s.id",
                        stage(table),
                        sql::name(&table.name)
                    ),
                    params![
                        self.run_id,
                        self.instance,
                        table.name,
                        column.name,
                        moment(self.observed_at),
                        self.instance
                    ],
                )
                .map_err(doing(format!("recording the changes of {}", table.name)))?;
        }
        Ok(())
    }

    /// Closes the versions of deleted rows and of their children.
    fn delete(
        &self,
        connection: &Connection,
        resource: &str,
        children: &[String],
        deleted: &[String],
    ) -> Result<u64, WarehouseError> {
        if deleted.is_empty() {
            return Ok(0);
        }
        let action = || doing(format!("deleting from {resource}"));
        connection.execute_batch("CREATE OR REPLACE TEMP TABLE gone (id VARCHAR)").map_err(action())?;
        let mut appender = connection.appender_to_catalog_and_db("gone", "temp", "main").map_err(action())?;
        appender.append_rows(deleted.iter().map(|id| [id.as_str()])).map_err(action())?;
        appender.flush().map_err(action())?;
        drop(appender);
        connection
            .execute(
                "INSERT INTO meta.changes SELECT ?, ?, ?, id, '_deleted', 'false', 'true', ? FROM gone ORDER BY id",
                params![self.run_id, self.instance, resource, moment(self.observed_at)],
            )
            .map_err(action())?;
        let closed = self.end(connection, resource, children, "gone", true)?;
        connection.execute_batch("DROP TABLE gone").map_err(action())?;
        Ok(closed)
    }

    /// Ends the current versions of the rows whose ids a temporary table holds, and those of their children. Returns how
    /// many rows that were.
    fn end(
        &self,
        connection: &Connection,
        resource: &str,
        children: &[String],
        ids: &str,
        deleted: bool,
    ) -> Result<u64, WarehouseError> {
        let end = |table: &str, key: &str| {
            connection
                .execute(
                    &format!(
                        "UPDATE history.{} SET _valid_to = ?, _deleted = ?
                         WHERE _instance = ? AND _valid_to IS NULL AND {key} IN (SELECT id FROM {ids})",
                        sql::name(table)
                    ),
                    params![moment(self.observed_at), deleted, self.instance],
                )
                .map_err(doing(format!("closing versions of {table}")))
        };
        let rows = end(resource, "id")?;
        for child in children {
            end(child, "_parent_id")?;
        }
        Ok(rows as u64)
    }

    /// Opens versions for what was picked.
    fn add(
        &self,
        connection: &Connection,
        table: &Table,
        before: &[&str],
        after: &[&str],
    ) -> Result<(), WarehouseError> {
        let history = format!("history.{}", sql::name(&table.name));
        let action = || doing(format!("adding to {history}"));
        let own = || before.iter().copied().chain(table.columns.iter().map(|column| column.name.as_str()));
        let target = sql::names(
            "",
            BEFORE
                .iter()
                .map(|(n, _)| *n)
                .chain(own())
                .chain(AFTER.iter().map(|(n, _)| *n))
                .chain(after.iter().copied()),
        );
        let hash = sql::names(", s.", after.iter().copied());
        connection
            .execute(
                &format!(
                    "INSERT INTO {history} ({target})
                     SELECT ?, {}, ?, NULL, false, ?{hash}
                     FROM {} s JOIN picked p ON p._seq = s._seq",
                    sql::names("s.", own()),
                    stage(table)
                ),
                params![self.instance, moment(self.observed_at), self.run_id],
            )
            .map_err(action())?;
        Ok(())
    }
}

/// The child tables that a resource has or ever had: what is in them follows its parent, planned today or not.
fn child_tables(connection: &Connection, resource: &str) -> Result<Vec<String>, WarehouseError> {
    let action = || doing(format!("looking for the child tables of {resource}"));
    let mut statement = connection
        .prepare(
            "SELECT table_name FROM information_schema.columns
             WHERE table_schema = 'history' AND column_name = '_parent_id' AND starts_with(table_name, ?)",
        )
        .map_err(action())?;
    let tables = statement.query_map([format!("{resource}__")], |row| row.get(0)).map_err(action())?;
    tables.collect::<Result<_, _>>().map_err(action())
}

/// A moment as a parameter.
pub fn moment(at: jiff::Timestamp) -> duckdb::types::Value {
    duckdb::types::Value::Timestamp(duckdb::types::TimeUnit::Microsecond, at.as_microsecond())
}
