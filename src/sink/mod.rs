//! Where batches go.
//!
//! Every sink has the same steps: a run begins it; each resource is watched, shaped, staged, written and merged; a commit
//! makes it visible at once and gives a receipt. A sink that is dropped before its commit has done nothing.

pub mod duckdb;
pub mod parquet;

use std::{collections::HashMap, path::PathBuf};

use tokio::runtime::Handle;

use self::{
    duckdb::DuckDbSink,
    parquet::{ParquetSink, Snapshots, StoreError, Upkeep},
};
pub use crate::warehouse::merge::{Gone, Tally};
use crate::{
    api::Counters,
    batch::{Batches, Fields, KnownColumn, Plan, PlanRemarks, Rules},
    catalog::Resource,
    config::{Settings, destination::Destination},
    library::models::Model,
    pages::Certificate,
    warehouse::{
        WarehouseError,
        checks::{Finding, Prepared},
        ledger::{self, LatestSweeps, Run},
        views::BrokenModel,
    },
};

/// What can go wrong with a destination.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The warehouse, or the database in which snapshots are prepared.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The place of the snapshots.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A check found what must not be: nothing became visible.
    #[error("{}", told(.0))]
    Checks(Vec<Finding>),
}

/// What failed checks found, in one line.
fn told(findings: &[Finding]) -> String {
    let fatal = findings.iter().filter(|finding| finding.is_fatal());
    format!("checks failed; {}", fatal.map(Finding::to_string).collect::<Vec<_>>().join("; "))
}

/// A destination that was looked at, before anything is fetched for it.
#[derive(Debug)]
pub enum Target {
    /// The warehouse file.
    Warehouse(PathBuf),
    /// Snapshots.
    Parquet(Snapshots),
}

impl Target {
    /// Looks at the destination of the settings. To be called outside the runtime: it blocks.
    pub fn open(settings: &Settings, allow_mass_delete: bool, runtime: &Handle) -> Result<Self, SinkError> {
        Ok(match &settings.destination {
            Destination::Warehouse => Self::Warehouse(settings.warehouse.clone()),
            Destination::Parquet { place, keep } => {
                let upkeep = Upkeep { keep: *keep, allow_mass_delete };
                Self::Parquet(Snapshots::open(place, &settings.work_folder(), upkeep, runtime)?)
            }
        })
    }

    /// The latest run that read each list for this destination.
    pub fn latest_sweeps(&self) -> Result<LatestSweeps, SinkError> {
        match self {
            Self::Warehouse(path) => Ok(ledger::latest_sweeps(path)?),
            Self::Parquet(snapshots) => Ok(snapshots.latest_sweeps()),
        }
    }

    /// Begins a run.
    pub fn begin(self, run: &Run) -> Result<Box<dyn Sink>, SinkError> {
        Ok(match self {
            Self::Warehouse(path) => Box::new(DuckDbSink::begin(&path, run)?),
            Self::Parquet(snapshots) => Box::new(ParquetSink::begin(snapshots, run)?),
        })
    }
}

/// A sweep, for the books.
#[derive(Clone, Copy, Debug)]
pub struct Sweep<'a> {
    /// Of which resource.
    pub resource: &'static Resource,
    /// Of which instance.
    pub instance: &'a str,
    /// What it vouches for.
    pub certificate: &'a Certificate,
    /// What it took.
    pub cost: Counters,
    /// Why rows that are missing were not taken for deleted.
    pub kept: Option<&'a str>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct Closing<'a> {
    /// The models whose views the destination is to have, where it has views.
    pub models: &'a [Model],
    /// In words.
    pub outcome: &'a str,
    /// What to say instead, with its exit code, where models cannot be made.
    pub without_models: (&'a str, u8),
    /// As its exit code.
    pub exit_code: u8,
    /// What must not be found in what the run made, where it is to be checked.
    pub checks: &'a [Prepared],
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes that the destination has now; of snapshots, what this run wrote.
    pub bytes: u64,
    /// What the run wrote and readers are not led to, and why.
    pub held_back: Vec<String>,
    /// Models that could not be made.
    pub broken: Vec<BrokenModel>,
    /// What the checks found.
    pub findings: Vec<Finding>,
}

/// A destination.
pub trait Sink {
    /// The columns that the destination has from earlier runs.
    fn known(&self) -> &[KnownColumn];

    /// What a form says of its fields, as far as it was ever read.
    fn fields(&self, form: &Resource, instance: &str) -> Result<Fields, SinkError>;

    /// Every label that a form ever gave its fields, as far as it was ever read, by field id.
    fn labels(&self, form: &Resource) -> Result<HashMap<String, Vec<String>>, SinkError>;

    /// Takes from a resource's tables, and from the books, what is to be kept out of them from now on: before its rows
    /// come without it.
    fn withdraw(&mut self, resource: &Resource, rules: Option<&Rules<'_>>) -> Result<(), SinkError>;

    /// Notes the ids that a sweep saw; those of the sweep before are forgotten with `first`.
    fn saw(&mut self, ids: &[String], first: bool) -> Result<(), SinkError>;

    /// Whether the sweep saw this id.
    fn has_seen(&self, id: &str) -> Result<bool, SinkError>;

    /// The ids that the destination has and the sweep did not see. Also how many rows it has.
    fn missing(&mut self, resource: &'static Resource, instance: &str) -> Result<(Vec<String>, u64), SinkError>;

    /// Gives a plan's tables the columns that they need: once for all instances, before any row is written.
    fn shape(&mut self, plan: &Plan) -> Result<(), SinkError>;

    /// Prepares for the rows of one instance.
    fn stage(&mut self, plan: &Plan) -> Result<(), SinkError>;

    /// Writes the rows of a page.
    fn write(&mut self, plan: &Plan, instance: &str, batches: Batches) -> Result<(), SinkError>;

    /// Merges what was written, and removes what is known to be deleted.
    fn merge(&mut self, plan: &Plan, instance: &str, deleted: &[Gone]) -> Result<Tally, SinkError>;

    /// Describes a plan's columns, with what was remarked on their values: once for all instances, after their rows.
    fn describe(&mut self, plan: &Plan, remarks: &PlanRemarks) -> Result<(), SinkError>;

    /// Files a sweep's certificate.
    fn certify(&mut self, sweep: &Sweep<'_>) -> Result<(), SinkError>;

    /// Makes all of it visible, at once.
    fn commit(self: Box<Self>, closing: &Closing<'_>) -> Result<Receipt, SinkError>;
}
