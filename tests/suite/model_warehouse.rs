//! The warehouse of the model: what must be in it after each run, worked out from what the CRM served, without SQL.

use std::collections::BTreeMap;

use crate::model_crm::{INSTANCES, KEYS, LISTS, MEMBERS, Object, Record, Value};

/// What a column can hold.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Nothing but nulls so far.
    Null,
    Boolean,
    Integer,
    Decimal(usize),
    Date,
    Timestamp,
    Text,
    /// Empty lists, from when nothing said of what.
    EmptyLists,
}

impl Kind {
    fn of(value: Value) -> Self {
        match value {
            Value::Boolean(_) => Self::Boolean,
            Value::Number(digits) => match digits.split_once('.') {
                Some((_, fraction)) => Self::Decimal(fraction.len()),
                None => Self::Integer,
            },
            Value::Text(_) => Self::Text,
            Value::Date(_) => Self::Date,
            Value::Moment(..) => Self::Timestamp,
        }
    }

    /// What holds the values of both.
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (left, right) if left == right => left,
            (Self::Integer, decimal @ Self::Decimal(_)) | (decimal @ Self::Decimal(_), Self::Integer) => decimal,
            (Self::Decimal(left), Self::Decimal(right)) => Self::Decimal(left.max(right)),
            (Self::Date, Self::Timestamp) | (Self::Timestamp, Self::Date) => Self::Timestamp,
            _ => Self::Text,
        }
    }

    /// As `meta.columns` calls it.
    fn name(self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Integer => "bigint".to_owned(),
            Self::Decimal(scale) => format!("decimal(18,{scale})"),
            Self::Date => "date".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::Text => "text".to_owned(),
            Self::EmptyLists => "null[]".to_owned(),
        }
    }

    /// A value as a column of this kind shows it.
    fn show(self, value: Value) -> String {
        match (self, value) {
            (_, Value::Boolean(value)) => value.to_string(),
            (_, Value::Number(digits)) => self.take_over(digits, Self::Integer),
            (Self::Timestamp, Value::Moment(_, utc)) => utc.to_owned(),
            (_, Value::Date(text)) => self.take_over(text, Self::Date),
            (_, Value::Text(text) | Value::Moment(text, _)) => text.to_owned(),
        }
    }

    /// What a column showed when it was of another kind, as it shows it since it is of this.
    fn take_over(self, shown: &str, before: Self) -> String {
        match (before, self) {
            (Self::Integer | Self::Decimal(_), Self::Decimal(scale)) => {
                let digits = shown.split_once('.').map_or(0, |(_, fraction)| fraction.len());
                let point = if digits == 0 { "." } else { "" };
                format!("{shown}{point}{}", "0".repeat(scale - digits))
            }
            (Self::Date, Self::Timestamp) => format!("{shown}T00:00:00.000000Z"),
            _ => shown.to_owned(),
        }
    }
}

type Shown = BTreeMap<&'static str, String>;

/// A version of a row. Its child rows open and close with it.
#[derive(Clone, Debug)]
struct Version {
    instance: usize,
    id: &'static str,
    record: Record,
    shown: Shown,
    children: BTreeMap<&'static str, Vec<Shown>>,
    opened: usize,
    closed: Option<usize>,
    deleted: bool,
}

/// What a run saw of an instance: rows, and what it learned of those that it missed.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub rows: BTreeMap<&'static str, Record>,
    /// Ids that are gone, each with the record that it was merged into, if any.
    pub gone: Vec<(&'static str, Option<&'static str>)>,
}

/// What must be in the warehouse.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// By table (nothing for the records themselves) and column.
    columns: BTreeMap<(Option<&'static str>, &'static str), Kind>,
    versions: Vec<Version>,
    /// A line an entry of `meta.changes`.
    pub changes: Vec<String>,
    /// A line an entry of `meta.schema_changes`.
    pub schema_changes: Vec<String>,
    /// The exit code of each run that was committed.
    pub runs: Vec<i32>,
}

impl Expected {
    /// The ids that a table has now.
    pub fn current(&self, instance: usize) -> Vec<&'static str> {
        let mut ids: Vec<_> = self.now().filter(|row| row.instance == instance).map(|row| row.id).collect();
        ids.sort_unstable();
        ids
    }

    fn now(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter().filter(|version| version.closed.is_none())
    }

    /// A run that was committed. An instance whose list could not be read is nothing.
    pub fn load(&mut self, seen: &[Option<Seen>], shows_nulls: bool, exit_code: i32) {
        let run = self.runs.len();
        self.runs.push(exit_code);
        let rows = || seen.iter().flatten().flat_map(|seen| seen.rows.values());
        self.shape(run, rows, shows_nulls);
        for (instance, seen) in seen.iter().enumerate().filter_map(|(instance, seen)| Some((instance, seen.as_ref()?)))
        {
            for (id, record) in &seen.rows {
                self.merge(run, instance, id, record);
            }
            for (id, into) in &seen.gone {
                self.log(run, instance, id, "_deleted", Some("false"), Some("true"));
                if let Some(into) = into {
                    self.log(run, instance, id, "_merged_into", None, Some(into));
                }
                let row = self.versions.iter_mut().find(|row| is(row, instance, id) && row.closed.is_none()).unwrap();
                (row.closed, row.deleted) = (Some(run), true);
            }
        }
    }

    /// Gives the tables the columns that the rows need; what they held is taken over.
    fn shape<'r, R: Iterator<Item = &'r Record>>(&mut self, run: usize, rows: impl Fn() -> R, shows_nulls: bool) {
        let before = self.columns.clone();
        let has_columns = |table| before.keys().any(|(of, _)| *of == table);
        let mut join = |table, column, kind: Kind| {
            let known = self.columns.entry((table, column)).or_insert(Kind::Null);
            *known = known.join(kind);
        };
        let mut object = |table, keys: [(&'static str, &'static str); 3], object: &Object| {
            for (key, column) in keys {
                match object.get(key) {
                    Some(value) => join(table, column, Kind::of(*value)),
                    None if shows_nulls => join(table, column, Kind::Null),
                    None => {}
                }
            }
        };
        for record in rows() {
            object(None, KEYS, &record.values);
            for (key, table) in LISTS {
                for element in record.lists.get(key).into_iter().flatten() {
                    object(Some(table), MEMBERS, element);
                }
            }
        }
        for (key, table) in LISTS {
            // An empty list is the value of a column as long as nothing says that its elements are rows.
            let is_rows = self.columns.keys().any(|(of, _)| *of == Some(table));
            if !is_rows && rows().any(|record| record.lists.get(key).is_some_and(Vec::is_empty)) {
                self.columns.insert((None, table), Kind::EmptyLists);
            }
        }
        for ((table, column), kind) in self.columns.clone() {
            let old = before.get(&(table, column)).copied();
            if old == Some(kind) || (old.is_none() && !has_columns(table)) {
                continue;
            }
            let of = table.map_or_else(|| "leads".to_owned(), |table| format!("leads__{table}"));
            let was = old.map_or_else(|| "-".to_owned(), Kind::name);
            self.schema_changes.push(format!("run {run}: {of}.{column} {was} > {}", kind.name()));
            for version in &mut self.versions {
                let rows = match table {
                    Some(table) => version.children.get_mut(table).map_or(&mut [][..], Vec::as_mut_slice),
                    None => std::slice::from_mut(&mut version.shown),
                };
                for shown in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
                    *shown = kind.take_over(shown, old.unwrap_or(Kind::Null));
                }
            }
        }
    }

    /// How a record is shown if it is loaded today.
    fn show(&self, record: &Record) -> (Shown, BTreeMap<&'static str, Vec<Shown>>) {
        let object = |table, keys: [(&'static str, &'static str); 3], object: &Object| -> Shown {
            let there = keys.into_iter().filter_map(|(key, column)| Some((column, *object.get(key)?)));
            there.map(|(column, value)| (column, self.columns[&(table, column)].show(value))).collect()
        };
        let mut shown = object(None, KEYS, &record.values);
        let mut children = BTreeMap::new();
        for (key, table) in LISTS {
            match record.lists.get(key) {
                Some(list) if list.is_empty() && self.columns.contains_key(&(None, table)) => {
                    shown.insert(table, "[]".to_owned());
                }
                Some(list) if !list.is_empty() => {
                    let rows = list.iter().map(|element| object(Some(table), MEMBERS, element));
                    children.insert(table, rows.collect());
                }
                _ => {}
            }
        }
        (shown, children)
    }

    fn merge(&mut self, run: usize, instance: usize, id: &'static str, record: &Record) {
        let (shown, children) = self.show(record);
        let row = self.versions.iter().position(|row| is(row, instance, id) && row.closed.is_none());
        if let Some(row) = row {
            if self.versions[row].record == *record {
                // As if it were loaded today, which shows where its columns have become wider.
                (self.versions[row].shown, self.versions[row].children) = (shown, children);
                return;
            }
            let old = self.versions[row].clone();
            // Whether a field changed, the record says; what it was, the column.
            let (same_shown, same_children) = self.show(&old.record);
            for column in KEYS.iter().map(|(_, column)| column).chain(LISTS.iter().map(|(_, column)| column)) {
                if same_shown.get(column) != shown.get(column) {
                    let (old, new) = (old.shown.get(column), shown.get(column));
                    self.log(run, instance, id, column, old.map(String::as_str), new.map(String::as_str));
                }
            }
            for (_, table) in LISTS {
                if same_children.get(table) != children.get(table) {
                    let (old, new) = (old.children.get(table).map(list), children.get(table).map(list));
                    self.log(run, instance, id, table, old.as_deref(), new.as_deref());
                }
            }
            self.versions[row].closed = Some(run);
        } else if self.versions.iter().any(|row| is(row, instance, id) && row.deleted) {
            self.log(run, instance, id, "_deleted", Some("true"), Some("false"));
        }
        let record = record.clone();
        self.versions.push(Version {
            instance,
            id,
            record,
            shown,
            children,
            opened: run,
            closed: None,
            deleted: false,
        });
    }

    fn log(&mut self, run: usize, instance: usize, id: &str, column: &str, old: Option<&str>, new: Option<&str>) {
        self.changes.push(change(run, INSTANCES[instance], id, column, old, new));
    }

    /// A line a version.
    pub fn history(&self) -> Vec<String> {
        self.lines(|version| {
            let closed = version.closed.map_or_else(|| "now".to_owned(), |run| run.to_string());
            let deleted = if version.deleted { " deleted" } else { "" };
            Some(format!(" {}-{closed}{deleted}", version.opened))
        })
    }

    /// A line a row, and one a child row, as they are now.
    pub fn rows(&self) -> Vec<String> {
        self.lines(|version| version.closed.is_none().then(String::new))
    }

    /// The same as they were after a run.
    pub fn rows_after(&self, run: usize) -> Vec<String> {
        self.lines(|version| {
            let is_open = version.opened <= run && version.closed.is_none_or(|closed| closed > run);
            is_open.then(String::new)
        })
    }

    fn lines(&self, told: impl Fn(&Version) -> Option<String>) -> Vec<String> {
        let mut lines = Vec::new();
        for version in &self.versions {
            let Some(told) = told(version) else { continue };
            let (instance, id) = (INSTANCES[version.instance], version.id);
            lines.push(format!("leads {instance} {id}{told}{}", cells(&version.shown)));
            for (table, rows) in &version.children {
                for (row, position) in rows.iter().zip(1..) {
                    lines.push(format!("leads__{table} {instance} {id} {position}{told}{}", cells(row)));
                }
            }
        }
        lines.sort();
        lines
    }

    /// A line a column, with its type.
    pub fn columns(&self) -> Vec<String> {
        let columns = self.columns.iter().map(|((table, column), kind)| {
            let table = table.map_or_else(|| "leads".to_owned(), |table| format!("leads__{table}"));
            format!("{table}.{column} {}", kind.name())
        });
        let mut columns: Vec<_> = columns.collect();
        columns.sort();
        columns
    }
}

fn is(version: &Version, instance: usize, id: &str) -> bool {
    (version.instance, version.id) == (instance, id)
}

fn cells(shown: &Shown) -> String {
    shown.iter().flat_map(|(column, text)| [" ", *column, "=", text.as_str()]).collect()
}

fn list(rows: &Vec<Shown>) -> String {
    rows.iter().flat_map(|row| ["{".to_owned(), cells(row), " }".to_owned()]).collect()
}

/// A line for an entry of `meta.changes`.
pub fn change(run: usize, instance: &str, id: &str, column: &str, old: Option<&str>, new: Option<&str>) -> String {
    format!("run {run}: {instance} {id} {column}: {} > {}", old.unwrap_or("-"), new.unwrap_or("-"))
}
