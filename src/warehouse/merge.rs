//! Staged rows into history: set-based, in one transaction for each resource.
//!
//! A row whose content is as it was writes nothing. One that is new or changed closes the version there was and opens
//! another; its child rows follow it. A deleted row's last version is closed and marked.

use duckdb::{Connection, params};

use super::{
    WarehouseError, doing,
    schema::{AFTER, BEFORE},
    sql, step,
};
use crate::batch::{Plan, Table};

/// Columns that one statement fills: each that it touches takes memory of its own.
pub(super) const COLUMNS_AT_ONCE: usize = 50;

/// What is merged, and when.
#[derive(Clone, Copy, Debug)]
pub struct Merge<'a> {
    /// Whether rows whose content is another only in what no column shows are left as they are: where values are kept
    /// out, what is kept out changes.
    pub settles: bool,
    /// The run.
    pub run_id: &'a str,
    /// The instance.
    pub instance: &'a str,
    /// When the run saw all this: `_valid_from` of what it adds.
    pub observed_at: jiff::Timestamp,
}

/// A row that is known to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its id.
    pub id: String,
    /// The record that it was merged into, where the API said so.
    pub into: Option<String>,
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
    pub fn resource(&self, connection: &Connection, plan: &Plan, deleted: &[Gone]) -> Result<Tally, WarehouseError> {
        let resource = &plan.main.name;
        let action = || doing(format!("merging {resource}"));
        self.pick(connection, &plan.main)?;
        if self.settles {
            self.settle(connection, plan)?;
        }
        self.refit(connection, plan)?;
        let (new, changed): (u64, u64) = connection
            .query_row("SELECT count(*) FILTER (NOT existed), count(*) FILTER (existed) FROM picked", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .map_err(action())?;
        if changed > 0 {
            self.record_changes(connection, &plan.main)?;
            plan.children.iter().try_for_each(|child| self.record_child_changes(connection, plan, child))?;
        }
        if new > 0 {
            self.record_returns(connection, resource)?;
        }
        let children = child_tables(connection, resource)?;
        step("changes-recorded");
        let gone = self.delete(connection, resource, &children, deleted)?;
        if changed > 0 {
            // Ids that are new have no version to end.
            self.end(connection, resource, &children, "picked", false)?;
        }
        step("old-versions-ended");
        self.add(connection, &plan.main, &[], &["_hash"])?;
        for child in &plan.children {
            self.add(connection, child, &["_parent_id", "_position"], &[])?;
        }
        self.refitted(connection, plan)?;
        for table in plan.tables() {
            connection.execute_batch(&format!("DROP TABLE {}", stage(table))).map_err(action())?;
        }
        connection.execute_batch("DROP TABLE picked; DROP VIEW latest").map_err(action())?;
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

    /// The staged rows that say something new, as table `picked`. Of several sightings of a row, which `latest` holds, the
    /// latest counts: by its own time of change where each tells one, else by when it was seen.
    fn pick(&self, connection: &Connection, table: &Table) -> Result<(), WarehouseError> {
        let action = || doing(format!("comparing {}", table.name));
        let stage = stage(table);
        let repeated: bool = connection
            .query_row(&format!("SELECT count(DISTINCT id) < count(*) FROM {stage}"), [], |row| row.get(0))
            .map_err(action())?;
        let latest = if repeated {
            let updated = sql::order_of(table.column(crate::catalog::LAST_UPDATED));
            format!(
                "SELECT id, _seq, _hash
                 FROM (
                     SELECT *, count(*) OVER same = count(updated) OVER same AS all_tell
                     FROM (SELECT id, _seq, _hash, {updated} AS updated FROM {stage})
                     WINDOW same AS (PARTITION BY id)
                 )
                 QUALIFY row_number() OVER (
                     PARTITION BY id ORDER BY CASE WHEN all_tell THEN updated END DESC, _seq DESC
                 ) = 1"
            )
        } else {
            format!("SELECT id, _seq, _hash FROM {stage}")
        };
        connection.execute_batch(&format!("CREATE OR REPLACE TEMP VIEW latest AS {latest}")).map_err(action())?;
        connection
            .execute(
                &format!(
                    "CREATE OR REPLACE TEMP TABLE picked AS
                     SELECT s._seq, s.id, h.id IS NOT NULL AS existed
                     FROM latest s
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

    /// Gives the rows that did not change what the columns that are new or wider can hold of them: as if they were loaded
    /// today. Which columns those are, `meta.unfitted` says, until every row of the instance was seen again.
    fn refit(&self, connection: &Connection, plan: &Plan) -> Result<(), WarehouseError> {
        let main = sql::name(&plan.main.name);
        for table in plan.tables() {
            let action = || doing(format!("filling new columns of {}", table.name));
            let mut statement = connection
                .prepare("SELECT DISTINCT column_name FROM meta.unfitted WHERE instance = ? AND resource = ?")
                .map_err(action())?;
            let names = statement.query_map([self.instance, &table.name], |row| row.get(0)).map_err(action())?;
            let names: Vec<String> = names.collect::<Result<_, _>>().map_err(action())?;
            let is_planned = |name: &&String| table.columns.iter().any(|column| column.name == **name);
            let columns: Vec<String> = names.iter().filter(is_planned).map(|name| sql::name(name)).collect();
            let same = if table.name == plan.main.name {
                "h.id = l.id"
            } else {
                "h._parent_id = l.id AND h._position = s._position"
            };
            for columns in columns.chunks(COLUMNS_AT_ONCE) {
                let set: Vec<_> = columns.iter().map(|column| format!("{column} = s.{column}")).collect();
                let differs: Vec<_> =
                    columns.iter().map(|column| format!("h.{column} IS DISTINCT FROM s.{column}")).collect();
                let statement = format!(
                    "UPDATE history.{} h SET {}
                     FROM {} s, latest l, history.{main} m
                     WHERE s._seq = l._seq AND {same} AND h._instance = $1 AND h._valid_to IS NULL
                       AND m.id = l.id AND m._instance = $1 AND m._valid_to IS NULL AND m._hash = l._hash AND ({})",
                    sql::name(&table.name),
                    set.join(", "),
                    stage(table),
                    differs.join(" OR "),
                );
                connection.execute(&statement, [self.instance]).map_err(action())?;
            }
        }
        Ok(())
    }

    /// Forgets which columns rows have to be refitted to, if this sweep saw all rows there are.
    fn refitted(&self, connection: &Connection, plan: &Plan) -> Result<(), WarehouseError> {
        let main = &plan.main.name;
        connection
            .execute(
                &format!(
                    "DELETE FROM meta.unfitted
                     WHERE instance = $1 AND (resource = $2 OR starts_with(resource, $2 || '__')) AND NOT EXISTS (
                         FROM history.{} h ANTI JOIN latest l ON l.id = h.id WHERE h._instance = $1 AND h._valid_to IS NULL
                     )",
                    sql::name(main)
                ),
                params![self.instance, main],
            )
            .map_err(doing(format!("noting that {main} is filled")))?;
        Ok(())
    }

    /// Closes the versions of deleted rows and of their children.
    fn delete(
        &self,
        connection: &Connection,
        resource: &str,
        children: &[String],
        deleted: &[Gone],
    ) -> Result<u64, WarehouseError> {
        if deleted.is_empty() {
            return Ok(0);
        }
        let action = || doing(format!("deleting from {resource}"));
        connection
            .execute_batch("CREATE OR REPLACE TEMP TABLE gone (id VARCHAR, merged_into VARCHAR)")
            .map_err(action())?;
        let mut appender = connection.appender_to_catalog_and_db("gone", "temp", "main").map_err(action())?;
        appender
            .append_rows(deleted.iter().map(|gone| [Some(gone.id.as_str()), gone.into.as_deref()]))
            .map_err(action())?;
        appender.flush().map_err(action())?;
        drop(appender);
        connection
            .execute(
                "INSERT INTO meta.changes
                 SELECT $1, $2, $3, id, '_deleted', 'false', 'true', $4 FROM gone
                 UNION ALL SELECT $1, $2, $3, id, '_merged_into', NULL, merged_into, $4 FROM gone
                 WHERE merged_into IS NOT NULL
                 ORDER BY id",
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
pub(super) fn child_tables(connection: &Connection, resource: &str) -> Result<Vec<String>, WarehouseError> {
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
