//! The books: what each run did, what each sweep vouches for, what the columns are.

use std::{collections::HashMap, path::Path};

use duckdb::{Connection, params};

use super::{
    WarehouseError, doing,
    merge::moment,
    open_read_only,
    schema::{SchemaChange, type_name},
    sql,
};
use crate::{
    api::Counters,
    batch::{Field, Fields, Plan, PlanRemarks, reject::Reject},
    pages::Certificate,
};

/// A run under way.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id, which sorts by time.
    pub id: String,
    /// When it began.
    pub started_at: jiff::Timestamp,
}

impl Run {
    /// A run that begins now.
    pub fn begin() -> Self {
        Self { id: uuid::Uuid::now_v7().to_string(), started_at: jiff::Timestamp::now() }
    }
}

/// Writes a run's line.
pub fn record_run(connection: &Connection, run: &Run, outcome: &str, exit_code: u8) -> Result<(), WarehouseError> {
    connection
        .execute(
            "INSERT INTO meta.runs VALUES (?, ?, ?, ?, ?, ?)",
            params![
                run.id,
                moment(run.started_at),
                moment(jiff::Timestamp::now()),
                outcome,
                exit_code,
                env!("CARGO_PKG_VERSION")
            ],
        )
        .map_err(doing("writing meta.runs"))?;
    Ok(())
}

/// Writes a sweep's certificate.
pub fn record_sweep(
    connection: &Connection,
    run_id: &str,
    instance: &str,
    resource: &str,
    certificate: &Certificate,
    cost: Counters,
) -> Result<(), WarehouseError> {
    connection
        .execute(
            "INSERT INTO meta.sweeps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                run_id,
                instance,
                resource,
                certificate.verdict.as_str(),
                certificate.reason,
                certificate.distinct_ids,
                certificate.repeated,
                certificate.without_id,
                certificate.total_before.map(column),
                certificate.total_after.map(column),
                certificate.pages,
                certificate.passes,
                cost.requests,
                cost.retries
            ],
        )
        .map_err(doing("writing meta.sweeps"))?;
    Ok(())
}

/// A count as the column holds it; what an API claims may be beyond that.
fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Writes what could not be a row.
pub fn record_rejects(
    connection: &Connection,
    run_id: &str,
    instance: &str,
    resource: &str,
    rejects: &[Reject],
) -> Result<(), WarehouseError> {
    let action = || doing("writing meta.rejects");
    let mut appender = connection.appender_to_db("rejects", "meta").map_err(action())?;
    appender
        .append_rows(rejects.iter().map(|reject| [run_id, instance, resource, reject.reason, reject.raw.as_str()]))
        .map_err(action())?;
    appender.flush().map_err(action())
}

/// Brings `meta.columns` up to a plan and what was remarked on its values.
pub fn record_columns(
    connection: &Connection,
    plan: &Plan,
    remarks: &PlanRemarks,
    seen_at: jiff::Timestamp,
) -> Result<(), WarehouseError> {
    let action = || doing("writing meta.columns");
    connection.execute_batch("CREATE OR REPLACE TEMP TABLE described AS FROM meta.columns LIMIT 0").map_err(action())?;
    let mut appender = connection.appender_to_catalog_and_db("described", "temp", "main").map_err(action())?;
    for (index, table) in plan.tables().enumerate() {
        for (position, column) in table.columns.iter().enumerate() {
            let remarks = remarks.0.get(index).and_then(|table| table.get(position)).copied().unwrap_or_default();
            let last_seen = column.came.then(|| moment(seen_at));
            appender
                .append_row(params![
                    table.name,
                    column.name,
                    column.source_path,
                    type_name(column),
                    column.field.label,
                    moment(seen_at),
                    last_seen,
                    column.whole_digits,
                    column.field.declared,
                    column.is_hinted,
                    remarks.blanks,
                    remarks.impossible,
                    remarks.inexact
                ])
                .map_err(action())?;
        }
    }
    appender.flush().map_err(action())?;
    drop(appender);
    // What did not come this time was remarked when it came last.
    connection
        .execute_batch(
            "UPDATE meta.columns c SET
                 type = d.type, label = coalesce(d.label, c.label), whole_digits = d.whole_digits,
                 declared_type = coalesce(d.declared_type, c.declared_type), is_hinted = d.is_hinted,
                 last_seen = coalesce(d.last_seen, c.last_seen),
                 blanks = CASE WHEN d.last_seen IS NULL THEN c.blanks ELSE d.blanks END,
                 impossible_dates = CASE WHEN d.last_seen IS NULL THEN c.impossible_dates ELSE d.impossible_dates END,
                 inexact = CASE WHEN d.last_seen IS NULL THEN c.inexact ELSE d.inexact END
             FROM described d WHERE c.resource = d.resource AND c.source_path = d.source_path;
             INSERT INTO meta.columns BY NAME
             FROM described d ANTI JOIN meta.columns c USING (resource, source_path) ORDER BY d.rowid;
             DROP TABLE described",
        )
        .map_err(action())?;
    Ok(())
}

/// Writes how the tables' shape changed.
pub fn record_schema_changes(
    connection: &Connection,
    run_id: &str,
    changes: &[SchemaChange],
    at: jiff::Timestamp,
) -> Result<(), WarehouseError> {
    for SchemaChange { table, new, old } in changes {
        let change = if old.is_some() { "widened" } else { "added" };
        connection
            .execute(
                "INSERT INTO meta.schema_changes VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![run_id, table, new.name, change, old.as_ref().map(type_name), type_name(new), moment(at)],
            )
            .map_err(doing("writing meta.schema_changes"))?;
        // Rows that this run does not see are filled when they are seen, see `merge`.
        connection
            .execute(
                &format!(
                    "INSERT INTO meta.unfitted SELECT DISTINCT _instance, $1, $2 FROM history.{} WHERE _valid_to IS NULL",
                    sql::name(table)
                ),
                params![table, new.name],
            )
            .map_err(doing("writing meta.unfitted"))?;
    }
    Ok(())
}

/// What a form says of its fields, by field id, as the warehouse has it now.
pub fn fields(connection: &Connection, form: &str, instance: &str) -> Result<Fields, WarehouseError> {
    let action = || doing("reading what the forms say of custom fields");
    let column = |name: &str| -> Result<String, WarehouseError> {
        Ok(if has_column(connection, form, name)? {
            format!("CAST({} AS VARCHAR)", sql::name(name))
        } else {
            "NULL".to_owned()
        })
    };
    let query = format!(
        "SELECT id, {}, {} FROM history.{} WHERE _instance = ? AND _valid_to IS NULL",
        column("label")?,
        column("type")?,
        sql::name(form)
    );
    let mut statement = connection.prepare(&query).map_err(action())?;
    let rows = statement
        .query_map([instance], |row| Ok((row.get(0)?, Field { label: row.get(1)?, declared: row.get(2)? })))
        .map_err(action())?;
    rows.collect::<Result<HashMap<_, _>, _>>().map_err(action())
}

/// Every label that a form ever gave its fields, by field id.
pub fn labels(connection: &Connection, form: &str) -> Result<HashMap<String, Vec<String>>, WarehouseError> {
    let action = || doing("reading what the forms ever called custom fields");
    if !has_column(connection, form, "label")? {
        return Ok(HashMap::new());
    }
    let query = format!(
        "SELECT DISTINCT id, CAST(label AS VARCHAR) FROM history.{} WHERE label IS NOT NULL ORDER BY ALL",
        sql::name(form)
    );
    let mut statement = connection.prepare(&query).map_err(action())?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(action())?;
    let mut labels: HashMap<String, Vec<String>> = HashMap::new();
    for row in rows {
        let (id, label): (String, String) = row.map_err(action())?;
        labels.entry(id).or_default().push(label);
    }
    Ok(labels)
}

/// Whether a history table has a column.
fn has_column(connection: &Connection, table: &str, column: &str) -> Result<bool, WarehouseError> {
    connection
        .query_row(
            "SELECT count(*) > 0 FROM information_schema.columns
             WHERE table_schema = 'history' AND table_name = ? AND column_name = ?",
            [table, column],
            |row| row.get(0),
        )
        .map_err(doing("looking for a column"))
}

/// The latest run that read each list, by instance and resource.
pub type LatestSweeps = HashMap<(String, String), String>;

/// The latest run that read each list of a warehouse; nothing where there is no warehouse yet.
pub fn latest_sweeps(warehouse: &Path) -> Result<LatestSweeps, WarehouseError> {
    let action = || doing("reading meta.sweeps");
    let reading = match open_read_only(warehouse) {
        Err(WarehouseError::Absent { .. }) => return Ok(LatestSweeps::new()),
        opened => opened?,
    };
    let mut statement = reading
        .connection
        .prepare("SELECT instance, resource, max(run_id) FROM meta.sweeps WHERE passes > 0 GROUP BY ALL")
        .map_err(action())?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).map_err(action())?;
    rows.collect::<Result<_, _>>().map_err(action())
}

/// The certificates, as a JSON list of objects.
pub fn told_sweeps(connection: &Connection) -> Result<String, WarehouseError> {
    connection
        .query_row("SELECT coalesce(CAST(to_json(list(s)) AS VARCHAR), '[]') FROM meta.sweeps s", [], |row| row.get(0))
        .map_err(doing("reading meta.sweeps"))
}

/// When the last run that loaded something ended, and the worst verdict of its sweeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The end of the last run.
    pub extracted_at: Option<String>,
    /// `proven`, `counted`, `suspect`, or nothing where nothing was swept.
    pub verdict: Option<String>,
}

/// How fresh and how whole the warehouse is.
pub fn freshness(connection: &Connection) -> Result<Freshness, WarehouseError> {
    connection
        .query_row(
            "WITH latest AS (
                 SELECT s.verdict FROM meta.sweeps s JOIN meta.runs r USING (run_id)
                 QUALIFY row_number() OVER (PARTITION BY s.instance, s.resource ORDER BY r.finished_at DESC) = 1
             )
             SELECT (SELECT strftime(max(finished_at), '%Y-%m-%dT%H:%M:%SZ') FROM meta.runs),
                    (SELECT CASE WHEN bool_or(verdict = 'suspect') THEN 'suspect'
                                 WHEN bool_or(verdict = 'counted') THEN 'counted'
                                 ELSE min(verdict) END FROM latest)",
            [],
            |row| Ok(Freshness { extracted_at: row.get(0)?, verdict: row.get(1)? }),
        )
        .map_err(doing("reading meta.runs"))
}

/// The latest certificate of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The instance.
    pub instance: String,
    /// The list.
    pub resource: String,
    /// `proven`, `counted` or `suspect`.
    pub verdict: String,
    /// Why, in words.
    pub reason: String,
    /// When it was last read, which may be before that certificate: a list that failed was not read.
    pub read_at: Option<jiff::Timestamp>,
}

/// The latest certificate of each list.
pub fn latest(connection: &Connection) -> Result<Vec<Latest>, WarehouseError> {
    let action = || doing("reading meta.sweeps");
    let mut statement = connection
        .prepare(
            "SELECT s.instance, s.resource, s.verdict, coalesce(s.reason, ''),
                    epoch_us(max(r.finished_at) FILTER (s.passes > 0) OVER (PARTITION BY s.instance, s.resource))
             FROM meta.sweeps s JOIN meta.runs r USING (run_id)
             QUALIFY row_number() OVER (PARTITION BY s.instance, s.resource ORDER BY r.finished_at DESC) = 1
             ORDER BY s.instance, s.resource",
        )
        .map_err(action())?;
    let rows = statement.query_map([], |row| {
        let read_at = row.get::<_, Option<i64>>(4)?.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
        let (instance, resource) = (row.get(0)?, row.get(1)?);
        Ok(Latest { instance, resource, verdict: row.get(2)?, reason: row.get(3)?, read_at })
    });
    rows.map_err(action())?.collect::<Result<_, _>>().map_err(action())
}

/// The id of the run that ended last.
pub fn last_run(connection: &Connection) -> Result<Option<String>, WarehouseError> {
    connection
        .query_row("SELECT max_by(run_id, finished_at) FROM meta.runs", [], |row| row.get(0))
        .map_err(doing("reading meta.runs"))
}
