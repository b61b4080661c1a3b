//! Whether a failed attempt is worth another: a pure decision; the client does the waiting.

use std::time::{Duration, SystemTime};

use retry_policies::{Jitter, RetryDecision, RetryPolicy as _, policies::ExponentialBackoff};

use super::error::Failure;

/// How much patience a request gets.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Attempts in all.
    pub attempts: u32,
    /// Time in all, pauses included.
    pub elapsed: Duration,
    /// The window of the quota, as it is believed to be.
    pub window: Duration,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try again after a pause.
    Wait {
        /// The pause.
        pause: Duration,
        /// Whether the server asked for it, so that it holds for everybody who uses the key.
        everybody: bool,
    },
    /// Give up.
    Stop,
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Decides, after `attempt` attempts (from 1) that took `elapsed` in all.
pub fn decide(failure: &Failure, attempt: u32, elapsed: Duration, budget: Budget) -> Decision {
    if !is_transient(failure) || attempt >= budget.attempts {
        return Decision::Stop;
    }
    let pause = match failure {
        Failure::Throttled { wait } => wait.unwrap_or_else(|| part_of(budget.window, attempt)),
        _ => backoff(attempt),
    };
    if elapsed.saturating_add(pause) > budget.elapsed {
        return Decision::Stop;
    }
    Decision::Wait { pause, everybody: matches!(failure, Failure::Throttled { .. }) }
}

/// Whether another attempt could end differently.
fn is_transient(failure: &Failure) -> bool {
    match failure {
        Failure::Throttled { .. }
        | Failure::Connect(_)
        | Failure::Timeout(_)
        | Failure::Stalled
        | Failure::BrokenOff
        | Failure::NotJson(_)
        | Failure::ErrorFlag => true,
        Failure::Status(status) => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
        Failure::QuotaExhausted { .. } | Failure::KeyRefused | Failure::TooLarge(_) | Failure::Redirect => false,
    }
}

/// Where a refusal does not say how long to wait: an eighth of the window, then twice as long each time, up to all of it.
/// Waiting less would spend attempts on a quota that cannot have room yet.
fn part_of(window: Duration, attempt: u32) -> Duration {
    window / 8 * 2u32.pow(attempt.saturating_sub(1).min(3))
}

/// A random pause up to a bound that doubles with each attempt (full jitter), so that fetchers do not return in step.
fn backoff(attempt: u32) -> Duration {
    let policy = ExponentialBackoff::builder()
        .retry_bounds(FIRST_PAUSE, LONGEST_PAUSE)
        .jitter(Jitter::Full)
        .build_with_max_retries(u32::MAX);
    let now = SystemTime::now();
    match policy.should_retry(now, attempt.saturating_sub(1)) {
        RetryDecision::Retry { execute_after } => execute_after.duration_since(now).unwrap_or_default(),
        RetryDecision::DoNotRetry => LONGEST_PAUSE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonError;

    const BUDGET: Budget = Budget { attempts: 4, elapsed: Duration::from_secs(100), window: Duration::from_secs(8) };

    #[test]
    fn what_cannot_change_is_not_asked_again() {
        for failure in [
            Failure::Status(400),
            Failure::Status(403),
            Failure::Status(501),
            Failure::KeyRefused,
            Failure::QuotaExhausted { replenished_in: None },
            Failure::TooLarge(1),
            Failure::Redirect,
        ] {
            assert_eq!(decide(&failure, 1, Duration::ZERO, BUDGET), Decision::Stop, "{failure}");
        }
    }

    #[test]
    fn what_may_pass_is_asked_again_until_the_budget_ends() {
        for failure in [
            Failure::Status(408),
            Failure::Status(500),
            Failure::Status(504),
            Failure::Stalled,
            Failure::BrokenOff,
            Failure::NotJson(JsonError::Malformed),
            Failure::ErrorFlag,
            Failure::Throttled { wait: None },
        ] {
            assert!(matches!(decide(&failure, 1, Duration::ZERO, BUDGET), Decision::Wait { .. }), "{failure}");
            assert_eq!(decide(&failure, 4, Duration::ZERO, BUDGET), Decision::Stop, "{failure}");
            assert_eq!(decide(&failure, 1, Duration::from_secs(101), BUDGET), Decision::Stop, "{failure}");
        }
    }

    #[test]
    fn the_wait_that_the_server_asks_for_holds_for_everybody() {
        let wait = Duration::from_secs(7);
        let failure = Failure::Throttled { wait: Some(wait) };
        assert_eq!(decide(&failure, 1, Duration::ZERO, BUDGET), Decision::Wait { pause: wait, everybody: true });
        assert_eq!(decide(&failure, 1, Duration::from_secs(95), BUDGET), Decision::Stop);
    }

    #[test]
    fn without_a_word_from_the_server_all_of_the_window_is_waited_for_in_the_end() {
        let pause = |attempt| decide(&Failure::Throttled { wait: None }, attempt, Duration::ZERO, BUDGET);
        for (attempt, seconds) in [(1, 1), (2, 2), (3, 4)] {
            assert_eq!(pause(attempt), Decision::Wait { pause: Duration::from_secs(seconds), everybody: true });
        }
        assert_eq!(part_of(Duration::from_secs(8), 9), Duration::from_secs(8));
    }

    #[test]
    fn pauses_are_bounded() {
        for attempt in 1..70 {
            assert!(backoff(attempt) <= LONGEST_PAUSE);
        }
    }
}
