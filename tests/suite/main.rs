//! The real binary against the sandbox, and the pure rooms against what can go wrong.

#![expect(clippy::unwrap_used, unreachable_pub, reason = "a test that cannot go on fails; nothing is exported")]

mod answers;
mod architecture;
mod checks;
mod conformance;
#[cfg(feature = "failpoints")]
mod crashes;
mod deletions;
mod destination;
mod disk;
mod drift;
mod duplicates;
mod edges;
mod errors;
mod exports;
mod extraction;
mod extremes;
mod faults;
mod figures;
mod forget;
mod forget_others;
mod formats;
mod migrations;
mod model;
mod model_crm;
mod model_warehouse;
mod other_names;
mod pages;
mod past;
mod privacy;
#[cfg(unix)]
mod prompt;
mod prune;
mod records;
mod resume;
mod secrets;
mod semantics;
mod snapshots;
mod sql_guard;
mod sweeps;
mod values;
mod world;
