//! The real binary against the sandbox, and the pure rooms against what can go wrong.

#![expect(clippy::unwrap_used, unreachable_pub, reason = "a test that cannot go on fails; nothing is exported")]

mod architecture;
mod errors;
mod extraction;
mod faults;
mod records;
mod resume;
mod secrets;
mod sweeps;
mod world;
