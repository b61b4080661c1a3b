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

/// A column's value as a member of a JSON object: moments in ISO 8601, all else as JSON has it.
pub fn in_json(expression: &str, column: &Column) -> String {
    match (column.is_list, column.kind) {
        (true, kind) => elements(expression, kind),
        (false, Type::Timestamp) => scalar_text(expression, column.kind),
        (false, _) => expression.to_owned(),
    }
}

fn scalar_text(expression: &str, kind: Type) -> String {
    match kind {
        Type::Timestamp => format!("strftime({expression}, '%Y-%m-%dT%H:%M:%S.%fZ')"),
        Type::Null | Type::Text | Type::Json => expression.to_owned(),
        // DuckDB writes .5 where there are no digits before the point.
        Type::Decimal { precision, scale } if precision == scale => {
            format!("regexp_replace(CAST({expression} AS VARCHAR), '^(-?)[.]', '\\10.')")
        }
        _ => format!("CAST({expression} AS VARCHAR)"),
    }
}

/// The moment in UTC that a text says in ISO 8601, null if it says none. DuckDB's own cast to TIMESTAMP passes over the
/// offset, and the one to TIMESTAMPTZ takes a moment without an offset for local time and knows neither commas nor moments
/// without seconds.
pub fn moment_of_text(expression: &str) -> String {
    let whole = format!("regexp_replace(replace({expression}, ',', '.'), '^(.{{10}})$', '\\1T00:00:00')");
    let seconds = format!("regexp_replace({whole}, '^(.{{10}}[Tt ][0-9]{{2}}:[0-9]{{2}})([^:0-9]|$)', '\\1:00\\2')");
    let zoned = format!("regexp_replace({seconds}, '^(.{{19}}([.][0-9]*)?)$', '\\1Z')");
    format!("make_timestamp(epoch_us(TRY_CAST({zoned} AS TIMESTAMPTZ)))")
}

/// What orders rows by a column that says when: moments, or numbers that count them.
pub fn order_of(column: Option<&Column>) -> String {
    let Some(column) = column.filter(|column| !column.is_list) else { return "CAST(NULL AS TIMESTAMP)".to_owned() };
    let name = name(&column.name);
    match column.kind {
        Type::Text => moment_of_text(&name),
        Type::Timestamp | Type::Date | Type::Integer | Type::Decimal { .. } | Type::Double => name,
        Type::Null | Type::Boolean | Type::Json => "CAST(NULL AS TIMESTAMP)".to_owned(),
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
    // What only a form declares has met no value: nothing to keep, or empty strings.
    if from.is_hinted && from.kind != Type::Text {
        return format!("CAST(NULL AS {target})");
    }
    if from.is_hinted {
        let from = Column { kind: Type::Null, is_hinted: false, ..from.clone() };
        return widened(expression, &from, to);
    }
    let scalar = scalar_text(expression, from.kind);
    match (from, to) {
        // Nothing but empty strings, which are null in a typed column.
        (Column { kind: Type::Null, is_list: false, .. }, Column { is_list: false, kind, .. })
            if !matches!(kind, Type::Text | Type::Json) =>
        {
            format!("CAST(nullif({expression}, '') AS {target})")
        }
        // Digits are the same in JSON.
        (Column { is_list: false, .. }, Column { kind: Type::Text, is_list: false, .. })
        | (
            Column { is_list: false, kind: Type::Integer | Type::Decimal { .. }, .. },
            Column { kind: Type::Json, .. },
        ) => scalar,
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

/// Whether two values of a column that became text or JSON say something different: the old one was written back from its
/// type, and may only be written differently.
pub fn differs(old: &str, new: &str, from: &Column, to: &Column) -> String {
    let differs = format!("{old} IS DISTINCT FROM {new}");
    if !matches!(to.kind, Type::Text | Type::Json) || from.is_list != to.is_list {
        return differs;
    }
    if to.is_list {
        let element = |column: &Column| Column { is_list: false, ..column.clone() };
        let one = self::differs("e[1]", "e[2]", &element(from), &element(to));
        return format!(
            "({differs} AND (len({old}) IS DISTINCT FROM len({new})
                             OR len([e FOR e IN list_zip({old}, {new}) IF {one}]) > 0))"
        );
    }
    let bare = |value: &str| match to.kind {
        Type::Json => {
            format!("CASE WHEN starts_with({value}, '\"') THEN TRY(json_extract_string({value}, '$')) ELSE {value} END")
        }
        _ => value.to_owned(),
    };
    let same = |value: &str| match from.kind {
        Type::Timestamp => moment_of_text(&bare(value)),
        // What the column had was no more exact.
        Type::Double => format!("coalesce(CAST(TRY_CAST({value} AS DOUBLE) AS VARCHAR), {value})"),
        Type::Integer | Type::Decimal { .. } => {
            format!("regexp_replace(regexp_replace({value}, '([.][0-9]*?)0+$', '\\1'), '[.]$', '')")
        }
        _ => bare(value),
    };
    // An empty string was null in the type that the column had.
    let blank = format!("({old} IS NULL AND {new} IN ('', '\"\"'))");
    let (same_old, same_new) = (same(old), same(new));
    format!(
        "({differs} AND NOT {blank} AND ({same_old} IS DISTINCT FROM {same_new} OR ({same_new} IS NULL AND {new} IS NOT NULL)))"
    )
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
