//! The views that readers use: `crm`, the rows as they are now, and `model`, the semantic layer on top.

use duckdb::Connection;

use super::{WarehouseError, doing, sql};
use crate::{
    batch::{KnownColumn, Plan},
    catalog::{RESOURCES, Resource, STAGES},
    library::models::Model,
};

/// A history table and its columns, those of the warehouse included.
struct History {
    name: String,
    columns: Vec<String>,
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
            let selects: Vec<_> = members.iter().map(|(resource, table)| current(table, resource.member)).collect();
            create(connection, "crm", view, &selects.join(" UNION ALL BY NAME "))?;
        }
    }
    for table in &tables {
        if table.columns.iter().any(|column| column == "_parent_id") {
            create(connection, "crm", &table.name, &current(table, None))?;
        }
    }
    let (pipelines, stages) = STAGES;
    if let Some(table) = find(&format!("{pipelines}__{stages}")) {
        let own = sql::names(", ", own_columns(table)).replace(", , ", ", ");
        let statement = format!(
            "SELECT _parent_id AS pipeline_id, _position{own}, _instance
             FROM history.{} WHERE _valid_to IS NULL",
            sql::name(&table.name)
        );
        create(connection, "crm", stages, &statement)?;
    }
    create(connection, "crm", "users", &users(known, &tables))
}

/// Creates the views of `model` anew.
pub fn create_models(connection: &Connection, models: &[Model]) -> Result<(), WarehouseError> {
    models.iter().try_for_each(|model| create(connection, "model", &model.name, &model.statement))
}

/// The columns of a planned table that describe users, for [`create_crm`].
fn users(known: &[KnownColumn], tables: &[History]) -> String {
    let sightings: Vec<String> = tables
        .iter()
        .flat_map(|table| {
            let columns: Vec<_> =
                known.iter().filter(|known| known.table == table.name).map(|known| known.column.clone()).collect();
            Plan::users_of(&columns)
                .into_iter()
                .map(|[id, name, email]| {
                    format!(
                        "SELECT _instance, CAST({} AS VARCHAR) AS id, CAST({} AS VARCHAR) AS name,
                                CAST({} AS VARCHAR) AS email, _valid_from, _valid_to FROM history.{}",
                        sql::name(&id),
                        sql::name(&name),
                        sql::name(&email),
                        sql::name(&table.name)
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect();
    if sightings.is_empty() {
        return "SELECT CAST(NULL AS VARCHAR) AS id, CAST(NULL AS VARCHAR) AS name, CAST(NULL AS VARCHAR) AS email,
                       CAST(NULL AS TIMESTAMP) AS first_seen, CAST(NULL AS TIMESTAMP) AS last_seen,
                       CAST(NULL AS VARCHAR) AS _instance WHERE false"
            .to_owned();
    }
    // The API does not check that id, name and email agree over time: the latest sighting counts.
    format!(
        "SELECT id, arg_max(name, _valid_from) AS name, arg_max(email, _valid_from) AS email,
                min(_valid_from) AS first_seen,
                max(coalesce(_valid_to, (SELECT max(finished_at) FROM meta.runs))) AS last_seen, _instance
         FROM ({}) WHERE id IS NOT NULL GROUP BY _instance, id",
        sightings.join(" UNION ALL ")
    )
}

fn own_columns(table: &History) -> impl Iterator<Item = &str> {
    table.columns.iter().map(String::as_str).filter(|column| !column.starts_with('_'))
}

/// The rows of a history table as they are now.
fn current(table: &History, member: Option<(&str, &str)>) -> String {
    let keys = ["_parent_id", "_position"].into_iter().filter(|key| table.columns.iter().any(|column| column == key));
    let columns = sql::names("", keys.chain(own_columns(table)).chain(["_instance"]));
    let member = member.map_or(String::new(), |(column, value)| format!(", {} AS {column}", sql::text(value)));
    format!("SELECT {columns}{member} FROM history.{} WHERE _valid_to IS NULL", sql::name(&table.name))
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
            "SELECT table_name, column_name FROM information_schema.columns
             WHERE table_schema = 'history' ORDER BY table_name, ordinal_position",
        )
        .map_err(doing(action))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(doing(action))?;
    let mut tables: Vec<History> = Vec::new();
    for row in rows {
        let (name, column): (String, String) = row.map_err(doing(action))?;
        match tables.last_mut() {
            Some(table) if table.name == name => table.columns.push(column),
            _ => tables.push(History { name, columns: vec![column] }),
        }
    }
    Ok(tables)
}
