//! The real binary against the sandbox, and the pure rooms against what can go wrong.

mod architecture;
mod errors;
mod extraction;
mod world;
