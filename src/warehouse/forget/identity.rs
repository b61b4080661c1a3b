//! Who a person is: their records, and the addresses, names and ids that these ever had.

use std::collections::BTreeSet;

use duckdb::{Connection, params, types::Value};

use super::{
    cells::{Id, Traces, candidates},
    columns::{Kind, Person, Sheet, Text, Whom},
    escapes::addresses_in,
    name::{Name, OneWord},
    needle::{Needles, folded},
};
use crate::{
    catalog::About,
    warehouse::{WarehouseError, doing, sql},
};

/// What is known of a person. Never printed and never logged.
#[derive(Default)]
pub(super) struct Identity {
    /// The address that was asked for, and its hashes.
    pub(super) asked: BTreeSet<String>,
    /// Their addresses, in lower case, and hashes of them.
    pub(super) addresses: BTreeSet<String>,
    /// Their names.
    pub(super) names: BTreeSet<Name>,
    /// Every id of theirs.
    pub(super) ids: BTreeSet<Id>,
    /// Names of one word, and the parts of the others, as they are compared.
    words: BTreeSet<Vec<char>>,
    /// Whether they have a name of one word, which is not looked for elsewhere.
    pub(super) has_short_names: bool,
    /// Other people, by resource and id, with an address in common that is therefore not looked for.
    pub(super) sharers: BTreeSet<String>,
}

/// A record, by resource, instance and id.
pub(super) type Record = (String, String, String);

impl Identity {
    pub(super) fn traces(&self) -> Traces<'_> {
        Traces { addresses: &self.addresses, ids: &self.ids }
    }

    fn add_name(&mut self, name: Result<Name, OneWord>) {
        match name {
            Ok(name) => {
                self.words.extend(name.parts().map(folded));
                self.names.insert(name);
            }
            Err(_) => self.has_short_names = true,
        }
    }

    fn add_names(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.words.insert(folded(text));
        }
        for name in Name::read(text) {
            self.add_name(name);
        }
    }

    fn add_parts(&mut self, first: &str, middle: &str, last: &str) {
        self.add_name(Name::of(first, last));
        if !middle.trim().is_empty() {
            self.add_name(Name::of(&format!("{first} {middle}"), last));
        }
    }

    /// Whether a name is one of theirs, or a part of one.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let mut names = Needles::default();
        self.names.iter().for_each(|name| names.add_name(name));
        names.are_in(name) || self.words.contains(&folded(name))
    }

    /// Learns the addresses, names and ids that are the person's, by what `records` says are their records: everything that
    /// a contact ever had, and of leads, whose contact may be somebody else today, what stands beside the person's address
    /// or id. An address that others have too is none of theirs, unless it is what was asked for.
    pub(super) fn learn(
        &mut self,
        connection: &Connection,
        sheets: &[Sheet],
        records: &BTreeSet<Record>,
    ) -> Result<(), WarehouseError> {
        let ids = records.iter().filter_map(|(resource, i, id)| Some((Kind::of(resource)?, i.clone(), id.clone())));
        self.ids.extend(ids);
        for sheet in sheets.iter().filter(|sheet| sheet.resource.about == About::Person) {
            self.learn_contacts(connection, sheet)?;
        }
        self.share(connection, sheets, records)?;
        // By an id alone, a lead is about its last contact.
        let by_last = self.addresses.is_empty();
        for sheet in sheets.iter().filter(|sheet| sheet.resource.about == About::Inquiry && !sheet.is_child) {
            for person in sheet.people.iter().filter(|person| person.is_self) {
                self.learn_leads(connection, sheets, sheet, person, by_last)?;
            }
        }
        self.share(connection, sheets, records)
    }

    fn learn_contacts(&mut self, connection: &Connection, sheet: &Sheet) -> Result<(), WarehouseError> {
        let resource = sheet.resource.name;
        let history = sheet.theirs();
        let had = |column: &str| {
            let mut texts = texts(connection, &history, &sql::name(column))?;
            texts.extend(changed(connection, resource, column)?);
            Ok::<_, WarehouseError>(texts)
        };
        for text in &sheet.own_addresses {
            let name = sql::name(&text.column);
            let value = if text.is_list { format!("unnest({name})") } else { name };
            let mut texts = texts(connection, &history, &value)?;
            texts.extend(changed(connection, resource, &text.column)?);
            self.addresses.extend(texts.iter().flat_map(|text| addresses_in(text)));
        }
        for person in sheet.people.iter().filter(|person| person.is_self) {
            for column in &person.names {
                for name in had(column)? {
                    self.add_names(&name);
                }
            }
            if let Some((first, last)) = person.pair() {
                let (firsts, lasts) = (had(first)?, had(last)?);
                let mut middles = person.middle.as_deref().map(had).transpose()?.unwrap_or_default();
                middles.insert(String::new());
                // One name at a time may have changed: each goes with each.
                for (first, last) in firsts.iter().flat_map(|first| lasts.iter().map(move |last| (first, last))) {
                    for middle in &middles {
                        self.add_parts(first, middle, last);
                    }
                }
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
        Ok(())
    }

    fn learn_leads(
        &mut self,
        connection: &Connection,
        sheets: &[Sheet],
        sheet: &Sheet,
        person: &Person,
        by_last: bool,
    ) -> Result<(), WarehouseError> {
        let joined = |column: &str| format!("array_to_string(t.{}, ' ')", sql::name(column));
        let mut addresses: Vec<String> = person.addresses.iter().map(|column| sql::name(column)).collect();
        let others = || sheet.people.iter().filter(|other| other.is_self && other.whom == Whom::Contact);
        let is_theirs =
            |text: &&Text| person.has(text) && (person.whom == Whom::Contact || !others().any(|other| other.has(text)));
        for own in sheets.iter().filter(|other| other.resource == sheet.resource) {
            for text in own.own_addresses.iter().filter(is_theirs) {
                addresses.push(match (own.is_child, text.is_list) {
                    (false, true) => joined(&text.column),
                    (false, false) => sql::name(&text.column),
                    (true, _) => format!(
                        "(SELECT string_agg(CAST(c.{} AS VARCHAR), ' ') FROM {} c WHERE c._instance = t._instance
                            AND c._parent_id = t.id AND c._valid_from = t._valid_from)",
                        sql::name(&text.column),
                        own.source()
                    ),
                });
            }
        }
        let column = |column: &Option<String>| column.as_ref().map_or("NULL".to_owned(), |column| sql::name(column));
        let names = person.names.iter().map(|name| sql::name(name)).collect::<Vec<_>>().join(", ");
        let [id, first, middle, last] = [&person.id, &person.first, &person.middle, &person.last].map(column);
        let addresses = if addresses.is_empty() { "NULL".to_owned() } else { addresses.join(", ") };
        let query = format!(
            "SELECT t._instance, t.id, CAST({id} AS VARCHAR), concat_ws(' ', {addresses}, NULL), {first}, {middle}, {last},
                    list_value({names})::VARCHAR[]
             FROM {} t ORDER BY t._valid_from DESC",
            sheet.theirs()
        );
        let action = || doing("reading leads");
        let mut statement = connection.prepare(&query.replace("list_value()", "[]")).map_err(action())?;
        let rows = statement.query_map([], |row| {
            let text = |index| row.get::<_, Option<String>>(index).map(Option::unwrap_or_default);
            let names = match row.get::<_, Value>(7)? {
                Value::List(names) => names,
                _ => Vec::new(),
            };
            let names =
                names.into_iter().filter_map(|name| if let Value::Text(name) = name { Some(name) } else { None });
            Ok(Seen {
                record: (text(0)?, text(1)?),
                id: text(2)?,
                addresses: addresses_in(&text(3)?),
                parts: [text(4)?, text(5)?, text(6)?],
                names: names.collect(),
            })
        });
        let rows: Vec<Seen> = rows.map_err(action())?.collect::<Result<_, _>>().map_err(action())?;
        let mut theirs = Vec::new();
        if by_last {
            let mut asked = BTreeSet::new();
            theirs.extend(rows.iter().filter(|row| !row.is_empty() && asked.insert(&row.record)));
        }
        let is_contact = person.whom == Whom::Contact;
        let id = |row: &Seen| (Kind::Contact, row.record.0.clone(), row.id.clone());
        let mut known = self.addresses.clone();
        let mut ids = self.ids.clone();
        known.extend(theirs.iter().flat_map(|row| row.addresses.iter().cloned()));
        ids.extend(theirs.iter().filter(|row| is_contact && !row.id.is_empty()).map(|row| id(row)));
        theirs.extend(rows.iter().filter(|row| {
            row.addresses.iter().any(|address| known.contains(address)) || (is_contact && ids.contains(&id(row)))
        }));
        for row in theirs {
            self.addresses.extend(row.addresses.iter().cloned());
            row.names.iter().for_each(|name| self.add_names(name));
            let [first, middle, last] = &row.parts;
            if person.pair().is_some() && !(first.is_empty() && last.is_empty()) {
                self.add_parts(first, middle, last);
            }
            if is_contact && !row.id.is_empty() {
                self.ids.insert(id(row));
            }
        }
        Ok(())
    }

    /// Learns the names and ids that users of the CRM with one of the addresses have.
    pub(super) fn learn_users(&mut self, connection: &Connection, sheets: &[Sheet]) -> Result<(), WarehouseError> {
        let needles = Needles::of_addresses(&self.addresses);
        for (sheet, user) in users(sheets) {
            for address in &user.addresses {
                let name = user.name();
                let columns = ["_instance", &user.id(), &name];
                for ([instance, id, name], text) in
                    candidates(connection, &sheet.source(), columns, &sql::name(address), &needles)?
                {
                    if self.traces().is_in(&text) {
                        self.add_names(&name.unwrap_or_default());
                        self.ids.extend(instance.zip(id).map(|(instance, id)| (Kind::User, instance, id)));
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a version of a lead shows of a person.
struct Seen {
    record: (String, String),
    id: String,
    addresses: Vec<String>,
    parts: [String; 3],
    names: Vec<String>,
}

impl Seen {
    fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.names.is_empty() && self.parts.iter().all(String::is_empty)
    }
}

/// The records of people that hold one of the addresses as their own, in any version.
pub(super) fn records_with(
    connection: &Connection,
    sheets: &[Sheet],
    addresses: &BTreeSet<String>,
) -> Result<BTreeSet<Record>, WarehouseError> {
    Ok(owners(connection, sheets, addresses)?.into_iter().map(|(record, _)| record).collect())
}

/// The same, each with the addresses that it holds.
pub(super) fn owners(
    connection: &Connection,
    sheets: &[Sheet],
    addresses: &BTreeSet<String>,
) -> Result<BTreeSet<(Record, String)>, WarehouseError> {
    let needles = Needles::of_addresses(addresses);
    let mut owners = BTreeSet::new();
    for sheet in sheets {
        for text in &sheet.own_addresses {
            let name = sql::name(&text.column);
            let value = if text.is_list { format!("unnest({name})") } else { name };
            let rows = candidates(connection, &sheet.source(), ["_instance", sheet.key()], &value, &needles)?;
            for ([instance, id], text) in rows {
                let Some((instance, id)) = instance.zip(id) else { continue };
                let record = (sheet.resource.name.to_owned(), instance, id);
                let held = addresses_in(&text).into_iter().filter(|address| addresses.contains(address));
                owners.extend(held.map(|address| (record.clone(), address)));
            }
        }
    }
    Ok(owners)
}

pub(super) fn users(sheets: &[Sheet]) -> impl Iterator<Item = (&Sheet, &Person)> {
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

    /// Its rows of the person's records, in SQL.
    fn theirs(&self) -> String {
        format!(
            "(FROM {} t WHERE EXISTS (
                 FROM records r WHERE r.resource = {} AND r.instance = t._instance AND r.id = t.{}))",
            self.source(),
            sql::text(self.resource.name),
            self.key()
        )
    }

    /// The column of the record's id.
    pub(super) fn key(&self) -> &'static str {
        if self.is_child { "_parent_id" } else { "id" }
    }
}

impl Person {
    /// The whole name, in SQL.
    pub(super) fn name(&self) -> String {
        self.whole_names().next().unwrap_or_else(|| "NULL".to_owned())
    }

    /// Each whole name, in SQL.
    pub(super) fn whole_names(&self) -> impl Iterator<Item = String> {
        let pair =
            self.pair().map(|(first, last)| format!("concat_ws(' ', {}, {})", sql::name(first), sql::name(last)));
        self.names.iter().map(|name| sql::name(name)).chain(pair)
    }

    pub(super) fn id(&self) -> String {
        self.id.as_ref().map_or_else(|| "NULL".to_owned(), |id| sql::name(id))
    }
}
