//! CSV that people open in a spreadsheet: UTF-8 with the byte-order mark without which Excel and Power BI take it for
//! something else, and without cells that would run.
//!
//! A null and an empty text look alike; in Parquet they do not.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
};

use super::{ExportError, failed};
use crate::warehouse::{
    outlet::{Outlet, View},
    portable::Kind,
};

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Writes a view. Returns its rows.
pub(super) fn write(outlet: &Outlet, view: &View, path: &Path, file: File) -> Result<u64, ExportError> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    out.write_all(BYTE_ORDER_MARK.as_bytes()).map_err(failed("write", path))?;
    let mut writer = csv::Writer::from_writer(out);
    let refused = |error: csv::Error| {
        let source = match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        };
        failed("write", path)(source)
    };
    let header = view.columns.iter().map(|column| harmless(&column.name).into_owned());
    writer.write_record(header).map_err(refused)?;
    let is_text: Vec<_> = view.columns.iter().map(|column| column.kind() == Kind::Text).collect();
    let rows = outlet.read(view, |cells| {
        for (cell, is_text) in cells.iter().zip(&is_text) {
            let text = cell.unwrap_or_default();
            let text = if *is_text { harmless(text) } else { Cow::Borrowed(text) };
            writer.write_field(text.as_bytes()).map_err(refused)?;
        }
        writer.write_record(None::<&[u8]>).map_err(refused)
    })?;
    writer.flush().map_err(failed("write", path))?;
    Ok(rows)
}

/// A text that no spreadsheet executes: with an apostrophe before it where it begins like a formula, in one of the ways
/// that [OWASP](https://owasp.org/www-community/attacks/CSV_Injection) lists. A plain number is none.
fn harmless(text: &str) -> Cow<'_, str> {
    let begins_like_a_formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if begins_like_a_formula && !is_plain_number(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// Whether a text is a number such as `-12.5`. With a plus it is rather a telephone's.
fn is_plain_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.strip_prefix('-').unwrap_or(text);
    number.split_once('.').map_or_else(|| digits(number), |(whole, fraction)| digits(whole) && digits(fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_execute_is_text() {
        for dangerous in [
            "=1+1",
            "+49 89 123",
            "-2+3",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "\nx",
            "\u{ff1d}1",
            "-",
            "-1.",
            "-.5",
            "-1e3",
            "-1,5",
        ] {
            assert_eq!(harmless(dangerous), format!("'{dangerous}"));
        }
        for plain in ["", "a", "-5", "-12.5", "5", "a=b", "'=1", "1-2", "\u{2212}1"] {
            assert_eq!(harmless(plain), plain);
        }
    }
}
