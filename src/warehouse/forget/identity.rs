//! Who a person is: their records, the addresses and names that these ever had, and whom else these names belong to.

use std::collections::{BTreeMap, BTreeSet};

use duckdb::{Connection, params};

use super::{
    cells::{Traces, candidates, hold},
    columns::{Person, Sheet, Whom},
    name::{Name, OneWord},
    needle::{Needles, addresses_in},
};
use crate::{
    catalog::{self, About},
    warehouse::{WarehouseError, doing, sql},
};

/// What is known of a person. Never printed and never logged.
#[derive(Default)]
pub(super) struct Identity {
    /// Their addresses, in lower case.
    pub(super) addresses: BTreeSet<String>,
    /// Their names.
    pub(super) names: BTreeSet<Name>,
    /// Every id of theirs.
    pub(super) ids: BTreeSet<String>,
    /// Those of them as a contact. Numbers may count each list by itself, so that a lead's id can be another contact's.
    pub(super) contact_ids: BTreeSet<String>,
    /// Those of them as a user of the CRM.
    pub(super) user_ids: BTreeSet<String>,
    /// Whether they have a name of one word, which is not looked for elsewhere.
    pub(super) has_short_names: bool,
}

/// A record, by resource, instance and id.
pub(super) type Record = (String, String, String);

impl Identity {
    pub(super) fn traces(&self) -> Traces<'_> {
        Traces { addresses: &self.addresses, ids: &self.ids }
    }

    fn add_name(&mut self, name: Result<Name, OneWord>) {
        match name {
            Ok(name) => drop(self.names.insert(name)),
            Err(_) => self.has_short_names = true,
        }
    }

    fn add_names(&mut self, text: &str) {
        for name in Name::read(text) {
            self.add_name(name);
        }
    }

    /// Learns the addresses and names that the person's records ever had, by what `records` says those are.
    pub(super) fn learn(&mut self, connection: &Connection, sheets: &[Sheet]) -> Result<(), WarehouseError> {
        for sheet in sheets.iter().filter(|sheet| sheet.resource.about != About::Things) {
            let resource = sheet.resource.name;
            let history = format!(
                "(FROM {} t WHERE EXISTS (
                     FROM records r WHERE r.resource = {} AND r.instance = t._instance AND r.id = t.{}))",
                sheet.source(),
                sql::text(resource),
                sheet.key()
            );
            for text in &sheet.own_addresses {
                let name = sql::name(&text.column);
                let value = if text.is_list { format!("unnest({name})") } else { name };
                let mut texts = texts(connection, &history, &value)?;
                texts.extend(changed(connection, resource, &text.column)?);
                self.addresses.extend(texts.iter().flat_map(|text| addresses_in(text)));
            }
            for person in sheet.people.iter().filter(|person| person.is_self) {
                for column in &person.names {
                    let mut names = texts(connection, &history, &sql::name(column))?;
                    names.extend(changed(connection, resource, column)?);
                    for name in &names {
                        self.add_names(name);
                    }
                }
                if let Some((first, last)) = person.pair() {
                    let mut firsts = texts(connection, &history, &sql::name(first))?;
                    let mut lasts = texts(connection, &history, &sql::name(last))?;
                    firsts.extend(changed(connection, resource, first)?);
                    lasts.extend(changed(connection, resource, last)?);
                    // One name at a time may have changed: each goes with each.
                    for first in &firsts {
                        for last in &lasts {
                            self.add_name(Name::of(first, last));
                        }
                    }
                }
                if let Some(id) = person.id.as_ref().filter(|_| person.whom == Whom::Contact) {
                    self.contact_ids.extend(texts(
                        connection,
                        &history,
                        &format!("CAST({} AS VARCHAR)", sql::name(id)),
                    )?);
                }
            }
            if sheet.is_child {
                // A list is one value in the books.
                let list = sheet.table.strip_prefix(resource).and_then(|rest| rest.strip_prefix("__"));
                let is_theirs = !sheet.own_addresses.is_empty();
                for text in changed(connection, resource, list.filter(|_| is_theirs).unwrap_or_default())? {
                    self.addresses.extend(addresses_in(&text));
                }
            }
        }
        for ([resource], id) in candidates(connection, "records", ["resource"], "id", &Needles::default())? {
            let resource = resource.as_deref().and_then(catalog::resource);
            if resource.is_some_and(|resource| resource.about == About::Person) {
                self.contact_ids.insert(id.clone());
            }
            self.ids.insert(id);
        }
        self.ids.extend(self.contact_ids.iter().cloned());
        Ok(())
    }

    /// Learns the names and ids that users of the CRM with one of the addresses have.
    pub(super) fn learn_users(&mut self, connection: &Connection, sheets: &[Sheet]) -> Result<(), WarehouseError> {
        let needles = Needles::of_addresses(&self.addresses);
        for (sheet, user) in users(sheets) {
            for address in &user.addresses {
                let name = user.name();
                let id = user.id();
                let rows = candidates(connection, &sheet.source(), [&name, &id], &sql::name(address), &needles)?;
                for ([name, id], text) in rows {
                    if self.traces().is_in(&text) {
                        self.add_names(&name.unwrap_or_default());
                        self.user_ids.extend(id);
                    }
                }
            }
        }
        self.ids.extend(self.user_ids.iter().cloned());
        Ok(())
    }

    /// The people who have one of the names and are somebody else: with another id, and no address of the person's. Their
    /// records, and the names that they have. The person's own records must be gone.
    pub(super) fn namesakes(
        &self,
        connection: &Connection,
        sheets: &[Sheet],
        sharers: &BTreeSet<Record>,
    ) -> Result<Namesakes, WarehouseError> {
        let mut needles: BTreeMap<&Name, Needles> = BTreeMap::new();
        let mut any = Needles::default();
        for name in &self.names {
            any.add_name(name);
            needles.entry(name).or_default().add_name(name);
        }
        let mut found = Namesakes::default();
        if self.names.is_empty() {
            return Ok(found);
        }
        let mut note = |text: &str, label: String, record: Option<Record>| {
            for (name, _) in needles.iter().filter(|(_, needles)| needles.are(text)) {
                found.names.insert((*name).clone());
                found.labels.insert(label.clone());
                found.records.extend(record.clone());
            }
        };
        for sheet in sheets.iter().filter(|sheet| sheet.resource.about != About::Things && !sheet.is_child) {
            for person in sheet.people.iter().filter(|person| person.is_self) {
                for name in person.whole_names() {
                    for ([instance, id], text) in
                        candidates(connection, &sheet.source(), ["_instance", "id"], &name, &any)?
                    {
                        let (Some(instance), Some(id)) = (instance, id) else { continue };
                        let record = (sheet.resource.name.to_owned(), instance, id);
                        let is_contact = sheet.resource.about == About::Person;
                        let is_theirs = is_contact && self.contact_ids.contains(&record.2);
                        if !sharers.contains(&record) && !is_theirs {
                            note(&text, format!("{} {}", record.0, record.2), Some(record));
                        }
                    }
                }
            }
        }
        for (sheet, user) in users(sheets).filter(|(_, user)| user.id.is_some()) {
            let address = user.addresses.first().map_or_else(|| "NULL".to_owned(), |address| sql::name(address));
            for ([id, address], text) in
                candidates(connection, &sheet.source(), [&user.id(), &address], &user.name(), &any)?
            {
                let is_theirs = address.is_some_and(|address| self.traces().is_in(&address));
                if let Some(id) = id.filter(|id| !is_theirs && !self.user_ids.contains(id)) {
                    note(&text, format!("user {id}"), None);
                }
            }
        }
        let records: Vec<_> = found.records.iter().cloned().map(|(r, i, id)| [Some(r), Some(i), Some(id)]).collect();
        hold(connection, "namesakes", ["resource", "instance", "id"], &records)?;
        Ok(found)
    }
}

/// Who else has a name of the person's.
#[derive(Default)]
pub(super) struct Namesakes {
    /// The names that are theirs too.
    pub(super) names: BTreeSet<Name>,
    /// Who they are, by resource and id.
    pub(super) labels: BTreeSet<String>,
    records: BTreeSet<Record>,
}

/// The records of people that hold one of the addresses as their own, in any version.
pub(super) fn records_with(
    connection: &Connection,
    sheets: &[Sheet],
    addresses: &BTreeSet<String>,
) -> Result<BTreeSet<Record>, WarehouseError> {
    let needles = Needles::of_addresses(addresses);
    let mut records = BTreeSet::new();
    for sheet in sheets {
        for text in &sheet.own_addresses {
            let name = sql::name(&text.column);
            let value = if text.is_list { format!("unnest({name})") } else { name };
            let rows = candidates(connection, &sheet.source(), ["_instance", sheet.key()], &value, &needles)?;
            for ([instance, id], text) in rows {
                if addresses_in(&text).iter().any(|address| addresses.contains(address)) {
                    records
                        .extend(instance.zip(id).map(|(instance, id)| (sheet.resource.name.to_owned(), instance, id)));
                }
            }
        }
    }
    Ok(records)
}

fn users(sheets: &[Sheet]) -> impl Iterator<Item = (&Sheet, &Person)> {
    let all = sheets.iter().flat_map(|sheet| sheet.people.iter().map(move |person| (sheet, person)));
    all.filter(|(_, person)| person.whom == Whom::User)
}

/// The distinct texts of a column.
fn texts(connection: &Connection, source: &str, value: &str) -> Result<BTreeSet<String>, WarehouseError> {
    let rows = candidates(connection, source, [], value, &Needles::default())?;
    Ok(rows.into_iter().map(|([], text)| text).collect())
}

/// What the books say that a column of the person's records held.
fn changed(connection: &Connection, resource: &str, column: &str) -> Result<Vec<String>, WarehouseError> {
    let action = || doing("reading meta.changes");
    let mut statement = connection
        .prepare(
            "SELECT DISTINCT unnest([old_value, new_value]) FROM meta.changes c
             SEMI JOIN records r ON r.resource = c.resource AND r.instance = c.instance AND r.id = c.id
             WHERE c.resource = ? AND column_name = ?",
        )
        .map_err(action())?;
    let values = statement.query_map(params![resource, column], |row| row.get(0)).map_err(action())?;
    let values = values.collect::<Result<Vec<Option<String>>, _>>().map_err(action())?;
    Ok(values.into_iter().flatten().collect())
}

impl Sheet {
    /// The table, in SQL.
    pub(super) fn source(&self) -> String {
        format!("history.{}", sql::name(&self.table))
    }

    /// The column of the record's id.
    pub(super) fn key(&self) -> &'static str {
        if self.is_child { "_parent_id" } else { "id" }
    }
}

impl Person {
    /// The whole name, in SQL.
    fn name(&self) -> String {
        self.whole_names().next().unwrap_or_else(|| "NULL".to_owned())
    }

    /// Each whole name, in SQL.
    pub(super) fn whole_names(&self) -> impl Iterator<Item = String> {
        let pair =
            self.pair().map(|(first, last)| format!("concat_ws(' ', {}, {})", sql::name(first), sql::name(last)));
        self.names.iter().map(|name| sql::name(name)).chain(pair)
    }

    fn id(&self) -> String {
        self.id.as_ref().map_or_else(|| "NULL".to_owned(), |id| sql::name(id))
    }
}
