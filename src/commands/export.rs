//! `crmlake export`

use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};

use super::{Context, print};
use crate::{
    cli::ExportArgs,
    error::{Error, ExitCode},
    export::{Format, Manifest, export},
};

pub(super) fn run(context: &Context, args: &ExportArgs) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    let manifest = export(&settings.warehouse, &args.to, args.format, &args.tables)?;
    if !context.quiet {
        print(&summary(&manifest, &args.to))?;
    }
    Ok(ExitCode::Whole)
}

/// The closing table: what is in the folder.
fn summary(manifest: &Manifest, folder: &Path) -> String {
    let is_workbook = manifest.format == Format::Xlsx;
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["table", "rows", if is_workbook { "sheets" } else { "size" }]);
    for column in table.column_iter_mut().skip(1).take(if is_workbook { 1 } else { 2 }) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for entry in &manifest.files {
        let place = if is_workbook { entry.sheets.join(", ") } else { size(entry.bytes) };
        table.add_row([entry.table.clone(), entry.rows.to_string(), place]);
    }
    format!(
        "{table}\n{} ({}, {}), extracted {}, {}\n",
        folder.display(),
        size(manifest.bytes()),
        manifest.format.as_str(),
        manifest.extracted_at.as_deref().unwrap_or("never"),
        manifest.verdict.as_deref().unwrap_or("nothing swept")
    )
}

fn size(bytes: u64) -> String {
    bytesize::ByteSize(bytes).display().iec().to_string()
}
