//! Where batches go.
//!
//! Every sink has the same steps: a run begins it; each resource is watched, shaped, staged, written and merged; a commit
//! makes it visible at once and gives a receipt. A sink that is dropped before its commit has done nothing.

pub mod duckdb;

use std::collections::HashMap;

pub use self::duckdb::DuckDbSink;
pub use crate::warehouse::merge::{Gone, Tally};
use crate::{
    api::Counters,
    batch::{Batches, Fields, KnownColumn, Plan, PlanRemarks, Rules},
    catalog::Resource,
    pages::Certificate,
    warehouse::WarehouseError,
};

/// What a commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes that the destination has now.
    pub bytes: u64,
}

/// A destination.
pub trait Sink {
    /// The columns that the destination has from earlier runs.
    fn known(&self) -> &[KnownColumn];

    /// What a form says of its fields, as far as it was ever read.
    fn fields(&self, form: &Resource, instance: &str) -> Result<Fields, WarehouseError>;

    /// Every label that a form ever gave its fields, as far as it was ever read, by field id.
    fn labels(&self, form: &Resource) -> Result<HashMap<String, Vec<String>>, WarehouseError>;

    /// Takes from a resource's tables, and from the books, what is to be kept out of them from now on: before its rows
    /// come without it.
    fn withdraw(&mut self, resource: &Resource, rules: Option<&Rules<'_>>) -> Result<(), WarehouseError>;

    /// Notes the ids that a sweep saw; those of the sweep before are forgotten with `first`.
    fn saw(&mut self, ids: &[String], first: bool) -> Result<(), WarehouseError>;

    /// Whether the sweep saw this id.
    fn has_seen(&self, id: &str) -> Result<bool, WarehouseError>;

    /// The ids that the destination has and the sweep did not see. Also how many rows it has.
    fn missing(&mut self, resource: &Resource, instance: &str) -> Result<(Vec<String>, u64), WarehouseError>;

    /// Gives a plan's tables the columns that they need: once for all instances, before any row is written.
    fn shape(&mut self, plan: &Plan) -> Result<(), WarehouseError>;

    /// Prepares for the rows of one instance.
    fn stage(&mut self, plan: &Plan) -> Result<(), WarehouseError>;

    /// Writes the rows of a page.
    fn write(&mut self, plan: &Plan, instance: &str, batches: Batches) -> Result<(), WarehouseError>;

    /// Merges what was written, and removes what is known to be deleted.
    fn merge(&mut self, plan: &Plan, instance: &str, deleted: &[Gone]) -> Result<Tally, WarehouseError>;

    /// Describes a plan's columns, with what was remarked on their values: once for all instances, after their rows.
    fn describe(&mut self, plan: &Plan, remarks: &PlanRemarks) -> Result<(), WarehouseError>;

    /// Files a sweep's certificate.
    fn certify(
        &mut self,
        resource: &Resource,
        instance: &str,
        certificate: &Certificate,
        cost: Counters,
    ) -> Result<(), WarehouseError>;
}
