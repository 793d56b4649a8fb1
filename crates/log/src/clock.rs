//! Comparison of the log's clock with its witnesses' clocks (SPEC section 6).
//!
//! Each cosignature states the time. From then on, a monotonic clock measures the elapsed time, so a log
//! clock that is set wrong between two cosignatures is noticed too. A log whose clock disagrees with its
//! witnesses' accepts nothing: what it would sign might never verify.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::tolerance;
use countersign::trust::Trust;

/// A function that returns the time.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// A function that returns the time since an arbitrary moment, by a monotonic clock.
pub type Steady = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Returns a monotonic clock. WebAssembly has none, so don't call this there.
pub fn steady() -> Steady {
    let begin = std::time::Instant::now();
    Arc::new(move || begin.elapsed())
}

/// The log's clock, and the latest time that each witness stated.
pub struct Timekeeper {
    clock: Clock,
    steady: Steady,
    statements: Mutex<HashMap<VerifierKey, Statement>>,
}

/// The latest time that a witness stated.
#[derive(Clone, Copy)]
struct Statement {
    time: Time,
    /// The time of its arrival, by the monotonic clock.
    at: Duration,
}

/// The comparison of the log's clock with its witnesses' clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockComparison {
    /// The time that the log's clock shows.
    pub(crate) now: Time,
    /// The names of the witnesses that stated a time, each with the number of milliseconds by which the log's clock is
    /// ahead. Negative if it is behind.
    pub(crate) skews: Vec<(String, i64)>,
    /// The number of milliseconds by which the log's clock is ahead of the nearest witness that disagrees. Set only if
    /// a quorum disagrees.
    pub(crate) outside: Option<i64>,
}

impl ClockComparison {
    /// Returns `agrees`, `ahead`, or `behind`; `unknown` if no witness stated a time.
    pub(crate) fn state(&self) -> &'static str {
        match self.outside {
            Some(skew) if skew > 0 => "ahead",
            Some(_) => "behind",
            None if self.skews.is_empty() => "unknown",
            None => "agrees",
        }
    }

    /// Returns the number of milliseconds by which the log's clock is ahead: of the nearest witness that disagrees, if
    /// a quorum does, or else of the nearest witness.
    pub(crate) fn skew(&self) -> Option<i64> {
        let nearest = || self.skews.iter().map(|(_, skew)| *skew).min_by_key(|skew| skew.abs());
        self.outside.or_else(nearest)
    }
}

impl Timekeeper {
    /// Creates the clock of a log, before any witness stated a time.
    pub fn new(clock: Clock, steady: Steady) -> Self {
        Self { clock, steady, statements: Mutex::default() }
    }

    /// Returns the time that the log's clock shows.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// Returns the time since an arbitrary moment, by the monotonic clock.
    pub(crate) fn steady(&self) -> Duration {
        (self.steady)()
    }

    /// Accounts for the time in a witness's cosignature. `latest` is the latest time of a link that this cosignature
    /// would be the first to attest.
    ///
    /// # Errors
    /// The reason not to publish the cosignature: the witness's clock disagrees with the log's, or puts links into the
    /// future.
    pub(crate) fn accept(
        &self,
        witness: &VerifierKey,
        time: Time,
        latest: Option<Time>,
    ) -> Result<(), String> {
        let statement = Statement { time, at: self.steady() };
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(witness.clone(), statement);
        let now = self.now();
        if !tolerance::agree(now, time) {
            let seconds = (now.millis() - time.millis()) / 1000;
            let (seconds, side) = (seconds.unsigned_abs(), if seconds > 0 { "behind" } else { "ahead of" });
            return Err(format!("the witness's clock is {seconds} s {side} the log's"));
        }
        match latest.filter(|latest| tolerance::is_future(*latest, time)) {
            Some(latest) => {
                Err(format!("the witness states the time {time}, but the log contains a link dated {latest}"))
            }
            None => Ok(()),
        }
    }

    /// Compares the log's clock with those of the trust file's witnesses. It counts as wrong if a quorum of them
    /// disagrees with it, and no quorum agrees.
    pub fn compare(&self, trust: Option<&Trust>) -> ClockComparison {
        let (now, steady) = (self.now(), self.steady());
        let statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(trust) = trust.filter(|trust| trust.has_quorum()) else {
            return ClockComparison { now, skews: Vec::new(), outside: None };
        };
        let skew = |statement: &Statement| {
            let passed = i64::try_from(steady.saturating_sub(statement.at).as_millis()).unwrap_or(i64::MAX);
            now.millis().saturating_sub(statement.time.millis().saturating_add(passed))
        };
        let skews: Vec<Option<i64>> = trust.witnesses().map(|key| statements.get(key).map(skew)).collect();
        // A witness's time is in whole seconds, rounded down, so the true time may be almost a second later.
        let agrees = |skew: i64| (-tolerance::WITNESS..tolerance::WITNESS + 1000).contains(&skew);
        let meets = |agreeing: bool| {
            trust.quorum_met(&|place| {
                skews.get(place).copied().flatten().is_some_and(|skew| agrees(skew) == agreeing)
            })
        };
        let outside = meets(false) && !meets(true);
        let nearest =
            skews.iter().flatten().copied().filter(|skew| !agrees(*skew)).min_by_key(|skew| skew.abs());
        let named = trust.witnesses().zip(&skews);
        ClockComparison {
            now,
            skews: named.filter_map(|(key, skew)| Some((key.name().to_owned(), (*skew)?))).collect(),
            outside: nearest.filter(|_| outside),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use countersign::note::SignerKey;

    use super::*;

    const NOW: i64 = 1_795_150_000_000;
    const MINUTE: i64 = 60_000;

    /// A settable clock and a monotonic one, both in milliseconds, and three witnesses.
    struct World {
        clock: Arc<AtomicI64>,
        steady: Arc<AtomicI64>,
        keeper: Timekeeper,
        witnesses: Vec<VerifierKey>,
    }

    impl World {
        fn new() -> Self {
            let [clock, steady] = [NOW, 5_000].map(|millis| Arc::new(AtomicI64::new(millis)));
            let (wall, passed) = (clock.clone(), steady.clone());
            let keeper = Timekeeper::new(
                Arc::new(move || Time::from_millis(wall.load(Ordering::SeqCst)).unwrap()),
                Arc::new(move || Duration::from_millis(passed.load(Ordering::SeqCst).cast_unsigned())),
            );
            let witness = |seed| {
                let key = SignerKey::witness_from_seed(&format!("w{seed}.example"), [seed; 32]).unwrap();
                key.verifier_key().clone()
            };
            Self { clock, steady, keeper, witnesses: (1..4).map(witness).collect() }
        }

        fn trust(&self, quorum: &str) -> Trust {
            let lines =
                self.witnesses.iter().zip(1..).map(|(key, number)| format!("witness w{number} {key}\n"));
            let text = lines.collect::<String>() + &format!("group g {quorum} w1 w2 w3\nquorum g\n");
            Trust::parse(text.as_bytes()).unwrap()
        }

        /// Has a witness state a time that is ahead of the true one by `ahead` milliseconds.
        fn state_time(&self, witness: usize, ahead: i64) -> Result<(), String> {
            let time = Time::from_millis((NOW + ahead).div_euclid(1000) * 1000).unwrap();
            self.keeper.accept(&self.witnesses[witness - 1], time, None)
        }

        fn state(&self, quorum: &str) -> &'static str {
            self.keeper.compare(Some(&self.trust(quorum))).state()
        }
    }

    #[test]
    fn tolerance_bounds_are_exact() {
        let world = World::new();
        assert_eq!(world.state("any"), "unknown");
        for (ahead, state) in [
            (0, "agrees"),
            (2 * MINUTE, "agrees"),
            (2 * MINUTE + 1000, "behind"),
            (-2 * MINUTE, "agrees"),
            (-2 * MINUTE - 1000, "ahead"),
            (-900 * MINUTE, "ahead"),
        ] {
            assert_eq!(world.state_time(1, ahead).is_ok(), state == "agrees", "{ahead}");
            assert_eq!(world.state("any"), state, "{ahead}");
        }
    }

    #[test]
    fn wrong_clock_of_a_witness_needs_a_quorum_to_count() {
        let world = World::new();
        assert!(world.state_time(1, 60 * MINUTE).is_err());
        assert_eq!(["any", "2", "all"].map(|quorum| world.state(quorum)), ["behind", "agrees", "agrees"]);
        world.state_time(2, 0).unwrap();
        assert_eq!(["any", "2", "all"].map(|quorum| world.state(quorum)), ["agrees", "agrees", "agrees"]);
        assert!(world.state_time(3, 70 * MINUTE).is_err());
        assert_eq!(["any", "2", "all"].map(|quorum| world.state(quorum)), ["agrees", "behind", "agrees"]);
        let compared = world.keeper.compare(Some(&world.trust("2")));
        assert_eq!((compared.outside, compared.skews.len()), (Some(-60 * MINUTE), 3));
        assert!(world.state_time(2, 50 * MINUTE).is_err());
        assert_eq!(world.state("all"), "behind");
        assert_eq!(world.keeper.compare(None).state(), "unknown");
    }

    #[test]
    fn clock_jump_between_cosignatures_is_noticed() {
        let world = World::new();
        world.state_time(1, 0).unwrap();
        world.steady.fetch_add(600 * MINUTE, Ordering::SeqCst);
        world.clock.fetch_add(600 * MINUTE, Ordering::SeqCst);
        assert_eq!(world.state("any"), "agrees", "time has passed");
        world.clock.fetch_add(60 * MINUTE, Ordering::SeqCst);
        assert_eq!(world.state("any"), "ahead");
        world.clock.fetch_sub(120 * MINUTE, Ordering::SeqCst);
        assert_eq!(world.state("any"), "behind");
        for moment in [Time::MIN, Time::MAX] {
            world.clock.store(moment.millis(), Ordering::SeqCst);
            assert_eq!(world.state("any"), if moment == Time::MIN { "behind" } else { "ahead" });
        }
    }

    #[test]
    fn cosignature_before_a_link_is_withheld() {
        let world = World::new();
        let witness = &world.witnesses[0];
        let time = |millis| Time::from_millis(NOW + millis).unwrap();
        for (latest, withheld) in [(-MINUTE, false), (5 * MINUTE, false), (5 * MINUTE + 1, true)] {
            let accepted = world.keeper.accept(witness, time(0), Some(time(latest)));
            assert_eq!(accepted.is_err(), withheld, "{latest}");
        }
    }
}
