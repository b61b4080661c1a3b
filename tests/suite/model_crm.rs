//! The CRM of the model: its records, what may happen to them, and what it answers.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use proptest::prelude::*;

use crate::world::{Scene, Scripted};

/// Keys of a record, and the columns they become.
pub const KEYS: [(&str, &str); 3] = [("amount", "amount"), ("Close Date", "close_date"), ("order", "order_")];
/// Keys of lists of objects, and what their tables end in.
pub const LISTS: [(&str, &str); 2] = [("products", "products"), ("Line Items", "line_items")];
/// Keys of the objects in them.
pub const MEMBERS: [(&str, &str); 3] = [("sku", "sku"), ("price", "price"), ("shippedOn", "shipped_on")];
/// Ids, in the order in which DuckDB sorts them.
pub const IDS: [&str; 8] = ["1", "10", "2", "a b", "x", "y/z", "é", "😀"];
pub const INSTANCES: [&str; 2] = ["one", "two"];
/// Small, so that few records are several pages.
pub const PAGE_SIZE: usize = 3;

/// A value that is no list. No two of them are the same content in two notations.
#[derive(Clone, Copy, PartialEq)]
pub enum Value {
    Boolean(bool),
    Number(&'static str),
    Text(&'static str),
    Date(&'static str),
    /// As it is served, and in UTC.
    Moment(&'static str, &'static str),
}

impl Value {
    fn json(self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Number(digits) => digits.to_owned(),
            Self::Text(text) | Self::Date(text) | Self::Moment(text, _) => serde_json::Value::from(text).to_string(),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.json())
    }
}

/// Every kind of value: one list a kind, so that a key can change its type as a whole.
const VALUES: [&[Value]; 6] = [
    &[Value::Number("12"), Value::Number("-7"), Value::Number("0")],
    &[Value::Number("12.5"), Value::Number("0.25"), Value::Number("-3.125")],
    &[Value::Text("n/a"), Value::Text("12"), Value::Text("a \"b\", 'c'\n> d")],
    &[Value::Boolean(true), Value::Boolean(false)],
    &[Value::Date("2024-02-29"), Value::Date("2025-01-31")],
    &[
        Value::Moment("2024-05-06T07:08:09Z", "2024-05-06T07:08:09.000000Z"),
        Value::Moment("2024-05-06T09:08:09.25+01:00", "2024-05-06T08:08:09.250000Z"),
    ],
];

pub type Object = BTreeMap<&'static str, Value>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub values: Object,
    pub lists: BTreeMap<&'static str, Vec<Object>>,
}

/// What the CRM answers when a record that its list does not show is asked for by its id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    NotFound,
    TheRecord,
    AnotherRecord,
    NoRecord,
    Error,
}

#[derive(Clone, Debug)]
pub enum Operation {
    Create(usize, usize, Record),
    Set(usize, usize, &'static str, Value),
    SetList(usize, usize, &'static str, Vec<Object>),
    Remove(usize, usize, &'static str),
    ChangeBack(usize, usize),
    Delete(usize, usize, Answer),
    Restore(usize, usize),
    /// Every record of an instance has the key, with a value of this kind.
    SetAll(usize, &'static str, usize),
    /// No record of an instance has the key any more.
    RemoveAll(usize, &'static str),
}

/// A record and what the CRM knows of it.
#[derive(Clone, Debug)]
struct Kept {
    id: &'static str,
    record: Record,
    before: Record,
    deleted: Option<Answer>,
}

/// The records of each instance, in the order of their creation.
#[derive(Clone, Debug, Default)]
pub struct Crm([Vec<Kept>; 2]);

impl Crm {
    pub fn apply(&mut self, operation: &Operation) {
        use Operation::{ChangeBack, Create, Delete, Remove, RemoveAll, Restore, Set, SetAll, SetList};
        match operation {
            Create(instance, id, record) => {
                let id = IDS[*id];
                if !self.0[*instance].iter().any(|kept| kept.id == id) {
                    let (record, before) = (record.clone(), record.clone());
                    self.0[*instance].push(Kept { id, record, before, deleted: None });
                }
            }
            Set(instance, id, key, value) => self.change(*instance, Some(*id), |record| {
                record.values.insert(key, *value);
            }),
            SetList(instance, id, key, list) => self.change(*instance, Some(*id), |record| {
                record.lists.insert(key, list.clone());
            }),
            Remove(instance, id, key) => self.change(*instance, Some(*id), |record| {
                record.values.remove(key);
                record.lists.remove(key);
            }),
            ChangeBack(instance, id) => {
                for kept in self.0[*instance].iter_mut().filter(|kept| kept.id == IDS[*id]) {
                    std::mem::swap(&mut kept.record, &mut kept.before);
                }
            }
            Delete(instance, id, answer) => {
                for kept in self.0[*instance].iter_mut().filter(|kept| kept.id == IDS[*id]) {
                    kept.deleted = Some(*answer);
                }
            }
            Restore(instance, id) => {
                for kept in self.0[*instance].iter_mut().filter(|kept| kept.id == IDS[*id]) {
                    kept.deleted = None;
                }
            }
            SetAll(instance, key, kind) => {
                let mut values = VALUES[*kind].iter().cycle();
                self.change(*instance, None, |record| {
                    record.values.extend(values.next().map(|value| (*key, *value)));
                });
            }
            RemoveAll(instance, key) => self.change(*instance, None, |record| {
                record.values.remove(key);
                record.lists.remove(key);
            }),
        }
    }

    fn change(&mut self, instance: usize, id: Option<usize>, mut how: impl FnMut(&mut Record)) {
        for kept in self.0[instance].iter_mut().filter(|kept| id.is_none_or(|id| kept.id == IDS[id])) {
            kept.before = kept.record.clone();
            how(&mut kept.record);
        }
    }

    /// What the list of an instance shows.
    pub fn listed(&self, instance: usize) -> impl Iterator<Item = (&'static str, &Record)> {
        self.0[instance].iter().filter(|kept| kept.deleted.is_none()).map(|kept| (kept.id, &kept.record))
    }

    /// What is answered to who asks for a record, and which record that is, if any.
    pub fn one(&self, instance: usize, id: &str) -> (Answer, Option<(&'static str, &Record)>) {
        let Some(kept) = self.0[instance].iter().find(|kept| kept.id == id) else { return (Answer::NotFound, None) };
        match kept.deleted.unwrap_or(Answer::TheRecord) {
            Answer::TheRecord => (Answer::TheRecord, Some((kept.id, &kept.record))),
            Answer::AnotherRecord => match self.listed(instance).next() {
                Some(other) => (Answer::AnotherRecord, Some(other)),
                None => (Answer::NotFound, None),
            },
            answer => (answer, None),
        }
    }
}

/// Where a run is met by a fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The list of this instance answers 500 from its second page on.
    ListFails(usize),
    /// Killed while it waits for the second page of a list.
    KilledAtPage(usize),
    /// Killed while it asks for a record that is missing.
    KilledAtRecord,
    /// Ends itself at a step, the first time or the second time that it comes there.
    #[cfg(feature = "failpoints")]
    EndsAt(&'static str, bool),
}

/// How the CRM answers, for a whole case.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub tells_total: bool,
    /// Whether a key without a value is there, with null.
    pub shows_nulls: bool,
}

impl Manner {
    fn object(self, members: impl Iterator<Item = (&'static str, Option<String>)>) -> String {
        let shown = members.filter(|(_, value)| self.shows_nulls || value.is_some());
        let shown = shown.map(|(key, value)| {
            format!("{}:{}", serde_json::Value::from(key), value.unwrap_or_else(|| "null".to_owned()))
        });
        format!("{{{}}}", shown.collect::<Vec<_>>().join(","))
    }

    fn record(self, id: &str, record: &Record) -> String {
        let id = [("id", Some(serde_json::Value::from(id).to_string()))].into_iter();
        let values = KEYS.iter().map(|(key, _)| (*key, record.values.get(key).map(|value| value.json())));
        let lists = record.lists.iter().map(|(key, list)| {
            let objects = list.iter().map(|object| {
                self.object(MEMBERS.iter().map(|(key, _)| (*key, object.get(key).map(|value| value.json()))))
            });
            (*key, Some(format!("[{}]", objects.collect::<Vec<_>>().join(","))))
        });
        self.object(id.chain(values).chain(lists))
    }
}

/// What the server answers from, and whether a run came to its fault.
#[derive(Default)]
pub struct Stage {
    pub crm: Crm,
    pub fault: Option<Fault>,
    pub reached: bool,
}

/// A server of both instances, each below its name.
pub fn serve(stage: &Arc<(Mutex<Stage>, Condvar)>, manner: Manner) -> Scripted {
    let stage = stage.clone();
    Scripted::start(move |asked| {
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        let (name, path) = path[1..].split_once('/').unwrap();
        let instance = INSTANCES.iter().position(|known| *known == name).unwrap();
        match path.strip_prefix("pipeline/leads") {
            Some("") => list(&stage, manner, instance, query),
            Some(id) => one(&stage, manner, instance, &decoded(&id[1..])),
            None => (404, "", String::new()),
        }
    })
}

fn list(hand: &(Mutex<Stage>, Condvar), manner: Manner, instance: usize, query: &str) -> Scene {
    let number = |name: &str| {
        query.split('&').find_map(|part| part.strip_prefix(name)).and_then(|value| value.parse::<usize>().ok()).unwrap()
    };
    let (page, size) = (number("page="), number("size="));
    let mut state = hand.0.lock().unwrap();
    if page > 1 && state.fault == Some(Fault::ListFails(instance)) {
        state.reached = true;
        return (500, "", String::new());
    }
    if page > 1 && state.fault == Some(Fault::KilledAtPage(instance)) {
        hold(state, &hand.1);
        return (500, "", String::new());
    }
    let total = state.crm.listed(instance).count();
    // Pages far behind the end are asked for too.
    let shown = state.crm.listed(instance).skip((page - 1).saturating_mul(size)).take(size);
    let rows = shown.map(|(id, record)| manner.record(id, record)).collect::<Vec<_>>().join(",");
    let body =
        if manner.tells_total { format!(r#"{{"items":[{rows}],"itemCount":{total}}}"#) } else { format!("[{rows}]") };
    (200, "", body)
}

fn one(hand: &(Mutex<Stage>, Condvar), manner: Manner, instance: usize, id: &str) -> Scene {
    let state = hand.0.lock().unwrap();
    if state.fault == Some(Fault::KilledAtRecord) {
        hold(state, &hand.1);
        return (500, "", String::new());
    }
    match state.crm.one(instance, id) {
        (_, Some((id, record))) => (200, "", manner.record(id, record)),
        (Answer::NoRecord, None) => (200, "", r#"{"message":"no"}"#.to_owned()),
        (Answer::Error, None) => (500, "", String::new()),
        (_, None) => (404, "", String::new()),
    }
}

/// Answers nothing until the run is gone: it takes the fault away.
fn hold(mut state: std::sync::MutexGuard<'_, Stage>, gone: &Condvar) {
    state.reached = true;
    gone.notify_all();
    let kept = gone.wait_timeout_while(state, Duration::from_mins(1), |state| state.fault.is_some());
    drop(kept.unwrap());
}

fn decoded(segment: &str) -> String {
    let mut parts = segment.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

fn key<const COUNT: usize>(keys: [(&'static str, &'static str); COUNT]) -> impl Strategy<Value = &'static str> {
    (0..COUNT).prop_map(move |index| keys[index].0)
}

/// Numbers more often than the rest: most columns are numbers for some time.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![3 => 0..2usize, 2 => 2..VALUES.len()]
        .prop_flat_map(|kind| (0..VALUES[kind].len()).prop_map(move |index| VALUES[kind][index]))
}

fn objects() -> impl Strategy<Value = Vec<Object>> {
    proptest::collection::vec(proptest::collection::btree_map(key(MEMBERS), value(), 1..4), 0..4)
}

pub fn record() -> impl Strategy<Value = Record> {
    (
        proptest::collection::btree_map(key(KEYS), value(), 0..4),
        proptest::collection::btree_map(key(LISTS), objects(), 0..2),
    )
        .prop_map(|(values, lists)| Record { values, lists })
}

/// A record of one of so many instances.
fn place(instances: usize) -> impl Strategy<Value = (usize, usize)> {
    (0..instances, 0..IDS.len())
}

pub fn creation(instances: usize) -> impl Strategy<Value = Operation> {
    (place(instances), record()).prop_map(|((instance, id), record)| Operation::Create(instance, id, record))
}

pub fn operation(instances: usize) -> impl Strategy<Value = Operation> {
    use Operation::{ChangeBack, Delete, Remove, RemoveAll, Restore, Set, SetAll, SetList};
    let answer = prop_oneof![
        6 => Just(Answer::NotFound),
        2 => Just(Answer::TheRecord),
        1 => Just(Answer::AnotherRecord),
        1 => Just(Answer::NoRecord),
        1 => Just(Answer::Error),
    ];
    let any_key = || prop_oneof![key(KEYS), key(LISTS)];
    let place = || place(instances);
    prop_oneof![
        2 => creation(instances),
        4 => (place(), key(KEYS), value()).prop_map(|((instance, id), key, value)| Set(instance, id, key, value)),
        3 => (place(), key(LISTS), objects()).prop_map(|((instance, id), key, list)| SetList(instance, id, key, list)),
        1 => (place(), any_key()).prop_map(|((instance, id), key)| Remove(instance, id, key)),
        2 => place().prop_map(|(instance, id)| ChangeBack(instance, id)),
        4 => (place(), answer).prop_map(|((instance, id), answer)| Delete(instance, id, answer)),
        2 => place().prop_map(|(instance, id)| Restore(instance, id)),
        1 => (0..instances, key(KEYS), 0..VALUES.len()).prop_map(|(instance, key, kind)| SetAll(instance, key, kind)),
        1 => (0..instances, any_key()).prop_map(|(instance, key)| RemoveAll(instance, key)),
    ]
}
