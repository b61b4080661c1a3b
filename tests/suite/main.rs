//! The real binary against the sandbox, and the pure rooms against what can go wrong.

#![expect(clippy::unwrap_used, unreachable_pub, reason = "a test that cannot go on fails; nothing is exported")]

mod answers;
mod architecture;
#[cfg(feature = "failpoints")]
mod crashes;
mod deletions;
mod disk;
mod drift;
mod errors;
mod exports;
mod extraction;
mod extremes;
mod faults;
mod migrations;
mod model;
mod model_crm;
mod model_warehouse;
mod past;
mod records;
mod resume;
mod secrets;
mod sweeps;
mod values;
mod world;
