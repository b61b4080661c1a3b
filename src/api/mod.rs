//! Bytes out of the API. Nothing else in crmlake uses the HTTP library.
//!
//! One [`Client`] serves one instance: one connection pool, one [`limiter`] that every attempt passes, retries too, and
//! one [`retry`] decision for whatever fails. What comes out is the text of a well-formed JSON answer, or that there is
//! nothing at that path.

pub mod client;
pub mod error;
pub mod limiter;
pub mod retry;

pub use self::{
    client::{Answer, Client, Counters, prepare_tls},
    error::{ApiError, Failure, SetupError},
};
