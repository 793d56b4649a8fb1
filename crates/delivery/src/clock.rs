//! The clock that dates links: this machine's, set back by the lead that a log reported.

use std::time::{Duration, Instant};

use countersign::time::{DAY, Time};

/// The maximum difference between two clocks, and the maximum jump of one, that are ignored, in milliseconds.
const MAX_SKEW_MS: i64 = 60_000;
/// The number of milliseconds by which a clock must go back for a new chain to start.
const MAX_BACKSTEP_MS: i64 = 5 * 60_000;
/// The maximum correction in milliseconds: no signature covers the time that a log reports.
const MAX_CORRECTION_MS: i64 = DAY;
/// The lifetime of a correction. After that, this machine's own clock counts until a log rejects it again.
const CORRECTION_LIFETIME: Duration = Duration::from_hours(1);

/// The difference between this machine's clock and a log's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDifference {
    /// The milliseconds by which this machine's clock is ahead of the log's.
    pub ahead: i64,
    /// True if links are dated by the log's clock from now on.
    pub is_corrected: bool,
    /// The earlier time of the two clocks.
    now: Time,
}

impl ClockDifference {
    /// Compares this machine's time `own` with the time `log` of a log's clock. `None` if the difference
    /// exceeds the maximum correction.
    fn between(own: Time, log: Time) -> Option<Self> {
        let ahead = own.millis() - log.millis();
        let difference = Self { ahead, is_corrected: ahead > MAX_SKEW_MS, now: own.min(log) };
        (ahead <= MAX_CORRECTION_MS).then_some(difference)
    }

    /// Returns the best estimate of when an event happened that was recorded with `time`.
    pub fn dated(&self, time: Time) -> Time {
        if time <= self.now {
            return time;
        }
        let shifted = if self.is_corrected { time.millis() - self.ahead } else { time.millis() };
        Time::from_millis(shifted).map_or(self.now, |time| time.min(self.now))
    }
}

/// This machine's clock, corrected if a log reported that it is ahead.
#[derive(Default)]
pub struct Clock(Option<Correction>);

struct Correction {
    ahead: i64,
    since: Instant,
    /// The time of this machine's clock at that moment.
    own: Time,
}

impl Correction {
    /// True if this machine's clock was set since, or the correction has expired.
    fn is_outdated(&self, own: Time) -> bool {
        let passed = self.since.elapsed();
        let expected = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        passed > CORRECTION_LIFETIME
            || (own.millis() - self.own.millis()).abs_diff(expected) > MAX_SKEW_MS.unsigned_abs()
    }
}

impl Clock {
    /// Returns the corrected time, where this machine's clock shows `own`.
    pub fn now(&mut self, own: Time) -> Time {
        if self.0.as_ref().is_some_and(|correction| correction.is_outdated(own)) {
            self.0 = None;
        }
        let ahead = self.0.as_ref().map_or(0, |correction| correction.ahead);
        Time::from_millis(own.millis() - ahead).unwrap_or(own)
    }

    /// Accounts for links that the log rejected as dated ahead, when the log's clock showed `log` and this
    /// machine's showed `own`. Returns `None` if the difference exceeds the maximum correction.
    pub fn learn(&mut self, own: Time, log: Time) -> Option<ClockDifference> {
        let difference = ClockDifference::between(own, log);
        if let Some(ClockDifference { ahead, is_corrected: true, .. }) = difference {
            self.0 = Some(Correction { ahead, since: Instant::now(), own });
        }
        difference
    }

    /// True if a chain whose last link has the time `last` is so far ahead of `now` that a new one has to
    /// start: times in a chain never go back, so a log would reject its links until then.
    pub fn is_too_far_ahead(last: Time, now: Time) -> bool {
        last.millis() > now.millis() + MAX_BACKSTEP_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000).unwrap()
    }

    #[test]
    fn times_ahead_of_the_log_are_corrected() {
        let difference = ClockDifference::between(at(5_000), at(1_400)).unwrap();
        assert!(difference.is_corrected && difference.ahead == 3_600_000);
        assert_eq!(difference.dated(at(4_990)), at(1_390));
        assert_eq!(difference.dated(at(9_000)), at(1_400), "never later than the log's clock");
        assert_eq!(difference.dated(at(1_000)), at(1_000), "correct times are kept");
    }

    #[test]
    fn after_the_clock_was_set_times_ahead_become_now() {
        let difference = ClockDifference::between(at(1_401), at(1_400)).unwrap();
        assert!(!difference.is_corrected);
        assert_eq!(difference.dated(at(5_000)), at(1_400));
        assert_eq!(difference.dated(at(1_399)), at(1_399));
    }

    #[test]
    fn correction_is_limited_to_a_day() {
        assert!(ClockDifference::between(at(86_400), at(0)).is_some());
        assert_eq!(ClockDifference::between(at(86_401), at(0)), None);
    }
}
