//! `crmlake run`: the one line that a scheduler calls.
//!
//! Extraction, checks before the new warehouse takes the old one's place, then reports, dashboard and export as `[run]` says,
//! and whoever `[notify]` names is told. What comes after the swap stops nothing that comes after it: each failure is told,
//! and the exit code is that of the first.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::ValueEnum as _;
use tracing::{error, info, warn};

use super::{Context, check, dashboard, extract::summary_table, print, report};
use crate::{
    cli::RunArgs,
    config::{
        ConfigError, Proof, Settings,
        file::{NotifyTable, Occasion},
    },
    error::{Error, ExitCode, in_one_line},
    export::{self, export},
    library::models::Semantics,
    pipeline::{self, Extraction, Summary},
    reports::{Report, params::Given, render::Format},
    warehouse::checks::Finding,
};

pub(super) async fn run(mut context: Context, args: RunArgs) -> Result<ExitCode, Error> {
    context.overrides.proof = args.prove.then_some(Proof::Proven);
    let settings = context.settings()?;
    // Mistakes are told before anything is fetched, not at the end of the night.
    let outputs = Outputs::of(&settings)?;
    let notify = settings.notify.clone();
    let result = extract(&context, &settings, &args).await;
    let mut told = Told::new(&settings, &result);
    let code = match result {
        Ok(summary) => {
            if !context.quiet {
                print(&summary_table(&summary, &settings.warehouse.display().to_string()))?;
            }
            for finding in summary.receipt.findings.iter().filter(|finding| !finding.is_clean()) {
                warn!("{finding}");
            }
            let failed = tokio::task::spawn_blocking(move || outputs.write(&settings)).await?;
            for failure in &failed {
                error!("{}", in_one_line(failure));
                told.errors.push(in_one_line(failure));
            }
            let first = failed.first().map_or(ExitCode::Whole, Error::exit_code);
            if summary.exit_code == ExitCode::Whole { first } else { summary.exit_code }
        }
        Err(error) => {
            told.exit_code = error.exit_code();
            tell(&notify, &told);
            return Err(error);
        }
    };
    told.exit_code = code;
    tell(&notify, &told);
    Ok(code)
}

async fn extract(context: &Context, settings: &Settings, args: &RunArgs) -> Result<Summary, Error> {
    let today = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
    let extraction = Extraction {
        resources: pipeline::resources(&[])?,
        instances: settings.instances(args.instance.as_deref(), context.environment)?,
        privacy: context.privacy(settings)?,
        semantics: Semantics::load(settings)?,
        checks: check::prepared(settings, today, &[])?,
        settings: settings.clone(),
        allow_mass_delete: args.allow_mass_delete,
    };
    pipeline::extract(extraction, context.bars.clone()).await
}

/// What `[run]` asks for.
struct Outputs {
    reports: Option<PathBuf>,
    chosen: Vec<Report>,
    formats: Vec<Format>,
    dashboard: Option<PathBuf>,
    export: Option<(PathBuf, export::Format)>,
}

impl Outputs {
    fn of(settings: &Settings) -> Result<Self, Error> {
        let table = &settings.run;
        let refused =
            |setting: &str, problem: String| Error::Config(ConfigError::Value { setting: setting.to_owned(), problem });
        let mut formats = Vec::new();
        for name in &table.formats {
            let format = Format::from_str(name, true).map_err(|_| {
                let known = Format::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value);
                let known = known.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", ");
                refused("[run] formats", format!("\"{name}\" is no format; there is {known}"))
            })?;
            formats.push(format);
        }
        if formats.is_empty() {
            formats.push(Format::Html);
        }
        let export_format = match &table.export_format {
            None => export::Format::Parquet,
            Some(name) => export::Format::from_str(name, true).map_err(|_| {
                refused("[run] export_format", format!("\"{name}\" is no format; there is parquet, csv, xlsx"))
            })?,
        };
        let chosen = match &table.reports {
            Some(_) => report::Chosen::of(settings, &table.names)?.reports,
            None => Vec::new(),
        };
        let beside = |path: &PathBuf| settings.beside_file(path);
        let dashboard = table.dashboard.as_ref().map(beside);
        if let Some(folder) = &dashboard {
            dashboard::check_folder(settings, folder)?;
        }
        Ok(Self {
            reports: table.reports.as_ref().map(beside),
            chosen,
            formats,
            dashboard,
            export: table.export.as_ref().map(|path| (beside(path), export_format)),
        })
    }

    /// Writes all of it. Returns what failed; the rest is there.
    fn write(&self, settings: &Settings) -> Vec<Error> {
        let mut failed = Vec::new();
        let mut note = |what: &str, path: &Path, result: Result<(), Error>| match result {
            Ok(()) => info!("{what} in {}", path.display()),
            Err(error) => failed.push(error),
        };
        if let Some(folder) = &self.reports {
            for format in &self.formats {
                note("reports", folder, report::write_folder(settings, &self.chosen, *format, folder));
            }
        }
        if let Some(folder) = &self.dashboard {
            let written = dashboard::write(settings, Given::default(), None, folder);
            note("dashboard", folder, written.and_then(|written| written.failed.map_or(Ok(()), Err)));
        }
        if let Some((folder, format)) = &self.export {
            let exported = export(&settings.warehouse, folder, *format, &[]);
            note("export", folder, exported.map(drop).map_err(Error::from));
        }
        failed
    }
}

/// What whoever is notified learns. No record's values are in it.
struct Told {
    warehouse: String,
    run_id: Option<String>,
    exit_code: ExitCode,
    resources: Vec<serde_json::Value>,
    findings: Vec<serde_json::Value>,
    errors: Vec<String>,
}

impl Told {
    fn new(settings: &Settings, result: &Result<Summary, Error>) -> Self {
        let mut told = Self {
            warehouse: settings.warehouse.display().to_string(),
            run_id: None,
            exit_code: ExitCode::Whole,
            resources: Vec::new(),
            findings: Vec::new(),
            errors: Vec::new(),
        };
        match result {
            Ok(summary) => {
                told.run_id = Some(summary.run_id.clone());
                told.resources = summary.lines.iter().map(resource).collect();
                told.findings =
                    summary.receipt.findings.iter().filter(|finding| !finding.is_clean()).map(found).collect();
            }
            Err(error) => {
                told.errors.push(in_one_line(error));
                told.findings = error.findings().iter().filter(|finding| !finding.is_clean()).map(found).collect();
            }
        }
        told
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "warehouse": self.warehouse,
            "run_id": self.run_id,
            "exit_code": self.exit_code as u8,
            "resources": self.resources,
            "checks": self.findings,
            "errors": self.errors,
        })
    }
}

fn resource(line: &pipeline::Line) -> serde_json::Value {
    let tally = line.loaded.tally;
    serde_json::json!({
        "instance": line.instance,
        "resource": line.resource.name,
        "verdict": line.certificate.verdict.as_str(),
        "rows": tally.rows,
        "new": tally.new,
        "changed": tally.changed,
        "deleted": tally.deleted,
    })
}

fn found(finding: &Finding) -> serde_json::Value {
    serde_json::json!({
        "check": finding.name,
        "severity": finding.severity.as_str(),
        "found": finding.rows.as_ref().ok(),
        "problem": finding.rows.as_ref().err(),
    })
}

/// Runs the program of `[notify]`. That it fails is told, and changes nothing: the run was what it was.
fn tell(notify: &NotifyTable, told: &Told) {
    let Some((program, arguments)) = notify.command.split_first() else { return };
    if notify.when == Occasion::Trouble && told.exit_code == ExitCode::Whole {
        return;
    }
    let result = (|| {
        let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A program that does not read is told by its end.
            let _ = writeln!(input, "{}", told.json());
        }
        child.wait()
    })();
    match result {
        Ok(status) if status.success() => {}
        Ok(status) => error!("[notify] {program}: {status}"),
        Err(problem) => error!("[notify] {program} cannot be run: {problem}"),
    }
}
