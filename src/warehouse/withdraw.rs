//! What came in before there was a rule that keeps it out, taken out again: of every version and of the books.
//!
//! What was done earlier is not asked: a column that is to be dropped is dropped where it is still there, and a value that
//! is to be hashed is hashed where it does not look like a hash already. So a rule holds for old values whenever it was
//! written, and whatever was known of a custom field's label at that time. A value of 64 hexadecimal digits is taken for
//! a hash.

use std::collections::HashMap;

use duckdb::{Connection, params};
use tracing::{info, warn};

use super::{
    WarehouseError, doing,
    merge::moment,
    schema::{self, type_name},
    sql,
};
use crate::{
    batch::{Column, KnownColumn, Rules, path::Path, privacy::Action, scalar::Type},
    catalog::{self, Resource, STAGES},
};

/// What `meta.schema_changes` says where the key of the hashes is another.
const KEY_CHANGE: &str = "privacy key";
/// Values looked at together: what is in memory of a column.
const AT_ONCE: i64 = 50_000;

/// What is taken out of a resource's tables.
pub(crate) struct Withdrawal<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) resource: &'a Resource,
    pub(crate) rules: &'a Rules<'a>,
    pub(crate) known: &'a [KnownColumn],
    pub(crate) run_id: &'a str,
    pub(crate) observed_at: jiff::Timestamp,
}

impl Withdrawal<'_> {
    /// Takes out what is to be kept out. Returns whether there was anything.
    pub(crate) fn run(&self) -> Result<bool, WarehouseError> {
        self.compare_keys()?;
        let mut any = false;
        let prefix = format!("{}__", self.resource.name);
        let mut tables: Vec<(&str, Option<&str>)> = Vec::new();
        for known in self.known {
            let child = known.table.strip_prefix(&prefix);
            let table = (known.table.as_str(), child);
            if (child.is_some() || known.table == self.resource.name) && !tables.contains(&table) {
                tables.push(table);
            }
        }
        for (table, child) in tables {
            let columns: Vec<(&Column, Path)> = self
                .known
                .iter()
                .filter(|known| known.table == table)
                .filter_map(|known| Some((&known.column, Path::parse(&known.column.source_path)?)))
                .collect();
            let list = columns.iter().find_map(|(_, path)| path.list());
            if let (Some(child), Some(list)) = (child, list)
                && self.rules.action(&list) == Some(Action::Drop)
            {
                self.drop_table(table, child, &columns)?;
                any = true;
                continue;
            }
            for (column, path) in &columns {
                any |= self.column(table, column, path)?;
            }
            if let Some(child) = child {
                any |= self.child_changes(child, &columns)?;
            }
        }
        any |= self.rejects()?;
        self.connection
            .execute_batch("DROP TABLE IF EXISTS plain; DROP TABLE IF EXISTS concealed")
            .map_err(self.doing("tidying up"))?;
        if any {
            info!(resource = self.resource.name, "values that [privacy] keeps out were taken out of the warehouse");
        }
        Ok(any)
    }

    fn doing(&self, what: &str) -> impl FnOnce(duckdb::Error) -> WarehouseError + use<> {
        doing(format!("taking out of {} what [privacy] keeps out ({what})", self.resource.name))
    }

    /// Runs a statement by itself: of one transaction DuckDB takes no change of a table's rows and of its columns. Nobody
    /// sees the copy before it is whole.
    fn apply(&self, statement: &str) -> Result<(), duckdb::Error> {
        self.connection.execute_batch(&format!("COMMIT; BEGIN; {statement}; COMMIT; BEGIN"))
    }

    /// Says so when the key of the hashes is another than it was: the hashes do not fit together then.
    fn compare_keys(&self) -> Result<(), WarehouseError> {
        let Some(print) = self.rules.key_print() else { return Ok(()) };
        let action = || self.doing("comparing the keys of the hashes");
        let before: Option<String> = self
            .connection
            .query_row(
                "SELECT arg_max(new_type, rowid) FROM meta.schema_changes WHERE change = ?",
                [KEY_CHANGE],
                |row| row.get(0),
            )
            .map_err(action())?;
        if before.as_ref() == Some(&print) {
            return Ok(());
        }
        if before.is_some() {
            warn!(
                "the key of the hashes that [privacy] asks for is not the one of earlier runs: hashes made until now do \
                 not join with new ones, and every row that has one changes"
            );
        }
        self.connection
            .execute(
                "INSERT INTO meta.schema_changes VALUES (?, NULL, NULL, ?, ?, ?, ?)",
                params![self.run_id, KEY_CHANGE, before, print, moment(self.observed_at)],
            )
            .map_err(action())?;
        Ok(())
    }

    /// Takes out a list of objects with all that it was.
    fn drop_table(&self, table: &str, child: &str, columns: &[(&Column, Path)]) -> Result<(), WarehouseError> {
        let action = || self.doing("dropping a list of objects");
        let name = sql::name(table);
        self.apply(&format!("DROP VIEW IF EXISTS crm.{name}; DROP TABLE history.{name}")).map_err(action())?;
        if (self.resource.name, child) == STAGES {
            // A view shows it whatever it holds.
            schema::create_history(self.connection, table, true)?;
        }
        for (column, _) in columns {
            self.note(table, column, "dropped", None)?;
        }
        for statement in ["DELETE FROM meta.columns WHERE resource = ?", "DELETE FROM meta.unfitted WHERE resource = ?"]
        {
            self.connection.execute(statement, [table]).map_err(action())?;
        }
        self.connection
            .execute("DELETE FROM meta.changes WHERE resource = ? AND column_name = ?", [self.resource.name, child])
            .map_err(action())?;
        Ok(())
    }

    /// Does to one column what is to be done.
    fn column(&self, table: &str, column: &Column, path: &Path) -> Result<bool, WarehouseError> {
        // Of tags that come as objects, the column has the names.
        let names = path.elements().key("name");
        let (action, path) = match self.rules.action(path) {
            None if column.source_path == catalog::TAGS => (self.rules.action(&names), &names),
            action => (action, path),
        };
        match action {
            Some(Action::Drop) => self.drop_column(table, column).map(|()| true),
            Some(Action::Hash) => self.hash_column(table, column, path),
            None if column.kind == Type::Json && self.rules.reaches_below(path) => {
                self.conceal_json(table, column, path)
            }
            None => Ok(false),
        }
    }

    fn drop_column(&self, table: &str, column: &Column) -> Result<(), WarehouseError> {
        let action = || self.doing("dropping a column");
        let statement = format!("ALTER TABLE history.{} DROP COLUMN {}", sql::name(table), sql::name(&column.name));
        self.apply(&statement).map_err(action())?;
        self.note(table, column, "dropped", None)?;
        for books in ["meta.columns", "meta.changes", "meta.unfitted"] {
            self.connection
                .execute(
                    &format!("DELETE FROM {books} WHERE resource = ? AND column_name = ?"),
                    params![table, column.name],
                )
                .map_err(action())?;
        }
        Ok(())
    }

    fn hash_column(&self, table: &str, column: &Column, path: &Path) -> Result<bool, WarehouseError> {
        let action = || self.doing("hashing a column");
        if column.kind == Type::Json {
            return self.conceal_json(table, column, path);
        }
        let (target, name) = (format!("history.{}", sql::name(table)), sql::name(&column.name));
        let text = sql::as_text(&name, column);
        let source = format!("SELECT {text} AS old FROM {target} WHERE {name} IS NOT NULL");
        let hashed = |old: &str| {
            if column.is_list { self.rules.old_json(path, old) } else { self.rules.old_scalar(old, column.kind) }
        };
        let changed = self.map(&source, &hashed)?;
        let is_typed = !matches!(column.kind, Type::Null | Type::Text);
        if changed || is_typed {
            if is_typed || column.is_list {
                self.apply(&format!("ALTER TABLE {target} ALTER COLUMN {name} TYPE VARCHAR USING {text}"))
                    .map_err(action())?;
            }
            self.apply(&format!("UPDATE {target} h SET {name} = m.new FROM concealed m WHERE h.{name} = m.old"))
                .map_err(action())?;
            if column.is_list {
                let list = format!("CAST(CAST({name} AS JSON) AS VARCHAR[])");
                self.apply(&format!("ALTER TABLE {target} ALTER COLUMN {name} TYPE VARCHAR[] USING {list}"))
                    .map_err(action())?;
            }
            self.note(table, column, "hashed", Some(Type::Text))?;
            let hashed = Column { kind: Type::Text, ..column.clone() };
            self.connection
                .execute(
                    "UPDATE meta.columns
                     SET type = ?, whole_digits = 0, is_hinted = false, impossible_dates = 0, inexact = 0
                     WHERE resource = ? AND column_name = ?",
                    params![type_name(&hashed), table, column.name],
                )
                .map_err(action())?;
        }
        let recorded = self.record_of_changes(table, &column.name, &hashed)?;
        Ok(changed || is_typed || recorded)
    }

    /// Rewrites JSON text, which a column holds as text.
    fn conceal_json(&self, table: &str, column: &Column, path: &Path) -> Result<bool, WarehouseError> {
        let (target, name) = (format!("history.{}", sql::name(table)), sql::name(&column.name));
        let concealed = |old: &str| self.rules.old_json(path, old);
        let changed = self.map(&format!("SELECT {name} AS old FROM {target} WHERE {name} IS NOT NULL"), &concealed)?;
        if changed {
            self.apply(&format!("UPDATE {target} h SET {name} = m.new FROM concealed m WHERE h.{name} = m.old"))
                .map_err(self.doing("rewriting JSON"))?;
        }
        Ok(self.record_of_changes(table, &column.name, &concealed)? || changed)
    }

    /// Conceals what `meta.changes` holds of a column. What differs no more is no change.
    fn record_of_changes(
        &self,
        resource: &str,
        column: &str,
        concealed: &dyn Fn(&str) -> Option<String>,
    ) -> Result<bool, WarehouseError> {
        let of = format!("resource = {} AND column_name = {}", sql::text(resource), sql::text(column));
        let source = format!(
            "FROM (SELECT old_value AS old FROM meta.changes WHERE {of} UNION SELECT new_value FROM meta.changes WHERE {of})
             WHERE old IS NOT NULL"
        );
        if !self.map(&source, concealed)? {
            return Ok(false);
        }
        self.connection
            .execute_batch(&format!(
                "UPDATE meta.changes c SET old_value = m.new FROM concealed m WHERE {of} AND c.old_value = m.old;
                 UPDATE meta.changes c SET new_value = m.new FROM concealed m WHERE {of} AND c.new_value = m.old;
                 DELETE FROM meta.changes WHERE {of} AND old_value IS NOT DISTINCT FROM new_value"
            ))
            .map_err(self.doing("rewriting meta.changes"))?;
        Ok(true)
    }

    /// Conceals what `meta.changes` holds of a list of objects: the whole list, before and after.
    fn child_changes(&self, child: &str, columns: &[(&Column, Path)]) -> Result<bool, WarehouseError> {
        let actions: HashMap<&str, Action> = columns
            .iter()
            .filter_map(|(column, path)| {
                // JSON stands in it as text, which is not looked through.
                let reaches = || column.kind == Type::Json && self.rules.reaches_below(path);
                let action = self.rules.action(path).or_else(|| reaches().then_some(Action::Drop))?;
                Some((column.name.as_str(), action))
            })
            .collect();
        if actions.is_empty() {
            return Ok(false);
        }
        self.record_of_changes(self.resource.name, child, &|old| self.rules.old_list(&actions, old))
    }

    /// Conceals what `meta.rejects` holds.
    fn rejects(&self) -> Result<bool, WarehouseError> {
        let of = format!("resource = {}", sql::text(self.resource.name));
        let source = format!("SELECT raw AS old FROM meta.rejects WHERE {of} AND raw IS NOT NULL");
        if !self.map(&source, &|old| self.rules.old_reject(old))? {
            return Ok(false);
        }
        self.connection
            .execute_batch(&format!(
                "UPDATE meta.rejects r SET raw = m.new FROM concealed m WHERE {of} AND r.raw = m.old"
            ))
            .map_err(self.doing("rewriting meta.rejects"))?;
        Ok(true)
    }

    /// Fills table `concealed` with what each text that a query answers becomes, where it becomes another. Returns whether
    /// one does.
    fn map(&self, source: &str, concealed: &dyn Fn(&str) -> Option<String>) -> Result<bool, WarehouseError> {
        let action = || self.doing("comparing values");
        self.connection
            .execute_batch(&format!(
                "CREATE OR REPLACE TEMP TABLE concealed (old VARCHAR, new VARCHAR);
                 CREATE OR REPLACE TEMP TABLE plain AS SELECT old, row_number() OVER () - 1 AS number FROM (
                     SELECT DISTINCT old FROM ({source}) WHERE NOT regexp_full_match(old, '[0-9a-f]{{64}}')
                 )"
            ))
            .map_err(action())?;
        let rows: i64 =
            self.connection.query_row("SELECT count(*) FROM plain", [], |row| row.get(0)).map_err(action())?;
        let mut any = false;
        for first in (0..rows).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
            let mut statement =
                self.connection.prepare("SELECT old FROM plain WHERE number >= ? AND number < ?").map_err(action())?;
            let old = statement.query_map([first, first + AT_ONCE], |row| row.get(0)).map_err(action())?;
            let old: Vec<String> = old.collect::<Result<_, _>>().map_err(action())?;
            let new: Vec<(&String, String)> = old.iter().filter_map(|old| Some((old, concealed(old)?))).collect();
            any |= !new.is_empty();
            let mut appender =
                self.connection.appender_to_catalog_and_db("concealed", "temp", "main").map_err(action())?;
            appender.append_rows(new.iter().map(|(old, new)| [old.as_str(), new.as_str()])).map_err(action())?;
            appender.flush().map_err(action())?;
        }
        Ok(any)
    }

    /// Notes in `meta.schema_changes` what became of a column.
    fn note(&self, table: &str, column: &Column, change: &str, kind: Option<Type>) -> Result<(), WarehouseError> {
        let new = kind.map(|kind| type_name(&Column { kind, ..column.clone() }));
        self.connection
            .execute(
                "INSERT INTO meta.schema_changes VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![self.run_id, table, column.name, change, type_name(column), new, moment(self.observed_at)],
            )
            .map_err(doing("writing meta.schema_changes"))?;
        Ok(())
    }
}
