//! `crmlake extract`

use comfy_table::{CellAlignment, Table, presets};

use super::{Context, print};
use crate::{
    cli::{Extract, To},
    config::{
        Proof,
        destination::{Destination, ParquetOverrides},
    },
    error::{Error, ExitCode},
    library::models::Semantics,
    pipeline::{self, Extraction, Line, Summary},
};

pub(super) async fn run(mut context: Context, args: Extract) -> Result<ExitCode, Error> {
    context.overrides.proof = args.prove.then_some(Proof::Proven);
    context.overrides.parquet = match (args.to, args.out) {
        (To::Duckdb, None) => None,
        (To::Duckdb, Some(_)) => {
            return Err(Error::Usage("--out takes --to parquet; the warehouse is named by --warehouse".to_owned()));
        }
        (To::Parquet, out) => Some(ParquetOverrides { out: out.unwrap_or_default(), keep: args.keep }),
    };
    let settings = context.settings()?;
    let extraction = Extraction {
        resources: pipeline::resources(&args.resources)?,
        instances: settings.instances(args.instance.as_deref(), context.environment)?,
        privacy: context.privacy(&settings)?,
        semantics: Semantics::load(&settings)?,
        checks: Vec::new(),
        settings,
        allow_mass_delete: args.allow_mass_delete,
    };
    let destination = match &extraction.settings.destination {
        Destination::Warehouse => extraction.settings.warehouse.display().to_string(),
        Destination::Parquet { place, .. } => place.name(),
    };
    let summary = pipeline::extract(extraction, context.bars.clone()).await?;
    if !context.quiet {
        print(&summary_table(&summary, &destination))?;
    }
    Ok(summary.exit_code)
}

/// The closing table: what happened to each resource.
pub(super) fn summary_table(summary: &Summary, destination: &str) -> String {
    let several = summary.lines.iter().any(|line| line.instance != summary.lines[0].instance);
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["resource", "rows", "new", "changed", "deleted", "requests", "seconds", "verdict"]);
    for column in table.column_iter_mut().skip(1).take(6) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in &summary.lines {
        let tally = line.loaded.tally;
        let name =
            if several { format!("{} {}", line.instance, line.resource.name) } else { line.resource.name.into() };
        table.add_row([
            name,
            tally.rows.to_string(),
            tally.new.to_string(),
            tally.changed.to_string(),
            tally.deleted.to_string(),
            line.cost.requests.to_string(),
            format!("{:.1}", line.seconds),
            line.certificate.verdict.as_str().to_owned(),
        ]);
    }
    let mut text = format!("{table}\n");
    for line in summary.lines.iter().filter(|line| !line.is_whole()) {
        for why in reasons(line) {
            text.push_str(&format!("{}: {why}\n", line.resource.name));
        }
    }
    for held_back in &summary.receipt.held_back {
        text.push_str(&format!("{held_back}\n"));
    }
    let size = bytesize::ByteSize(summary.receipt.bytes).display().iec();
    text.push_str(&format!("{destination} ({size}), run {}\n", summary.run_id));
    text
}

fn reasons(line: &Line) -> impl Iterator<Item = String> {
    let suspect = (!line.certificate.verdict.is_whole()).then(|| line.certificate.reason.clone());
    let rejects = Some(line.loaded.rejects)
        .filter(|rejects| *rejects > 0)
        .map(|rejects| format!("{rejects} list entries could not be rows; see meta.rejects"));
    let kept = line.loaded.kept.as_ref().map(|why| format!("{why}; they are kept"));
    [suspect, rejects, kept].into_iter().flatten()
}
