//! The command line: parsed into plain structs, nothing decided.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    export,
    reports::render::Format,
    sandbox::{Fault, Names, PastEnd, RetryAfter},
};

/// Copies a CRM into a DuckDB warehouse you own, proves that the copy is whole, and answers sales questions from SQL files.
#[derive(Debug, Parser)]
#[command(name = "crmlake", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command
    #[command(flatten)]
    pub global: Global,
}

const EXIT_CODES: &str = "Exit codes: 0 whole; 1 unexpected; 2 usage or configuration; 3 finished but not whole \
(suspect sweep, rejects); 4 key refused; 5 source unavailable or quota exhausted; 6 a check failed; 7 another run holds \
the warehouse.";

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// The configuration file [default: crmlake.toml, where there is one] [env: CRMLAKE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The warehouse file [default: crmlake.duckdb] [env: CRMLAKE_WAREHOUSE]
    #[arg(long, global = true, value_name = "FILE")]
    pub warehouse: Option<PathBuf>,
    /// Log more: -v what happens, -vv every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Log errors only, and show no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How log lines are written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// `--log-format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// `--color`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy the CRM into the warehouse, or into Parquet files
    Extract(Extract),
    /// Extract, check, write reports and exports, and tell whoever is to know: the one line for a scheduler
    Run(RunArgs),
    /// Ask one page of each list, and say what a run would take
    Plan(Plan),
    /// Answer the questions of sql/reports
    Report(ReportArgs),
    /// Look for what must not be in the warehouse
    Check(CheckArgs),
    /// Show which of your fields the reports read, and what to mend
    Doctor(Doctor),
    /// Write a dashboard: a page of headlines and charts, and a page for every report
    Dashboard(DashboardArgs),
    /// Answer a question of your own, read-only
    Sql(Sql),
    /// Write every table into files for BI tools and spreadsheets
    Export(ExportArgs),
    /// Show the last runs and how whole each table is
    Status(Status),
    /// Remove a person from the warehouse, with every version of what it knows of them
    Forget(Forget),
    /// Remove old versions from history; the rows as they are stay
    Prune(Prune),
    /// Serve a made-up CRM on a loopback port
    Sandbox(SandboxArgs),
    /// See it all at work in an empty folder: sandbox, extraction, changes, extraction, reports
    Demo(Demo),
    /// Write a commented crmlake.toml
    Init(Init),
    /// Write completions for a shell
    Completions(Completions),
}

/// `crmlake extract`
#[derive(Debug, Args)]
pub struct Extract {
    /// What to extract, such as leads or opportunities [default: everything]
    pub resources: Vec<String>,
    /// Only this instance of the configuration file
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// Where to write: the warehouse, or Parquet snapshots
    #[arg(long, value_enum, default_value_t = To::Duckdb, value_name = "DESTINATION")]
    pub to: To,
    /// Where the snapshots are: a folder, or s3://, az:// or gs:// and a bucket
    #[arg(long, value_name = "DIR", required_if_eq("to", "parquet"))]
    pub out: Option<String>,
    /// Keep so many snapshots of each resource, and always the newest whole one [default: all]
    #[arg(long, value_name = "N", requires = "out")]
    pub keep: Option<std::num::NonZeroUsize>,
    /// Prove every sweep: at least two passes
    #[arg(long)]
    pub prove: bool,
    /// Delete more rows at once than [deletes] max_share allows
    #[arg(long)]
    pub allow_mass_delete: bool,
}

/// `--to`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// The warehouse, with history
    Duckdb,
    /// A snapshot in Parquet files, without history
    Parquet,
}

/// `crmlake run`
#[derive(Debug, Args)]
#[command(after_help = RUN)]
pub struct RunArgs {
    /// Only this instance of the configuration file
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// Prove every sweep: at least two passes
    #[arg(long)]
    pub prove: bool,
    /// Delete more rows at once than [deletes] max_share allows
    #[arg(long)]
    pub allow_mass_delete: bool,
}

const RUN: &str = "What is written beside the warehouse stands in [run] of the configuration, who is told in [notify]. Where a \
check of severity error finds something, the old warehouse stays and the exit code is 6.";

/// `crmlake plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// Which lists, such as leads or opportunities [default: everything]
    pub resources: Vec<String>,
    /// Only this instance of the configuration file
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// For sweeps that are proven
    #[arg(long)]
    pub prove: bool,
}

/// `crmlake report`
#[derive(Debug, Args)]
#[command(after_help = REPORT)]
pub struct ReportArgs {
    /// Which reports [default: all]; `new` and a name for a report of your own
    pub names: Vec<String>,
    /// List the reports with their questions and parameters; of those named, everything there is to know; as data with
    /// --format
    #[arg(long)]
    pub list: bool,
    /// How to write the answer [default: what --out ends in; table on a terminal, else csv]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// A parameter's value
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// As the warehouse stood then: a day (its end), a moment, or -30d
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub as_of: Option<String>,
    /// Write to this file or, with a folder, one file a report
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
}

const REPORT: &str = "`crmlake report new NAME` writes a commented starter for a report of your own into sql/reports beside \
the configuration or, where NAME is a built-in report, a copy of that one to change.";

/// `crmlake check`
#[derive(Debug, Args)]
#[command(after_help = CHECK)]
pub struct CheckArgs {
    /// Which checks, with the rows that they find [default: all, with how many]
    pub names: Vec<String>,
    /// List the checks with their questions and parameters
    #[arg(long)]
    pub list: bool,
    /// How to write it [default: table on a terminal, else csv]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

const CHECK: &str = "Exits with 6 where a check of severity error finds something. A file in sql/checks beside the \
configuration adds a check, or replaces the one of that name; [checks] turns checks off, changes their severity and their \
parameters.";

/// `crmlake doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// How to write it
    #[arg(long, value_enum, default_value_t = DoctorFormat::Table)]
    pub format: DoctorFormat,
}

/// `--format` of `crmlake doctor`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// Tables
    Table,
    /// One JSON document
    Json,
}

/// `crmlake dashboard`
#[derive(Debug, Args)]
pub struct DashboardArgs {
    /// The folder: a new or empty one, or an earlier dashboard's
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// A parameter's value, for every report that has it
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// As the warehouse stood then: a day (its end), a moment, or -30d
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub as_of: Option<String>,
}

/// `crmlake sql`
#[derive(Debug, Args)]
pub struct Sql {
    /// The statement [default: standard input; on a terminal, a prompt]
    #[arg(allow_hyphen_values = true)]
    pub statement: Option<String>,
    /// Read the statement from a file
    #[arg(short, long, value_name = "FILE", conflicts_with = "statement")]
    pub file: Option<PathBuf>,
    /// As the warehouse stood then: a day (its end), a moment, or -30d
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub as_of: Option<String>,
    /// How to write the answer [default: what --out ends in; table on a terminal, else csv]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Write to this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `crmlake export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The folder, which is replaced whole; it must be empty, new, or an earlier export
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// What the files are
    #[arg(long, value_enum, default_value_t = export::Format::Parquet)]
    pub format: export::Format,
    /// Which tables, such as crm.leads or, of both schemas, leads [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub tables: Vec<String>,
}

/// `crmlake status`
#[derive(Debug, Args)]
pub struct Status {
    /// How to write it [default: table on a terminal, else csv]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

/// `crmlake forget`
#[derive(Args)]
#[command(after_help = FORGET)]
pub struct Forget {
    /// Whoever has this e-mail address, now or in an earlier version; - reads it from standard input
    #[arg(
        long,
        value_name = "ADDRESS",
        required_unless_present = "id",
        conflicts_with = "id",
        allow_hyphen_values = true
    )]
    pub email: Option<String>,
    /// The record with this id
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub id: Option<String>,
    /// The list that the id is in, such as contacts
    #[arg(long, value_name = "NAME", requires = "id")]
    pub resource: Option<String>,
    /// The instance that the id is of
    #[arg(long, value_name = "NAME", requires = "id")]
    pub instance: Option<String>,
    /// Tell what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl std::fmt::Debug for Forget {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Whoever is to be forgotten must not stand in a log.
        formatter.debug_struct("Forget").field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}

const FORGET: &str = "Contacts and leads of that address, or the record of that id, are deleted with every version. All \
addresses and full names that they ever had are then taken out of every other text: a cell that is nothing else becomes \
null, in a longer text [forgotten] stands instead. Of a user of the CRM, names and addresses go and ids stay. The file is \
written anew, and pages that a stopped run left are removed. Addresses in arguments are visible to other users of the \
machine; --email - is not.";

/// `crmlake prune`
#[derive(Debug, Args)]
#[command(after_help = PRUNE)]
pub struct Prune {
    /// How old what goes must be, such as 2y, 18mo, 52w or 90d
    #[arg(long, value_name = "AGE", value_parser = age, allow_hyphen_values = true)]
    pub history_older_than: jiff::Span,
    /// Tell what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

const PRUNE: &str = "Versions that ended before then leave history, deleted rows among them, and so do the changes and \
the rejects of that time. The rows as they are stay, however old, and so do runs and certificates. Afterwards --as-of \
reaches back to that moment and no further.";

fn age(text: &str) -> Result<jiff::Span, String> {
    let age: Option<jiff::Span> = text.parse().ok();
    age.filter(jiff::Span::is_positive).ok_or_else(|| "must be an age such as 2y, 18mo, 52w or 90d".to_owned())
}

/// `crmlake sandbox`
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// The loopback port; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// What the records are made from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many records: 1 means about 400
    #[arg(long, default_value_t = 1)]
    pub scale: u32,
    /// The last day of the records' past [default: today]
    #[arg(long, value_name = "DATE")]
    pub today: Option<jiff::civil::Date>,
    /// What the records' fields and values are called
    #[arg(long, value_enum, default_value_t = Names::Usual)]
    pub names: Names,
    /// The most rows on a page, whatever is asked for
    #[arg(long, value_name = "ROWS")]
    pub size_cap: Option<usize>,
    /// Tell no totals
    #[arg(long)]
    pub no_total: bool,
    /// Tell totals that are so much beside the truth
    #[arg(long, value_name = "BY", allow_negative_numbers = true)]
    pub total_off: Option<isize>,
    /// What to answer past the end of a list
    #[arg(long, value_enum, default_value_t = PastEnd::Empty)]
    pub past_end: PastEnd,
    /// The key that holds the rows of a list, or `array` for a bare array
    #[arg(long, value_name = "KEY", default_value = "items")]
    pub envelope: String,
    /// How often a lead or opportunity is created or deleted before a page of them is answered
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.0, num_args = 0..=1, default_missing_value = "0.2")]
    #[arg(value_parser = probability)]
    pub churn: f64,
    /// A resource whose list always fails
    #[arg(long, value_name = "RESOURCE")]
    pub down: Vec<String>,
    /// Requests allowed in any window; more are answered 429
    #[arg(long, value_name = "N")]
    pub requests: Option<usize>,
    /// The window
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    pub window: jiff::SignedDuration,
    /// How a 429 says when to come again
    #[arg(long, value_enum, default_value_t = RetryAfter::Seconds)]
    pub retry_after: RetryAfter,
    /// Requests allowed in all; more are answered 403, out of call volume quota
    #[arg(long, value_name = "N")]
    pub call_quota: Option<u64>,
    /// Redirect every request to this origin
    #[arg(long, value_name = "URL")]
    pub redirect_to: Option<String>,
    /// Compress answers for clients that ask for it
    #[arg(long)]
    pub gzip: bool,
    /// Let something go wrong: 408, 429, 500, 502, 503, 504, reset, stall, truncate, garbage, html, error-flag, slow or drip
    #[arg(long = "fault", value_name = "KIND=PROBABILITY")]
    pub faults: Vec<Fault>,
}

fn probability(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number| (0.0..=1.0).contains(number))
        .ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

/// `crmlake demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// What the records are made from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many records: 1 means about 400
    #[arg(long, default_value_t = 4)]
    pub scale: u32,
}

/// `crmlake init`
#[derive(Debug, Args)]
pub struct Init {
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

/// `crmlake completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}
