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
        return format!("CAST(to_json({}) AS VARCHAR)", elements(expression, column.kind));
    }
    scalar_text(expression, column.kind)
}

fn scalar_text(expression: &str, kind: Type) -> String {
    match kind {
        Type::Timestamp => format!("strftime({expression}, '%Y-%m-%dT%H:%M:%S.%fZ')"),
        Type::Null | Type::Text | Type::Json => expression.to_owned(),
        _ => format!("CAST({expression} AS VARCHAR)"),
    }
}

/// A list whose moments are texts.
fn elements(expression: &str, kind: Type) -> String {
    match kind {
        Type::Timestamp => format!("[{} FOR e IN {expression}]", scalar_text("e", kind)),
        _ => expression.to_owned(),
    }
}

/// A column's value as it must be after the column's type widened.
pub fn widened(expression: &str, from: &Column, to: &Column) -> String {
    let target = type_of_column(to);
    // A column that is no text and met no value has nothing to keep.
    if from.is_hinted && from.kind != Type::Text {
        return format!("CAST(NULL AS {target})");
    }
    let scalar = scalar_text(expression, from.kind);
    match (from, to) {
        // Nothing but empty strings, which are null in a typed column.
        (Column { kind: Type::Null, is_list: false, .. }, Column { is_list: false, kind, .. })
            if !matches!(kind, Type::Text | Type::Json) =>
        {
            format!("CAST(nullif({expression}, '') AS {target})")
        }
        (Column { is_list: false, .. }, Column { kind: Type::Text, is_list: false, .. }) => scalar,
        (Column { kind: Type::Json, .. }, Column { kind: Type::Json, .. }) => expression.to_owned(),
        (Column { is_list: false, kind: Type::Timestamp, .. }, Column { kind: Type::Json, .. }) => {
            format!("CAST(to_json({scalar}) AS VARCHAR)")
        }
        (_, Column { kind: Type::Json, is_list: false, .. }) => {
            let value = if from.is_list { elements(expression, from.kind) } else { expression.to_owned() };
            format!("CAST(to_json({value}) AS VARCHAR)")
        }
        (Column { is_list: true, .. }, Column { kind: Type::Text, is_list: true, .. }) => {
            format!("CAST({} AS {target})", elements(expression, from.kind))
        }
        (Column { kind: Type::Null, is_list: true, .. }, Column { is_list: true, kind, .. }) if *kind != Type::Text => {
            format!("[CAST(nullif(e, '') AS {}) FOR e IN {expression}]", type_of(*kind))
        }
        (Column { kind: Type::Null, is_list: false, .. }, Column { is_list: true, .. }) => {
            format!("CAST(NULL AS {target})")
        }
        (Column { is_list: false, .. }, Column { is_list: true, .. }) => {
            format!("CASE WHEN {expression} IS NULL THEN NULL ELSE [CAST({expression} AS {})] END", type_of(to.kind))
        }
        _ => format!("CAST({expression} AS {target})"),
    }
}

/// Whether two values of a widened column say something different: what was written back from the old type may only be
/// written differently.
pub fn differs(old: &str, new: &str, from: &Column, to: &Column) -> String {
    let differs = format!("{old} IS DISTINCT FROM {new}");
    let becomes_text = matches!(to.kind, Type::Text | Type::Json) && !to.is_list;
    if !becomes_text || from.is_list || from.is_hinted {
        return differs;
    }
    let typed = |value: &str| match (from.kind, to.kind) {
        (Type::Null | Type::Text, Type::Json) => format!("TRY(json_extract_string({value}, '$'))"),
        (Type::Null | Type::Text | Type::Json, _) => value.to_owned(),
        _ => format!("TRY_CAST(trim({value}, '\"') AS {})", type_of(from.kind)),
    };
    let (typed_old, typed_new) = (typed(old), typed(new));
    format!("({differs} AND ({typed_old} IS DISTINCT FROM {typed_new} OR ({typed_new} IS NULL AND {new} IS NOT NULL)))")
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
