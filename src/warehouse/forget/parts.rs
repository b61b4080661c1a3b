//! Names in columns of their own: beside the person's address or id, and in parts, each of which by itself says nothing that
//! a search for the whole name would find.

use std::collections::BTreeMap;

use duckdb::Connection;

use super::{
    cells::{candidates, hold},
    columns::{Kind, Person, Sheet, Whom},
    identity::Identity,
    needle::{Needles, folded},
};
use crate::warehouse::{WarehouseError, doing, sql};

/// Empties the names beside the person's addresses and ids, and first and last names that together are theirs. Returns the
/// cells by table.
pub(super) fn empty_names(
    connection: &Connection,
    sheets: &[Sheet],
    identity: &Identity,
    everywhere: &Needles,
) -> Result<Vec<(String, u64)>, WarehouseError> {
    let needles = Needles::of_addresses(&identity.addresses);
    let mut emptied = Vec::new();
    for sheet in sheets {
        let source = sheet.source();
        // All columns together, or the second would no longer be beside the first.
        let mut empty = |value: &str, theirs: Vec<[Option<String>; 2]>, columns: &[&str]| {
            if theirs.is_empty() {
                return Ok(());
            }
            hold(connection, "theirs", ["of_instance", "of_value"], &theirs)?;
            let names: Vec<_> = columns.iter().map(|column| sql::name(column)).collect();
            let theirs = format!(
                "EXISTS (FROM theirs WHERE of_value = {value} AND coalesce(of_instance, t._instance) = t._instance)"
            );
            let action = || doing(format!("rewriting cells of {}", sheet.table));
            let count = format!("SELECT count({}) FROM {source} t WHERE {theirs}", names.join(") + count("));
            let cells: i64 = connection.query_row(&count, [], |row| row.get(0)).map_err(action())?;
            if cells > 0 {
                let names = names.join(" = NULL, ");
                let statement = format!("UPDATE {source} t SET {names} = NULL WHERE {theirs}");
                connection.execute(&statement, []).map_err(action())?;
            }
            emptied.push((source.clone(), u64::try_from(cells).unwrap_or_default()));
            Ok::<_, WarehouseError>(())
        };
        for person in &sheet.people {
            let columns: Vec<&str> = person.name_columns().collect();
            for address in person.addresses.iter().filter(|_| person.is_certain).map(|address| sql::name(address)) {
                let texts = candidates(connection, &source, [], &address, &needles)?.into_iter();
                let theirs = texts.filter(|([], text)| identity.traces().is_in(text));
                empty(&format!("t.{address}"), theirs.map(|([], text)| [None, Some(text)]).collect(), &columns)?;
            }
            // By id, too: a name of one word beside it is theirs.
            let kind = match person.whom {
                Whom::User => Kind::User,
                Whom::Contact => Kind::Contact,
                Whom::Record | Whom::Other => continue,
            };
            if let Some(id) = &person.id {
                let ids = identity.ids.iter().filter(|(of, ..)| *of == kind);
                let ids = ids.map(|(_, instance, id)| [Some(instance.clone()), Some(id.clone())]);
                empty(&format!("CAST(t.{} AS VARCHAR)", sql::name(id)), ids.collect(), &columns)?;
            }
        }
        for person in &sheet.people {
            let Some((first, last)) = person.pair() else { continue };
            let whole = format!("concat_ws(' ', {}, {})", sql::name(first), sql::name(last));
            let texts = candidates(connection, &source, [], &whole, everywhere)?.into_iter();
            let theirs = texts.filter(|([], text)| everywhere.are(text)).map(|([], text)| [None, Some(text)]);
            let columns: Vec<&str> = [first, last].into_iter().chain(person.middle.as_deref()).collect();
            let whole = format!("concat_ws(' ', t.{}, t.{})", sql::name(first), sql::name(last));
            empty(&whole, theirs.collect(), &columns)?;
        }
    }
    Ok(emptied)
}

/// A column of `meta.changes`, and what it said, evened out.
type Value = (Option<String>, Vec<char>);

/// Empties first and last names in the books that one run took from a record, or gave it, together. Returns the cells.
pub(super) fn empty_parts(
    connection: &Connection,
    sheets: &[Sheet],
    everywhere: &Needles,
) -> Result<Vec<(String, u64)>, WarehouseError> {
    let mut columns = Vec::new();
    for sheet in sheets.iter().filter(|sheet| !sheet.is_child) {
        let names = sheet.people.iter().flat_map(Person::name_columns);
        columns.extend(names.map(|name| [Some(sheet.table.clone()), Some(name.to_owned())]));
    }
    hold(connection, "name_columns", ["resource", "column_name"], &columns)?;
    let source = "(FROM meta.changes c SEMI JOIN name_columns n
                   ON n.resource = c.resource AND n.column_name = c.column_name)";
    let mut cells = 0;
    for side in ["old_value", "new_value"] {
        let keys = ["run_id", "instance", "resource", "id", "column_name"];
        let mut changes: BTreeMap<[Option<String>; 4], Vec<Value>> = BTreeMap::new();
        for ([run, instance, resource, id, column], text) in
            candidates(connection, source, keys, side, &Needles::default())?
        {
            changes.entry([run, instance, resource, id]).or_default().push((column, folded(&text)));
        }
        let mut doomed = Vec::new();
        for ([run, instance, resource, id], texts) in changes {
            let parts: Vec<_> = texts.iter().enumerate().map(|(at, (_, text))| (at, text.clone())).collect();
            for at in everywhere.parts(&parts).into_iter().flat_map(|(first, last)| [first, last]) {
                doomed.push([run.clone(), instance.clone(), resource.clone(), id.clone(), texts[at].0.clone()]);
            }
        }
        doomed.sort();
        doomed.dedup();
        hold(connection, "doomed", keys, &doomed)?;
        let statement = format!(
            "UPDATE meta.changes t SET {side} = NULL FROM doomed d
             WHERE d.run_id = t.run_id AND d.instance = t.instance AND d.resource = t.resource AND d.id = t.id
               AND d.column_name = t.column_name"
        );
        let action = doing("rewriting cells of meta.changes");
        cells += connection.execute(&statement, []).map_err(action)? as u64;
    }
    Ok(vec![("meta.changes".to_owned(), cells)])
}
