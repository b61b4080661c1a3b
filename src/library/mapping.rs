//! Where a canonical column comes from: the instance's column, its values in canonical words, its money in one currency.

use super::{LibraryError, SqlFile};
use crate::{
    batch::{Column, KnownColumn, scalar::Type},
    config::{Settings, money::Rates},
    warehouse::sql,
};

/// A canonical column as a header declares it: `name TYPE = path, path | path, ...`.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    name: &'a str,
    kind: &'a str,
    /// What it may be called. Of several that there are, each record's first with a value counts: instances differ, and
    /// one may change its mind. Names behind a bar often mean something else, and count where there are none before it.
    paths: Vec<Vec<&'a str>>,
}

impl<'a> Field<'a> {
    pub(super) fn parse(file: &SqlFile, line: usize, text: &'a str) -> Result<Self, LibraryError> {
        let expected = || file.problem(line, "expected: field: name TYPE = path, path, ...");
        let (declared, paths) = text.split_once('=').ok_or_else(expected)?;
        let (name, kind) = declared.trim().split_once(' ').ok_or_else(expected)?;
        let named = |paths: &'a str| paths.split(',').map(str::trim).filter(|path| !path.is_empty()).collect();
        let paths = paths.split('|').map(named).collect();
        Ok(Self { name, kind: kind.trim(), paths })
    }
}

/// What became of a canonical column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its name.
    pub canonical: String,
    /// Its type in DuckDB, such as `VARCHAR`.
    pub kind: String,
    /// The table of `history` that its records are in.
    pub table: String,
    /// The columns it is made from, in the order in which they are asked, each with its path in the record; none where it
    /// is a typed NULL.
    pub sources: Vec<(String, String)>,
    /// Configured paths that no record had.
    pub unmet: Vec<String>,
    /// Its expression over that table.
    pub expression: String,
    /// The same before values become canonical ones.
    pub raw: String,
    /// The canonical values, where its values are mapped.
    pub values: Vec<String>,
}

impl Mapping {
    pub(super) fn of(
        file: &SqlFile,
        field: &Field<'_>,
        settings: &Settings,
        (resource, table): (&str, &str),
        known: &[KnownColumn],
    ) -> Result<Self, LibraryError> {
        let configured = settings.field(resource, field.name);
        let asked: Vec<&str> = if configured.is_empty() {
            let is_there = |paths: &&Vec<&str>| paths.iter().any(|path| find(known, table, path).is_some());
            field.paths.iter().find(is_there).cloned().unwrap_or_default()
        } else {
            configured.iter().map(String::as_str).collect()
        };
        let (mut columns, mut casts, mut unmet) = (Vec::new(), Vec::new(), Vec::new());
        for (index, path) in asked.iter().enumerate() {
            match find(known, table, path) {
                Some(column) => {
                    let cast = cast(column, field.kind);
                    // Who configured a list wants each of its paths asked.
                    let others =
                        if configured.is_empty() { others_empty(known, table, &asked[..index], path) } else { None };
                    casts.push(match others {
                        Some(are_empty) => format!("CASE WHEN {are_empty} THEN {cast} END"),
                        None => cast,
                    });
                    columns.push(column);
                }
                None if configured.is_empty() => {}
                None => unmet.push((*path).to_owned()),
            }
        }
        let raw = match casts.split_last() {
            None => format!("CAST(NULL AS {})", field.kind),
            Some((one, [])) => one.clone(),
            // An empty text is no value, unless there is no other.
            Some((last, others)) if field.kind == "VARCHAR" => {
                let others: String = others.iter().map(|other| format!("nullif({other}, ''), ")).collect();
                format!("coalesce({others}{last})")
            }
            Some(_) => format!("coalesce({})", casts.join(", ")),
        };
        let (expression, values) = canonical(file, settings, resource, field.name, &raw)?;
        Ok(Self {
            canonical: field.name.to_owned(),
            kind: field.kind.to_owned(),
            table: table.to_owned(),
            sources: columns.iter().map(|column| (column.name.clone(), column.source_path.clone())).collect(),
            unmet,
            expression: if columns.is_empty() { raw.clone() } else { expression },
            raw,
            values,
        })
    }
}

/// Where a path leads into an object and those asked before it into others: that a record has nothing in these, so that
/// nobody gets one person's name and another's address.
fn others_empty(known: &[KnownColumn], table: &str, before: &[&str], path: &str) -> Option<String> {
    let (mine, _) = path.rsplit_once('.')?;
    let others: Vec<_> = before.iter().filter_map(|before| before.rsplit_once('.')).map(|(object, _)| object).collect();
    let is_of_another = |column: &Column| {
        column.source_path.rsplit_once('.').is_some_and(|(object, _)| object != mine && others.contains(&object))
    };
    let members = known.iter().filter(|known| known.table == table && is_of_another(&known.column));
    let members: Vec<_> = members.map(|known| format!("{} IS NULL", sql::name(&known.column.name))).collect();
    (!members.is_empty()).then(|| members.join(" AND "))
}

/// The column that a record's path became, or the one of that name, such as `cf_next_step`. In a list inside records, such
/// as the stages of a pipeline, a path may also begin at the list's element.
fn find<'a>(known: &'a [KnownColumn], table: &str, path: &str) -> Option<&'a Column> {
    let of_table = || known.iter().filter(|known| known.table == table).map(|known| &known.column);
    let in_element = |column: &&Column| column.source_path.rsplit_once("[].").is_some_and(|(_, inside)| inside == path);
    of_table()
        .find(|column| column.source_path == path)
        .or_else(|| of_table().find(in_element))
        .or_else(|| of_table().find(|column| column.name == path))
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
        (Type::Text, "DATE") => format!("CAST({} AS DATE)", sql::moment_of_text(&name)),
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
) -> Result<(String, Vec<String>), LibraryError> {
    let mut arms = String::new();
    let mut values: Vec<String> = Vec::new();
    let mut arm = |value: &str, written: &mut dyn Iterator<Item = String>| {
        let written: Vec<_> = written.map(|text| sql::text(&text.trim().to_lowercase())).collect();
        if !written.is_empty() {
            let (written, value) = (written.join(", "), sql::text(value));
            // DuckDB asks a function once for each different value of a column's segment; IN would be a join of all rows.
            arms.push_str(&format!(" WHEN list_contains([{written}], lower(trim({expression}))) THEN {value}"));
        }
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    };
    for (value, written) in settings.values(resource, name) {
        arm(value, &mut written.iter().cloned());
    }
    for (line, entry) in file.all("value") {
        let expected = || file.problem(line, "expected: value: column canonical = text, text, ...");
        let (declared, written) = entry.split_once('=').ok_or_else(expected)?;
        let (column, value) = declared.trim().split_once(' ').ok_or_else(expected)?;
        if column == name {
            arm(value.trim(), &mut written.split(',').map(str::to_owned));
        }
    }
    let expression = if arms.is_empty() { expression.to_owned() } else { format!("CASE{arms} ELSE {expression} END") };
    Ok((expression, values))
}

/// A column of money and the one that says in which currency it is: `money: amount in currency`.
#[derive(Clone, Debug)]
pub(super) struct Money {
    pub(super) amount: String,
    pub(super) currency: String,
}

impl Money {
    pub(super) fn of(file: &SqlFile) -> Result<Option<Self>, LibraryError> {
        let Some((line, text)) = file.all("money").next() else { return Ok(None) };
        let (amount, currency) =
            text.split_once(" in ").ok_or_else(|| file.problem(line, "expected: money: column in column"))?;
        Ok(Some(Self { amount: amount.trim().to_owned(), currency: currency.trim().to_owned() }))
    }

    /// The amount and its currency in the base currency, where there is one and the rate is known; else as they are.
    pub(super) fn converted(amount: &Mapping, currency: &Mapping, rates: Option<&Rates>) -> (String, String) {
        let (plain, code) = (&amount.expression, code(&currency.expression));
        let Some(rates) = rates.filter(|rates| !rates.rates.is_empty()) else { return (plain.clone(), code) };
        let base = sql::text(&rates.base);
        let arms: String = rates
            .rates
            .iter()
            .map(|(from, rate)| format!(" WHEN {} THEN CAST({rate} AS DECIMAL(18, 10))", sql::text(from)))
            .collect();
        let rate = format!("CASE {code}{arms} END");
        let listed = rates.rates.iter().map(|(from, _)| sql::text(from)).collect::<Vec<_>>().join(", ");
        (
            // An amount in the base currency, or in one without a rate, keeps its digits. Of two numbers of 18 digits the
            // product would have 18 in all, and no room for more than 9,999 before the point.
            format!(
                "coalesce(CAST(round(TRY_CAST({plain} AS DECIMAL(28, 4)) * {rate}, 2) AS DECIMAL(28, 2)), {plain})"
            ),
            format!("CASE WHEN list_contains([{listed}], {code}) THEN {base} ELSE {code} END"),
        )
    }
}

/// A currency's code as ISO 4217 has it.
fn code(expression: &str) -> String {
    format!("nullif(upper(trim({expression})), '')")
}
