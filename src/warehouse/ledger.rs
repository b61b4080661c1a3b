//! The books: what each run did, what each sweep vouches for, what the columns are.

use std::{collections::HashMap, path::Path};

use duckdb::{Connection, OptionalExt as _, params};

use super::{
    WarehouseError, doing,
    merge::moment,
    open_read_only,
    schema::{SchemaChange, type_name},
};
use crate::{
    api::Counters,
    batch::{KnownColumn, Labels, Plan, Table, reject::Reject},
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

/// Brings `meta.columns` up to a plan.
pub fn record_columns(
    connection: &Connection,
    plan: &Plan,
    known: &[KnownColumn],
    seen_at: jiff::Timestamp,
) -> Result<(), WarehouseError> {
    let action = || doing("writing meta.columns");
    let tables = || std::iter::once(&plan.main).chain(&plan.children);
    for (table, column) in tables().flat_map(|table: &Table| table.columns.iter().map(move |column| (table, column))) {
        let is_known =
            known.iter().any(|known| known.table == table.name && known.column.source_path == column.source_path);
        let kind = type_name(column);
        if is_known {
            connection
                .execute(
                    "UPDATE meta.columns SET type = ?, label = coalesce(?, label), last_seen = ?, whole_digits = ?
                     WHERE resource = ? AND source_path = ?",
                    params![kind, column.label, moment(seen_at), column.whole_digits, table.name, column.source_path],
                )
                .map_err(action())?;
        } else {
            connection
                .execute(
                    "INSERT INTO meta.columns VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    params![
                        table.name,
                        column.name,
                        column.source_path,
                        kind,
                        column.label,
                        moment(seen_at),
                        moment(seen_at),
                        column.whole_digits
                    ],
                )
                .map_err(action())?;
        }
    }
    Ok(())
}

/// Writes how the tables' shape changed.
pub fn record_schema_changes(
    connection: &Connection,
    run_id: &str,
    changes: &[SchemaChange],
    at: jiff::Timestamp,
) -> Result<(), WarehouseError> {
    for change in changes {
        connection
            .execute(
                "INSERT INTO meta.schema_changes VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![
                    run_id,
                    change.table,
                    change.column,
                    change.change,
                    change.old_type,
                    change.new_type,
                    moment(at)
                ],
            )
            .map_err(doing("writing meta.schema_changes"))?;
    }
    Ok(())
}

/// The labels of a form's fields, as the warehouse has them now.
pub fn labels(connection: &Connection, form: &str, instance: &str) -> Result<Labels, WarehouseError> {
    let action = "reading the labels of custom fields";
    let columns: Option<i64> = connection
        .query_row(
            "SELECT count(*) FROM information_schema.columns
             WHERE table_schema = 'history' AND table_name = ? AND column_name IN ('id', 'label')",
            [form],
            |row| row.get(0),
        )
        .optional()
        .map_err(doing(action))?;
    if columns != Some(2) {
        return Ok(Labels::new());
    }
    let mut statement = connection
        .prepare(&format!(
            "SELECT id, CAST(label AS VARCHAR) FROM history.{}
             WHERE _instance = ? AND _valid_to IS NULL AND label IS NOT NULL",
            super::sql::name(form)
        ))
        .map_err(doing(action))?;
    let rows = statement.query_map([instance], |row| Ok((row.get(0)?, row.get(1)?))).map_err(doing(action))?;
    rows.collect::<Result<HashMap<_, _>, _>>().map_err(doing(action))
}

/// The latest run that read each list, by instance and resource.
pub type LatestSweeps = HashMap<(String, String), String>;

/// The latest run that read each list of a warehouse; nothing where there is no warehouse yet.
pub fn latest_sweeps(warehouse: &Path) -> Result<LatestSweeps, WarehouseError> {
    let action = || doing("reading meta.sweeps");
    let connection = match open_read_only(warehouse) {
        Err(WarehouseError::Absent { .. }) => return Ok(LatestSweeps::new()),
        opened => opened?,
    };
    let mut statement = connection
        .prepare("SELECT instance, resource, max(run_id) FROM meta.sweeps WHERE passes > 0 GROUP BY ALL")
        .map_err(action())?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).map_err(action())?;
    rows.collect::<Result<_, _>>().map_err(action())
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
