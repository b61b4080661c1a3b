//! What stands before the API: the key check, the rate limit, the call quota, and the faults. With APIM's own words.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::{
    Options, RetryAfter,
    faults::{Dice, Kind},
    server::Shared,
};

const KEY_HEADER: &str = "ocp-apim-subscription-key";
/// How long a slow answer takes.
const SLOW: Duration = Duration::from_millis(300);
/// The time between two pieces of an answer that drips.
const BETWEEN_DRIPS: Duration = Duration::from_millis(100);
/// How long a stalled answer stays open: longer than any client waits.
const STALLED: Duration = Duration::from_mins(10);

/// Marks a response whose connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub(super) struct CloseConnection;

/// What the gateway has seen.
#[derive(Debug)]
pub(super) struct Gateway {
    state: Mutex<Counts>,
    dice: Mutex<Dice>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Requests to the API, refused ones too.
    requests: u64,
    /// Those answered 429.
    throttled: u64,
    /// Those that a fault struck.
    faults: u64,
    /// Requests of the last window. APIM counts those that it refuses too.
    window: VecDeque<Instant>,
}

impl Gateway {
    pub(super) fn new(options: &Options) -> Self {
        let dice = Dice::new(options.seed, &options.faults);
        Self { state: Mutex::new(Counts::default()), dice: Mutex::new(dice) }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> serde_json::Value {
        let counts = self.counts();
        json!({"requests": counts.requests, "throttled": counts.throttled, "faults": counts.faults})
    }
}

impl Counts {
    /// Counts a request; the wait to ask for, if the limit refuses it.
    fn admit(&mut self, now: Instant, requests: usize, window: Duration) -> Option<Duration> {
        while self.window.front().is_some_and(|first| now.duration_since(*first) >= window) {
            self.window.pop_front();
        }
        self.window.push_back(now);
        let over = self.window.len().checked_sub(requests + 1)?;
        // Room comes when enough of the earliest have left the window.
        Some(window.saturating_sub(now.duration_since(self.window[over])))
    }
}

/// Lets a request through to the API, or answers in its place.
pub(super) async fn pass(State(shared): State<Shared>, headers: HeaderMap, request: Request, next: Next) -> Response {
    let options = shared.options();
    if let Some(refusal) = check_key(options, &headers) {
        return refusal;
    }
    if request.uri().path().starts_with("/sandbox/") {
        return next.run(request).await;
    }
    let gateway = shared.gateway();
    if let Some(refusal) = count(gateway, options) {
        return refusal;
    }
    if let Some(target) = &options.redirect_to {
        let location = HeaderValue::from_str(&format!("{target}{}", request.uri())).ok();
        let mut response = StatusCode::FOUND.into_response();
        if let Some(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        return response;
    }
    let struck = gateway.dice().roll();
    if struck.is_some() {
        gateway.counts().faults += 1;
    }
    match struck {
        None => next.run(request).await,
        Some(Kind::Slow) => {
            tokio::time::sleep(SLOW).await;
            next.run(request).await
        }
        Some(Kind::Status(429)) => throttled(options.retry_after, Duration::from_secs(1)),
        Some(Kind::Status(status)) => {
            error(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "The backend failed.")
        }
        Some(Kind::Reset) => {
            let mut response = StatusCode::OK.into_response();
            response.extensions_mut().insert(CloseConnection);
            response
        }
        Some(Kind::Garbage) => (StatusCode::OK, "{\"items\": [{\"id\": ").into_response(),
        Some(Kind::Html) => (
            [(CONTENT_TYPE, "text/html")],
            "<html><body><h1>502 - Web server received an invalid response</h1></body></html>",
        )
            .into_response(),
        Some(Kind::ErrorFlag) => (
            [(CONTENT_TYPE, "application/json")],
            json!({"error": true, "message": "Something went wrong"}).to_string(),
        )
            .into_response(),
        Some(kind @ (Kind::Stall | Kind::Truncate)) => cut(next.run(request).await, kind).await,
        Some(Kind::Drip) => drip(next.run(request).await).await,
    }
}

fn check_key(options: &Options, headers: &HeaderMap) -> Option<Response> {
    let Some(key) = headers.get(KEY_HEADER) else {
        return Some(error(
            StatusCode::UNAUTHORIZED,
            "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.",
        ));
    };
    let opens = |known: &crate::secret::Secret| key.as_bytes() == known.expose().as_bytes();
    (!options.keys.iter().any(opens)).then(|| {
        error(
            StatusCode::UNAUTHORIZED,
            "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription.",
        )
    })
}

/// Counts a request against the rate limit and the call quota.
fn count(gateway: &Gateway, options: &Options) -> Option<Response> {
    let mut counts = gateway.counts();
    counts.requests += 1;
    if options.call_quota.is_some_and(|quota| counts.requests > quota) {
        return Some(error(StatusCode::FORBIDDEN, "Out of call volume quota. Quota will be replenished in 03:25:45."));
    }
    let requests = options.requests?;
    let wait = counts.admit(Instant::now(), requests, options.window)?;
    counts.throttled += 1;
    Some(throttled(options.retry_after, wait))
}

fn throttled(style: RetryAfter, wait: Duration) -> Response {
    let seconds = wait.as_millis().div_ceil(1_000).max(1);
    let mut response = error(
        StatusCode::TOO_MANY_REQUESTS,
        &if style == RetryAfter::None {
            "Rate limit is exceeded.".to_owned()
        } else {
            format!("Rate limit is exceeded. Try again in {seconds} seconds.")
        },
    );
    let value = match style {
        RetryAfter::Seconds => Some(seconds.to_string()),
        RetryAfter::Date => {
            let seconds = i64::try_from(seconds).unwrap_or(1);
            let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
            Some(until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        }
        RetryAfter::Message | RetryAfter::None => None,
    };
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// Half of an answer, then silence or the end of the connection.
async fn cut(response: Response, kind: Kind) -> Response {
    let (parts, body) = response.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    let rest = stream::once(async move {
        if kind == Kind::Stall {
            tokio::time::sleep(STALLED).await;
        }
        Err::<Bytes, _>(std::io::Error::other("cut"))
    });
    let body = Body::from_stream(stream::iter([Ok(half)]).chain(rest));
    Response::from_parts(parts, body)
}

/// An answer in small pieces, each soon enough and all together far too late.
async fn drip(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let pieces = stream::unfold(whole, |mut rest| async move {
        tokio::time::sleep(BETWEEN_DRIPS).await;
        let piece = rest.split_to(rest.len().min(8));
        (!piece.is_empty()).then_some((Ok::<Bytes, std::convert::Infallible>(piece), rest))
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// An error as APIM writes it.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    let body = json!({"statusCode": status.as_u16(), "message": message});
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
