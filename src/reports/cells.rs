//! The cells of an answer as text: each with all of its digits.

use std::fmt::Write as _;

use arrow::{
    array::{Array, ArrayRef, AsArray as _},
    datatypes::{DataType, Decimal128Type},
    error::ArrowError,
    record_batch::RecordBatch,
    util::display::{ArrayFormatter, FormatOptions},
};

/// A column whose cells can be written.
pub(super) struct Cells<'a> {
    array: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
}

const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(false);

/// The columns of a batch.
pub(super) fn columns(batch: &RecordBatch) -> Result<Vec<Cells<'_>>, ArrowError> {
    of(batch.columns())
}

fn of(columns: &[ArrayRef]) -> Result<Vec<Cells<'_>>, ArrowError> {
    columns
        .iter()
        .map(|array| Ok(Cells { array, formatter: ArrayFormatter::try_new(array.as_ref(), &OPTIONS)? }))
        .collect()
}

impl Cells<'_> {
    /// The cell as plain text; nothing for a null.
    pub(super) fn text(&self, row: usize) -> Option<String> {
        if self.array.is_null(row) || self.array.data_type().is_null() {
            return None;
        }
        if self.array.data_type().is_nested() {
            let mut json = String::new();
            self.json(row, &mut json).ok()?;
            return Some(json);
        }
        if let DataType::Decimal128(_, scale) = self.array.data_type() {
            return Some(decimal(self.array.as_primitive::<Decimal128Type>().value(row), *scale));
        }
        // A date that has no notation, such as infinity, is told as such and is no reason to stop.
        Some(self.formatter.value(row).try_to_string().unwrap_or_else(|_| "out of range".to_owned()))
    }

    /// Adds the cell in the notation of JSON.
    pub(super) fn json(&self, row: usize, out: &mut String) -> Result<(), ArrowError> {
        if self.array.is_null(row) {
            out.push_str("null");
            return Ok(());
        }
        match self.array.data_type() {
            DataType::Null => out.push_str("null"),
            DataType::Boolean => {
                let _ = write!(out, "{}", self.array.as_boolean().value(row));
            }
            DataType::Float32 | DataType::Float64 => {
                let text = self.formatter.value(row).try_to_string()?;
                let number = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
                out.push_str(&number.map_or_else(|| quoted(&text), |number| number.to_string()));
            }
            kind if kind.is_numeric() => out.push_str(&self.text(row).unwrap_or_default()),
            DataType::List(_) => list(&self.array.as_list::<i32>().value(row), out)?,
            DataType::LargeList(_) => list(&self.array.as_list::<i64>().value(row), out)?,
            DataType::FixedSizeList(..) => list(&self.array.as_fixed_size_list().value(row), out)?,
            DataType::Map(..) => {
                let entries = self.array.as_map().value(row);
                let columns = of(entries.columns())?;
                let [keys, values] = columns.as_slice() else { return Ok(()) };
                out.push('{');
                for entry in 0..entries.len() {
                    let key = quoted(&keys.text(entry).unwrap_or_default());
                    let _ = write!(out, "{}{key}:", if entry == 0 { "" } else { "," });
                    values.json(entry, out)?;
                }
                out.push('}');
            }
            DataType::Struct(fields) => {
                let array = self.array.as_struct();
                out.push('{');
                for (index, (field, column)) in fields.iter().zip(of(array.columns())?).enumerate() {
                    let _ = write!(out, "{}{}:", if index == 0 { "" } else { "," }, quoted(field.name()));
                    column.json(row, out)?;
                }
                out.push('}');
            }
            kind if kind.is_nested() => out.push_str(&quoted(&self.formatter.value(row).try_to_string()?)),
            _ => out.push_str(&quoted(&self.text(row).unwrap_or_default())),
        }
        Ok(())
    }
}

/// A decimal with all of its digits: arrow's own notation ends after 38, and DuckDB's HUGEINT comes as a decimal of up to 39.
fn decimal(value: i128, scale: i8) -> String {
    let digits = value.unsigned_abs().to_string();
    let sign = if value < 0 { "-" } else { "" };
    let Ok(places @ 1..) = usize::try_from(scale) else {
        return format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs())));
    };
    let digits = format!("{digits:0>0$}", places + 1);
    let (whole, decimals) = digits.split_at(digits.len() - places);
    format!("{sign}{whole}.{decimals}")
}

fn list(elements: &ArrayRef, out: &mut String) -> Result<(), ArrowError> {
    let elements = of(std::slice::from_ref(elements))?;
    out.push('[');
    for element in &elements {
        for row in 0..element.array.len() {
            out.push_str(if row == 0 { "" } else { "," });
            element.json(row, out)?;
        }
    }
    out.push(']');
    Ok(())
}

/// A text in the notation of JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text without the control characters that would reach a terminal as commands, or that no page may hold. Lines end as
/// they do here, wherever they were written, and a tab is a space.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' => '\n',
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_has_all_of_its_digits() {
        for (value, scale, expected) in [
            (i128::MAX, 0, "170141183460469231731687303715884105727"),
            (-5, 2, "-0.05"),
            (1_234_567, 2, "12345.67"),
            (0, 3, "0.000"),
            (5, -2, "500"),
        ] {
            assert_eq!(decimal(value, scale), expected);
        }
    }
}
