//! The gate: one for each API key, before the one function that sends.
//!
//! It admits a request when, counting every attempt, fewer than `requests` were made in the window that ends now.
//! "Made" is counted from the moment the answer's head arrived: the server counted the request before that, so
//! whatever the network did, the server never sees more than `requests` in any window, and a CRM that fits into one
//! window is fetched at once. A token bucket cannot promise this: full at the start and refilling meanwhile, it lets
//! nearly twice the quota through in the first window.
//!
//! Refusals teach. One alone may have another cause, such as the run before this one; so it only makes everybody wait.
//! But when the burst after that pause is refused too, within the window that was believed in, then the requests that it
//! had accepted are what the server allows, and the time from the first of them to the end of the pause is the server's
//! window; from then on the gate keeps to that. After [`CLEAN_WINDOWS`] windows without a refusal it allows more again,
//! up to what was configured.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as Turnstile, Notify},
    time::{Instant, sleep_until},
};

/// Windows without a refusal after which a learned limit is doubled.
const CLEAN_WINDOWS: u32 = 10;
/// Timers have a resolution of a millisecond.
const TICK: Duration = Duration::from_millis(1);

/// The gate of one key. Clones share it.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Requests wait here in the order they came; only the first looks at the state.
    turnstile: Turnstile<()>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    configured: Limit,
    /// What refusals taught. It comes on top: what was configured holds in any case.
    learned: Option<Limit>,
    in_flight: usize,
    /// The latest answers, oldest first; no more than the configured number of requests.
    answers: VecDeque<Answered>,
    pause: Option<Pause>,
    /// When the last pause ended: what was answered since is one burst.
    burst_since: Option<Instant>,
    clean_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    requests: usize,
    window: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Answered {
    at: Instant,
    accepted: bool,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    began: Instant,
    until: Instant,
    /// Whether a refusal caused it, which teaches when the pause is over.
    teaches: bool,
}

/// The right to send one request. Dropped, it counts as answered from then.
#[derive(Debug)]
pub struct Pass<'a> {
    gate: &'a Gate,
    accepted: bool,
}

impl Gate {
    /// A gate for `requests` in any `window`.
    pub fn new(requests: u32, window: Duration) -> Self {
        let limit = Limit { requests: requests as usize, window };
        Self(Arc::new(Shared {
            turnstile: Turnstile::new(()),
            state: Mutex::new(State {
                configured: limit,
                learned: None,
                in_flight: 0,
                answers: VecDeque::new(),
                pause: None,
                burst_since: None,
                clean_until: None,
            }),
            changed: Notify::new(),
        }))
    }

    /// Waits until a request may be sent.
    pub async fn enter(&self) -> Pass<'_> {
        let _turn = self.0.turnstile.lock().await;
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let admission = self.state().admit(Instant::now());
            match admission {
                Admission::Now => return Pass { gate: self, accepted: true },
                Admission::At(instant) => tokio::select! {
                    () = sleep_until(instant) => {}
                    () = changed => {}
                },
                Admission::AfterAnAnswer => changed.await,
            }
        }
    }

    /// How many requests refusals have taught to allow in what window, beside what was configured.
    pub fn learned(&self) -> Option<(usize, Duration)> {
        self.state().learned.map(|limit| (limit.requests, limit.window))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The server refused: everybody waits for so long. Where the server said how long, the gate may learn. Returns
    /// whether this is the first refusal of its burst.
    pub fn refused(mut self, wait: Duration, teaches: bool) -> bool {
        self.accepted = false;
        let now = Instant::now();
        let mut state = self.gate.state();
        let earlier = state.pause;
        state.pause = Some(Pause {
            began: earlier.map_or(now, |pause| pause.began),
            until: earlier.map_or(now + wait, |pause| pause.until.max(now + wait)),
            teaches: teaches || earlier.is_some_and(|pause| pause.teaches),
        });
        earlier.is_none()
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.in_flight -= 1;
        state.answers.push_back(Answered { at: Instant::now(), accepted: self.accepted });
        if state.answers.len() > state.configured.requests {
            state.answers.pop_front();
        }
        drop(state);
        self.gate.0.changed.notify_waiters();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Admission {
    Now,
    At(Instant),
    AfterAnAnswer,
}

impl State {
    fn admit(&mut self, now: Instant) -> Admission {
        if let Some(pause) = self.pause {
            if now < pause.until {
                return Admission::At(pause.until);
            }
            self.pause = None;
            let window = self.configured.window;
            let again = self.burst_since.is_some_and(|since| pause.began.duration_since(since) <= window);
            if pause.teaches && again {
                self.learn(now, pause.until);
            }
            self.burst_since = Some(now);
        }
        self.forget(now);
        for limit in [Some(self.configured), self.learned].into_iter().flatten() {
            let free = limit.requests.saturating_sub(self.in_flight);
            if free == 0 {
                return Admission::AfterAnAnswer;
            }
            // With `free` answers still inside the window, it is full until the oldest of them leaves it.
            let leaves = self.answers.len().checked_sub(free).map(|index| self.answers[index].at + limit.window + TICK);
            if let Some(instant) = leaves.filter(|instant| now < *instant) {
                return Admission::At(instant);
            }
        }
        self.in_flight += 1;
        Admission::Now
    }

    /// Takes the burst that a refusal ended for the server's quota: so many requests, and the time until it allows more.
    /// Refused requests stay in the window, because some gateways count them.
    fn learn(&mut self, now: Instant, until: Instant) {
        let since = self.burst_since;
        let burst =
            self.answers.iter().filter(|answer| answer.accepted && since.is_none_or(|since| answer.at >= since));
        let accepted: Vec<Instant> = burst.map(|answer| answer.at).collect();
        let Some(first) = accepted.first() else { return };
        let window = until.duration_since(*first).max(TICK);
        self.learned = Some(Limit { requests: accepted.len(), window });
        self.clean_until = Some(now + window * CLEAN_WINDOWS);
    }

    fn forget(&mut self, now: Instant) {
        let Some(learned) = self.learned.filter(|_| self.clean_until.is_some_and(|until| now >= until)) else { return };
        let requests = learned.requests * 2;
        self.learned = (requests < self.configured.requests).then_some(Limit { requests, ..learned });
        self.clean_until = self.learned.map(|limit| now + limit.window * CLEAN_WINDOWS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `count` requests that take `latency`, `workers` at a time, and returns when each reached the server, which
    /// is halfway. Time is paused: nothing here waits for real.
    async fn arrivals(gate: &Gate, count: usize, workers: usize, latency: Duration) -> Vec<Duration> {
        let start = Instant::now();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..workers {
            let (gate, seen) = (gate.clone(), seen.clone());
            let mine = count / workers + usize::from(worker < count % workers);
            tasks.spawn(async move {
                for _ in 0..mine {
                    let pass = gate.enter().await;
                    tokio::time::sleep(latency / 2).await;
                    seen.lock().unwrap().push(start.elapsed());
                    tokio::time::sleep(latency / 2).await;
                    drop(pass);
                }
            });
        }
        tasks.join_all().await;
        let mut arrivals = seen.lock().unwrap().clone();
        arrivals.sort();
        arrivals
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_ever_holds_more_than_the_quota() {
        let window = Duration::from_secs(4);
        let gate = Gate::new(20, window);
        let seen = arrivals(&gate, 200, 8, Duration::from_millis(30)).await;
        assert_eq!(seen.len(), 200);
        for pair in seen.windows(21) {
            let span = pair[20].saturating_sub(pair[0]);
            assert!(span >= window, "21 requests within {span:?}");
        }
        let least = window * 9;
        assert!(seen[199] >= least && seen[199] < least + Duration::from_secs(2), "{:?}", seen[199]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_fits_into_one_window_is_not_trickled() {
        let gate = Gate::new(100, Duration::from_mins(1));
        let seen = arrivals(&gate, 100, 8, Duration::from_millis(10)).await;
        assert!(seen[99] < Duration::from_millis(200), "{:?}", seen[99]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_holds_everybody_and_teaches_the_limit() {
        let gate = Gate::new(100, Duration::from_mins(1));
        let start = Instant::now();
        for _ in 0..2 {
            for _ in 0..20 {
                drop(gate.enter().await);
            }
            assert!(gate.enter().await.refused(Duration::from_secs(4), true));
            assert_eq!(gate.learned(), None);
        }
        let seen = arrivals(&gate, 50, 8, Duration::from_millis(10)).await;
        // Two pauses, and two more windows for fifty requests.
        assert!(start.elapsed() >= Duration::from_secs(16));
        assert!(seen[0] >= Duration::from_secs(4));
        assert_eq!(gate.learned(), Some((20, Duration::from_secs(4))));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_configured_holds_whatever_was_learned() {
        let window = Duration::from_mins(1);
        let gate = Gate::new(100, window);
        let start = Instant::now();
        for _ in 0..2 {
            for _ in 0..20 {
                drop(gate.enter().await);
            }
            gate.enter().await.refused(Duration::from_secs(4), true);
        }
        arrivals(&gate, 100, 8, Duration::from_millis(10)).await;
        assert!(start.elapsed() >= window, "142 requests in {:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_without_a_cause_is_forgotten_in_time() {
        let gate = Gate::new(16, Duration::from_secs(1));
        for _ in 0..2 {
            drop(gate.enter().await);
            gate.enter().await.refused(Duration::from_secs(1), true);
        }
        arrivals(&gate, 400, 4, Duration::from_millis(10)).await;
        assert_eq!(gate.learned(), None);
    }
}
