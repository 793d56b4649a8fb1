//! The clock that links are dated by: this machine's, set back by what a log said that it is ahead.

use std::time::{Duration, Instant};

use countersign::time::{DAY, Time};

/// By so many milliseconds a clock may differ from the log's, or be set, and nothing is made of it.
const AGREE: i64 = 60_000;
/// A clock that goes back by more than so many milliseconds begins a new chain.
const BACK: i64 = 5 * 60_000;
/// The most that a log is believed: nobody signs what its clock shows.
const MOST: i64 = DAY;
/// For how long. Then this machine's own clock counts until the log refuses it again.
const BELIEVED: Duration = Duration::from_hours(1);

/// What follows from a log's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDifference {
    /// The milliseconds by which this machine's clock is ahead of the log's.
    pub ahead: i64,
    /// True if links are dated by the log's clock from now on.
    pub is_corrected: bool,
    /// The earlier of both clocks.
    now: Time,
}

impl ClockDifference {
    /// What a log's clock means that showed `log` when this machine's showed `own`; none if that is more than a log is
    /// believed.
    fn of(own: Time, log: Time) -> Option<Self> {
        let ahead = own.millis() - log.millis();
        let learnt = Self { ahead, is_corrected: ahead > AGREE, now: own.min(log) };
        (ahead <= MOST).then_some(learnt)
    }

    /// Returns when an event happened that was recorded with that time, as far as that can be known.
    pub fn dated(&self, time: Time) -> Time {
        if time <= self.now {
            return time;
        }
        let shifted = if self.is_corrected { time.millis() - self.ahead } else { time.millis() };
        Time::from_millis(shifted).map_or(self.now, |time| time.min(self.now))
    }
}

/// This machine's clock, corrected if a log said that it is ahead.
#[derive(Default)]
pub struct Clock(Option<Correction>);

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
    /// Returns the time, where this machine's clock shows `own`.
    pub fn now(&mut self, own: Time) -> Time {
        if self.0.as_ref().is_some_and(|correction| correction.is_outdated(own)) {
            self.0 = None;
        }
        let ahead = self.0.as_ref().map_or(0, |correction| correction.ahead);
        Time::from_millis(own.millis() - ahead).unwrap_or(own)
    }

    /// Takes in what the log's clock showed when it refused links that were dated after it, and this machine's showed `own`.
    /// Returns none if the difference is more than a log is believed.
    pub fn learn(&mut self, own: Time, log: Time) -> Option<ClockDifference> {
        let learnt = ClockDifference::of(own, log);
        if let Some(ClockDifference { ahead, is_corrected: true, .. }) = learnt {
            self.0 = Some(Correction { ahead, since: Instant::now(), own });
        }
        learnt
    }

    /// True if a chain whose last link has the time `last` is so far ahead of `now` that a new one has to begin: times in a
    /// chain never go back, so that no log would accept it until then.
    pub fn is_too_far_ahead(last: Time, now: Time) -> bool {
        last.millis() > now.millis() + BACK
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
        let learnt = ClockDifference::of(at(5_000), at(1_400)).unwrap();
        assert!(learnt.is_corrected && learnt.ahead == 3_600_000);
        assert_eq!(learnt.dated(at(4_990)), at(1_390));
        assert_eq!(learnt.dated(at(9_000)), at(1_400), "never after what the log's clock shows");
        assert_eq!(learnt.dated(at(1_000)), at(1_000), "what was right stays");
    }

    #[test]
    fn after_a_clock_was_set_what_was_ahead_is_of_now() {
        let learnt = ClockDifference::of(at(1_401), at(1_400)).unwrap();
        assert!(!learnt.is_corrected);
        assert_eq!(learnt.dated(at(5_000)), at(1_400));
        assert_eq!(learnt.dated(at(1_399)), at(1_399));
    }

    #[test]
    fn a_log_is_believed_for_a_day_at_most() {
        assert!(ClockDifference::of(at(86_400), at(0)).is_some());
        assert_eq!(ClockDifference::of(at(86_401), at(0)), None);
    }
}
