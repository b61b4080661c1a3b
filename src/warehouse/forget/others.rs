//! Whom else a person's names and addresses belong to: they keep them.

use std::collections::{BTreeMap, BTreeSet};

use duckdb::Connection;

use super::{
    cells::{candidates, hold},
    columns::{Kind, Sheet, Whom},
    escapes::addresses_in,
    identity::{Identity, Record, owners, users},
    name::Name,
    needle::Needles,
};
use crate::{
    catalog::About,
    warehouse::{WarehouseError, sql},
};

impl Identity {
    /// Gives up the addresses that somebody with another name has too, and notes who that is.
    pub(super) fn share(
        &mut self,
        connection: &Connection,
        sheets: &[Sheet],
        records: &BTreeSet<Record>,
    ) -> Result<(), WarehouseError> {
        let learned: BTreeSet<String> = self.addresses.difference(&self.asked).cloned().collect();
        if learned.is_empty() {
            return Ok(());
        }
        let mut shared = BTreeSet::new();
        for (record, address) in owners(connection, sheets, &learned)? {
            if !records.contains(&record) && self.is_another(connection, sheets, &record)? {
                self.sharers.insert(format!("{} {}", record.0, record.2));
                shared.insert(address);
            }
        }
        let needles = Needles::of_addresses(&learned);
        for sheet in sheets {
            let of_records = sheet.resource.about == About::Person && !sheet.is_child;
            for person in sheet.people.iter().filter(|person| person.is_certain || person.whom == Whom::Contact) {
                let kind = match person.whom {
                    Whom::User => Some(Kind::User),
                    Whom::Contact => Some(Kind::Contact),
                    Whom::Record if of_records => Some(Kind::Contact),
                    Whom::Record | Whom::Other => None,
                };
                for (address, name) in
                    person.addresses.iter().flat_map(|address| person.whole_names().map(move |name| (address, name)))
                {
                    let columns = ["_instance", sheet.key(), &person.id(), &name];
                    for ([instance, key, id, name], text) in
                        candidates(connection, &sheet.source(), columns, &sql::name(address), &needles)?
                    {
                        let (Some(instance), Some(key)) = (instance, key) else { continue };
                        let held = addresses_in(&text).into_iter().filter(|address| learned.contains(address));
                        let held: Vec<_> = held.collect();
                        if held.is_empty() {
                            continue;
                        }
                        let record = (sheet.resource.name.to_owned(), instance.clone(), key);
                        let is_own = of_records && records.contains(&record);
                        let is_theirs =
                            kind.zip(id.clone()).is_some_and(|(kind, id)| self.ids.contains(&(kind, instance, id)));
                        let name = name.filter(|name| !name.trim().is_empty());
                        if is_own || is_theirs || name.is_none_or(|name| self.is_called(&name)) {
                            continue;
                        }
                        self.sharers.insert(match id.filter(|_| kind == Some(Kind::User)) {
                            Some(id) => format!("user {id}"),
                            None => format!("{} {}", record.0, record.2),
                        });
                        shared.extend(held);
                    }
                }
            }
        }
        self.addresses.retain(|address| !shared.contains(address));
        Ok(())
    }

    /// Whether a record is another person's: with names, none of which is one of the person's, or a contact without any.
    fn is_another(
        &self,
        connection: &Connection,
        sheets: &[Sheet],
        (resource, instance, id): &Record,
    ) -> Result<bool, WarehouseError> {
        let mut is_named = false;
        let mut sheets = sheets.iter().filter(|sheet| sheet.resource.name == resource && !sheet.is_child);
        let Some(sheet) = sheets.next() else { return Ok(false) };
        let source =
            format!("(FROM {} WHERE _instance = {} AND id = {})", sheet.source(), sql::text(instance), sql::text(id));
        for person in sheet.people.iter().filter(|person| person.is_self) {
            for name in person.whole_names() {
                for ([], name) in candidates(connection, &source, [], &name, &Needles::default())? {
                    if self.is_called(&name) {
                        return Ok(false);
                    }
                    is_named |= !name.trim().is_empty();
                }
            }
        }
        Ok(is_named || sheet.resource.about == About::Person)
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
                    let columns = ["_instance", "id", &person.id()];
                    for ([instance, id, contact], text) in
                        candidates(connection, &sheet.source(), columns, &name, &any)?
                    {
                        let (Some(instance), Some(id)) = (instance, id) else { continue };
                        let is_contact = sheet.resource.about == About::Person || person.whom == Whom::Contact;
                        let contact = contact.filter(|_| is_contact);
                        let is_theirs =
                            contact.is_some_and(|id| self.ids.contains(&(Kind::Contact, instance.clone(), id)));
                        let record = (sheet.resource.name.to_owned(), instance, id);
                        if !sharers.contains(&record) && !is_theirs {
                            note(&text, format!("{} {}", record.0, record.2), Some(record));
                        }
                    }
                }
            }
        }
        for (sheet, user) in users(sheets).filter(|(_, user)| user.id.is_some()) {
            let address = user.addresses.first().map_or_else(|| "NULL".to_owned(), |address| sql::name(address));
            let columns = ["_instance", &user.id(), &address];
            for ([instance, id, address], text) in candidates(connection, &sheet.source(), columns, &user.name(), &any)?
            {
                let is_theirs = address.is_some_and(|address| self.traces().is_in(&address));
                let Some((instance, id)) = instance.zip(id) else { continue };
                let label = format!("user {id}");
                if !is_theirs && !self.ids.contains(&(Kind::User, instance, id)) {
                    note(&text, label, None);
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
