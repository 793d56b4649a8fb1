//! The clock that links are dated by: this machine's, set back by what a log said that it is ahead.

use std::time::{Duration, Instant};

use countersign::time::{DAY, Time};

use crate::commands::verify::now;
use crate::errors::CliError;

/// By so many milliseconds a clock may differ from the log's, or be set, and nothing is made of it.
const AGREE: i64 = 60_000;
/// A clock that goes back by more than so many milliseconds begins a new chain.
pub(super) const BACK: i64 = 5 * 60_000;
/// The most that a log is believed: nobody signs what its clock shows.
const MOST: i64 = DAY;
/// For how long. Then this machine's own clock counts until the log refuses it again.
const BELIEVED: Duration = Duration::from_hours(1);

/// What follows from a log's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Learnt {
    /// By how many milliseconds this machine's clock is ahead of the log's.
    pub(super) ahead: i64,
    /// Whether links are dated by the log's clock from now on.
    pub(super) is_corrected: bool,
    /// The earlier of both clocks.
    now: Time,
}

impl Learnt {
    /// What a log's clock means that showed `log` when this machine's showed `own`; nothing where that is more than a
    /// log is believed.
    pub(super) fn of(own: Time, log: Time) -> Option<Self> {
        let ahead = own.millis() - log.millis();
        let learnt = Self { ahead, is_corrected: ahead > AGREE, now: own.min(log) };
        (ahead <= MOST).then_some(learnt)
    }

    /// When an event happened that was recorded with that time, as far as one can know.
    pub(super) fn dated(&self, time: Time) -> Time {
        if time <= self.now {
            return time;
        }
        let shifted = if self.is_corrected { time.millis() - self.ahead } else { time.millis() };
        Time::from_millis(shifted).map_or(self.now, |time| time.min(self.now))
    }
}

/// This machine's clock, perhaps corrected.
#[derive(Default)]
pub(super) struct Clock(Option<Correction>);

struct Correction {
    ahead: i64,
    since: Instant,
    /// What the own clock showed then.
    own: Time,
}

impl Correction {
    /// Whether the own clock was set since, or the log believed for long enough.
    fn is_outdated(&self, own: Time) -> bool {
        let passed = self.since.elapsed();
        let expected = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        passed > BELIEVED || (own.millis() - self.own.millis()).abs_diff(expected) > AGREE.unsigned_abs()
    }
}

impl Clock {
    /// What time it is.
    pub(super) fn now(&mut self) -> Result<Time, CliError> {
        let own = now()?;
        if self.0.as_ref().is_some_and(|correction| correction.is_outdated(own)) {
            self.0 = None;
        }
        let ahead = self.0.as_ref().map_or(0, |correction| correction.ahead);
        Ok(Time::from_millis(own.millis() - ahead).unwrap_or(own))
    }

    /// Takes in what the log's clock showed when it refused links that were dated after it; nothing where that is more
    /// than a log is believed.
    pub(super) fn learn(&mut self, log: Time) -> Result<Option<Learnt>, CliError> {
        let own = now()?;
        let learnt = Learnt::of(own, log);
        if let Some(Learnt { ahead, is_corrected: true, .. }) = learnt {
            self.0 = Some(Correction { ahead, since: Instant::now(), own });
        }
        Ok(learnt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000).unwrap()
    }

    #[test]
    fn what_is_ahead_of_the_log_is_dated_by_it() {
        let learnt = Learnt::of(at(5_000), at(1_400)).unwrap();
        assert!(learnt.is_corrected && learnt.ahead == 3_600_000);
        assert_eq!(learnt.dated(at(4_990)), at(1_390));
        assert_eq!(learnt.dated(at(9_000)), at(1_400), "never after what the log's clock shows");
        assert_eq!(learnt.dated(at(1_000)), at(1_000), "what was right stays");
    }

    #[test]
    fn after_a_clock_was_set_what_was_ahead_is_of_now() {
        let learnt = Learnt::of(at(1_401), at(1_400)).unwrap();
        assert!(!learnt.is_corrected);
        assert_eq!(learnt.dated(at(5_000)), at(1_400));
        assert_eq!(learnt.dated(at(1_399)), at(1_399));
    }

    #[test]
    fn a_log_is_believed_for_a_day_at_most() {
        assert!(Learnt::of(at(86_400), at(0)).is_some());
        assert_eq!(Learnt::of(at(86_401), at(0)), None);
    }
}
