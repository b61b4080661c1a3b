//! Any records, sweep after sweep: every value in the warehouse is the one that was served.
//!
//! The records are made here as trees and written as JSON; the expectation is worked out from the trees, and where a text
//! became a date or a moment, DuckDB's own cast says which. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for more, and for
//! the same again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use duckdb::Connection;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::world::{Scripted, World, count};

const LEADS: &str = "/pipeline/leads";
const KEYS: [&str; 5] = ["amount", "Close Date", "note", "select", "x.y"];
/// Objects deeper than this are JSON, as the configuration has it by default.
const FLATTENED: usize = 4;

#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn json(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(digits) => digits.clone(),
            Self::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Self::List(elements) => format!("[{}]", elements.iter().map(Self::json).collect::<Vec<_>>().join(",")),
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| format!("{}:{}", serde_json::Value::from(key.as_str()), value.json()));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }

    /// The content: without nulls, the order of keys, and the notation of numbers.
    fn content(&self) -> String {
        match self {
            Self::Number(digits) => format!("{:?}", digits_of(digits)),
            Self::List(elements) => format!("[{}]", elements.iter().map(Self::content).collect::<Vec<_>>().join(",")),
            Self::Object(members) => {
                let there = members.iter().filter(|(_, value)| *value != Self::Null);
                let sorted: BTreeMap<_, _> = there.map(|(key, value)| (key, value.content())).collect();
                format!("{sorted:?}")
            }
            other => other.json(),
        }
    }
}

/// Sign, digits without zeros around them, and the power of ten of the first: equal for equal numbers.
fn digits_of(text: &str) -> Option<(bool, String, i64)> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let length = |text: &str| i64::try_from(text.len()).unwrap();
    let first = length(whole) - length(&all) + length(all.trim_start_matches('0')) + exponent.parse::<i64>().ok()?;
    let digits = all.trim_matches('0').to_owned();
    // Zero has no sign: that it lost one is remarked, and not compared here.
    Some(if digits.is_empty() { (false, digits, 0) } else { (negative, digits, first) })
}

fn scalar() -> impl Strategy<Value = Tree> {
    let number = prop_oneof![
        any::<i64>().prop_map(|value| value.to_string()),
        (-999i32..999).prop_map(|value| value.to_string()),
        (-99_999i32..99_999, 0u32..100).prop_map(|(whole, cents)| format!("{whole}.{cents:02}")),
        "[1-9][0-9]{0,45}(\\.[0-9]{1,12})?",
        "-?[1-9](\\.[0-9]{1,17})?[eE][+-]?[1-9][0-9]{0,2}",
        prop_oneof![
            Just("1e308"),
            Just("-0.0"),
            Just("-0"),
            Just("5e-324"),
            Just("0.30000000000000004"),
            Just("-9223372036854775808"),
            Just("123456789012345678901234567890")
        ]
        .prop_map(str::to_owned),
    ];
    let moment = (1i64..3_000_000_000, 0u32..1_000_000, -14i8..=14).prop_map(|(seconds, micros, hours)| {
        let at = jiff::Timestamp::new(seconds, i32::try_from(micros * 1_000).unwrap()).unwrap();
        format!("{}{hours:+03}:00", jiff::tz::Offset::UTC.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S.%6f"))
    });
    let text = prop_oneof![
        ".{0,12}",
        Just(String::new()),
        Just("n/a".to_owned()),
        Just("007".to_owned()),
        Just("a\u{0}b\u{202e}c".to_owned()),
        "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
        Just("2025-02-30".to_owned()),
        moment,
    ];
    prop_oneof![
        1 => Just(Tree::Null),
        1 => any::<bool>().prop_map(Tree::Bool),
        4 => number.prop_map(Tree::Number),
        4 => text.prop_map(Tree::Text),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    scalar().prop_recursive(5, 12, 3, |inner| {
        let key = prop_oneof![Just("id"), Just("name"), Just("a b"), Just("é"), Just("order")].prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Tree::List),
            proptest::collection::vec(scalar(), 0..3).prop_map(Tree::List),
            proptest::collection::btree_map(key, inner, 1..3)
                .prop_map(|members| Tree::Object(members.into_iter().collect())),
        ]
    })
}

/// A value for one key: mostly of the kind that the key has in this case, so that columns have types.
fn record() -> impl Strategy<Value = Vec<(String, Tree)>> {
    let number = (-9_999i32..9_999, 0u32..100).prop_map(|(whole, cents)| Tree::Number(format!("{whole}.{cents:02}")));
    let date = "20[0-9]{2}-0[1-9]-1[0-9]".prop_map(Tree::Text);
    (
        proptest::option::of(prop_oneof![6 => number, 1 => tree()]),
        proptest::option::of(prop_oneof![6 => date, 1 => Just(Tree::Text(String::new())), 1 => tree()]),
        proptest::option::of(tree()),
        proptest::option::of(scalar()),
        proptest::option::of(tree()),
    )
        .prop_map(|(a, b, c, d, e)| {
            let values = KEYS.iter().map(|key| (*key).to_owned()).zip([a, b, c, d, e]);
            values.filter_map(|(key, value)| Some((key, value?))).collect()
        })
}

type Record = Vec<(String, Tree)>;

/// Where the warehouse should show each value of an object: the path, the value as a tree, and how deep objects in it still
/// become columns. Objects that have columns of their own are among `whole`.
fn flattened(
    members: &[(String, Tree)],
    path: &str,
    depth: usize,
    found: &mut BTreeMap<String, (Tree, usize)>,
    whole: &mut BTreeMap<String, Tree>,
) {
    for (key, value) in members {
        let is_plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-@$".contains(c));
        let key = if is_plain { key.clone() } else { serde_json::Value::from(key.as_str()).to_string() };
        let path = if path.is_empty() { key } else { format!("{path}.{key}") };
        match value {
            Tree::Object(members) if depth > 0 => {
                whole.insert(path.clone(), value.clone());
                flattened(members, &path, depth - 1, found, whole);
            }
            Tree::Null => {}
            value => drop(found.insert(path, (value.clone(), depth))),
        }
    }
}

fn is_rows(value: &Tree) -> bool {
    matches!(value, Tree::List(elements) if !elements.is_empty() && elements.iter().all(|element| matches!(element, Tree::Object(_))))
}

struct Columns {
    warehouse: Connection,
    /// Table and path to name and type.
    columns: BTreeMap<(String, String), (String, String)>,
}

impl Columns {
    fn read(world: &World) -> Self {
        let warehouse = world.warehouse();
        let mut statement =
            warehouse.prepare("SELECT resource, source_path, column_name, type FROM meta.columns").unwrap();
        let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)))).unwrap();
        let columns = rows.map(Result::unwrap).collect();
        drop(statement);
        Self { warehouse, columns }
    }

    /// Compares a row of a table, which `condition` chooses, with the object that it came from.
    fn compare(
        &self,
        table: &str,
        (base, depth): (&str, usize),
        condition: &str,
        object: &[(String, Tree)],
        is_old: bool,
    ) {
        let (mut expected, mut whole) = (BTreeMap::new(), BTreeMap::new());
        flattened(object, base, depth, &mut expected, &mut whole);
        let mut expected: BTreeMap<String, Tree> =
            expected.into_iter().map(|(path, (value, _))| (path, value)).collect();
        if base.is_empty() {
            // They are rows of a child table.
            whole.extend(
                expected.iter().filter(|(_, value)| is_rows(value)).map(|(path, value)| (path.clone(), value.clone())),
            );
            expected.retain(|_, value| !is_rows(value));
        }
        // An empty list beside lists of objects is a record without rows in their table.
        let has_rows = |path: &str| self.columns.keys().any(|(_, known)| known.starts_with(&format!("{path}[].")));
        for ((of, path), (name, kind)) in &self.columns {
            if of != table || path == "id" {
                continue;
            }
            let query =
                format!("SELECT CAST(\"{name}\" AS VARCHAR), CAST(to_json(\"{name}\") AS VARCHAR) FROM {condition}");
            let (held, json): (Option<String>, Option<String>) =
                self.warehouse.query_row(&query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            let whole = whole.remove(path).filter(|_| kind == "json");
            let value = expected.remove(path).or(whole).unwrap_or(Tree::Null);
            let fine = match &held {
                // A version from before the column was: its value is where it was then.
                None => {
                    value == Tree::Null
                        || (value == Tree::List(Vec::new()) && has_rows(path))
                        || (is_old && !matches!(value, Tree::Number(_) | Tree::Text(_) | Tree::Bool(_)))
                        || (value == Tree::Text(String::new()) && (kind != "text" || is_old))
                }
                Some(held) if kind.ends_with("[]") => {
                    self.is_list(&value, kind.trim_end_matches("[]"), json.as_deref().unwrap_or(held), is_old)
                }
                Some(held) => self.is(&value, kind, held, is_old),
            };
            assert!(fine, "{table}.{name} ({path}) is {kind} and holds {held:?} for {}", value.json());
        }
        expected.retain(|path, value| *value != Tree::List(Vec::new()) || !has_rows(path));
        assert!(expected.is_empty(), "{table} has no column for {expected:?}");
    }

    fn is_list(&self, value: &Tree, kind: &str, held: &str, is_old: bool) -> bool {
        let Tree::List(elements) = value else { return false };
        let raw: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(held).unwrap();
        raw.len() == elements.len()
            && elements.iter().zip(raw).all(|(element, raw)| match (element, raw.get()) {
                (Tree::Null, raw) => raw == "null",
                (Tree::Text(text), "null") => text.is_empty() && (kind != "text" || is_old),
                (element, raw) => {
                    let text = serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned());
                    self.is(element, kind, &text, is_old)
                }
            })
    }

    /// Whether a column of this type shows the value. An old one may have been written back from another type.
    fn is(&self, value: &Tree, kind: &str, held: &str, is_old: bool) -> bool {
        // A text that became JSON is a string there.
        let bare = if is_old { held.trim_matches('"') } else { held };
        let same_number = |digits: &str| digits_of(digits).is_some() && digits_of(digits) == digits_of(bare);
        match (value, kind) {
            (Tree::Null, _) => false,
            (value, "json") => {
                let loose = || match value {
                    Tree::Number(digits) => same_number(digits),
                    Tree::Bool(value) => bare == value.to_string(),
                    Tree::Text(text) => serde_json::from_str::<String>(held)
                        .is_ok_and(|held| held == *text || self.is_moment(text, &held)),
                    Tree::List(_) => serde_json::from_str::<serde_json::Value>(held).is_ok_and(|list| list.is_array()),
                    _ => false,
                };
                held == value.json() || (is_old && loose())
            }
            (Tree::List(elements), "text") => is_old && elements.is_empty() && held == "[]",
            (Tree::Bool(value), "boolean" | "text") => held == value.to_string(),
            (Tree::Number(digits), "text") => held == digits || (is_old && same_number(digits)),
            (Tree::Number(digits), _) => same_number(digits),
            (Tree::Text(text), "text" | "null") => held == text || (is_old && self.is_moment(text, held)),
            (Tree::Text(text), "date" | "timestamp") => self.is_moment(text, held),
            _ => false,
        }
    }

    /// Whether DuckDB takes both texts for the same moment.
    fn is_moment(&self, text: &str, held: &str) -> bool {
        let moment = "coalesce(epoch_us(TRY_CAST(? AS TIMESTAMPTZ)), epoch_us(TRY_CAST(? AS TIMESTAMP)))";
        let query = format!("SELECT coalesce({moment} = {moment}, false)");
        self.warehouse.query_row(&query, [text, text, held, held], |row| row.get(0)).unwrap()
    }
}

fn serve(records: &BTreeMap<usize, Record>) -> String {
    let rows = records.iter().map(|(id, record)| {
        let mut members = vec![("id".to_owned(), Tree::Text(format!("r{id}")))];
        members.extend(record.iter().cloned());
        Tree::Object(members).json()
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(","))
}

fn compare_all(world: &World, versions: &BTreeMap<usize, Vec<Record>>) {
    let columns = Columns::read(world);
    for (id, versions) in versions {
        let current = versions.last().unwrap();
        columns.compare("leads", ("", FLATTENED), &format!("crm.leads WHERE id = 'r{id}'"), current, false);
        let mut children = BTreeMap::new();
        flattened(current, "", FLATTENED, &mut children, &mut BTreeMap::new());
        for (path, (value, depth)) in children.iter().filter(|(_, (value, _))| is_rows(value)) {
            let Tree::List(elements) = value else { continue };
            let base = format!("{path}[]");
            let found = columns.columns.keys().find(|(_, path)| path.starts_with(&format!("{base}.")));
            let Some((table, _)) = found else { panic!("no table for {base}") };
            for (position, element) in elements.iter().enumerate() {
                let Tree::Object(members) = element else { continue };
                let row = format!("crm.\"{table}\" WHERE _parent_id = 'r{id}' AND _position = {}", position + 1);
                columns.compare(table, (&base, *depth), &row, members, false);
            }
        }
        let kept = count(&columns.warehouse, &format!("SELECT count(*) FROM history.leads WHERE id = 'r{id}'"));
        assert_eq!(usize::try_from(kept).unwrap(), versions.len(), "versions of r{id}: {versions:?}");
        for (number, version) in versions.iter().enumerate().take(versions.len() - 1) {
            let old = format!("(FROM history.leads WHERE id = 'r{id}' ORDER BY _valid_from LIMIT 1 OFFSET {number})");
            columns.compare("leads", ("", FLATTENED), &old, version, true);
        }
    }
}

#[test]
fn any_values_are_what_was_served_sweep_after_sweep() {
    let records = || proptest::collection::btree_map(0usize..8, record(), 1..8);
    let sweeps = proptest::collection::vec(records(), 1..4);
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12);
    let config = Config { cases, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&sweeps, |sweeps| {
            let mut now: BTreeMap<usize, Record> = BTreeMap::new();
            let mut versions: BTreeMap<usize, Vec<Record>> = BTreeMap::new();
            let rows = Arc::new(Mutex::new(String::new()));
            let hand = rows.clone();
            let server = Scripted::list(LEADS, move || hand.lock().unwrap().clone());
            let world = World::new();
            for sweep in sweeps {
                // Records that a sweep does not name stay as they are.
                now.extend(sweep);
                *rows.lock().unwrap() = serve(&now);
                for (id, record) in &now {
                    let history = versions.entry(*id).or_default();
                    let content = |record: &Record| Tree::Object(record.clone()).content();
                    if history.last().is_none_or(|last| content(last) != content(record)) {
                        history.push(record.clone());
                    } else if let Some(last) = history.last_mut() {
                        *last = record.clone();
                    }
                }
                world.run_against(&server, &["extract", "leads"]).whole();
                compare_all(&world, &versions);
            }
            Ok(())
        })
        .unwrap();
}
