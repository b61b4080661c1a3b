//! `crmlake forget`: a person leaves the warehouse, wherever they stand in it.
//!
//! Their own records go, with every version. What these say of who they are, addresses and names, is then taken out of
//! every other text: of history, of the books, of what was rejected. The file is written anew, so that no free block keeps
//! anything, and what a stopped run fetched is removed.

mod cells;
mod columns;
mod escapes;
mod identity;
mod name;
mod needle;
mod others;
mod parts;

use std::{collections::BTreeSet, fs, io, path::Path};

use duckdb::Connection;

use self::{
    cells::{candidates, hold},
    columns::{Sheet, sheets},
    escapes::addresses_in,
    identity::{Identity, Record, records_with},
    needle::Needles,
    parts::{empty_names, empty_parts},
};
use super::{Removed, WarehouseError, Working, doing, existing, failed, lock::Lock, merge::child_tables, schema, sql};
use crate::{
    batch::hash::HashKey,
    catalog::{self, About, Resource},
    config::work_folder,
    json,
};

/// Who is to be forgotten.
pub enum Who {
    /// Whoever has this address.
    Address(Address),
    /// The record with this id.
    Id {
        /// The id.
        id: String,
        /// The list that it is in; any where there is none.
        resource: Option<&'static Resource>,
        /// The instance; any where there is none.
        instance: Option<String>,
    },
}

/// An e-mail address. It cannot be printed.
pub struct Address {
    /// As it was given.
    given: String,
    /// In lower case.
    lower: String,
    /// The hashes that may stand for it.
    hashes: Vec<String>,
}

impl Address {
    /// Reads an address; nothing if the text is not just one.
    pub fn parse(text: &str) -> Option<Self> {
        let given = text.trim().to_owned();
        let mut found = addresses_in(text);
        let lower =
            found.pop().filter(|lower| found.is_empty() && *lower == given.to_lowercase() && lower.contains('@'))?;
        Some(Self { given, lower, hashes: Vec::new() })
    }

    /// The same, to be found where its hash stands for it as well.
    pub fn hashed_with(mut self, key: &HashKey) -> Self {
        self.hashes = vec![key.of(&self.given), key.of(&self.lower)];
        self
    }
}

/// What was forgotten, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// What was removed or rewritten, and where. Empty where nothing was found.
    pub removed: Vec<Removed>,
    /// Other people with one of the names, by resource and id, who keep it.
    pub namesakes: Vec<String>,
    /// Records of people, by resource and id, that have an address in common with the person and are kept without it.
    pub sharers: Vec<String>,
    /// Other people, by resource or user and id, with an address in common, who keep it.
    pub keepers: Vec<String>,
    /// Columns of hashed addresses that could not be searched, for want of the key.
    pub unsearched: Vec<String>,
    /// Whether a name of one word was not looked for in other records.
    pub has_short_names: bool,
    /// Texts, by table, in which a name or an address is part of a longer one, and was left.
    pub left: Vec<(String, u64)>,
    /// Columns that are called after a key which holds a name or an address.
    pub named_after: Vec<String>,
    /// Whether the record is not about a person, so that nothing was looked for elsewhere.
    pub is_thing: bool,
    /// The file's size in bytes; nothing where it was not written.
    pub bytes: Option<u64>,
}

/// Forgets somebody, or finds out what that would remove (`dry_run`). Where nothing is found, the file stays as it is; the
/// pages that a stopped run left are removed nevertheless.
pub fn forget(warehouse: &Path, who: &Who, dry_run: bool) -> Result<Forgotten, WarehouseError> {
    existing(warehouse)?;
    let folder = work_folder(warehouse);
    let _lock = Lock::take(&folder)?;
    let mut working = Working::begin(warehouse)?;
    let action = || doing("forgetting somebody");
    let connection = working.connection()?;
    connection.execute_batch("BEGIN").map_err(action())?;
    let mut forgotten = remove(connection, who)?;
    connection.execute_batch("COMMIT").map_err(action())?;
    if dry_run {
        return Ok(forgotten);
    }
    if forgotten.removed.is_empty() {
        drop(working);
    } else {
        working.rewrite()?;
        forgotten.bytes = Some(working.replace()?);
    }
    clear(&folder)?;
    Ok(forgotten)
}

fn remove(connection: &Connection, who: &Who) -> Result<Forgotten, WarehouseError> {
    let sheets = sheets(&schema::known_columns(connection)?);
    let mut identity = Identity::default();
    let mut forgotten = Forgotten::default();
    let records = match who {
        Who::Address(Address { lower, hashes, .. }) => {
            identity.asked.extend(hashes.iter().chain([lower]).cloned());
            identity.addresses.clone_from(&identity.asked);
            if hashes.is_empty() {
                forgotten.unsearched = hashed_addresses(connection, &sheets)?;
            }
            records_with(connection, &sheets, &identity.addresses)?
        }
        Who::Id { id, resource, instance } => records_of(connection, id, *resource, instance.as_deref())?,
    };
    let rows: Vec<_> = records.iter().cloned().map(|(r, i, id)| [Some(r), Some(i), Some(id)]).collect();
    hold(connection, "records", ["resource", "instance", "id"], &rows)?;
    forgotten.is_thing = records
        .iter()
        .any(|(name, ..)| catalog::resource(name).is_some_and(|resource| resource.about == About::Things));
    if !forgotten.is_thing {
        identity.learn(connection, &sheets, &records)?;
        identity.learn_users(connection, &sheets)?;
    }
    forgotten.keepers = identity.sharers.iter().cloned().collect();
    forgotten.has_short_names = identity.has_short_names;
    let mut removed = delete(connection, &records)?;
    let sharers = records_with(connection, &sheets, &identity.addresses)?;
    forgotten.sharers = sharers.iter().map(|(resource, _, id)| format!("{resource} {id}")).collect();
    let namesakes = identity.namesakes(connection, &sheets, &sharers)?;
    forgotten.namesakes = namesakes.labels.into_iter().collect();

    let (mut everywhere, mut beside) = (Needles::of_addresses(&identity.addresses), Needles::default());
    for name in &identity.names {
        if namesakes.names.contains(name) { beside.add_name(name) } else { everywhere.add_name(name) }
    }
    let rejects = delete_rejects(connection, &records, &identity, &everywhere, &beside)?;
    let emptied = empty_names(connection, &sheets, &identity, &everywhere)?;
    removed.extend(rejects);
    let parts = empty_parts(connection, &sheets, &everywhere)?;
    for table in cells::all(connection)? {
        let place = table.place.replace('"', "");
        let mut count: u64 =
            emptied.iter().chain(&parts).filter(|(emptied, _)| *emptied == table.place).map(|(_, count)| count).sum();
        if !beside.is_empty() {
            count += table.take_beside(connection, &beside, &identity.traces())?;
        }
        if !everywhere.is_empty() {
            let taken = table.take(connection, &everywhere)?;
            count += taken.cells;
            if taken.left > 0 {
                forgotten.left.push((place.clone(), taken.left));
            }
        }
        if count > 0 {
            removed.push(Removed { place, what: "cells rewritten", count });
        }
    }
    forgotten.named_after = named_after(connection, &everywhere)?;
    forgotten.removed = removed;
    Ok(forgotten)
}

/// The columns of people's own addresses that hold hashes.
fn hashed_addresses(connection: &Connection, sheets: &[Sheet]) -> Result<Vec<String>, WarehouseError> {
    let mut hashed = Vec::new();
    for sheet in sheets {
        for text in &sheet.own_addresses {
            let name = sql::name(&text.column);
            let value = if text.is_list { format!("unnest({name})") } else { name };
            let query = format!(
                "SELECT count(*) > 0 FROM (SELECT {value} AS _text FROM {})
                 WHERE regexp_full_match(CAST(_text AS VARCHAR), '[0-9a-f]{{64}}')",
                sheet.source()
            );
            let action = doing("looking for hashed addresses");
            if connection.query_row(&query, [], |row| row.get(0)).map_err(action)? {
                hashed.push(format!("{}.{}", sheet.table, text.column));
            }
        }
    }
    Ok(hashed)
}

/// The record with an id, in all its resource's tables. Several are told, and none is chosen.
fn records_of(
    connection: &Connection,
    id: &str,
    resource: Option<&Resource>,
    instance: Option<&str>,
) -> Result<BTreeSet<Record>, WarehouseError> {
    let action = || doing("looking for a record");
    let mut records = BTreeSet::new();
    for candidate in
        catalog::RESOURCES.iter().filter(|candidate| resource.is_none_or(|resource| resource == *candidate))
    {
        let query = format!("SELECT DISTINCT _instance FROM history.{} WHERE id = ?", sql::name(candidate.name));
        let mut statement = connection.prepare(&query).map_err(action())?;
        let instances = statement.query_map([id], |row| row.get(0)).map_err(action())?;
        for found in instances.collect::<Result<Vec<String>, _>>().map_err(action())? {
            if instance.is_none_or(|instance| instance == found) {
                records.insert((candidate.name.to_owned(), found, id.to_owned()));
            }
        }
    }
    if records.len() > 1 {
        let places: Vec<_> =
            records.iter().map(|(resource, instance, _)| format!("{resource} of {instance}")).collect();
        return Err(WarehouseError::Ambiguous { places: places.join(", ") });
    }
    Ok(records)
}

/// Deletes the records named in table `records`: all versions, their child rows, and what the books say of them.
fn delete(connection: &Connection, records: &BTreeSet<Record>) -> Result<Vec<Removed>, WarehouseError> {
    let mut removed = Vec::new();
    let mut run = |place: String, what: &'static str, condition: String| {
        let count = connection
            .execute(&format!("DELETE FROM {place} t WHERE EXISTS (FROM records r WHERE {condition})"), [])
            .map_err(doing(format!("deleting from {place}")))?;
        if count > 0 {
            removed.push(Removed { place: place.replace('"', ""), what, count: count as u64 });
        }
        Ok(())
    };
    let resources: BTreeSet<&str> = records.iter().map(|(resource, ..)| resource.as_str()).collect();
    for resource in resources {
        let theirs =
            |key: &str| format!("r.resource = {} AND r.instance = t._instance AND r.id = t.{key}", sql::text(resource));
        run(format!("history.{}", sql::name(resource)), "versions deleted", theirs("id"))?;
        for child in child_tables(connection, resource)? {
            run(format!("history.{}", sql::name(&child)), "versions deleted", theirs("_parent_id"))?;
        }
    }
    let theirs = "r.resource = t.resource AND r.instance = t.instance AND r.id = t.id";
    run("meta.changes".to_owned(), "changes deleted", theirs.to_owned())?;
    Ok(removed)
}

/// Deletes what could not be a row and holds the person.
fn delete_rejects(
    connection: &Connection,
    records: &BTreeSet<Record>,
    identity: &Identity,
    everywhere: &Needles,
    beside: &Needles,
) -> Result<Option<Removed>, WarehouseError> {
    let action = || doing("deleting rejects");
    let traces = identity.traces();
    let is_record = |resource: &str, instance: &str, raw: &str| {
        let of = |(r, i, id): &Record| {
            r == resource
                && i == instance
                && json::member(raw, catalog::KEY).is_some_and(|found| json::text(found).text == *id)
        };
        json::check(raw.as_bytes()).is_ok() && records.iter().any(of)
    };
    let mut doomed = Vec::new();
    let columns = ["resource", "instance"];
    for ([resource, instance], raw) in candidates(connection, "meta.rejects", columns, "raw", &Needles::default())? {
        let [of, within] = [&resource, &instance].map(|text| text.as_deref().unwrap_or_default());
        let is_theirs = everywhere.are_in(&raw)
            || (beside.are_in(&raw) && (traces.is_in(&raw) || traces.has(within, of, None, &raw)))
            || is_record(of, within, &raw);
        if is_theirs {
            doomed.push([resource, instance, Some(raw)]);
        }
    }
    hold(connection, "doomed", ["resource", "instance", "raw"], &doomed)?;
    let statement = "DELETE FROM meta.rejects t WHERE EXISTS (
                         FROM doomed d WHERE d.resource = t.resource AND d.instance = t.instance AND d.raw = t.raw)";
    let count = connection.execute(statement, []).map_err(action())? as u64;
    Ok((count > 0).then(|| Removed { place: "meta.rejects".to_owned(), what: "rejects deleted", count }))
}

/// Columns that are called after a key with a name or an address in it: they are part of the tables' shape.
fn named_after(connection: &Connection, needles: &Needles) -> Result<Vec<String>, WarehouseError> {
    if needles.is_empty() {
        return Ok(Vec::new());
    }
    let place = "resource || '.' || column_name";
    let rows = candidates(connection, "meta.columns", [place], "source_path", needles)?;
    let named = rows.into_iter().filter(|(_, path)| needles.are_in(path));
    Ok(named.filter_map(|([place], _)| place).collect())
}

/// Empties the folder of working files but for the lock: pages of stopped runs, and copies that a crash left.
fn clear(folder: &Path) -> Result<(), WarehouseError> {
    let action = || failed("look into", folder);
    for entry in fs::read_dir(folder).map_err(action())? {
        let entry = entry.map_err(action())?;
        let path = entry.path();
        if entry.file_name() == "lock" {
            continue;
        }
        let is_folder = entry.file_type().map_err(action())?.is_dir();
        let done = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &path)(error)),
            _ => {}
        }
    }
    Ok(())
}
