//! Checks of a witness's clock, because readers rely on the times of cosignatures.
//!
//! A clock is checked against three things: the witness's last cosignature, which no later one may precede; a
//! monotonic clock, which shows jumps while the witness runs; and the time that the operator states. Times are passed
//! in as arguments.

use std::time::Duration;

use countersign::time::Time;

/// The range of plausible times, in seconds since 1970: from 2026, before this program existed, to 2126.
const PLAUSIBLE: std::ops::RangeInclusive<u64> = 1_767_225_600..=4_922_899_200;
/// Maximum time by which the clock may precede the last cosignature. A new one then gets the same time as the last.
const MAX_BACK_SECONDS: u64 = 60;
/// Maximum deviation of the clock from the monotonic one.
const MAX_LEAP_SECONDS: u64 = 120;
/// The fraction of the elapsed time by which two clocks may drift apart: one in this number, which is 200 ppm.
const DRIFT: u64 = 5_000;
/// Maximum time since the last cosignature after which a restarted witness may cosign without a time stated by its
/// operator.
const MAX_PAUSE_SECONDS: u64 = 7 * 86_400;
/// Maximum deviation of the clock from the stated time.
const STATED_SECONDS: u64 = 3_600;

/// The reason why the clock can't date a cosignature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The clock shows an implausible time.
    #[error("the witness's clock shows {}, which can't be right", format_time(*.now))]
    Implausible {
        /// The clock's time, in seconds since 1970.
        now: u64,
    },
    /// The clock went back.
    #[error("the witness's clock shows {}, before its last cosignature at {}", format_time(*.now), format_time(*.last))]
    Behind {
        /// The clock's time, in seconds since 1970.
        now: u64,
        /// The time of the last cosignature.
        last: u64,
    },
    /// The witness was started long after its last cosignature, or its clock is ahead.
    #[error("the witness's clock shows {}, more than 7 days after its last cosignature at {}", format_time(*.now), format_time(*.last))]
    Ahead {
        /// The clock's time, in seconds since 1970.
        now: u64,
        /// The time of the last cosignature.
        last: u64,
    },
    /// The clock was set while the witness ran, or the machine was suspended.
    #[error("the witness's clock shows {}, but {} is expected from the elapsed time", format_time(*.now), format_time(*.expected))]
    Leapt {
        /// The clock's time, in seconds since 1970.
        now: u64,
        /// The time expected from the last one, in seconds since 1970.
        expected: u64,
    },
}

fn format_time(seconds: u64) -> String {
    let millis = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1_000));
    millis
        .and_then(Time::from_millis)
        .map_or_else(|| format!("{seconds} s after 1970"), |time| time.to_string())
}

/// The data that the clock is checked against.
#[derive(Debug)]
pub(super) struct ClockGuard {
    /// The time of the last cosignature.
    last: Option<u64>,
    /// The first accepted time of this run, with the monotonic time at that moment.
    anchor: Option<(u64, Duration)>,
    /// The time that the operator states.
    stated: Option<u64>,
}

impl ClockGuard {
    pub(super) fn new(last: Option<u64>, stated: Option<u64>) -> Self {
        Self { last, anchor: None, stated }
    }

    /// Returns the time for a cosignature, which never precedes the last one.
    pub(super) fn check(&self, now: u64, steady: Duration) -> Result<u64, ClockError> {
        if !PLAUSIBLE.contains(&now) {
            return Err(ClockError::Implausible { now });
        }
        if let Some((start, at)) = self.anchor {
            let passed = steady.saturating_sub(at).as_secs();
            let expected = start.saturating_add(passed);
            if now.abs_diff(expected) > MAX_LEAP_SECONDS + passed / DRIFT {
                return Err(ClockError::Leapt { now, expected });
            }
        } else if self.stated.is_some_and(|stated| now.abs_diff(stated) <= STATED_SECONDS) {
            return Ok(now);
        }
        let Some(last) = self.last else { return Ok(now) };
        if now.saturating_add(MAX_BACK_SECONDS) < last {
            return Err(ClockError::Behind { now, last });
        }
        if self.anchor.is_none() && now > last.saturating_add(MAX_PAUSE_SECONDS) {
            return Err(ClockError::Ahead { now, last });
        }
        Ok(now.max(last))
    }

    /// Records a cosignature with that time, made while the clocks showed these times.
    pub(super) fn cosigned(&mut self, time: u64, now: u64, steady: Duration) {
        self.last = Some(time);
        self.anchor.get_or_insert((now, steady));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_154_400;
    const DAY: u64 = 86_400;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn new_witness_accepts_any_plausible_clock() {
        let guard = ClockGuard::new(None, None);
        assert_eq!(guard.check(NOW, secs(5)), Ok(NOW));
        for now in [0, 86_400, NOW - 54 * 365 * DAY, 251_000_000_000, u64::MAX] {
            assert_eq!(guard.check(now, secs(5)), Err(ClockError::Implausible { now }));
        }
    }

    #[test]
    fn restarted_witness_continues_from_its_last_cosignature() {
        let guard = ClockGuard::new(Some(NOW), None);
        for (now, checked) in [
            (NOW, Ok(NOW)),
            (NOW + 7 * DAY, Ok(NOW + 7 * DAY)),
            (NOW + 7 * DAY + 1, Err(ClockError::Ahead { now: NOW + 7 * DAY + 1, last: NOW })),
            // After a small step back, a cosignature gets the last one's time.
            (NOW - 60, Ok(NOW)),
            (NOW - 61, Err(ClockError::Behind { now: NOW - 61, last: NOW })),
        ] {
            assert_eq!(guard.check(now, secs(5)), checked);
        }
    }

    #[test]
    fn stated_time_overrides_the_last_cosignature() {
        for last in [NOW + 900 * DAY, NOW - 900 * DAY] {
            let mut guard = ClockGuard::new(Some(last), Some(NOW));
            assert!(guard.check(NOW + 3_601, secs(5)).is_err());
            assert_eq!(guard.check(NOW + 3_600, secs(5)), Ok(NOW + 3_600));
            // The stated time counts once; from then on, elapsed time does.
            guard.cosigned(NOW, NOW, secs(5));
            assert_eq!(guard.check(NOW + 100, secs(105)), Ok(NOW + 100));
            assert!(guard.check(NOW + 3_600, secs(105)).is_err());
        }
    }

    #[test]
    fn detects_a_jump_of_the_clock_until_it_is_undone() {
        let mut guard = ClockGuard::new(Some(NOW), None);
        guard.cosigned(NOW, NOW, secs(5));
        assert_eq!(guard.check(NOW + 30 * DAY, secs(5 + 30 * DAY)), Ok(NOW + 30 * DAY));
        for leap in [122, 3_600, 7_000 * 365 * DAY] {
            assert!(guard.check(NOW + 10 + leap, secs(15)).is_err(), "{leap}");
        }
        let behind = NOW + 10 * DAY - 500;
        let expected = NOW + 10 * DAY;
        assert_eq!(guard.check(behind, secs(5 + 10 * DAY)), Err(ClockError::Leapt { now: behind, expected }));
        // Many small steps add up to a jump.
        for step in 1..=12 {
            let now = NOW + step * 10;
            assert!(guard.check(now, secs(5)).is_ok());
            guard.cosigned(now, now, secs(5));
        }
        assert!(guard.check(NOW + 130, secs(5)).is_err());
        assert_eq!(guard.check(NOW + 120, secs(6)), Ok(NOW + 120));
    }
}
