//! The log's clock, held against its witnesses' (SPEC section 6).
//!
//! Each cosignature says what time it was. From then on time passes as a clock says that does not jump, so that a clock
//! that was set wrong between two cosignatures is noticed too. A log whose clock stands outside its witnesses' takes
//! nothing: what it would sign might never verify.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::tolerance;
use countersign::trust::Trust;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// Tells how much time has passed since some moment, by a clock that nobody sets.
pub type Steady = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Returns a clock that nobody sets. Not for WebAssembly, which has none.
pub fn steady() -> Steady {
    let begin = std::time::Instant::now();
    Arc::new(move || begin.elapsed())
}

/// The log's clock, and what its witnesses said of the time.
pub struct Timekeeper {
    clock: Clock,
    steady: Steady,
    heard: Mutex<HashMap<VerifierKey, Heard>>,
}

/// What a witness said last.
#[derive(Clone, Copy)]
struct Heard {
    time: Time,
    /// When it did, by the steady clock.
    at: Duration,
}

/// How the log's clock stands to its witnesses'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the log's clock shows.
    pub(crate) now: Time,
    /// By how many milliseconds it is ahead of each witness that was heard, by their names; below 0 where it is behind.
    pub(crate) skews: Vec<(String, i64)>,
    /// Where it stands outside: by how many milliseconds it is ahead of the nearest of the witnesses that say so.
    pub(crate) outside: Option<i64>,
}

impl Standing {
    /// Whether the clock agrees with its witnesses', is ahead of them or behind; `unknown` where none was heard.
    pub(crate) fn state(&self) -> &'static str {
        match self.outside {
            Some(skew) if skew > 0 => "ahead",
            Some(_) => "behind",
            None if self.skews.is_empty() => "unknown",
            None => "agrees",
        }
    }

    /// By how many milliseconds the clock is ahead: of the nearest that say that it stands outside, or else of the
    /// nearest of all.
    pub(crate) fn skew(&self) -> Option<i64> {
        let nearest = || self.skews.iter().map(|(_, skew)| *skew).min_by_key(|skew| skew.abs());
        self.outside.or_else(nearest)
    }
}

impl Timekeeper {
    /// The clock of a log that has heard no witness.
    pub fn new(clock: Clock, steady: Steady) -> Self {
        Self { clock, steady, heard: Mutex::default() }
    }

    /// What the log's clock shows.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// How much time has passed since some moment, by the clock that nobody sets.
    pub(crate) fn steady(&self) -> Duration {
        (self.steady)()
    }

    /// A witness says that it is this time. `latest` is the latest time of a link that it would be the first to attest.
    ///
    /// # Errors
    /// Why its cosignature is not to be published, for people: it would say that links are of the future, or about
    /// times what the log's own clock does not.
    pub(crate) fn hear(&self, witness: &VerifierKey, time: Time, latest: Option<Time>) -> Result<(), String> {
        let heard = Heard { time, at: self.steady() };
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(witness.clone(), heard);
        let now = self.now();
        if !tolerance::agree(now, time) {
            let seconds = (now.millis() - time.millis()) / 1000;
            let (seconds, side) = (seconds.unsigned_abs(), if seconds > 0 { "behind" } else { "ahead of" });
            return Err(format!("its clock is {seconds} s {side} the log's"));
        }
        match latest.filter(|latest| tolerance::is_future(*latest, time)) {
            Some(latest) => {
                Err(format!("it says that it is {time}, and a link that is here is dated {latest}"))
            }
            None => Ok(()),
        }
    }

    /// How the clock stands to those of the witnesses of a trust file. It stands outside when a quorum of them says so,
    /// and no quorum agrees with it.
    pub fn standing(&self, trust: Option<&Trust>) -> Standing {
        let (now, steady) = (self.now(), self.steady());
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(trust) = trust.filter(|trust| trust.has_quorum()) else {
            return Standing { now, skews: Vec::new(), outside: None };
        };
        let skew = |heard: &Heard| {
            let passed = i64::try_from(steady.saturating_sub(heard.at).as_millis()).unwrap_or(i64::MAX);
            now.millis().saturating_sub(heard.time.millis().saturating_add(passed))
        };
        let skews: Vec<Option<i64>> = trust.witnesses().map(|key| heard.get(key).map(skew)).collect();
        // A witness's time is in whole seconds, rounded down: it may be later by almost one.
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
        Standing {
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

    /// A clock and a steady one, both in milliseconds, and three witnesses.
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

        /// That witness's clock is ahead of what is the time.
        fn hear(&self, witness: usize, ahead: i64) -> Result<(), String> {
            let time = Time::from_millis((NOW + ahead).div_euclid(1000) * 1000).unwrap();
            self.keeper.hear(&self.witnesses[witness - 1], time, None)
        }

        fn state(&self, quorum: &str) -> &'static str {
            self.keeper.standing(Some(&self.trust(quorum))).state()
        }
    }

    #[test]
    fn the_edge_on_either_side() {
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
            assert_eq!(world.hear(1, ahead).is_ok(), state == "agrees", "{ahead}");
            assert_eq!(world.state("any"), state, "{ahead}");
        }
    }

    #[test]
    fn one_witness_with_a_wrong_clock_changes_nothing_that_a_quorum_does_not_say() {
        let world = World::new();
        assert!(world.hear(1, 60 * MINUTE).is_err());
        assert_eq!(["any", "2", "all"].map(|quorum| world.state(quorum)), ["behind", "agrees", "agrees"]);
        world.hear(2, 0).unwrap();
        assert_eq!(["any", "2", "all"].map(|quorum| world.state(quorum)), ["agrees", "agrees", "agrees"]);
        assert!(world.hear(3, 70 * MINUTE).is_err());
        assert_eq!(["any", "2", "all"].map(|quorum| world.state(quorum)), ["agrees", "behind", "agrees"]);
        let standing = world.keeper.standing(Some(&world.trust("2")));
        assert_eq!((standing.outside, standing.skews.len()), (Some(-60 * MINUTE), 3));
        assert!(world.hear(2, 50 * MINUTE).is_err());
        assert_eq!(world.state("all"), "behind");
        assert_eq!(world.keeper.standing(None).state(), "unknown");
    }

    #[test]
    fn a_clock_that_jumps_between_cosignatures_is_noticed() {
        let world = World::new();
        world.hear(1, 0).unwrap();
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
    fn a_cosignature_that_makes_a_link_of_the_future_is_kept_back() {
        let world = World::new();
        let witness = &world.witnesses[0];
        let time = |millis| Time::from_millis(NOW + millis).unwrap();
        for (latest, kept_back) in [(-MINUTE, false), (5 * MINUTE, false), (5 * MINUTE + 1, true)] {
            let heard = world.keeper.hear(witness, time(0), Some(time(latest)));
            assert_eq!(heard.is_err(), kept_back, "{latest}");
        }
    }
}
