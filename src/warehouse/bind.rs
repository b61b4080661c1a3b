//! Parameters' values as DuckDB takes them.

use duckdb::types::{Decimal, Value};

use crate::library::params::Bound;

/// The widest decimal.
const WIDEST: u8 = 38;

/// A value to bind. Lists are bound as JSON, which `CAST(... AS VARCHAR[])` reads.
pub fn value(bound: &Bound) -> Value {
    match bound {
        Bound::Null => Value::Null,
        Bound::Date(day) => Value::Date32(jiff::civil::date(1970, 1, 1).until(*day).map_or(0, |span| span.get_days())),
        Bound::Integer(number) => Value::BigInt(*number),
        Bound::Number(value, scale) => Decimal::new(WIDEST, *scale, *value).map_or(Value::Null, Value::Decimal),
        Bound::Text(text) => Value::Text(text.clone()),
        Bound::List(texts) => Value::Text(serde_json::Value::from(texts.clone()).to_string()),
    }
}
