//! Columns as other programs read them.
//!
//! A view may have any of DuckDB's types, because a model is anybody's SQL. Here each becomes one that Spark, pyarrow,
//! Power BI and spreadsheets know too, or a text; no value loses a digit on the way.

use super::sql;

/// What a column holds, as far as a spreadsheet cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Texts, and whatever is told as one: JSON, lists, ids, durations.
    Text,
    /// Integers and decimals: the text has every digit.
    Number,
    /// Binary floating-point numbers: the text is the shortest that means the same number.
    Double,
    /// `true` or `false`.
    Boolean,
    /// A day, as `2026-01-31`.
    Date,
    /// A moment in UTC, as `2026-01-31T10:00:00Z`, with a fraction where it has one.
    Timestamp,
}

/// How a column goes into a Parquet file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Parquet {
    /// As it is.
    Same,
    /// As a value of another type.
    Cast(String),
    /// As a decimal where every value has at most 38 digits, else as text.
    Wide,
    /// As JSON.
    Json,
}

/// A column of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as DuckDB writes it.
    type_name: String,
}

impl Column {
    /// A column of a type that DuckDB describes so.
    pub(super) fn new(name: String, type_name: String) -> Self {
        Self { name, type_name }
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        match self.type_name.as_str() {
            "BOOLEAN" => Kind::Boolean,
            "DATE" => Kind::Date,
            "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS" | "TIMESTAMP WITH TIME ZONE" => {
                Kind::Timestamp
            }
            "FLOAT" | "DOUBLE" => Kind::Double,
            "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "UTINYINT" | "USMALLINT" | "UINTEGER"
            | "UBIGINT" | "UHUGEINT" | "BIGNUM" => Kind::Number,
            other if is_decimal(other) => Kind::Number,
            _ => Kind::Text,
        }
    }

    /// The column as text.
    pub(super) fn as_text(&self) -> String {
        let name = sql::name(&self.name);
        match self.kind() {
            Kind::Timestamp => moment(&name, &self.type_name),
            Kind::Text if is_nested(&self.type_name) => {
                let element = self.type_name.strip_suffix("[]").unwrap_or_default();
                let moments = Self::new("e".to_owned(), element.to_owned()).kind() == Kind::Timestamp;
                let value = if moments { format!("[{} FOR e IN {name}]", moment("e", element)) } else { name };
                json(&value)
            }
            _ => format!("CAST({name} AS VARCHAR)"),
        }
    }

    /// The column as Parquet has it.
    pub(super) fn as_parquet(&self, fits_decimal: bool) -> String {
        let name = sql::name(&self.name);
        match parquet(&self.type_name) {
            Parquet::Same => name,
            Parquet::Cast(target) => format!("CAST({name} AS {target})"),
            Parquet::Wide if fits_decimal => format!("CAST({name} AS DECIMAL(38,0))"),
            Parquet::Wide => format!("CAST({name} AS VARCHAR)"),
            Parquet::Json => json(&name),
        }
    }

    /// For a column whose Parquet type depends on its values: whether a value has too many digits for a decimal.
    pub(super) fn is_beyond_decimal(&self) -> Option<String> {
        let name = sql::name(&self.name);
        (parquet(&self.type_name) == Parquet::Wide)
            .then(|| format!("{name} IS NOT NULL AND TRY_CAST({name} AS DECIMAL(38,0)) IS NULL"))
    }
}

/// The Parquet types that readers agree on: Spark has no unsigned integers, no times of day and no nanoseconds, reads
/// UUIDs and intervals as bytes or not at all, and a HUGEINT, which Parquet does not have, is written as a double.
fn parquet(type_name: &str) -> Parquet {
    let cast = |target: &str| Parquet::Cast(target.to_owned());
    if let Some(element) = type_name.strip_suffix("[]") {
        return match parquet(element) {
            Parquet::Same => Parquet::Same,
            Parquet::Cast(target) => Parquet::Cast(format!("{target}[]")),
            Parquet::Wide => cast("VARCHAR[]"),
            Parquet::Json => Parquet::Json,
        };
    }
    match type_name {
        "BOOLEAN"
        | "TINYINT"
        | "SMALLINT"
        | "INTEGER"
        | "BIGINT"
        | "FLOAT"
        | "DOUBLE"
        | "VARCHAR"
        | "BLOB"
        | "DATE"
        | "TIMESTAMP"
        | "TIMESTAMP WITH TIME ZONE" => Parquet::Same,
        other if is_decimal(other) => Parquet::Same,
        "UTINYINT" => cast("SMALLINT"),
        "USMALLINT" => cast("INTEGER"),
        "UINTEGER" => cast("BIGINT"),
        "UBIGINT" => cast("DECIMAL(38,0)"),
        "HUGEINT" | "UHUGEINT" => Parquet::Wide,
        "TIMESTAMP_S" | "TIMESTAMP_MS" => cast("TIMESTAMP"),
        other if is_nested(other) => Parquet::Json,
        _ => cast("VARCHAR"),
    }
}

fn is_decimal(type_name: &str) -> bool {
    type_name.starts_with("DECIMAL(") && type_name.ends_with(')')
}

fn is_nested(type_name: &str) -> bool {
    type_name.ends_with(']') || ["STRUCT(", "MAP(", "UNION("].iter().any(|nested| type_name.starts_with(nested))
}

fn json(value: &str) -> String {
    format!("CAST(to_json({value}) AS VARCHAR)")
}

/// A moment in ISO 8601, with the digits that it has; infinity in DuckDB's words.
fn moment(value: &str, type_name: &str) -> String {
    let iso = |value: &str| format!("replace(CAST({value} AS VARCHAR), ' ', 'T') || 'Z'");
    if type_name == "TIMESTAMP_NS" {
        return iso(value);
    }
    let utc = format!("CAST({value} AS TIMESTAMP)");
    format!("CASE WHEN isfinite({utc}) THEN {} ELSE CAST({utc} AS VARCHAR) END", iso(&utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_some_reader_does_not_know_become_others() {
        let target = |type_name: &str| match parquet(type_name) {
            Parquet::Same => type_name.to_owned(),
            Parquet::Cast(target) => target,
            Parquet::Wide => "wide".to_owned(),
            Parquet::Json => "json".to_owned(),
        };
        for (from, to) in [
            ("DECIMAL(18,2)", "DECIMAL(18,2)"),
            ("TIMESTAMP[]", "TIMESTAMP[]"),
            ("UUID", "VARCHAR"),
            ("UUID[][]", "VARCHAR[][]"),
            ("TIME", "VARCHAR"),
            ("INTERVAL[]", "VARCHAR[]"),
            ("TIMESTAMP_NS", "VARCHAR"),
            ("UBIGINT", "DECIMAL(38,0)"),
            ("HUGEINT", "wide"),
            ("HUGEINT[]", "VARCHAR[]"),
            ("STRUCT(a UUID)[]", "json"),
            ("MAP(VARCHAR, INTEGER)", "json"),
            ("INTEGER[3]", "json"),
            ("ENUM('DECIMAL(1,2)')", "VARCHAR"),
            ("JSON", "VARCHAR"),
            ("\"NULL\"", "VARCHAR"),
        ] {
            assert_eq!(target(from), to, "{from}");
        }
    }
}
