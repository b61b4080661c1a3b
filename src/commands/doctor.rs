//! `crmlake doctor`

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::{Context, max_age, print};
use crate::{
    cli::{Doctor, DoctorFormat},
    error::{Error, ExitCode},
    reports::{
        Reader,
        diagnosis::{ColumnDiagnosis, Diagnosis},
    },
};

pub(super) fn run(context: &Context, args: &Doctor) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    let reader = Reader::open(&settings, None)?;
    let diagnosis = Diagnosis::of(&reader)?;
    match args.format {
        DoctorFormat::Json => {
            let freshness = reader.freshness(max_age(&settings))?;
            let document = serde_json::json!({
                "warehouse": settings.warehouse.display().to_string(),
                "extracted_at": freshness.extracted_at,
                "verdict": freshness.verdict,
                "columns": diagnosis.columns,
                "unknown_values": diagnosis.unknown_values,
                "broken_models": diagnosis.broken_models,
                "gaps": diagnosis.gaps(),
            });
            print(&format!("{document:#}\n"))?;
        }
        DoctorFormat::Table => {
            let freshness = reader.freshness(max_age(&settings))?;
            print(&format!(
                "{}: extracted {}, {}\n\n",
                settings.warehouse.display(),
                freshness.extracted_at.as_deref().unwrap_or("never"),
                freshness.verdict.as_deref().unwrap_or("nothing swept")
            ))?;
            print(&tables(&diagnosis))?;
        }
    }
    Ok(if diagnosis.broken_models.is_empty() { ExitCode::Whole } else { ExitCode::NotWhole })
}

fn tables(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    let mut table = table(["model", "column", "type", "from", "filled", ""]);
    if let Some(column) = table.column_mut(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for column in &diagnosis.columns {
        let from = if column.from.is_empty() { "not mapped: null".to_owned() } else { column.from.join(", ") };
        let filled = if column.from.is_empty() { String::new() } else { share(column) };
        table.add_row([column.model.clone(), column.column.clone(), column.kind.clone(), from, filled, remark(column)]);
    }
    text.push_str(&format!("{table}\n"));
    if !diagnosis.unknown_values.is_empty() {
        let mut table = self::table(["resource", "column", "value that maps to none", "rows", "could be"]);
        if let Some(column) = table.column_mut(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        for unknown in &diagnosis.unknown_values {
            table.add_row([
                unknown.resource.clone(),
                unknown.column.clone(),
                unknown.value.escape_debug().to_string(),
                unknown.rows.to_string(),
                unknown.canonical.join(", "),
            ]);
        }
        text.push_str(&format!("\n{table}\n"));
    }
    let gaps = diagnosis.gaps();
    let closing = if gaps.is_empty() { "Everything that reports need most is mapped." } else { "What to mend:" };
    text.push_str(&format!("\n{closing}\n"));
    for gap in &gaps {
        text.push_str(&format!("- {gap}\n"));
    }
    text
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

fn share(column: &ColumnDiagnosis) -> String {
    match column.rows {
        0 => "no rows".to_owned(),
        rows => format!("{:.0} %", 100.0 * column.filled as f64 / rows as f64),
    }
}

fn remark(column: &ColumnDiagnosis) -> String {
    let mut remarks = Vec::new();
    if !column.unmet.is_empty() {
        remarks.push(format!("no record has {}", column.unmet.join(", ")));
    }
    if column.unreadable > 0 {
        remarks.push(format!("{} cannot be read as {}", column.unreadable, column.kind));
    }
    remarks.join("; ")
}
