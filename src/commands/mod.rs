//! One file a command: each takes its arguments, wires the rooms together, and prints the result.

mod check;
mod completions;
mod dashboard;
mod demo;
mod doctor;
mod export;
mod extract;
mod forget;
mod init;
mod output;
mod plan;
mod prompt;
mod prune;
mod report;
mod run;
mod sandbox;
mod sql;
mod starter;
mod status;

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::Path,
    sync::Arc,
};

use arrow::array::{ArrayRef, StringArray};
use comfy_table::{CellAlignment, Table, presets};

use crate::{
    batch::{Privacy, privacy::EntryError},
    cli::{Cli, Color, Command, LogFormat},
    config::{ConfigError, Overrides, Settings, env::Environment, file::PrivacyTable},
    error::{Error, ExitCode},
    observe::{Bars, Verbosity, init as init_log},
    reports::{
        Answer, ReportError,
        render::{About, Format, RenderError, render},
    },
    warehouse::Removed,
};

/// What every command has.
struct Context {
    overrides: Overrides,
    environment: Environment,
    bars: Bars,
    quiet: bool,
}

impl Context {
    fn settings(&self) -> Result<Settings, Error> {
        Ok(Settings::resolve(&self.overrides, self.environment)?)
    }

    /// What the settings keep out of the warehouse.
    fn privacy(&self, settings: &Settings) -> Result<Privacy, Error> {
        let key = settings.privacy_key(self.environment)?;
        let PrivacyTable { drop, hash, .. } = &settings.privacy;
        let refused = |EntryError { setting, problem }| ConfigError::Value { setting, problem };
        Ok(Privacy::new(drop, hash, key.as_ref()).map_err(refused)?)
    }
}

/// Runs a command.
pub async fn run(cli: Cli) -> Result<ExitCode, Error> {
    let environment = Environment;
    let global = cli.global;
    let bars = Bars::new(global.quiet);
    let color = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stderr().is_terminal() && !environment.no_color(),
    };
    let json = global.log_format == LogFormat::Json;
    init_log(Verbosity { verbose: global.verbose, quiet: global.quiet, json, color }, &bars);
    let context = Context {
        overrides: Overrides { config: global.config, warehouse: global.warehouse, proof: None, parquet: None },
        environment,
        bars,
        quiet: global.quiet,
    };
    match cli.command {
        Command::Extract(args) => extract::run(context, args).await,
        Command::Plan(args) => plan::run(context, args).await,
        Command::Report(args) => report::run(&context, &args),
        Command::Check(args) => check::run(&context, &args),
        Command::Doctor(args) => doctor::run(&context, &args),
        Command::Run(args) => run::run(context, args).await,
        Command::Dashboard(args) => dashboard::run(&context, &args),
        Command::Sql(args) => sql::run(&context, args),
        Command::Export(args) => export::run(&context, &args),
        Command::Status(args) => status::run(&context, &args),
        Command::Forget(args) => forget::run(&context, args),
        Command::Prune(args) => prune::run(&context, &args),
        Command::Sandbox(args) => sandbox::run(&context, args).await,
        Command::Demo(args) => demo::run(context, args).await,
        Command::Init(args) => init::run(&context, &args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// The format asked for, or the one that suits where the output goes.
fn format(asked: Option<Format>) -> Format {
    asked.unwrap_or(if io::stdout().is_terminal() { Format::Table } else { Format::Csv })
}

/// Writes to standard output.
fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Writes an answer to standard output.
fn write_answer(answer: &Answer, asked: Option<Format>) -> Result<(), Error> {
    print_answer(answer, format(asked), None)
}

/// Writes an answer to standard output, with what is to be known of it.
fn print_answer(answer: &Answer, format: Format, about: Option<&About>) -> Result<(), Error> {
    render(&mut io::stdout().lock(), answer, format, about).map_err(rendered)
}

/// A column of an answer.
fn texts(texts: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(texts.collect::<StringArray>())
}

/// What was removed from where, as a table.
fn removed_table(removed: &[Removed]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["where", "what", "how many"]);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for Removed { place, what, count } in removed {
        table.add_row([place.clone(), (*what).to_owned(), count.to_string()]);
    }
    table
}

fn rendered(error: RenderError) -> Error {
    match error {
        RenderError::Io(error) => Error::Output(error),
        RenderError::TooWide(_) => Error::Usage(error.to_string()),
        error => Error::Report(ReportError::Render(Box::new(error))),
    }
}

/// What one has to know of the settings to read the numbers of reports right; every answer says so.
fn notes(settings: &Settings) -> Vec<String> {
    let converted = settings.base_currency().map(|base| {
        format!("Amounts are converted to {base} at fixed rates; those whose currency has no rate are in their own.")
    });
    converted.into_iter().collect()
}

/// The age from which data is old.
fn max_age(settings: &Settings) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(settings.reports.max_age).unwrap_or(jiff::SignedDuration::MAX)
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action: "write", path, source }
}
