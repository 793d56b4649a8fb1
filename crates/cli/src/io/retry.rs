//! Trying again: what a receiver did not take, and how long to wait before it is asked once more.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use countersign_delivery::is_transient;

use crate::io::http::Answer;

/// The first wait after a failure; the jitter adds up to as much again.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// Who asks for more patience than this is asked again anyway.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// An error of a destination that did not accept something.
#[derive(Debug)]
pub(crate) enum DestinationError {
    /// It may take it later, and where it says when, not before.
    Later { why: String, after: Option<Duration> },
    /// It answered, and does not want it.
    Refused(String),
}

impl DestinationError {
    /// It may take it later, and does not say when.
    pub(crate) fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after: None }
    }

    /// What an answer over HTTP says that is no success.
    pub(crate) fn of_answer(host: &str, answer: &Answer) -> Self {
        let why = format!("{host} answers with status {}", answer.status);
        if is_transient(answer.status) {
            Self::Later { why, after: answer.retry_after }
        } else {
            Self::Refused(why)
        }
    }
}

/// How long to wait for a receiver, longer each time and never without end.
pub(crate) struct Waits {
    backoff: ExponentialBackoff,
    longest: Duration,
}

impl Waits {
    pub(crate) fn new() -> Self {
        Self::up_to(LONGEST_WAIT)
    }

    /// The same with another longest wait.
    pub(crate) fn up_to(longest: Duration) -> Self {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(longest)
            .without_max_times()
            .with_jitter()
            .build();
        Self { backoff, longest }
    }

    /// The next wait, which is no shorter than the receiver asks for.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let wait = self.backoff.next().unwrap_or(self.longest);
        wait.max(asked.unwrap_or_default().min(LONGEST_ASKED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_as_long_as_the_receiver_asks_and_no_shorter_than_it_would_be() {
        let mut waits = Waits::new();
        assert!((FIRST_WAIT..=FIRST_WAIT * 2).contains(&waits.next(Some(Duration::ZERO))));
        assert_eq!(waits.next(Some(Duration::from_mins(7))), Duration::from_mins(7));
        assert_eq!(waits.next(Some(Duration::MAX)), LONGEST_ASKED);
    }
}
