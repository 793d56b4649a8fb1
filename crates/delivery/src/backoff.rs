//! The waits between attempts to reach a server.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The first wait after a failure. Jitter adds up to the same amount.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The default maximum wait.
const MAX_WAIT: Duration = Duration::from_mins(5);
/// The maximum wait that a server can ask for.
const MAX_REQUESTED_WAIT: Duration = Duration::from_hours(1);

/// Waits between attempts, with exponential backoff up to a maximum.
pub struct Backoff {
    backoff: ExponentialBackoff,
    max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// Creates waits of up to 5 minutes, not counting jitter.
    pub fn new() -> Self {
        Self::up_to(MAX_WAIT)
    }

    /// Creates waits of up to `max`, not counting jitter.
    pub fn up_to(max: Duration) -> Self {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(max)
            .without_max_times()
            .with_jitter()
            .build();
        Self { backoff, max }
    }

    /// Returns the next wait. It is at least as long as the server requests, up to an hour.
    pub fn next(&mut self, requested: Option<Duration>) -> Duration {
        let wait = self.backoff.next().unwrap_or(self.max);
        wait.max(requested.unwrap_or_default().min(MAX_REQUESTED_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requested_wait_is_a_lower_bound() {
        let mut waits = Backoff::new();
        assert!((FIRST_WAIT..=FIRST_WAIT * 2).contains(&waits.next(Some(Duration::ZERO))));
        assert_eq!(waits.next(Some(Duration::from_mins(7))), Duration::from_mins(7));
        assert_eq!(waits.next(Some(Duration::MAX)), MAX_REQUESTED_WAIT);
    }
}
