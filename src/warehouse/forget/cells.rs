//! The cells that may hold a person, and taking the person out of them: each distinct text is looked at once, in Rust, and
//! the rows that have it are rewritten by one statement.

use std::collections::BTreeSet;

use duckdb::{Connection, appender_params_from_iter, params_from_iter};

use super::{
    columns::{Kind, without_hash},
    escapes::{addresses_in, is_json},
    needle::{Needles, Rest},
};
use crate::{
    batch::names::snake_case,
    catalog, json,
    warehouse::{WarehouseError, doing, sql},
};

/// Columns of `meta` whose texts come out of records or name their fields.
const BOOKS: [(&str, &[&str]); 3] =
    [("changes", &["old_value", "new_value"]), ("columns", &["label"]), ("sweeps", &["reason"])];

/// A table and its columns that hold texts.
pub(super) struct Cells {
    /// The table, such as `history.contacts`.
    pub(super) place: String,
    /// Plain columns first: rewriting a list moves its row.
    pub(super) columns: Vec<Cell>,
    /// Columns of integers, in which ids of people may stand.
    integers: Vec<String>,
}

/// A column that holds texts.
pub(super) struct Cell {
    name: String,
    is_list: bool,
}

/// Every table that may hold a person. The warehouse's own columns and the records' ids stay as they are.
pub(super) fn all(connection: &Connection) -> Result<Vec<Cells>, WarehouseError> {
    let action = || doing("listing the columns of history");
    let query = "SELECT table_name, column_name, data_type FROM information_schema.columns c
                 WHERE table_schema = 'history' AND data_type IN ('VARCHAR', 'VARCHAR[]', 'BIGINT')
                   AND NOT starts_with(column_name, '_') AND (column_name <> 'id' OR contains(table_name, '__'))
                 ORDER BY table_name, data_type, ordinal_position";
    let mut statement = connection.prepare(query).map_err(action())?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(action())?;
    let mut tables: Vec<Cells> = Vec::new();
    for row in rows {
        let (table, name, kind): (String, String, String) = row.map_err(action())?;
        let place = format!("history.{}", sql::name(&table));
        if tables.last().is_none_or(|last| last.place != place) {
            tables.push(Cells { place, columns: Vec::new(), integers: Vec::new() });
        }
        let Some(cells) = tables.last_mut() else { continue };
        match kind.as_str() {
            "BIGINT" if is_key(&name) => cells.integers.push(name),
            "BIGINT" => {}
            kind => cells.columns.push(Cell { name, is_list: kind != "VARCHAR" }),
        }
    }
    tables.extend(BOOKS.iter().map(|(table, columns)| {
        let cell = |name: &&str| Cell { name: (*name).to_owned(), is_list: false };
        Cells { place: format!("meta.{table}"), columns: columns.iter().map(cell).collect(), integers: Vec::new() }
    }));
    Ok(tables)
}

/// Columns of a row, and a text in it.
type Candidate<const N: usize> = ([Option<String>; N], String);

/// Rows of texts that may hold one of the needles: `columns` and, last, the text `value`, from `source`.
pub(super) fn candidates<const N: usize>(
    connection: &Connection,
    source: &str,
    columns: [&str; N],
    value: &str,
    needles: &Needles,
) -> Result<Vec<Candidate<N>>, WarehouseError> {
    let action = || doing("looking for a person");
    let probes = needles.probes();
    let filter = probes.as_ref().map(|probes| {
        let any = probes.iter().map(|_| "contains(lower(_text), ?)").collect::<Vec<_>>().join(" OR ");
        format!(" AND (contains(_text, '\\') OR {any})")
    });
    let selected = columns.map(|column| format!("CAST({column} AS VARCHAR), ")).concat();
    let mut statement = connection
        .prepare(&format!(
            "SELECT DISTINCT {selected}_text FROM (SELECT *, {value} AS _text FROM {source})
             WHERE _text IS NOT NULL{}",
            filter.unwrap_or_default()
        ))
        .map_err(action())?;
    let rows = statement
        .query_map(params_from_iter(probes.unwrap_or_default()), |row| {
            let mut columns = [const { None }; N];
            for (index, column) in columns.iter_mut().enumerate() {
                *column = row.get(index)?;
            }
            Ok((columns, row.get(N)?))
        })
        .map_err(action())?;
    rows.collect::<Result<_, _>>().map_err(action())
}

/// Makes a temporary table of texts.
pub(super) fn hold<const N: usize>(
    connection: &Connection,
    table: &str,
    columns: [&str; N],
    rows: &[[Option<String>; N]],
) -> Result<(), WarehouseError> {
    let action = || doing("noting what to forget");
    let definitions = columns.map(|column| format!("{column} VARCHAR")).join(", ");
    connection.execute_batch(&format!("CREATE OR REPLACE TEMP TABLE {table} ({definitions})")).map_err(action())?;
    let mut appender = connection.appender_to_catalog_and_db(table, "temp", "main").map_err(action())?;
    for row in rows {
        appender.append_row(appender_params_from_iter(row)).map_err(action())?;
    }
    appender.flush().map_err(action())
}

/// What was taken out of a table.
#[derive(Clone, Copy, Default)]
pub(super) struct Taken {
    /// Cells that were rewritten or emptied.
    pub(super) cells: u64,
    /// Texts with a name or an address inside a longer one, which were left.
    pub(super) left: u64,
}

impl Cells {
    /// Takes the needles out of every column.
    pub(super) fn take(&self, connection: &Connection, needles: &Needles) -> Result<Taken, WarehouseError> {
        let mut taken = Taken::default();
        for cell in &self.columns {
            let more = self.take_from(connection, cell, needles, "true")?;
            taken.cells += more.cells;
            taken.left += more.left;
        }
        Ok(taken)
    }

    /// Takes the needles out of the rows that also hold the person's address or id, see [`Self::mark`].
    pub(super) fn take_beside(
        &self,
        connection: &Connection,
        needles: &Needles,
        person: &Traces<'_>,
    ) -> Result<u64, WarehouseError> {
        let mut cells = 0;
        self.mark(connection, person)?;
        for cell in &self.columns {
            cells += self.take_from(connection, cell, needles, "t.rowid IN (SELECT place FROM marked)")?.cells;
            if cell.is_list {
                self.mark(connection, person)?;
            }
        }
        Ok(cells)
    }

    fn take_from(
        &self,
        connection: &Connection,
        cell: &Cell,
        needles: &Needles,
        rows: &str,
    ) -> Result<Taken, WarehouseError> {
        let action = || doing(format!("rewriting cells of {}", self.place));
        let mut left = 0;
        let mut rewritten = Vec::new();
        for ([], text) in candidates(connection, &self.place, [], &cell.texts(), needles)? {
            let found = needles.take_from(&text);
            left += u64::from(found.is_inside);
            match found.rest {
                Rest::Whole => {}
                Rest::Nothing => rewritten.push([Some(text), None]),
                Rest::Text(rest) => rewritten.push([Some(text), Some(rest)]),
            }
        }
        if rewritten.is_empty() {
            return Ok(Taken { cells: 0, left });
        }
        hold(connection, "rewritten", ["old", "new"], &rewritten)?;
        let (place, name) = (&self.place, sql::name(&cell.name));
        let replacement = if cell.is_list {
            format!(
                "(SELECT list AS old, list(CASE WHEN r.old IS NULL THEN e ELSE r.new END ORDER BY position) AS new
                  FROM (SELECT list, unnest(list) AS e, generate_subscripts(list, 1) AS position
                        FROM (SELECT DISTINCT {name} AS list FROM {place}
                              WHERE list_has_any({name}, (SELECT list(old) FROM rewritten))))
                  LEFT JOIN rewritten r ON r.old = e GROUP BY list)"
            )
        } else {
            "rewritten".to_owned()
        };
        let statement =
            format!("UPDATE {place} t SET {name} = s.new FROM {replacement} s WHERE t.{name} = s.old AND {rows}");
        let cells = connection.execute(&statement, []).map_err(action())? as u64;
        Ok(Taken { cells, left })
    }

    /// Notes the rows that hold an address or an id of the person, as table `marked`.
    fn mark(&self, connection: &Connection, person: &Traces<'_>) -> Result<(), WarehouseError> {
        let action = || doing(format!("looking for a person in {}", self.place));
        connection.execute_batch("CREATE OR REPLACE TEMP TABLE marked (place BIGINT)").map_err(action())?;
        let ids = Needles::of_ids(person.ids.iter().map(|(_, _, id)| id.as_str()));
        let needles = Needles::of_addresses(person.addresses).and(ids);
        let (instance, column) = match self.place.as_str() {
            "meta.columns" => ("NULL", "NULL"),
            "meta.changes" => ("instance", "column_name"),
            "meta.sweeps" => ("instance", "NULL"),
            _ => ("_instance", "NULL"),
        };
        let mark = |theirs: &[[Option<String>; 3]], is_theirs: &str| {
            if theirs.is_empty() {
                return Ok(());
            }
            hold(connection, "theirs", ["of_instance", "of_column", "of_value"], theirs)?;
            let statement = format!(
                "INSERT INTO marked SELECT t.rowid FROM {} t WHERE EXISTS (
                     FROM theirs WHERE of_instance IS NOT DISTINCT FROM {instance}
                       AND of_column IS NOT DISTINCT FROM {column} AND {is_theirs})",
                self.place
            );
            connection.execute_batch(&statement).map_err(action())
        };
        for cell in &self.columns {
            let rows = candidates(connection, &self.place, [instance, column], &cell.texts(), &needles)?.into_iter();
            let theirs = rows.filter(|([instance, column], text)| {
                let column = column.as_ref().unwrap_or(&cell.name);
                person.is_in(text)
                    || instance.as_ref().is_some_and(|instance| person.has(instance, column, self.context(), text))
            });
            let theirs: Vec<_> = theirs.map(|([instance, column], text)| [instance, column, Some(text)]).collect();
            let name = sql::name(&cell.name);
            mark(
                &theirs,
                &if cell.is_list {
                    format!("list_contains(t.{name}, of_value)")
                } else {
                    format!("t.{name} = of_value")
                },
            )?;
        }
        for column in &self.integers {
            let kind = Kind::of_key(column, self.context());
            let theirs = person.ids.iter().filter(|(of, ..)| Some(*of) == kind);
            let theirs: Vec<_> = theirs.map(|(_, i, id)| [Some(i.clone()), None, Some(id.clone())]).collect();
            mark(&theirs, &format!("CAST(t.{} AS VARCHAR) = of_value", sql::name(column)))?;
        }
        if let Some((key, resource)) = self.record() {
            // The records of namesakes are theirs.
            let statement = format!(
                "DELETE FROM marked WHERE place IN (
                     SELECT t.rowid FROM {} t JOIN namesakes n ON n.instance = t.{} AND n.id = t.{key} AND n.resource = {resource})",
                self.place,
                if self.place.starts_with("meta") { "instance" } else { "_instance" }
            );
            connection.execute_batch(&statement).map_err(action())?;
        }
        Ok(())
    }

    /// Of what the ids are that a column holds which is only called after the key: the elements of a list.
    fn context(&self) -> Option<Kind> {
        Kind::of(self.place.strip_suffix('"')?.split_once("__")?.1)
    }

    /// The column of the record's id, and the SQL of its resource; nothing where a table is not of records.
    fn record(&self) -> Option<(&'static str, String)> {
        let Some(table) = self.place.strip_prefix("history.\"").and_then(|rest| rest.strip_suffix('"')) else {
            return (self.place == "meta.changes").then(|| ("id", "t.resource".to_owned()));
        };
        Some(match table.split_once("__") {
            Some((resource, _)) => ("_parent_id", sql::text(resource)),
            None => ("id", sql::text(table)),
        })
    }
}

/// Whether a column's name says that it holds ids.
fn is_key(column: &str) -> bool {
    let column = without_hash(column);
    let column = column.strip_suffix('s').unwrap_or(column);
    column == catalog::KEY || column.strip_suffix(catalog::KEY).is_some_and(|before| before.ends_with('_'))
}

impl Cell {
    fn texts(&self) -> String {
        let name = sql::name(&self.name);
        if self.is_list { format!("unnest({name})") } else { name }
    }
}

/// An id of a person: of what it is, and in which instance.
pub(super) type Id = (Kind, String, String);

/// What tells a person from a namesake.
pub(super) struct Traces<'a> {
    /// Their addresses, in lower case.
    pub(super) addresses: &'a BTreeSet<String>,
    /// Their ids.
    pub(super) ids: &'a BTreeSet<Id>,
}

impl Traces<'_> {
    /// Whether a text holds one of the addresses.
    pub(super) fn is_in(&self, text: &str) -> bool {
        addresses_in(text).iter().any(|address| self.addresses.contains(address))
    }

    /// Whether a text holds one of the ids, as its key says. `within` is what an object that has it is of.
    pub(super) fn has(&self, instance: &str, key: &str, within: Option<Kind>, text: &str) -> bool {
        if is_json(text) {
            return self.has_inside(instance, key, within, text);
        }
        Kind::of_key(key, within).is_some_and(|kind| self.ids.contains(&(kind, instance.to_owned(), text.to_owned())))
    }

    fn has_inside(&self, instance: &str, key: &str, within: Option<Kind>, raw: &str) -> bool {
        match json::kind(raw) {
            json::Kind::Object => json::members(raw)
                .map_while(Result::ok)
                .any(|(inner, value)| self.has_inside(instance, &snake_case(&inner), Kind::of(key), value)),
            json::Kind::Array => {
                json::elements(raw).map_while(Result::ok).any(|element| self.has_inside(instance, key, within, element))
            }
            json::Kind::String | json::Kind::Number => Kind::of_key(key, within)
                .is_some_and(|kind| self.ids.contains(&(kind, instance.to_owned(), json::text(raw).text.into_owned()))),
            _ => false,
        }
    }
}
