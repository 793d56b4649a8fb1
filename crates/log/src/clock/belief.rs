//! Decides whether the machine's clock is believed.
//!
//! | state | the time of the log | ends |
//! | --- | --- | --- |
//! | believed | the machine's clock, as long as it advances as the monotonic clock does | with a jump |
//! | jumped | the last believed time, advanced by the monotonic clock | when the clock is right again, when a quorum of witnesses agrees with it, when it kept its new time for [`SETTLING_TIME`] within [`MAX_UNKNOWN_MS`], or when the operator confirms it |
//! | implausible | the newest known time, advanced by the monotonic clock. Nothing new may be dated | when the clock is within [`MAX_UNKNOWN_MS`] of this time, when a quorum of witnesses agrees with it, or when the operator confirms it |
//!
//! A log starts implausible if the machine's clock is not within [`MAX_UNKNOWN_MS`] of the newest time that it knows.

use std::time::Duration;

use countersign::time::{DAY, Time};

/// The maximum difference, in milliseconds, between a start's clock and the newest known time, in either direction. A
/// jump that may be believed is not larger either.
pub const MAX_UNKNOWN_MS: i64 = 90 * DAY;
/// The maximum deviation from the monotonic clock, in milliseconds. A clock that deviates more has jumped.
pub const MAX_STEP_MS: i64 = 60_000;
/// The fraction of the elapsed time by which two clocks may drift apart: one in this number, which is 200 ppm.
const DRIFT: i64 = 5_000;
/// The minimum time from one comparison's start to the next one's. A clock that runs away deviates in this time, but one
/// that is slewed doesn't.
const RENEWAL_INTERVAL: Duration = Duration::from_mins(10);
/// The time for which a clock must keep its new time after a jump before it is believed.
pub const SETTLING_TIME: Duration = Duration::from_mins(10);

/// The reason why the machine's clock is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It jumped while the log ran.
    Jumped,
    /// It is too far from the newest time that the log knew at its start.
    Implausible,
}

/// A change of what is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Doubted(Doubt),
    Believed,
}

/// The times at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The time that the log believes.
    pub(super) now: Time,
    /// The time that the machine's clock shows.
    pub(super) machine: Time,
    pub(super) doubt: Option<Doubt>,
    pub(super) change: Option<Change>,
}

/// The believed time.
#[derive(Debug)]
pub(super) struct Belief {
    /// A believed time, and the monotonic time at that moment.
    anchor: (Time, Duration),
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Believed,
    /// The clock has been this many milliseconds ahead since that monotonic time.
    Jumped {
        ahead: i64,
        since: Duration,
    },
    Implausible,
}

impl Belief {
    /// Believes the machine's clock.
    pub(super) fn new(machine: Time, steady: Duration) -> Self {
        Self { anchor: (machine, steady), state: State::Believed }
    }

    /// Starts from the newest time that the log knows.
    pub(super) fn start_from(&mut self, known: Time, machine: Time, steady: Duration) {
        let is_near = (machine.millis() - known.millis()).abs() <= MAX_UNKNOWN_MS;
        *self = if is_near {
            Self::new(machine, steady)
        } else {
            Self { anchor: (known, steady), state: State::Implausible }
        };
    }

    /// Believes the machine's clock from now on.
    pub(super) fn believe(&mut self, machine: Time, steady: Duration) -> Reading {
        let change = self.doubt().map(|_| Change::Believed);
        *self = Self::new(machine, steady);
        Reading { now: machine, machine, doubt: None, change }
    }

    fn doubt(&self) -> Option<Doubt> {
        match self.state {
            State::Believed => None,
            State::Jumped { .. } => Some(Doubt::Jumped),
            State::Implausible => Some(Doubt::Implausible),
        }
    }

    /// Judges the machine's clock.
    pub(super) fn judge(&mut self, machine: Time, steady: Duration) -> Reading {
        let (start, at) = self.anchor;
        let elapsed = steady.saturating_sub(at);
        let passed = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        let expected = Time::from_millis(start.millis().saturating_add(passed)).unwrap_or(Time::MAX);
        let ahead = machine.millis() - expected.millis();
        let is_near = ahead.abs() <= MAX_UNKNOWN_MS;
        let is_expected = ahead.abs() <= MAX_STEP_MS + passed / DRIFT;
        let before = self.doubt();
        self.state = match self.state {
            State::Implausible if is_near => return self.believe(machine, steady),
            State::Implausible => State::Implausible,
            State::Believed if is_expected => {
                if elapsed >= RENEWAL_INTERVAL {
                    self.anchor = (machine, steady);
                }
                return Reading { now: machine, machine, doubt: None, change: None };
            }
            State::Jumped { .. } if is_expected => return self.believe(machine, steady),
            State::Jumped { ahead: first, since } if (ahead - first).abs() <= MAX_STEP_MS => {
                if is_near && steady.saturating_sub(since) >= SETTLING_TIME {
                    return self.believe(machine, steady);
                }
                State::Jumped { ahead: first, since }
            }
            State::Believed | State::Jumped { .. } => State::Jumped { ahead, since: steady },
        };
        let doubt = self.doubt();
        let change = doubt.filter(|_| doubt != before).map(Change::Doubted);
        Reading { now: expected, machine, doubt, change }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_150_000_000;
    const MINUTE: i64 = 60_000;
    const YEARS: i64 = 3_650 * DAY;

    struct Scene {
        belief: Belief,
        machine: i64,
        steady: i64,
    }

    impl Scene {
        fn new() -> Self {
            let belief = Belief::new(time(NOW), Duration::ZERO);
            Self { belief, machine: NOW, steady: 0 }
        }

        /// Lets time pass on both clocks. Returns how far the believed time is ahead of the true one, and the doubt.
        fn pass(&mut self, millis: i64) -> (i64, Option<Doubt>) {
            self.machine += millis;
            self.steady += millis;
            let steady = Duration::from_millis(self.steady.cast_unsigned());
            let reading = self.belief.judge(time(self.machine), steady);
            (reading.now.millis() - NOW - self.steady, reading.doubt)
        }

        fn jump(&mut self, millis: i64) -> (i64, Option<Doubt>) {
            self.machine += millis;
            self.pass(0)
        }
    }

    fn time(millis: i64) -> Time {
        Time::from_millis(millis).unwrap()
    }

    #[test]
    fn a_jump_changes_nothing_until_it_is_undone() {
        for jump in [-YEARS, -90 * DAY, -61_000, 61_000, 3_600_000, 90 * DAY, YEARS, 5_000 * 365 * DAY] {
            let mut scene = Scene::new();
            assert_eq!(scene.pass(5 * MINUTE), (0, None));
            assert_eq!(scene.jump(jump), (0, Some(Doubt::Jumped)), "{jump}");
            assert_eq!(scene.pass(5 * MINUTE), (0, Some(Doubt::Jumped)));
            assert_eq!(scene.jump(-jump), (0, None));
        }
    }

    #[test]
    fn small_steps_and_slewing_are_followed_but_a_clock_that_runs_away_is_not() {
        let mut scene = Scene::new();
        assert_eq!(scene.jump(60_000), (60_000, None));
        assert_eq!(scene.jump(-120_000), (-60_000, None));
        // 50 s in each 10 minutes are followed.
        let mut scene = Scene::new();
        for step in 1..=20 {
            scene.pass(10 * MINUTE);
            assert_eq!(scene.jump(50_000), (step * 50_000, None));
        }
        // 2 s in each second aren't.
        let mut scene = Scene::new();
        let doubts: Vec<bool> = (0..100)
            .map(|_| {
                scene.pass(1_000);
                scene.jump(1_000).1.is_some()
            })
            .collect();
        assert_eq!(doubts.iter().position(|doubt| *doubt), Some(60));
        assert!(doubts[60..].iter().all(|doubt| *doubt));
    }

    #[test]
    fn a_clock_that_keeps_its_new_time_is_believed_within_the_bound() {
        for (jump, is_believed) in [(3_600_000, true), (-89 * DAY, true), (91 * DAY, false), (-YEARS, false)]
        {
            let mut scene = Scene::new();
            scene.jump(jump);
            assert_eq!(scene.pass(9 * MINUTE), (0, Some(Doubt::Jumped)));
            let believed = if is_believed { (jump, None) } else { (0, Some(Doubt::Jumped)) };
            assert_eq!(scene.pass(MINUTE), believed, "{jump}");
        }
        // Another jump starts the time again.
        let mut scene = Scene::new();
        scene.jump(DAY);
        scene.pass(9 * MINUTE);
        scene.jump(DAY);
        assert_eq!(scene.pass(9 * MINUTE), (0, Some(Doubt::Jumped)));
        assert_eq!(scene.pass(MINUTE), (2 * DAY, None));
    }

    #[test]
    fn a_start_is_judged_by_the_newest_known_time() {
        for (known, doubt) in [
            (0, None),
            (-90 * DAY, None),
            (90 * DAY, None),
            (-90 * DAY - 1, Some(Doubt::Implausible)),
            (90 * DAY + 1, Some(Doubt::Implausible)),
            (YEARS, Some(Doubt::Implausible)),
        ] {
            let mut scene = Scene::new();
            scene.belief.start_from(time(NOW + known), time(NOW), Duration::ZERO);
            let now = if doubt.is_some() { known } else { 0 };
            assert_eq!(scene.pass(MINUTE), (now, doubt), "{known}");
            if doubt.is_some() {
                assert_eq!(scene.jump(known), (known, None), "it ends once the clock is right");
            }
        }
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let mut belief = Belief::new(Time::MAX, Duration::ZERO);
        assert_eq!(belief.judge(Time::MIN, Duration::from_hours(1)).now, Time::MAX);
        belief.judge(Time::MIN, Duration::MAX);
        belief.start_from(Time::MIN, Time::MAX, Duration::MAX);
        assert_eq!(belief.judge(Time::MAX, Duration::ZERO).doubt, Some(Doubt::Implausible));
        assert_eq!(belief.believe(Time::MIN, Duration::ZERO).change, Some(Change::Believed));
    }
}
