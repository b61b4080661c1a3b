//! The one function that sends, and what stands around it: the gate, the keys, the retries, the bounds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::StreamExt as _;
use reqwest::{
    Response, StatusCode,
    header::{ACCEPT, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER},
    redirect::Policy,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, warn};
use url::Url;

use super::{
    error::{ApiError, Failure, SetupError},
    limiter::{Gate, Pass},
    retry::{Budget, Decision, decide},
};
use crate::{
    config::{Instance, file::ApiTable, is_loopback},
    json::{self, Kind},
    secret::Secret,
};

/// The header that carries the subscription key through the gateway.
const KEY_HEADER: &str = "Ocp-Apim-Subscription-Key";
/// Redirects within the origin followed for one request.
const MAX_REDIRECTS: u32 = 4;
/// As much of an error's body as is read to understand it.
const MAX_ERROR_BYTES: u64 = 64 * 1024;

/// Gives the process its cryptography, which every client of HTTPS takes.
pub fn prepare_tls() {
    // Installing twice is refused, and means that it is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What a request brought.
#[derive(Debug)]
pub struct Answer {
    /// The text of a well-formed JSON value, or nothing where the server says that nothing is there (404).
    pub body: Option<Box<str>>,
    /// What it took.
    pub cost: Counters,
}

/// Requests sent, and how many of them were retries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Every request that was sent.
    pub requests: u64,
    /// Those that repeated a failed one.
    pub retries: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.retries += other.retries;
    }
}

/// A connection pool to one instance, shared by all its fetchers.
#[derive(Clone, Debug)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    base_url: Url,
    instance: String,
    key: Secret,
    secondary_key: Option<Secret>,
    primary_refused: AtomicBool,
    gate: Gate,
    in_flight: Semaphore,
    budget: Budget,
    timeout: Duration,
    stall_timeout: Duration,
    max_bytes: u64,
}

impl Client {
    /// A client for an instance, behind the gate of its key.
    ///
    /// # Errors
    /// When the machine's TLS roots cannot be loaded.
    pub fn new(instance: &Instance, api: &ApiTable, gate: Gate) -> Result<Self, SetupError> {
        prepare_tls();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("crmlake/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(api.connect_timeout)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .gzip(true);
        if is_loopback(&instance.base_url) {
            builder = builder.no_proxy();
        }
        Ok(Self(Arc::new(Shared {
            http: builder.build()?,
            base_url: instance.base_url.clone(),
            instance: instance.name.clone(),
            key: instance.key.clone(),
            secondary_key: instance.secondary_key.clone(),
            primary_refused: AtomicBool::new(false),
            gate,
            in_flight: Semaphore::new(api.concurrency),
            budget: Budget { attempts: api.max_attempts, elapsed: api.max_elapsed, window: api.window },
            timeout: api.timeout,
            stall_timeout: api.stall_timeout,
            max_bytes: api.max_response_bytes.as_u64(),
        })))
    }

    /// Asks for a path below the base URL until there is an answer or the budget is used up.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, ApiError> {
        let start = Instant::now();
        let mut cost = Counters::default();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let result = self.attempt(path, query, &mut cost).await;
            let (failure, pass) = match result {
                Ok(body) => return Ok(Answer { body, cost }),
                Err(failed) => failed,
            };
            let decision = decide(&failure, attempt, start.elapsed(), self.0.budget);
            let teaches = matches!(failure, Failure::Throttled { wait: Some(_) });
            match decision {
                Decision::Wait { pause, everybody } => {
                    cost.retries += 1;
                    debug!(path, attempt, pause_ms = pause.as_millis(), %failure, "attempt failed; trying again");
                    match pass {
                        // The gate holds this request too, in its turn.
                        Some(pass) if everybody => {
                            if pass.refused(pause, teaches) {
                                let seconds = pause.as_secs_f32();
                                warn!(instance = self.0.instance, seconds, "{failure}; all requests wait");
                            }
                        }
                        other => {
                            drop(other);
                            sleep(pause).await;
                        }
                    }
                }
                Decision::Stop => {
                    return Err(ApiError {
                        path: path.to_owned(),
                        attempts: u32::try_from(cost.requests).unwrap_or(u32::MAX),
                        elapsed: start.elapsed(),
                        failure,
                    });
                }
            }
        }
    }

    /// One attempt: as many requests as redirects within the origin and a refused primary key make of it.
    async fn attempt(
        &self,
        path: &str,
        query: &[(&str, String)],
        cost: &mut Counters,
    ) -> Result<Option<Box<str>>, (Failure, Option<Pass<'_>>)> {
        let shared = &*self.0;
        let mut url = shared.base_url.clone();
        url.set_path(&format!("{}{}", shared.base_url.path().trim_end_matches('/'), path));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut redirects = 0;
        loop {
            // The semaphore is closed never: it lives as long as the client.
            let _slot = shared.in_flight.acquire().await;
            let pass = shared.gate.enter().await;
            let (key, is_primary) = self.current_key();
            cost.requests += 1;
            let head = timeout(shared.stall_timeout.min(shared.timeout), self.send(&url, key)).await;
            let response = match head {
                Err(_) if shared.timeout <= shared.stall_timeout => {
                    return Err((Failure::Timeout(shared.timeout), Some(pass)));
                }
                Err(_) => return Err((Failure::Stalled, Some(pass))),
                Ok(Err(error)) => return Err((transport(&error), Some(pass))),
                Ok(Ok(response)) => response,
            };
            let status = response.status();
            if status.is_redirection() && redirects < MAX_REDIRECTS {
                redirects += 1;
                url = same_origin(&url, response.headers()).ok_or((Failure::Redirect, None))?;
                continue;
            }
            if status == StatusCode::UNAUTHORIZED && is_primary && shared.secondary_key.is_some() {
                if !shared.primary_refused.swap(true, Ordering::SeqCst) {
                    warn!(
                        instance = shared.instance,
                        "the primary key was refused; going on with the secondary key. Rotate the primary key."
                    );
                }
                continue;
            }
            if status == StatusCode::TOO_MANY_REQUESTS {
                return Err((throttled(response, shared.stall_timeout).await, Some(pass)));
            }
            // Answered: from here the request counts, however long its body takes.
            drop(pass);
            let read = timeout(shared.timeout, self.read(response, status)).await;
            return read.unwrap_or(Err(Failure::Timeout(shared.timeout))).map_err(|failure| (failure, None));
        }
    }

    fn current_key(&self) -> (&Secret, bool) {
        match &self.0.secondary_key {
            Some(secondary) if self.0.primary_refused.load(Ordering::SeqCst) => (secondary, false),
            _ => (&self.0.key, true),
        }
    }

    async fn send(&self, url: &Url, key: &Secret) -> Result<Response, reqwest::Error> {
        let mut request = self.0.http.get(url.clone()).header(ACCEPT, "application/json");
        if let Ok(mut value) = HeaderValue::from_str(key.expose()) {
            value.set_sensitive(true);
            request = request.header(KEY_HEADER, value);
        }
        request.send().await.map_err(reqwest::Error::without_url)
    }

    async fn read(&self, response: Response, status: StatusCode) -> Result<Option<Box<str>>, Failure> {
        let shared = &*self.0;
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::NO_CONTENT => Ok(None),
            StatusCode::UNAUTHORIZED => Err(Failure::KeyRefused),
            StatusCode::FORBIDDEN => {
                let body = body(response, MAX_ERROR_BYTES, shared.stall_timeout).await.unwrap_or_default();
                Err(forbidden(&String::from_utf8_lossy(&body)))
            }
            status if status.is_success() => {
                let body = body(response, shared.max_bytes, shared.stall_timeout).await?;
                let text = json::check(&body).map_err(Failure::NotJson)?;
                if json::kind(text) == Kind::Object && json::member(text, "error") == Some("true") {
                    return Err(Failure::ErrorFlag);
                }
                Ok(Some(text.into()))
            }
            status if status.is_redirection() => Err(Failure::Redirect),
            status => Err(Failure::Status(status.as_u16())),
        }
    }
}

/// The whole body, within its bounds.
async fn body(response: Response, limit: u64, stall_timeout: Duration) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::with_capacity(usize::try_from(response.content_length().unwrap_or(0).min(limit)).unwrap_or(0));
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = timeout(stall_timeout, chunks.next()).await.map_err(|_| Failure::Stalled)? {
        let chunk = chunk.map_err(|_| Failure::BrokenOff)?;
        if body.len() as u64 + chunk.len() as u64 > limit {
            return Err(Failure::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn transport(error: &reqwest::Error) -> Failure {
    if error.is_connect() {
        Failure::Connect(innermost(error))
    } else if error.is_timeout() {
        Failure::Stalled
    } else {
        Failure::BrokenOff
    }
}

/// The cause at the bottom of a connection error, which is the operating system's or the TLS library's own word.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Where a redirect leads, if that is within the origin that the key belongs to.
fn same_origin(from: &Url, headers: &HeaderMap) -> Option<Url> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    from.join(location).ok().filter(|to| to.origin() == from.origin())
}

/// The wait that a 429 asks for: `Retry-After` in seconds or as a date, else the gateway's "Try again in N seconds".
async fn throttled(response: Response, stall_timeout: Duration) -> Failure {
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(retry_after);
    if after.is_some() {
        return Failure::Throttled { wait: after };
    }
    let body = body(response, MAX_ERROR_BYTES, stall_timeout).await.unwrap_or_default();
    Failure::Throttled { wait: seconds_in(&String::from_utf8_lossy(&body)) }
}

fn retry_after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp();
    // A date has whole seconds: one more, so that the moment has come in any case.
    let wait = until.duration_since(jiff::Timestamp::now()) + jiff::SignedDuration::from_secs(1);
    Some(Duration::try_from(wait).unwrap_or_default())
}

fn seconds_in(message: &str) -> Option<Duration> {
    let after = &message[message.find("ry again in ")? + "ry again in ".len()..];
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..digits].parse().ok().map(Duration::from_secs)
}

fn forbidden(message: &str) -> Failure {
    if !message.to_ascii_lowercase().contains("quota") {
        return Failure::Status(403);
    }
    let replenished_in = message
        .split_once("replenished in ")
        .map(|(_, rest)| rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, ':' | '.')).collect::<String>());
    Failure::QuotaExhausted {
        replenished_in: replenished_in
            .map(|time| time.trim_end_matches('.').to_owned())
            .filter(|time| !time.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_from_seconds_dates_and_messages() {
        assert_eq!(retry_after("17"), Some(Duration::from_secs(17)));
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(30);
        let date = soon.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let wait = retry_after(&date).unwrap();
        assert!(wait > Duration::from_secs(28) && wait <= Duration::from_secs(31), "{wait:?}");
        assert_eq!(retry_after("soon"), None);
        let message = r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 42 seconds."}"#;
        assert_eq!(seconds_in(message), Some(Duration::from_secs(42)));
        assert_eq!(seconds_in("no"), None);
    }

    #[test]
    fn a_used_up_quota_says_when_it_comes_back() {
        let message =
            r#"{"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in 01:02:03."}"#;
        assert_eq!(forbidden(message), Failure::QuotaExhausted { replenished_in: Some("01:02:03".to_owned()) });
        assert_eq!(forbidden("you may not"), Failure::Status(403));
    }

    #[test]
    fn a_redirect_to_another_origin_leads_nowhere() {
        let from = Url::parse("https://crm.example/v1/pipeline/leads").unwrap();
        let to = |location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
            same_origin(&from, &headers)
        };
        assert!(to("/v2/pipeline/leads").is_some());
        for elsewhere in
            ["https://other.example/v1", "http://crm.example/v1", "//other.example/", "https://crm.example:8443/"]
        {
            assert!(to(elsewhere).is_none(), "{elsewhere}");
        }
    }
}
