//! Rows that changed only in what no column shows.
//!
//! What a row is, its hash says, and that is of what came in. When something is dropped or hashed that came as it was
//! before, every row is another; most of them show nothing of it, and get the new hash without a new version.

use duckdb::Connection;

use super::{
    WarehouseError,
    changes::differs,
    doing,
    merge::{Merge, stage},
    sql,
};
use crate::{
    batch::{Plan, Table},
    catalog,
};

impl Merge<'_> {
    /// Takes from the picked rows those that look as they did.
    pub(super) fn settle(&self, connection: &Connection, plan: &Plan) -> Result<(), WarehouseError> {
        let resource = &plan.main.name;
        let action = || doing(format!("looking for what changed in {resource}"));
        let any: bool = connection
            .query_row("SELECT count(*) > 0 FROM picked WHERE existed", [], |row| row.get(0))
            .map_err(action())?;
        if !any {
            return Ok(());
        }
        connection.execute_batch("CREATE OR REPLACE TEMP TABLE differing (id VARCHAR)").map_err(action())?;
        let main = self.differing(connection, &plan.main)?;
        if !main.is_empty() {
            let statement = format!(
                "INSERT INTO differing
                 SELECT p.id FROM picked p
                 JOIN {} s ON s._seq = p._seq
                 JOIN history.{} h ON h.id = p.id
                 WHERE p.existed AND h._instance = ? AND h._valid_to IS NULL AND ({main})",
                stage(&plan.main),
                sql::name(resource)
            );
            connection.execute(&statement, [self.instance]).map_err(action())?;
        }
        for child in &plan.children {
            let differs = self.differing(connection, child)?;
            let differs = if differs.is_empty() { "false" } else { &differs };
            let statement = format!(
                "INSERT INTO differing
                 SELECT coalesce(s._parent_id, h._parent_id)
                 FROM (SELECT s.* FROM {} s SEMI JOIN picked p ON p._seq = s._seq AND p.existed) s
                 FULL JOIN (
                     SELECT h.* FROM history.{} h SEMI JOIN picked p ON p.id = h._parent_id AND p.existed
                     WHERE h._instance = ? AND h._valid_to IS NULL
                 ) h ON h._parent_id = s._parent_id AND h._position = s._position
                 WHERE s._position IS NULL OR h._position IS NULL OR ({differs})",
                stage(child),
                sql::name(&child.name)
            );
            connection.execute(&statement, [self.instance]).map_err(action())?;
        }
        connection
            .execute(
                &format!(
                    "UPDATE history.{} h SET _hash = l._hash
                     FROM (FROM latest SEMI JOIN (FROM picked WHERE existed AND id NOT IN (FROM differing)) USING (id)) l
                     WHERE h.id = l.id AND h._instance = ? AND h._valid_to IS NULL",
                    sql::name(resource)
                ),
                [self.instance],
            )
            .map_err(action())?;
        connection
            .execute_batch(
                "DELETE FROM picked WHERE existed AND id NOT IN (FROM differing);
                 DROP TABLE differing",
            )
            .map_err(action())
    }

    /// Whether history row `h` and staged row `s` show something different; nothing where there is nothing to show.
    fn differing(&self, connection: &Connection, table: &Table) -> Result<String, WarehouseError> {
        let former = self.former(connection, table)?;
        let columns = table.columns.iter().filter(|column| column.source_path != catalog::KEY);
        let differing = columns.map(|column| {
            let name = sql::name(&column.name);
            differs(&format!("h.{name}"), &format!("s.{name}"), column, &former)
        });
        Ok(differing.collect::<Vec<_>>().join(" OR "))
    }
}
