//! The time to wait before a receiver is asked again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
/// The first wait after a failure; the jitter adds up to as much again.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// The longest wait that a receiver can ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// Waits for a receiver, each longer than the one before, up to a limit.
pub struct Backoff {
    backoff: ExponentialBackoff,
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// Creates waits of up to 5 minutes.
    pub fn new() -> Self {
        Self::up_to(LONGEST_WAIT)
    }

    /// Creates waits of up to `longest`.
    pub fn up_to(longest: Duration) -> Self {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(longest)
            .without_max_times()
            .with_jitter()
            .build();
        Self { backoff, longest }
    }

    /// Returns the next wait, which is no shorter than the receiver asks for, unless that is above an hour.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        let wait = self.backoff.next().unwrap_or(self.longest);
        wait.max(asked.unwrap_or_default().min(LONGEST_ASKED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_as_long_as_the_receiver_asks_and_no_shorter_than_it_would_be() {
        let mut waits = Backoff::new();
        assert!((FIRST_WAIT..=FIRST_WAIT * 2).contains(&waits.next(Some(Duration::ZERO))));
        assert_eq!(waits.next(Some(Duration::from_mins(7))), Duration::from_mins(7));
        assert_eq!(waits.next(Some(Duration::MAX)), LONGEST_ASKED);
    }
}
