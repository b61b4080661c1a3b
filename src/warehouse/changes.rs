//! What a run sees changed, field by field, for `meta.changes`.

use std::collections::HashMap;

use duckdb::{Connection, params};

use super::{
    WarehouseError, doing,
    merge::{COLUMNS_AT_ONCE, Merge, moment, stage},
    schema, sql,
};
use crate::batch::{Column, Plan, Table};

/// Lists that are made at once: unlike a join, what makes them holds all of them in memory.
const LISTS_AT_ONCE: i64 = 50_000;

impl Merge<'_> {
    /// Writes the fields of changed rows to `meta.changes`, old and new value as text.
    pub(super) fn record_changes(&self, connection: &Connection, table: &Table) -> Result<(), WarehouseError> {
        let former = self.former(connection, table)?;
        let changes = table.columns.iter().filter(|column| column.source_path != crate::catalog::KEY).map(|column| {
            let name = sql::name(&column.name);
            let (h, s) = (format!("h.{name}"), format!("s.{name}"));
            format!(
                "CASE WHEN {} THEN {{'name': {}, 'old': {}, 'new': {}}} END",
                differs(&h, &s, column, &former),
                sql::text(&column.name),
                sql::as_text(&h, column),
                sql::as_text(&s, column)
            )
        });
        for changes in changes.collect::<Vec<_>>().chunks(COLUMNS_AT_ONCE) {
            connection
                .execute(
                    &format!(
                        "INSERT INTO meta.changes
                         SELECT $1, $2, $3, id, change.name, change.old, change.new, $4
                         FROM (
                             SELECT s.id, unnest([{}]) AS change
                             FROM picked p JOIN {} s ON s._seq = p._seq JOIN history.{} h ON h.id = s.id
                             WHERE p.existed AND h._instance = $2 AND h._valid_to IS NULL
                         )
                         WHERE change IS NOT NULL ORDER BY id",
                        changes.join(", "),
                        stage(table),
                        sql::name(&table.name)
                    ),
                    params![self.run_id, self.instance, table.name, moment(self.observed_at)],
                )
                .map_err(doing(format!("recording the changes of {}", table.name)))?;
        }
        Ok(())
    }

    /// Writes the lists of objects of changed rows to `meta.changes`, each as JSON before and after.
    pub(super) fn record_child_changes(
        &self,
        connection: &Connection,
        plan: &Plan,
        child: &Table,
    ) -> Result<(), WarehouseError> {
        let Some(field) = child.name.strip_prefix(&format!("{}__", plan.main.name)) else { return Ok(()) };
        if child.columns.is_empty() {
            return Ok(());
        }
        let action = || doing(format!("recording the changes of {}", child.name));
        let former = self.former(connection, child)?;
        let differ: Vec<_> = child
            .columns
            .iter()
            .map(|column| {
                let name = sql::name(&column.name);
                differs(&format!("o.{name}"), &format!("n.{name}"), column, &former)
            })
            .collect();
        let (history, stage) = (sql::name(&child.name), stage(child));
        connection
            .execute(
                &format!(
                    "CREATE OR REPLACE TEMP TABLE altered AS
                     WITH old_rows AS (
                         FROM history.{history} SEMI JOIN picked p ON p.id = _parent_id AND p.existed
                         WHERE _instance = ? AND _valid_to IS NULL
                     ), new_rows AS (
                         SELECT s.* FROM {stage} s JOIN picked p ON p._seq = s._seq WHERE p.existed
                     ), ids AS (
                         SELECT DISTINCT coalesce(o._parent_id, n._parent_id) AS id
                         FROM old_rows o
                         FULL JOIN new_rows n ON n._parent_id = o._parent_id AND n._position = o._position
                         WHERE o._position IS NULL OR n._position IS NULL OR true IN ({})
                     )
                     SELECT id, (row_number() OVER () - 1) // {LISTS_AT_ONCE} AS slice FROM ids",
                    differ.join(", ")
                ),
                [self.instance],
            )
            .map_err(action())?;
        let slices: i64 = connection
            .query_row("SELECT coalesce(max(slice) + 1, 0) FROM altered", [], |row| row.get(0))
            .map_err(action())?;
        let members = child.columns.iter().map(|column| {
            let name = sql::name(&column.name);
            format!("{name} := {}", sql::in_json(&name, column))
        });
        let members = members.collect::<Vec<_>>().join(", ");
        let list = format!("CAST(to_json(list(struct_pack({members}) ORDER BY _position)) AS VARCHAR)");
        for slice in 0..slices {
            connection
                .execute(
                    &format!(
                        "INSERT INTO meta.changes
                         WITH ids AS (
                             SELECT id FROM altered WHERE slice = {slice}
                         ), old_lists AS (
                             SELECT _parent_id AS id, {list} AS list
                             FROM history.{history} SEMI JOIN ids ON ids.id = _parent_id
                             WHERE _instance = $2 AND _valid_to IS NULL
                             GROUP BY ALL
                         ), new_lists AS (
                             SELECT _parent_id AS id, {list} AS list
                             FROM {stage} SEMI JOIN (FROM picked SEMI JOIN ids USING (id)) p USING (_seq)
                             GROUP BY ALL
                         )
                         SELECT $1, $2, $3, id, $4, o.list, n.list, $5
                         FROM ids LEFT JOIN old_lists o USING (id) LEFT JOIN new_lists n USING (id)
                         ORDER BY id"
                    ),
                    params![self.run_id, self.instance, plan.main.name, field, moment(self.observed_at)],
                )
                .map_err(action())?;
        }
        connection.execute_batch("DROP TABLE altered").map_err(action())
    }

    /// The columns whose values may still be those that were written back from another type, each as it was then: a row
    /// is given its own only when it is seen, which need not be in the run that widened the column.
    pub(super) fn former(
        &self,
        connection: &Connection,
        table: &Table,
    ) -> Result<HashMap<String, Column>, WarehouseError> {
        let action = || doing(format!("looking for the former types of {}", table.name));
        let mut statement = connection
            .prepare(
                "SELECT column_name, arg_max(old_type, observed_at)
                 FROM meta.schema_changes SEMI JOIN (FROM meta.unfitted WHERE instance = $1) USING (resource, column_name)
                 WHERE resource = $2 AND old_type IS NOT NULL GROUP BY ALL",
            )
            .map_err(action())?;
        let rows = statement.query_map([self.instance, &table.name], |row| Ok((row.get(0)?, row.get(1)?)));
        let types: HashMap<String, String> = rows.and_then(Iterator::collect).map_err(action())?;
        let former = table.columns.iter().filter_map(|column| {
            let (kind, is_list) = schema::type_named(types.get(&column.name)?);
            Some((column.name.clone(), Column { kind, is_list, ..column.clone() }))
        });
        Ok(former.collect())
    }

    /// Writes to `meta.changes` which of the new rows had been deleted.
    pub(super) fn record_returns(&self, connection: &Connection, resource: &str) -> Result<(), WarehouseError> {
        connection
            .execute(
                &format!(
                    "INSERT INTO meta.changes
                     SELECT $1, $2, $3, p.id, '_deleted', 'true', 'false', $4
                     FROM picked p SEMI JOIN (FROM history.{} WHERE _instance = $2 AND _deleted) h ON h.id = p.id
                     WHERE NOT p.existed ORDER BY p.id",
                    sql::name(resource)
                ),
                params![self.run_id, self.instance, resource, moment(self.observed_at)],
            )
            .map_err(doing(format!("recording what came back to {resource}")))?;
        Ok(())
    }
}

/// Whether two values of a column differ, the old one perhaps written back from the type that the column had.
pub(super) fn differs(old: &str, new: &str, column: &Column, former: &HashMap<String, Column>) -> String {
    match former.get(&column.name) {
        Some(from) => sql::differs(old, new, from, column),
        None => format!("{old} IS DISTINCT FROM {new}"),
    }
}
