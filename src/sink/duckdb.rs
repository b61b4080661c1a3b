//! The warehouse as a sink: a transaction for each resource on a copy, which the commit puts in the warehouse's place.

use std::{collections::HashMap, path::Path};

use arrow::record_batch::RecordBatch;
use duckdb::Connection;

use super::{Closing, Receipt, Sink, SinkError, Sweep};
use crate::{
    batch::{Batches, Fields, KnownColumn, Plan, PlanRemarks, Rules, Table},
    catalog::Resource,
    warehouse::{
        WarehouseError, Working,
        checks::{self, Finding},
        doing,
        ledger::{self, Run},
        merge::{Gone, Merge, Tally, create_stage},
        schema, sql, step, views,
        withdraw::Withdrawal,
    },
};

/// A run's copy of the warehouse, with its transaction open.
#[derive(Debug)]
pub struct DuckDbSink {
    working: Working,
    run: Run,
    observed_at: jiff::Timestamp,
    known: Vec<KnownColumn>,
    /// Whether values of the resource under way are kept out.
    keeps_out: bool,
    /// Whether something was taken out that must not stay in a free block.
    has_withdrawn: bool,
}

impl DuckDbSink {
    /// Copies the warehouse aside and begins the run's transaction.
    pub fn begin(warehouse: &Path, run: &Run) -> Result<Self, WarehouseError> {
        Self::begin_in(Working::begin(warehouse)?, run)
    }

    /// Begins a run in a working copy.
    pub(super) fn begin_in(working: Working, run: &Run) -> Result<Self, WarehouseError> {
        let connection = working.connection()?;
        connection.execute_batch("BEGIN").map_err(doing("beginning the transaction"))?;
        let known = schema::known_columns(connection)?;
        Ok(Self {
            working,
            run: run.clone(),
            observed_at: jiff::Timestamp::now(),
            known,
            keeps_out: false,
            has_withdrawn: false,
        })
    }

    /// The connection to the copy.
    pub(super) fn connection(&self) -> Result<&Connection, WarehouseError> {
        self.working.connection()
    }

    /// The ids, in a table of expected ones, that the sweep did not see. Also how many are expected.
    pub(super) fn not_seen(
        &self,
        resource: &str,
        instance: &str,
        expected: &str,
    ) -> Result<(Vec<String>, u64), SinkError> {
        let action = || doing(format!("looking for rows of {resource} that are gone"));
        let connection = self.connection()?;
        let rows = connection
            .query_row(&format!("SELECT count(*) FROM {expected}"), [instance], |row| row.get(0))
            .map_err(action())?;
        let mut statement = connection
            .prepare(&format!("SELECT id FROM {expected} AND id NOT IN (SELECT id FROM seen) ORDER BY id"))
            .map_err(action())?;
        let ids = statement.query_map([instance], |row| row.get(0)).map_err(action())?;
        let missing = ids.collect::<Result<Vec<String>, _>>().map_err(action())?;
        Ok((missing, rows))
    }

    fn append(&self, table: &Table, batch: RecordBatch) -> Result<(), WarehouseError> {
        let stage = format!("stage_{}", table.name);
        let action = || doing(format!("writing rows of {}", table.name));
        let mut appender = self.connection()?.appender_to_catalog_and_db(&stage, "temp", "main").map_err(action())?;
        appender.append_record_batch(batch).map_err(action())?;
        // A dropped appender swallows its errors.
        appender.flush().map_err(action())
    }

    /// Commits what there is. Nobody sees the copy before it is whole, so that one transaction for all of it would protect
    /// nothing, and what is not committed stays in memory.
    fn commit_to_copy(&self) -> Result<(), SinkError> {
        Ok(self.connection()?.execute_batch("COMMIT; BEGIN").map_err(doing("committing to the copy"))?)
    }

    fn merge_of<'a>(&'a self, instance: &'a str) -> Merge<'a> {
        Merge { settles: self.keeps_out, run_id: &self.run.id, instance, observed_at: self.observed_at }
    }
}

impl Sink for DuckDbSink {
    fn known(&self) -> &[KnownColumn] {
        &self.known
    }

    fn fields(&self, form: &Resource, instance: &str) -> Result<Fields, SinkError> {
        Ok(ledger::fields(self.connection()?, form.name, instance)?)
    }

    fn labels(&self, form: &Resource) -> Result<HashMap<String, Vec<String>>, SinkError> {
        Ok(ledger::labels(self.connection()?, form.name)?)
    }

    fn withdraw(&mut self, resource: &Resource, rules: Option<&Rules<'_>>) -> Result<(), SinkError> {
        self.keeps_out = rules.is_some();
        let Some(rules) = rules else { return Ok(()) };
        let connection = self.working.connection()?;
        let withdrawal = Withdrawal {
            connection,
            resource,
            rules,
            known: &self.known,
            run_id: &self.run.id,
            observed_at: self.observed_at,
        };
        let has_withdrawn = withdrawal.run()?;
        if has_withdrawn {
            self.has_withdrawn = true;
            self.known = schema::known_columns(connection)?;
            step("withdrawn");
        }
        Ok(())
    }

    fn saw(&mut self, ids: &[String], first: bool) -> Result<(), SinkError> {
        let action = || doing("noting the ids seen");
        let connection = self.connection()?;
        if first {
            connection.execute_batch("CREATE OR REPLACE TEMP TABLE seen (id VARCHAR)").map_err(action())?;
        }
        let mut appender = connection.appender_to_catalog_and_db("seen", "temp", "main").map_err(action())?;
        appender.append_rows(ids.iter().map(|id| [id.as_str()])).map_err(action())?;
        Ok(appender.flush().map_err(action())?)
    }

    fn has_seen(&self, id: &str) -> Result<bool, SinkError> {
        let action = doing("looking for an id");
        let query = "SELECT count(*) > 0 FROM seen WHERE id = ?";
        Ok(self.connection()?.query_row(query, [id], |row| row.get(0)).map_err(action)?)
    }

    fn missing(&mut self, resource: &'static Resource, instance: &str) -> Result<(Vec<String>, u64), SinkError> {
        let current = format!("history.{} WHERE _instance = ? AND _valid_to IS NULL", sql::name(resource.name));
        self.not_seen(resource.name, instance, &current)
    }

    fn shape(&mut self, plan: &Plan) -> Result<(), SinkError> {
        self.working.make_room(plan.tables().map(|table| table.columns.len()).sum())?;
        let connection = self.working.connection()?;
        let mut changes = schema::shape_history(connection, &plan.main, false, &self.known)?;
        for child in &plan.children {
            changes.extend(schema::shape_history(connection, child, true, &self.known)?);
        }
        ledger::record_schema_changes(connection, &self.run.id, &changes, self.observed_at)?;
        step("shaped");
        Ok(())
    }

    fn stage(&mut self, plan: &Plan) -> Result<(), SinkError> {
        let connection = self.working.connection()?;
        create_stage(connection, &plan.main, false)?;
        plan.children.iter().try_for_each(|child| create_stage(connection, child, true))?;
        Ok(())
    }

    fn write(&mut self, plan: &Plan, instance: &str, batches: Batches) -> Result<(), SinkError> {
        self.append(&plan.main, batches.main)?;
        step("half-written");
        for (child, batch) in plan.children.iter().zip(batches.children) {
            self.append(child, batch)?;
        }
        if !batches.rejects.is_empty() {
            let connection = self.connection()?;
            ledger::record_rejects(connection, &self.run.id, instance, &plan.main.name, &batches.rejects)?;
        }
        // What is not committed takes several times the memory, and DuckDB takes it for nothing when it plans a join: it would
        // build its table of all rows that there are, and not of the few that changed.
        self.commit_to_copy()
    }

    fn merge(&mut self, plan: &Plan, instance: &str, deleted: &[Gone]) -> Result<Tally, SinkError> {
        let tally = self.merge_of(instance).resource(self.connection()?, plan, deleted)?;
        step("merged");
        self.commit_to_copy()?;
        Ok(tally)
    }

    fn describe(&mut self, plan: &Plan, remarks: &PlanRemarks) -> Result<(), SinkError> {
        let connection = self.working.connection()?;
        step("resource-committed");
        ledger::record_columns(connection, plan, remarks, self.observed_at)?;
        self.known = schema::known_columns(connection)?;
        Ok(())
    }

    fn certify(&mut self, sweep: &Sweep<'_>) -> Result<(), SinkError> {
        let Sweep { resource, instance, certificate, cost, kept: _ } = *sweep;
        Ok(ledger::record_sweep(self.connection()?, &self.run.id, instance, resource.name, certificate, cost)?)
    }

    /// Creates the views, writes the run's line, and puts the copy in the warehouse's place.
    fn commit(mut self: Box<Self>, closing: &Closing<'_>) -> Result<Receipt, SinkError> {
        let connection = self.working.connection()?;
        step("loaded");
        views::create_crm(connection, &self.known)?;
        let broken = views::create_models(connection, closing.models)?;
        let (outcome, exit_code) = match (broken.is_empty(), closing.exit_code) {
            (false, 0) => closing.without_models,
            (_, exit_code) => (closing.outcome, exit_code),
        };
        ledger::record_run(connection, &self.run, outcome, exit_code)?;
        connection.execute_batch("COMMIT").map_err(doing("committing the run"))?;
        step("committed");
        // Nobody sees the copy yet. In a transaction, a check that cannot be run would take all later ones with it.
        let findings = checks::run(connection, closing.checks);
        if findings.iter().any(Finding::is_fatal) {
            return Err(SinkError::Checks(findings));
        }
        if self.has_withdrawn {
            self.working.rewrite()?;
        }
        Ok(Receipt { bytes: self.working.replace()?, held_back: Vec::new(), broken, findings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{self, Limits, plan};

    #[test]
    fn joins_are_planned_knowing_how_much_is_staged() {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = DuckDbSink::begin(&folder.path().join("crmlake.duckdb"), &Run::begin()).unwrap();
        let items = r#"[{"id":"1","title":"a"},{"id":"2","title":"b"}]"#;
        let mut shape = plan::known_shape("leads", &[]);
        batch::watch(&mut shape, items, Limits { flatten_depth: 3 }, |_| {});
        let plan = plan::plan("leads", &shape, &[], &Fields::new());
        sink.shape(&plan).unwrap();
        sink.stage(&plan).unwrap();
        sink.write(&plan, "main", batch::decode(&plan, items, 0).unwrap()).unwrap();
        let query = "SELECT estimated_size FROM duckdb_tables() WHERE table_name = 'stage_leads'";
        let rows: u64 = sink.connection().unwrap().query_row(query, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 2);
    }
}
