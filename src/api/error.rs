//! What can go wrong between a request and its answer.
//!
//! Errors carry paths, page numbers, statuses and counts. They never carry a body, a key or a whole URL.

use std::time::Duration;

use crate::json::JsonError;

/// One attempt that brought no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 429. The wait the server asked for, where it asked for one.
    #[error("the server answered 429, too many requests")]
    Throttled {
        /// `Retry-After`, or the seconds in the gateway's message.
        wait: Option<Duration>,
    },
    /// 403 with the gateway's quota message: waiting minutes will not help a run.
    #[error("the call quota is used up{}", .replenished_in.as_deref().map(|wait| format!("; it will be replenished in {wait} (hours:minutes:seconds)")).unwrap_or_default())]
    QuotaExhausted {
        /// The gateway's own words for the time, `HH:MM:SS`.
        replenished_in: Option<String>,
    },
    /// 401 with every key there is.
    #[error("the server refused the key (401)")]
    KeyRefused,
    /// Any other status that is not a success.
    #[error("the server answered {0}")]
    Status(u16),
    /// No connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// The whole request took too long.
    #[error("no complete answer within {}s", .0.as_secs_f32())]
    Timeout(Duration),
    /// No byte arrived for too long.
    #[error("the answer stalled")]
    Stalled,
    /// The connection broke, or the answer ended early or could not be decompressed.
    #[error("the answer broke off")]
    BrokenOff,
    /// The answer is larger than allowed.
    #[error("the answer is larger than {0} bytes (max_response_bytes)")]
    TooLarge(u64),
    /// Status 200, and not JSON: a gateway's page, or a body cut short.
    #[error("the answer {0}")]
    NotJson(JsonError),
    /// Status 200, and the body says that it is an error.
    #[error("the answer has status 200 but says \"error\": true")]
    ErrorFlag,
    /// A redirect that would carry the key to another origin, or that goes nowhere.
    #[error("the server redirects to another place, or in a circle; the key is not sent there")]
    Redirect,
}

/// A request that was given up.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {}", given_up(*.attempts, *.elapsed))]
pub struct ApiError {
    /// The path asked for, below the base URL.
    pub path: String,
    /// Requests sent for it.
    pub attempts: u32,
    /// The time they took, pauses included.
    pub elapsed: Duration,
    /// What the last attempt met.
    #[source]
    pub failure: Failure,
}

fn given_up(attempts: u32, elapsed: Duration) -> String {
    match attempts {
        0 | 1 => "failed".to_owned(),
        _ => format!("given up after {attempts} attempts in {:.1}s", elapsed.as_secs_f32()),
    }
}

/// The HTTP library could not be set up: no TLS roots on this machine, most likely.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SetupError(#[from] reqwest::Error);
