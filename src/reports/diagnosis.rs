//! What the semantic layer makes of an instance's fields: what is mapped to what, what is not, and what its values are.

use std::collections::BTreeMap;

use duckdb::Connection;
use serde::Serialize;

use super::{Reader, ReportError};
use crate::{
    library::{mapping::Mapping, models::Model},
    warehouse::{sql, tidy},
};

/// The most values told of one column.
const VALUES: usize = 20;
/// Canonical columns without which reports answer little, by the list that they are of.
const ESSENTIAL: [(&str, &[&str]); 2] = [
    (
        "opportunities",
        &["title", "status", "stage", "amount", "owner_name", "created_at", "expected_close_date", "closed_at"],
    ),
    ("leads", &["status", "source", "created_at"]),
];

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Diagnosis {
    /// The canonical columns.
    pub columns: Vec<ColumnDiagnosis>,
    /// Values that stand for no canonical one, and are counted as what they are.
    pub unknown_values: Vec<UnknownValue>,
    /// Models that could not be made, and why.
    pub broken_models: Vec<String>,
}

/// A canonical column.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnDiagnosis {
    /// The model that shows it.
    pub model: String,
    /// Its name.
    pub column: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The paths in the record that it is taken from, in order; none where it is a typed NULL.
    pub from: Vec<String>,
    /// The columns of `crm` that hold them.
    pub crm_columns: Vec<String>,
    /// How many rows there are.
    pub rows: u64,
    /// How many have a value.
    pub filled: u64,
    /// How many have something that cannot be read as the type, and are null.
    pub unreadable: u64,
    /// Configured paths that no record has.
    pub unmet: Vec<String>,
}

/// A value that no canonical one is mapped to.
#[derive(Clone, Debug, Serialize)]
pub struct UnknownValue {
    /// The resource, as the configuration calls it.
    pub resource: String,
    /// The canonical column.
    pub column: String,
    /// What the instance writes.
    pub value: String,
    /// In how many rows.
    pub rows: u64,
    /// The canonical values that it could be mapped to.
    pub canonical: Vec<String>,
}

impl Diagnosis {
    /// Looks at everything. A model that fails is told and stops no other.
    pub fn of(reader: &Reader) -> Result<Self, ReportError> {
        let mut diagnosis = Self { broken_models: reader.broken_models(), ..Self::default() };
        for model in reader.models().iter().filter(|model| !model.mapping.is_empty()) {
            if let Err(error) = diagnosis.look_at(reader.connection(), model) {
                diagnosis.broken_models.push(format!("{}: {}", model.origin, tidy(&error.to_string())));
            }
        }
        Ok(diagnosis)
    }

    fn look_at(&mut self, connection: &Connection, model: &Model) -> Result<(), duckdb::Error> {
        let exists = |table: &str| {
            let query = "SELECT count(*) > 0 FROM duckdb_views() WHERE schema_name = 'crm' AND view_name = ?";
            connection.query_row(query, [table], |row| row.get::<_, bool>(0))
        };
        let table = model.mapping.first().map_or("", |mapping| mapping.table.as_str());
        let counts = if exists(table)? { count(connection, table, &model.mapping)? } else { BTreeMap::new() };
        let rows = counts.get("").map_or(0, |(rows, _)| *rows);
        for mapping in &model.mapping {
            let (filled, unreadable) = counts.get(mapping.canonical.as_str()).copied().unwrap_or_default();
            self.columns.push(ColumnDiagnosis {
                model: model.name.clone(),
                column: mapping.canonical.clone(),
                kind: mapping.kind.clone(),
                from: mapping.sources.iter().map(|(_, path)| path.clone()).collect(),
                crm_columns: mapping.sources.iter().map(|(column, _)| column.clone()).collect(),
                rows,
                filled,
                unreadable,
                unmet: mapping.unmet.clone(),
            });
            if !mapping.values.is_empty() && rows > 0 {
                self.unknown_values.extend(unknown(connection, table, mapping)?);
            }
        }
        Ok(())
    }

    /// What makes reports wrong or empty, in words, each with what to do.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps: Vec<String> =
            self.broken_models.iter().map(|problem| format!("a model cannot be made: {problem}")).collect();
        for column in &self.columns {
            let Some((resource, essential)) = ESSENTIAL.iter().find(|(of, _)| resource_of(&column.model) == *of) else {
                continue;
            };
            let name = &column.column;
            if column.rows > 0 && column.filled == 0 && essential.contains(&name.as_str()) {
                gaps.push(format!(
                    "{resource} have no {name}; name its path as {name} in [fields.{resource}] of the configuration"
                ));
            }
            if column.unreadable > 0 {
                gaps.push(format!(
                    "{name} of {} {resource} cannot be read as {} and counts as nothing",
                    column.unreadable, column.kind
                ));
            }
        }
        let mut unknown: BTreeMap<(&str, &str), (u64, &[String])> = BTreeMap::new();
        for value in &self.unknown_values {
            let entry = unknown.entry((&value.resource, &value.column)).or_insert((0, &value.canonical));
            entry.0 += value.rows;
        }
        gaps.extend(unknown.iter().map(|((resource, column), (rows, canonical))| {
            format!(
                "{column} of {rows} {resource} is none of {}; say which is which in [values.{resource}.{column}]",
                canonical.join(", ")
            )
        }));
        gaps
    }
}

/// What the configuration calls the records of a model.
fn resource_of(model: &str) -> &str {
    if model == "opportunity_versions" { "opportunities" } else { model }
}

/// How many rows have each canonical column, and in how many something is there that cannot be read; how many rows there
/// are, under the empty name.
fn count<'m>(
    connection: &Connection,
    table: &str,
    mapping: &'m [Mapping],
) -> Result<BTreeMap<&'m str, (u64, u64)>, duckdb::Error> {
    let mapped: Vec<&Mapping> = mapping.iter().filter(|mapping| !mapping.sources.is_empty()).collect();
    let counts: String = mapped
        .iter()
        .map(|mapping| {
            let there = mapping.sources.iter().map(|(column, _)| format!("{} IS NOT NULL", sql::name(column)));
            let there = there.collect::<Vec<_>>().join(" OR ");
            format!(", count({raw}), count(*) FILTER (({there}) AND ({raw}) IS NULL)", raw = mapping.raw)
        })
        .collect();
    connection.query_row(&format!("SELECT count(*){counts} FROM crm.{}", sql::name(table)), [], |row| {
        let mut found = BTreeMap::from([("", (row.get(0)?, 0))]);
        for (index, mapping) in mapped.iter().enumerate() {
            found.insert(mapping.canonical.as_str(), (row.get(2 * index + 1)?, row.get(2 * index + 2)?));
        }
        Ok(found)
    })
}

/// The values of a column that no canonical one is mapped to, the most frequent first.
fn unknown(connection: &Connection, table: &str, mapping: &Mapping) -> Result<Vec<UnknownValue>, duckdb::Error> {
    let canonical = mapping.values.iter().map(|value| sql::text(value)).collect::<Vec<_>>().join(", ");
    let query = format!(
        "SELECT value, count(*) FROM (SELECT {} AS value FROM crm.{})
         WHERE value IS NOT NULL AND value NOT IN ({canonical}) GROUP BY value ORDER BY count(*) DESC, value LIMIT {VALUES}",
        mapping.expression,
        sql::name(table)
    );
    let mut statement = connection.prepare(&query)?;
    let found = statement.query_map([], |row| {
        Ok(UnknownValue {
            resource: table.to_owned(),
            column: mapping.canonical.clone(),
            value: row.get(0)?,
            rows: row.get(1)?,
            canonical: mapping.values.clone(),
        })
    })?;
    found.collect()
}
