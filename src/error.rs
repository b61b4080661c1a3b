//! Every error that can end a command, and the one place where its class becomes an exit code and advice.

use std::{io, path::PathBuf};

use crate::{
    api::{Failure, SetupError},
    config::{ConfigError, env},
    export::ExportError,
    library::LibraryError,
    pipeline::{crawl::CrawlError, load::LoadError},
    reports::ReportError,
    sandbox::SandboxError,
    sink::{SinkError, parquet::StoreError},
    spool::SpoolError,
    warehouse::{WarehouseError, tidy},
};

/// What an exit code tells a scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Whole.
    Whole = 0,
    /// Unexpected.
    Unexpected = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Finished, but not whole.
    NotWhole = 3,
    /// The key was refused.
    KeyRefused = 4,
    /// The source is unavailable, or its quota used up.
    Unavailable = 5,
    /// A check failed.
    CheckFailed = 6,
    /// Another run holds the warehouse.
    Locked = 7,
}

/// Whatever ended a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A name or a combination on the command line.
    #[error("{0}")]
    Usage(String),
    /// A sweep.
    #[error(transparent)]
    Crawl(#[from] CrawlError),
    /// Loading what was swept.
    #[error(transparent)]
    Load(LoadError),
    /// The place of the snapshots.
    #[error(transparent)]
    Store(StoreError),
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The warehouse.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The files of `sql/`.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// A report or a statement.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// An export.
    #[error(transparent)]
    Export(ExportError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The HTTP library could not be set up.
    #[error("cannot set up the HTTP client")]
    Http(#[from] SetupError),
    /// A file that is not the warehouse's.
    #[error("cannot {action} {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file or standard input that the user named.
    #[error("cannot read {what}")]
    Input {
        /// The file, or standard input.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Standard output.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
    /// Ctrl-C or SIGTERM.
    #[error("stopped by a signal; what was fetched is kept, and the next run goes on from there")]
    Interrupted,
    /// A task of the runtime ended without a result.
    #[error("a task ended unexpectedly")]
    Task(#[from] tokio::task::JoinError),
}

impl From<SinkError> for Error {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Warehouse(error) => Self::Warehouse(error),
            SinkError::Store(error) => Self::Store(error),
        }
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Sink(error) => error.into(),
            error => Self::Load(error),
        }
    }
}

impl From<ExportError> for Error {
    /// A warehouse's error is the same wherever it was met.
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Warehouse(error) => Self::Warehouse(error),
            error => Self::Export(error),
        }
    }
}

impl Error {
    /// The exit code of this error's class.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Crawl(error) => crawl_class(error),
            Self::Warehouse(WarehouseError::Locked) | Self::Store(StoreError::Raced { .. }) => ExitCode::Locked,
            Self::Export(error) if error.is_usage() => ExitCode::Usage,
            Self::Config(_)
            | Self::Usage(_)
            | Self::Library(_)
            | Self::Report(_)
            | Self::Sandbox(_)
            | Self::Input { .. }
            | Self::Store(StoreError::Foreign { .. } | StoreError::Newer { .. } | StoreError::LeavesOut { .. })
            | Self::Warehouse(
                WarehouseError::Absent { .. }
                | WarehouseError::Foreign { .. }
                | WarehouseError::Newer { .. }
                | WarehouseError::Pruned { .. }
                | WarehouseError::Ambiguous { .. },
            ) => ExitCode::Usage,
            _ => ExitCode::Unexpected,
        }
    }

    /// What the operator can do about it.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Crawl(error) => crawl_advice(error),
            Self::Warehouse(WarehouseError::Absent { .. }) => {
                Some("run `crmlake extract` first, or name another file with --warehouse".to_owned())
            }
            Self::Warehouse(WarehouseError::Locked) => Some("wait for it to end; nothing was touched".to_owned()),
            Self::Warehouse(WarehouseError::Held { .. }) => Some(
                "close it there (a BI tool, a notebook, a DuckDB shell), and run again: what was fetched is kept"
                    .to_owned(),
            ),
            Self::Warehouse(WarehouseError::Ambiguous { .. }) => {
                Some("say which one with --resource or --instance".to_owned())
            }
            Self::Config(ConfigError::NoInstance) => {
                Some("to try crmlake without a CRM, run `crmlake demo`".to_owned())
            }
            Self::Store(StoreError::Foreign { .. }) => Some("name another place with --out".to_owned()),
            Self::Store(StoreError::LeavesOut { .. }) => Some(
                "extract all instances together, name another place with --out, or let its rows go with \
                 --allow-mass-delete"
                    .to_owned(),
            ),
            Self::Store(StoreError::Lost { .. } | StoreError::Damaged { .. }) => {
                Some("put it back, or go on without comparing with --allow-mass-delete".to_owned())
            }
            Self::Store(StoreError::Raced { .. }) => Some("wait for it to end, and run again".to_owned()),
            Self::Store(StoreError::Bucket { .. }) => {
                Some("check the bucket's name and the cloud's variables in the environment".to_owned())
            }
            Self::Config(ConfigError::NoPrivacyKey { .. }) => Some(
                "`openssl rand -hex 32` makes one; keep it: hashes of another key do not join with those there are"
                    .to_owned(),
            ),
            Self::Report(error) => error.advice(),
            Self::Export(error) => error.advice(),
            _ => None,
        }
    }
}

/// The class of a failed sweep.
pub fn crawl_class(error: &CrawlError) -> ExitCode {
    match error {
        CrawlError::Api { source, .. } => match source.failure {
            Failure::KeyRefused => ExitCode::KeyRefused,
            _ => ExitCode::Unavailable,
        },
        CrawlError::NoSuchList { .. } | CrawlError::NoList { .. } => ExitCode::Unavailable,
        CrawlError::Spool(_) | CrawlError::Stuck { .. } => ExitCode::Unexpected,
    }
}

fn crawl_advice(error: &CrawlError) -> Option<String> {
    let CrawlError::Api { source, .. } = error else { return None };
    match &source.failure {
        Failure::KeyRefused => Some(format!(
            "check {} and {} against the keys in the CRM's settings",
            env::API_KEY,
            env::API_KEY_SECONDARY
        )),
        Failure::Connect(_) => Some(format!("check {} and the network", env::BASE_URL)),
        Failure::QuotaExhausted { .. } => Some("run again when the quota is replenished".to_owned()),
        Failure::Redirect => Some("set the base URL to where the API really is".to_owned()),
        Failure::TooLarge(_) => Some("ask for smaller pages (page_size), or raise max_response_bytes".to_owned()),
        _ => None,
    }
}

/// An error as a command's user reads it: what went wrong and, below it, what can be done. `label` says that it is one.
pub fn told(error: &Error, label: &str) -> String {
    let hint = error.advice().map(|advice| format!("hint: {advice}\n")).unwrap_or_default();
    format!("{label}: {}\n{hint}", in_one_line(error))
}

/// An error and its causes in one line.
pub fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut line = tidy(&error.to_string());
    let mut cause = error.source();
    while let Some(source) = cause {
        let text = tidy(&source.to_string());
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = source.source();
    }
    line
}
