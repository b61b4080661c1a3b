//! The one way from a name or a text to SQL.

use crate::batch::{Column, scalar::Type};

/// A name, quoted.
pub fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A text, quoted.
pub fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Names, quoted and joined by commas, each behind a prefix such as `s.`.
pub fn names<'a>(prefix: &str, columns: impl IntoIterator<Item = &'a str>) -> String {
    columns.into_iter().map(|column| format!("{prefix}{}", name(column))).collect::<Vec<_>>().join(", ")
}

/// DuckDB's name for a type.
pub fn type_of(kind: Type) -> String {
    match kind {
        Type::Null | Type::Text | Type::Json => "VARCHAR".to_owned(),
        Type::Boolean => "BOOLEAN".to_owned(),
        Type::Integer => "BIGINT".to_owned(),
        Type::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        Type::Double => "DOUBLE".to_owned(),
        Type::Date => "DATE".to_owned(),
        Type::Timestamp => "TIMESTAMP".to_owned(),
    }
}

/// DuckDB's name for a column's type.
pub fn type_of_column(column: &Column) -> String {
    format!("{}{}", type_of(column.kind), if column.is_list { "[]" } else { "" })
}

/// A column's value as text: the digits of numbers, moments in ISO 8601, lists as JSON.
pub fn as_text(expression: &str, column: &Column) -> String {
    if column.is_list {
        return format!("CAST(to_json({expression}) AS VARCHAR)");
    }
    match column.kind {
        Type::Timestamp => format!("strftime({expression}, '%Y-%m-%dT%H:%M:%S.%fZ')"),
        Type::Null | Type::Text | Type::Json => expression.to_owned(),
        _ => format!("CAST({expression} AS VARCHAR)"),
    }
}

/// A column's value as it must be after the column's type widened.
pub fn widened(expression: &str, from: &Column, to: &Column) -> String {
    let target = type_of_column(to);
    match (from, to) {
        (Column { is_list: false, .. }, Column { kind: Type::Text, is_list: false, .. }) => as_text(expression, from),
        (Column { kind: Type::Json, .. }, Column { kind: Type::Json, .. }) => expression.to_owned(),
        (Column { is_list: false, kind: Type::Timestamp, .. }, Column { kind: Type::Json, .. }) => {
            format!("CAST(to_json({}) AS VARCHAR)", as_text(expression, from))
        }
        (_, Column { kind: Type::Json, is_list: false, .. }) => format!("CAST(to_json({expression}) AS VARCHAR)"),
        (Column { is_list: false, .. }, Column { is_list: true, .. }) => {
            format!("CASE WHEN {expression} IS NULL THEN NULL ELSE [CAST({expression} AS {})] END", type_of(to.kind))
        }
        _ => format!("CAST({expression} AS {target})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(name("a\"; DROP TABLE x; --"), "\"a\"\"; DROP TABLE x; --\"");
        assert_eq!(text("it's"), "'it''s'");
    }
}
