//! The views that readers use: `crm`, the rows as they are now, and `model`, the semantic layer on top.

use std::collections::HashMap;

use duckdb::Connection;
use twox_hash::XxHash3_64;

use super::{WarehouseError, doing, sql, tidy};
use crate::{
    batch::{Column, KnownColumn, Plan, scalar::Type},
    catalog::{self, RESOURCES, Resource, STAGES},
    library::models::Model,
};

/// A history table and its columns with their types, those of the warehouse included.
struct History {
    name: String,
    columns: Vec<(String, String)>,
}

impl History {
    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == column)
    }

    /// The record's own columns.
    fn own(&self) -> impl Iterator<Item = &(String, String)> {
        self.columns.iter().filter(|(name, _)| !name.starts_with('_'))
    }
}

/// Creates the views of `crm` anew, over the history tables there are.
pub fn create_crm(connection: &Connection, known: &[KnownColumn]) -> Result<(), WarehouseError> {
    let tables = histories(connection)?;
    let find = |name: &str| tables.iter().find(|table| table.name == name);
    let mut views: Vec<&str> = RESOURCES.iter().map(|resource| resource.view).collect();
    views.dedup();
    for view in views {
        let members: Vec<(&Resource, &History)> = RESOURCES
            .iter()
            .filter(|resource| resource.view == view)
            .filter_map(|resource| Some((resource, find(resource.name)?)))
            .collect();
        if !members.is_empty() {
            create(connection, "crm", view, &united(&members))?;
        }
    }
    for table in &tables {
        if table.has("_parent_id") {
            create(connection, "crm", &table.name, &current(table, ""))?;
        }
    }
    let (pipelines, stages) = STAGES;
    if let Some(table) = find(&format!("{pipelines}__{stages}")) {
        // A stage's own word on its pipeline says the same.
        let own = table.own().map(|(name, _)| name.as_str()).filter(|name| *name != "pipeline_id");
        let columns = sql::names("", own.chain(["_position", "_instance"]));
        let statement = format!(
            "SELECT _parent_id AS pipeline_id, {columns}
             FROM history.{} WHERE _valid_to IS NULL",
            sql::name(&table.name)
        );
        create(connection, "crm", stages, &statement)?;
    }
    create(connection, "crm", "users", &users(known, &tables))
}

/// A model that DuckDB does not understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenModel {
    /// Its name.
    pub name: String,
    /// The file it is from.
    pub origin: String,
    /// What DuckDB says.
    pub problem: String,
}

/// Creates the views of `model` anew. One that DuckDB refuses is left out with those that read it, and told: a user's
/// mistake in one file must not cost a night's data.
pub fn create_models(connection: &Connection, models: &[Model]) -> Result<Vec<BrokenModel>, WarehouseError> {
    let action = || doing("creating the models");
    connection.execute_batch("DROP SCHEMA IF EXISTS model CASCADE; CREATE SCHEMA model").map_err(action())?;
    let mut broken = Vec::new();
    for model in models {
        let view = format!("model.{}", sql::name(&model.name));
        let statement = format!("CREATE VIEW {view} AS {}", model.statement);
        match connection.execute_batch(&statement) {
            Ok(()) => {
                let comment = format!("COMMENT ON VIEW {view} IS {}", sql::text(&comment(model)));
                connection.execute_batch(&comment).map_err(action())?;
            }
            Err(error) => broken.push(BrokenModel {
                name: model.name.clone(),
                origin: model.origin.clone(),
                problem: tidy(&error.to_string()),
            }),
        }
    }
    Ok(broken)
}

/// What a view says of itself: what a row is, and a mark of the statement that it was made from.
fn comment(model: &Model) -> String {
    let mark = XxHash3_64::oneshot(model.statement.as_bytes());
    format!("{} [{mark:016x}]", model.grain)
}

/// Whether the views of `model` are those of these models.
pub fn are_current(connection: &Connection, models: &[Model]) -> Result<bool, WarehouseError> {
    let action = || doing("reading the models");
    let query =
        "SELECT view_name, coalesce(comment, '') FROM duckdb_views() WHERE schema_name = 'model' AND NOT internal";
    let mut statement = connection.prepare(query).map_err(action())?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(action())?;
    let there: HashMap<String, String> = rows.collect::<Result<_, _>>().map_err(action())?;
    Ok(there.len() == models.len() && models.iter().all(|model| there.get(&model.name) == Some(&comment(model))))
}

/// One row a user, from every place where records show one. The API does not check that id, name and email agree over
/// time: the latest sighting of each counts, by when crmlake saw it and, within a run, by the record's own last update.
fn users(known: &[KnownColumn], tables: &[History]) -> String {
    let sightings: Vec<String> = tables
        .iter()
        .flat_map(|table| {
            let columns: Vec<_> =
                known.iter().filter(|known| known.table == table.name).map(|known| known.column.clone()).collect();
            let is_moment = |column: &&Column| {
                column.source_path == catalog::LAST_UPDATED
                    && matches!(column.kind, Type::Timestamp | Type::Date | Type::Text)
            };
            let updated = sql::order_of(columns.iter().find(is_moment));
            let part = |column: Option<String>| column.map_or_else(|| "NULL".to_owned(), |column| sql::name(&column));
            let users = Plan::users_of(&columns);
            users.into_iter().map(move |[id, name, email]| {
                format!(
                    "SELECT _instance, CAST({} AS VARCHAR) AS id, CAST({} AS VARCHAR) AS name,
                            CAST({} AS VARCHAR) AS email, CAST({updated} AS TIMESTAMP) AS updated,
                            _valid_from, _valid_to
                     FROM history.{}",
                    part(id),
                    part(name),
                    part(email),
                    sql::name(&table.name)
                )
            })
        })
        .collect();
    if sightings.is_empty() {
        return "SELECT CAST(NULL AS VARCHAR) AS id, CAST(NULL AS VARCHAR) AS name, CAST(NULL AS VARCHAR) AS email,
                       CAST(NULL AS TIMESTAMP) AS first_seen, CAST(NULL AS TIMESTAMP) AS last_seen,
                       CAST(NULL AS VARCHAR) AS _instance WHERE false"
            .to_owned();
    }
    // Few are left after the first grouping, so that the ordering costs nothing.
    let latest = |part: &str| {
        format!("first({part} ORDER BY valid_from DESC, updated DESC NULLS LAST, {part}) FILTER ({part} IS NOT NULL)")
    };
    format!(
        "SELECT id, {} AS name, {} AS email, min(first_seen) AS first_seen, max(last_seen) AS last_seen, _instance
         FROM (
             SELECT _instance, id, name, email, max(updated) AS updated, _valid_from AS valid_from,
                    min(_valid_from) AS first_seen,
                    max(coalesce(_valid_to, (SELECT max(finished_at) FROM meta.runs))) AS last_seen
             FROM ({}) WHERE id IS NOT NULL GROUP BY _instance, id, name, email, _valid_from
         )
         GROUP BY _instance, id",
        latest("name"),
        latest("email"),
        sightings.join(" UNION ALL ")
    )
}

/// One view of several tables: each row says which it is of. Columns whose types differ are text.
fn united(members: &[(&Resource, &History)]) -> String {
    let disputed = |name: &str| {
        let mut kinds = members.iter().flat_map(|(_, table)| table.own()).filter(|(n, _)| n == name).map(|(_, k)| k);
        let first = kinds.next();
        kinds.any(|kind| Some(kind) != first)
    };
    let selects: Vec<_> = members
        .iter()
        .map(|(resource, table)| {
            let mut replaced = String::new();
            for (name, kind) in table.own().filter(|(name, _)| disputed(name)) {
                let quoted = sql::name(name);
                let value = if kind.ends_with("[]") { format!("to_json({quoted})") } else { quoted.clone() };
                replaced.push_str(&format!(", CAST({value} AS VARCHAR) AS {quoted}"));
            }
            if let Some((column, value)) = resource.member {
                // A record's own field of that name goes before.
                let mut free = column.to_owned();
                while table.has(&free) {
                    free.push_str("_of");
                }
                replaced.push_str(&format!(", {} AS {}", sql::text(value), sql::name(&free)));
            }
            let kept = History {
                name: table.name.clone(),
                columns: table.columns.iter().filter(|(name, _)| !disputed(name)).cloned().collect(),
            };
            current(&kept, &replaced)
        })
        .collect();
    selects.join(" UNION ALL BY NAME ")
}

/// The rows of a history table as they are now, and more columns.
fn current(table: &History, more: &str) -> String {
    let keys = ["_parent_id", "_position"].into_iter().filter(|key| table.has(key));
    let columns = sql::names("", keys.chain(table.own().map(|(name, _)| name.as_str())).chain(["_instance"]));
    format!("SELECT {columns}{more} FROM history.{} WHERE _valid_to IS NULL", sql::name(&table.name))
}

fn create(connection: &Connection, schema: &str, view: &str, statement: &str) -> Result<(), WarehouseError> {
    connection
        .execute_batch(&format!("CREATE OR REPLACE VIEW {schema}.{} AS {statement}", sql::name(view)))
        .map_err(doing(format!("creating the view {schema}.{view}")))
}

fn histories(connection: &Connection) -> Result<Vec<History>, WarehouseError> {
    let action = "reading the history tables";
    let mut statement = connection
        .prepare(
            "SELECT table_name, column_name, data_type FROM information_schema.columns
             WHERE table_schema = 'history' ORDER BY table_name, ordinal_position",
        )
        .map_err(doing(action))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).map_err(doing(action))?;
    let mut tables: Vec<History> = Vec::new();
    for row in rows {
        let (name, column): (String, (String, String)) = row.map_err(doing(action))?;
        match tables.last_mut() {
            Some(table) if table.name == name => table.columns.push(column),
            _ => tables.push(History { name, columns: vec![column] }),
        }
    }
    Ok(tables)
}
