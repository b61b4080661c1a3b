//! The semantic layer: canonical columns, whatever an instance calls its fields.
//!
//! A model's header names its canonical columns, each with a type and the paths where records may have it; its statement
//! refers to them as `{{name}}`. Here each reference becomes the column that the warehouse has for the first of these
//! paths, or a typed NULL. A configured path goes before the built-in ones.

use super::{LibraryError, SqlFile};
use crate::{
    batch::{Column, KnownColumn, scalar::Type},
    config::Settings,
    warehouse::sql,
};

/// A view to create in the schema `model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Its statement.
    pub statement: String,
    /// Where each canonical column comes from: the source path, or nothing.
    pub mapping: Vec<(String, Option<String>)>,
}

/// Resolves a model against the columns that the warehouse has.
pub fn resolve(file: &SqlFile, settings: &Settings, known: &[KnownColumn]) -> Result<Model, LibraryError> {
    let resource = file.get("from").unwrap_or(&file.name);
    let mut statement = file.body.clone();
    let mut mapping = Vec::new();
    for (line, field) in file.all("field") {
        let expected = "expected: field: name TYPE = path, path, ...";
        let (declared, paths) = field.split_once('=').ok_or_else(|| file.problem(line, expected))?;
        let (name, kind) = declared.trim().split_once(' ').ok_or_else(|| file.problem(line, expected))?;
        let column = settings
            .field(resource, name)
            .into_iter()
            .chain(paths.split(',').map(str::trim))
            .find_map(|path| find(known, resource, path));
        let mut expression = match column {
            Some(column) => cast(column, kind.trim()),
            None => format!("CAST(NULL AS {})", kind.trim()),
        };
        if column.is_some() {
            expression = canonical(file, settings, resource, name, &expression)?;
        }
        statement = statement.replace(&format!("{{{{{name}}}}}"), &expression);
        mapping.push((name.to_owned(), column.map(|column| column.source_path.clone())));
    }
    if let Some(at) = statement.find("{{") {
        let reference: String = statement[at..].chars().take(40).collect();
        return Err(file.problem(1, format!("the statement refers to {reference} and no field line declares it")));
    }
    Ok(Model { name: file.name.clone(), statement, mapping })
}

/// The models in an order in which each comes after those that its statement refers to. What refers to itself, round a
/// circle or not, comes last: DuckDB says what is wrong with it.
pub fn in_order(mut models: Vec<Model>) -> Vec<Model> {
    let mut ordered: Vec<Model> = Vec::with_capacity(models.len());
    while !models.is_empty() {
        let refers = |model: &Model, other: &Model| model.statement.contains(&format!("model.{}", other.name));
        let free = models.iter().position(|model| !models.iter().any(|other| refers(model, other)));
        ordered.push(models.remove(free.unwrap_or(0)));
    }
    ordered
}

fn find<'a>(known: &'a [KnownColumn], resource: &str, path: &str) -> Option<&'a Column> {
    known.iter().find(|known| known.table == resource && known.column.source_path == path).map(|known| &known.column)
}

/// The column as the canonical type. Numbers keep the exact type they have.
fn cast(column: &Column, kind: &str) -> String {
    let name = sql::name(&column.name);
    let is_number = matches!(column.kind, Type::Integer | Type::Decimal { .. } | Type::Double);
    if column.is_list {
        return format!("TRY_CAST(CAST(to_json({name}) AS VARCHAR) AS {kind})");
    }
    match (column.kind, kind) {
        (Type::Text, "VARCHAR") | (Type::Timestamp, "TIMESTAMP") | (Type::Date, "DATE") => name,
        (_, kind) if is_number && (kind.starts_with("DECIMAL") || kind == "DOUBLE") => name,
        (Type::Text, "TIMESTAMP") => sql::moment_of_text(&name),
        (Type::Timestamp | Type::Date, "DATE" | "TIMESTAMP") => format!("CAST({name} AS {kind})"),
        _ => format!("TRY_CAST({name} AS {kind})"),
    }
}

/// Turns what an instance writes into canonical values; a value that maps to none stays what it is.
fn canonical(
    file: &SqlFile,
    settings: &Settings,
    resource: &str,
    name: &str,
    expression: &str,
) -> Result<String, LibraryError> {
    let mut arms = String::new();
    let mut arm = |value: &str, written: &mut dyn Iterator<Item = String>| {
        let written: Vec<_> = written.map(|text| sql::text(&text.to_lowercase())).collect();
        if !written.is_empty() {
            let value = sql::text(value);
            arms.push_str(&format!(" WHEN lower(trim({expression})) IN ({}) THEN {value}", written.join(", ")));
        }
    };
    for (value, written) in settings.values(resource, name) {
        arm(value, &mut written.iter().cloned());
    }
    for (line, entry) in file.all("value") {
        let expected = "expected: value: column canonical = text, text, ...";
        let (declared, written) = entry.split_once('=').ok_or_else(|| file.problem(line, expected))?;
        let (column, value) = declared.trim().split_once(' ').ok_or_else(|| file.problem(line, expected))?;
        if column == name {
            arm(value.trim(), &mut written.split(',').map(|text| text.trim().to_owned()));
        }
    }
    Ok(if arms.is_empty() { expression.to_owned() } else { format!("CASE{arms} ELSE {expression} END") })
}
