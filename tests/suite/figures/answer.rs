//! What a report answers, what it must answer, and how they are compared.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::number::Number;
use crate::world::World;

/// A value of an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Null,
    Number(Number),
    Text(String),
}

impl std::fmt::Display for Cell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Text(text) => write!(formatter, "{text:?}"),
        }
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::Number(Number::of(count))
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(Number::parse(&number.to_string()).unwrap())
    }
}

impl From<Number> for Cell {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<Date> for Cell {
    fn from(day: Date) -> Self {
        Self::Text(day.to_string())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&Option<String>> for Cell {
    fn from(text: &Option<String>) -> Self {
        text.as_ref().map_or(Self::Null, Self::from)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row: its columns and their values, in order.
pub type Row = Vec<(String, Cell)>;

/// Writes a row: `row!{"currency": &currency, "amount": amount}`.
macro_rules! row {
    ($($name:literal : $value:expr),* $(,)?) => {
        vec![$(($name.to_owned(), $crate::figures::answer::Cell::from($value))),*]
    };
}
pub(super) use row;

/// A report, the parameters that it is run with, and the rows that it must answer.
pub struct Figure {
    pub report: &'static str,
    pub params: Vec<String>,
    pub rows: Vec<Row>,
}

impl Figure {
    pub fn new(report: &'static str, params: &[&str], rows: Vec<Row>) -> Self {
        Self { report, params: params.iter().map(|param| (*param).to_owned()).collect(), rows }
    }
}

#[derive(Deserialize)]
struct Document<'a> {
    report: String,
    #[serde(borrow)]
    rows: Vec<Ordered<'a>>,
}

/// An object's members in their order, each number with the digits it came with.
struct Ordered<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Ordered<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                std::iter::from_fn(|| map.next_entry().transpose()).collect()
            }
        }
        deserializer.deserialize_map(Members).map(Self)
    }
}

fn cell(raw: &RawValue) -> Cell {
    match raw.get() {
        "null" => Cell::Null,
        "true" | "false" => Cell::Text(raw.get().to_owned()),
        text if text.starts_with('"') => Cell::Text(serde_json::from_str(text).unwrap()),
        number => Cell::Number(Number::parse(number).unwrap_or_else(|| panic!("{number} has too many digits"))),
    }
}

/// What reports answer, by their names.
pub fn ask(world: &World, reports: &[&str], options: &[&str]) -> BTreeMap<String, Vec<Row>> {
    let mut arguments = vec!["report", "--format", "json"];
    arguments.extend(options);
    arguments.extend(reports);
    let text = world.run(&arguments).whole().out;
    let documents: Vec<Document<'_>> = match reports {
        [_] => vec![serde_json::from_str(&text).unwrap()],
        _ => serde_json::from_str(&text).unwrap(),
    };
    let rows = |rows: Vec<Ordered<'_>>| {
        rows.into_iter().map(|row| row.0.into_iter().map(|(name, raw)| (name, cell(raw))).collect()).collect()
    };
    documents.into_iter().map(|document| (document.report, rows(document.rows))).collect()
}

/// Whether rows say the same. A number that is told as text, as changes are, is the number: 12.5 is 12.50.
fn are_same(expected: &Row, found: &Row) -> bool {
    let number = |cell: &Cell| match cell {
        Cell::Text(text) => Number::parse(text),
        Cell::Number(number) => Some(*number),
        Cell::Null => None,
    };
    let same = |(expected, found): (&Cell, &Cell)| {
        expected == found || number(expected).is_some_and(|expected| number(found) == Some(expected))
    };
    expected.iter().map(|(_, cell)| cell).zip(found.iter().map(|(_, cell)| cell)).all(same)
}

/// What is wrong with an answer, in words; nothing where it is what it must be. The order of rows is the report's own.
pub fn difference(figure: &Figure, answer: &[Row]) -> Option<String> {
    let names = |row: &Row| row.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let told = |row: &Row| row.iter().map(|(name, cell)| format!("{name}: {cell}")).collect::<Vec<_>>().join(", ");
    let about = format!("{} {}", figure.report, figure.params.join(" "));
    if let (Some(expected), Some(found)) = (figure.rows.first(), answer.first())
        && names(expected) != names(found)
    {
        return Some(format!("{about}: the columns are {:?} instead of {:?}", names(found), names(expected)));
    }
    let (mut missing, mut beyond) = (figure.rows.clone(), Vec::new());
    for row in answer {
        match missing.iter().position(|expected| are_same(expected, row)) {
            Some(place) => drop(missing.remove(place)),
            None => beyond.push(row.clone()),
        }
    }
    if missing.is_empty() && beyond.is_empty() {
        return None;
    }
    let list = |rows: &[Row]| rows.iter().take(6).map(|row| format!("\n        {}", told(row))).collect::<String>();
    Some(format!(
        "{about}: of {} rows\n    {} are not answered:{}\n    {} are answered and wrong:{}",
        figure.rows.len(),
        missing.len(),
        list(&missing),
        beyond.len(),
        list(&beyond)
    ))
}
