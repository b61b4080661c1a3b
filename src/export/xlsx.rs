//! One Excel workbook, a sheet a table, written row by row: memory does not grow with the tables.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use rust_xlsxwriter::Workbook;

use super::{Cut, Entry, ExportError, failed};
use crate::{
    reports::workbook::{self, Done, MAX_COLUMNS, MAX_ROWS, MAX_TEXT, Styles, Table},
    warehouse::outlet::{Outlet, View},
};

/// A workbook of so many bytes, before compression, takes the format of large archives, which not every program reads.
const LARGE: u64 = 3 << 30;

/// Writes the views. The entries lack path and size, which are the file's.
pub(super) fn write(outlet: &Outlet, views: &[View], path: &Path, file: File) -> Result<Vec<Entry>, ExportError> {
    if let Some(view) = views.iter().find(|view| view.columns.len() > MAX_COLUMNS) {
        return Err(ExportError::TooWide { table: view.name.full(), columns: view.columns.len() });
    }
    let mut workbook = Workbook::new();
    // Rows wait there until the sheets are packed. The folder is ours alone, and so are the files, which have no name.
    workbook.set_tempdir(path.parent().unwrap_or(path))?;
    let mut names = workbook::sheet_names();
    let styles = Styles::default();
    let mut entries = Vec::with_capacity(views.len());
    let mut size = 0;
    for view in views {
        let columns = view.columns.iter();
        let columns =
            columns.map(|column| workbook::Column { name: column.name.clone(), kind: column.kind(), look: None });
        let columns = columns.collect();
        let mut table = Table::begin(&mut workbook, &view.name.full(), columns, &styles, &mut names, MAX_ROWS)?;
        let rows = outlet.read(view, |cells| Ok::<_, ExportError>(table.row(cells.iter().copied())?))?;
        let Done { sheets, cut, bytes } = table.end()?;
        size += bytes;
        for (column, cells) in &cut {
            tracing::warn!(
                table = view.name.full(),
                column,
                cells,
                "texts cut: a cell holds {MAX_TEXT} characters; parquet and csv have them whole"
            );
        }
        tracing::info!(table = view.name.full(), rows, sheets = sheets.len(), "exported");
        let cut = cut.into_iter().map(|(column, cells)| Cut { column, cells }).collect();
        entries.push(Entry { rows, sheets, cut, ..Entry::of(view) });
    }
    workbook.use_zip_large_file(size > LARGE);
    let mut out = BufWriter::with_capacity(1 << 16, file);
    workbook.save_to_writer(&mut out)?;
    out.flush().map_err(failed("write", path))?;
    Ok(entries)
}
