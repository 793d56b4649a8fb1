//! Trying again: what a receiver did not take, and how long to wait before it is asked once more.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The first wait after a failure; the jitter adds up to as much again.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// Why a receiver did not take something.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It may take it later.
    Later(String),
    /// It answered, and does not want it.
    Refused(String),
}

impl Trouble {
    /// What an HTTP status says that is no success.
    pub(crate) fn of_status(host: &str, status: u16) -> Self {
        let why = format!("{host} answers with status {status}");
        if passes(status) { Self::Later(why) } else { Self::Refused(why) }
    }
}

/// Whether what an HTTP status says passes, so that the same may be asked again.
pub(crate) const fn passes(status: u16) -> bool {
    matches!(status, 408 | 421 | 425 | 429) || status >= 500
}

/// How long to wait for a receiver, longer each time and never without end.
pub(crate) fn waits() -> ExponentialBackoff {
    waits_up_to(LONGEST_WAIT)
}

/// The same with another longest wait.
pub(crate) fn waits_up_to(longest: Duration) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_busy_server_says_passes_and_what_it_refuses_does_not() {
        assert!([408, 421, 425, 429, 500, 502, 503, 504].into_iter().all(passes));
        assert!(![301, 400, 401, 403, 404, 409, 410, 413, 422].into_iter().any(passes));
    }
}
