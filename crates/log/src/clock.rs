//! The log's time: when the machine's clock is believed, and how it compares with the clocks of witnesses (SPEC section
//! 6).
//!
//! Everything that the log dates or judges has the *believed* time. It is the machine's clock unless that jumped, or is too
//! far from all times that the log knew at its start (`belief.rs`).
//!
//! Each cosignature states the time. From then on, a monotonic clock measures the elapsed time, so a log
//! clock that is set wrong between two cosignatures is noticed too. A log whose clock disagrees with its
//! witnesses' accepts nothing: what it would sign might never verify.

mod belief;
mod known;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::tolerance;
use countersign::trust::Trust;
use strum::{IntoStaticStr, VariantArray};

use belief::{Belief, Change, Reading};

pub use belief::{Doubt, MAX_STEP_MS, MAX_UNKNOWN_MS, SETTLING_TIME};
pub use known::newest_stored_time;

/// A function that returns the time that the machine's clock shows.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// A function that returns the time since an arbitrary moment, by a monotonic clock.
pub type Steady = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Returns a monotonic clock. WebAssembly has none, so don't call this there.
pub fn steady() -> Steady {
    let begin = std::time::Instant::now();
    Arc::new(move || begin.elapsed())
}

/// The log's time, and the latest time that each witness stated.
pub struct Timekeeper {
    clock: Clock,
    steady: Steady,
    belief: Mutex<Belief>,
    last_tick: Mutex<LastTick>,
    statements: Mutex<HashMap<VerifierKey, Statement>>,
    /// The last time at which another server of the log made its ticks; [`Time::MIN`] if none did.
    standby_until: Mutex<Time>,
}

/// The last tick of a root log.
#[derive(Default)]
struct LastTick {
    time: Option<Time>,
    /// True if it is ahead of the believed time.
    is_ahead: bool,
}

/// The latest time that a witness stated.
#[derive(Clone, Copy)]
struct Statement {
    time: Time,
    /// The time of its arrival, by the monotonic clock.
    at: Duration,
}

/// The state of a log's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ClockState {
    /// No witness stated a time.
    Unknown,
    /// It agrees with the clocks of witnesses.
    Agrees,
    /// It is ahead of the clocks of a quorum of witnesses. Nothing is accepted.
    Ahead,
    /// It is behind the clocks of a quorum of witnesses. Nothing is accepted.
    Behind,
    /// The machine's clock jumped. The log continues with the time that it believed before.
    Jumped,
    /// The machine's clock is too far from the newest time that the log knew at its start. Nothing is accepted.
    Implausible,
    /// The last tick is ahead of the believed time. Each later tick is dated a second after the one before.
    BehindLastTick,
}

impl ClockState {
    /// True if the clock disagrees with the clocks of a quorum of witnesses.
    pub(crate) fn is_outside(self) -> bool {
        matches!(self, Self::Ahead | Self::Behind)
    }
}

/// The state of the log's clock, and the comparison with its witnesses' clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockComparison {
    /// The believed time.
    pub(crate) now: Time,
    /// The time that the machine's clock shows.
    pub(crate) machine: Time,
    /// The reason why the machine's clock is not believed.
    pub(crate) doubt: Option<Doubt>,
    /// The names of the witnesses that stated a time, each with the number of milliseconds by which the log's clock is
    /// ahead. Negative if it is behind.
    pub(crate) skews: Vec<(String, i64)>,
    /// The number of milliseconds by which the log's clock is ahead of the nearest witness that disagrees. Set only if
    /// a quorum disagrees.
    pub(crate) outside: Option<i64>,
    /// The number of milliseconds by which the last tick is ahead of the believed time, if it is by more than a minute.
    pub(crate) tick_ahead: Option<i64>,
}

impl ClockComparison {
    /// Returns the state of the clock.
    pub fn state(&self) -> ClockState {
        match (self.doubt, self.outside, self.tick_ahead) {
            (Some(Doubt::Implausible), ..) => ClockState::Implausible,
            (_, Some(skew), _) if skew > 0 => ClockState::Ahead,
            (_, Some(_), _) => ClockState::Behind,
            (Some(Doubt::Jumped), ..) => ClockState::Jumped,
            (_, _, Some(_)) => ClockState::BehindLastTick,
            _ if self.skews.is_empty() => ClockState::Unknown,
            _ => ClockState::Agrees,
        }
    }

    /// Returns the number of milliseconds by which a clock is ahead; negative if it is behind. In the states `jumped` and
    /// `implausible`, it is the machine's clock, compared with the believed time. In `behind_last_tick`, it is the believed
    /// time, compared with the last tick. In all others, it is the believed time, compared with the nearest witness that
    /// disagrees, if a quorum does, or otherwise with the nearest witness.
    pub(crate) fn skew(&self) -> Option<i64> {
        let nearest = || self.skews.iter().map(|(_, skew)| *skew).min_by_key(|skew| skew.abs());
        match self.state() {
            ClockState::Jumped | ClockState::Implausible => Some(self.machine.millis() - self.now.millis()),
            ClockState::BehindLastTick => self.tick_ahead.map(|ahead| -ahead),
            _ => self.outside.or_else(nearest),
        }
    }
}

impl Timekeeper {
    /// Creates the clock of a log, before any witness stated a time. It believes the machine's clock.
    pub fn new(clock: Clock, steady: Steady) -> Self {
        let belief = Mutex::new(Belief::new(clock(), steady()));
        let standby_until = Mutex::new(Time::MIN);
        Self {
            clock,
            steady,
            belief,
            last_tick: Mutex::default(),
            statements: Mutex::default(),
            standby_until,
        }
    }

    /// Accounts for ticks that another server of the log made.
    pub(crate) fn was_on_standby(&self) {
        *self.standby_until.lock().unwrap_or_else(PoisonError::into_inner) = self.now();
    }

    /// Returns the last time at which another server of the log made its ticks; [`Time::MIN`] if none did.
    pub fn standby_until(&self) -> Time {
        *self.standby_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts from the newest time that the log knows. If the machine's clock is not within 90 days of it, the clock is not
    /// believed ([`Doubt::Implausible`]).
    pub fn start_from(&self, known: Time) {
        let (machine, steady) = ((self.clock)(), self.steady());
        self.belief().start_from(known, machine, steady);
        if self.doubt().is_some() {
            tracing::error!(
                %machine,
                %known,
                "this machine's clock is more than 90 days from the newest time that the log knows; nothing is accepted until the clock is corrected, or confirmed with `countersign clock --dir DIR --confirm`"
            );
        }
    }

    /// Accounts for the operator's statement, made when this machine's clock showed `at`, that this clock is right.
    pub fn confirm(&self, at: Time) {
        let (machine, steady) = ((self.clock)(), self.steady());
        if (machine.millis() - at.millis()).abs() <= MAX_UNKNOWN_MS {
            let reading = self.belief().believe(machine, steady);
            log(reading, "the operator confirmed it");
        }
    }

    /// Returns the believed time.
    pub fn now(&self) -> Time {
        self.read().now
    }

    /// Returns the reason why the machine's clock is not believed, if it isn't.
    pub fn doubt(&self) -> Option<Doubt> {
        self.read().doubt
    }

    fn belief(&self) -> MutexGuard<'_, Belief> {
        self.belief.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Reading {
        let mut belief = self.belief();
        let reading = belief.judge((self.clock)(), self.steady());
        drop(belief);
        log(reading, "it shows what the elapsed time says, or kept its time");
        reading
    }

    /// Accounts for the last tick of a root log.
    pub(crate) fn ticked(&self, time: Time) {
        let now = self.now();
        let mut last = self.last_tick.lock().unwrap_or_else(PoisonError::into_inner);
        let is_ahead = tick_ahead(time, now).is_some();
        if is_ahead && !last.is_ahead {
            tracing::error!(
                tick = %time,
                %now,
                "the last tick is ahead of the log's clock; each later tick is dated a second after the one before"
            );
        } else if last.is_ahead && !is_ahead {
            tracing::info!("the last tick is no longer ahead of the log's clock");
        }
        *last = LastTick { time: Some(time), is_ahead };
    }

    /// Returns the time since an arbitrary moment, by the monotonic clock.
    pub fn steady(&self) -> Duration {
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
        let Reading { now, machine, .. } = self.read();
        // A witness that agrees with the machine's clock may be part of the quorum that makes the log believe it.
        if !tolerance::agree(now, time) && !tolerance::agree(machine, time) {
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
    /// disagrees with it, and no quorum agrees. If a quorum agrees with the machine's clock, that is believed.
    pub fn compare(&self, trust: Option<&Trust>) -> ClockComparison {
        let mut reading = self.read();
        let trust = trust.filter(|trust| trust.has_quorum());
        if reading.doubt.is_some()
            && trust.is_some_and(|trust| self.skews(reading.machine, trust).agree(trust))
        {
            let (machine, steady) = ((self.clock)(), self.steady());
            reading = self.belief().believe(machine, steady);
            log(reading, "a quorum of witnesses agrees with it");
        }
        let Reading { now, machine, doubt, .. } = reading;
        let last = self.last_tick.lock().unwrap_or_else(PoisonError::into_inner).time;
        let mut comparison = ClockComparison {
            now,
            machine,
            doubt,
            skews: Vec::new(),
            outside: None,
            tick_ahead: last.and_then(|last| tick_ahead(last, now)),
        };
        let Some(trust) = trust else { return comparison };
        if doubt == Some(Doubt::Implausible) {
            comparison.skews = self.skews(machine, trust).named(trust);
            return comparison;
        }
        let skews = self.skews(now, trust);
        comparison.outside = skews.outside(trust);
        comparison.skews = skews.named(trust);
        comparison
    }

    /// Returns how far this time is ahead of what each of the trust file's witnesses stated, if it stated one.
    fn skews(&self, now: Time, trust: &Trust) -> Skews {
        let (steady, statements) =
            (self.steady(), self.statements.lock().unwrap_or_else(PoisonError::into_inner));
        let skew = |statement: &Statement| {
            let passed = i64::try_from(steady.saturating_sub(statement.at).as_millis()).unwrap_or(i64::MAX);
            now.millis().saturating_sub(statement.time.millis().saturating_add(passed))
        };
        Skews(trust.witnesses().map(|key| statements.get(key).map(skew)).collect())
    }
}

/// The numbers of milliseconds by which a clock is ahead of each witness.
struct Skews(Vec<Option<i64>>);

impl Skews {
    /// True if a quorum agrees with the clock.
    fn agree(&self, trust: &Trust) -> bool {
        self.has_quorum(trust, true)
    }

    /// Returns the skew of the nearest witness that disagrees, if a quorum disagrees and no quorum agrees.
    fn outside(&self, trust: &Trust) -> Option<i64> {
        if !self.has_quorum(trust, false) || self.agree(trust) {
            return None;
        }
        self.0.iter().flatten().copied().filter(|skew| !agrees(*skew)).min_by_key(|skew| skew.abs())
    }

    fn has_quorum(&self, trust: &Trust, agreeing: bool) -> bool {
        trust.quorum_met(&|place| {
            self.0.get(place).copied().flatten().is_some_and(|skew| agrees(skew) == agreeing)
        })
    }

    fn named(&self, trust: &Trust) -> Vec<(String, i64)> {
        let named = trust.witnesses().zip(&self.0);
        named.filter_map(|(key, skew)| Some((key.name().to_owned(), (*skew)?))).collect()
    }
}

/// True if a witness agrees with a clock that is ahead of it by these milliseconds. A witness's time is in whole seconds,
/// rounded down, so the true time may be almost a second later.
fn agrees(skew: i64) -> bool {
    (-tolerance::WITNESS..tolerance::WITNESS + 1000).contains(&skew)
}

/// Returns the number of milliseconds by which a tick is ahead of the time, if it is by more than a minute.
fn tick_ahead(tick: Time, now: Time) -> Option<i64> {
    Some(tick.millis() - now.millis()).filter(|ahead| *ahead > MAX_STEP_MS)
}

/// Logs the start and the end of a doubt.
fn log(Reading { now, machine, change, .. }: Reading, why: &str) {
    match change {
        None => {}
        Some(Change::Doubted(_)) => tracing::error!(
            %machine,
            %now,
            "this machine's clock jumped; the log continues with the elapsed time. If the clock is right, confirm it with `countersign clock --dir DIR --confirm`"
        ),
        Some(Change::Believed) => tracing::info!(%now, "this machine's clock is believed again: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use countersign::note::SignerKey;
    use countersign::time::DAY;

    use super::*;

    const NOW: i64 = 1_795_150_000_000;
    const MINUTE: i64 = 60_000;

    impl ClockComparison {
        /// True if the clock may date and judge what is new.
        pub(crate) fn is_usable(&self) -> bool {
            self.outside.is_none() && self.doubt != Some(Doubt::Implausible)
        }
    }

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
            self.keeper.compare(Some(&self.trust(quorum))).state().into()
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
        assert_eq!(world.keeper.compare(None).state(), ClockState::Unknown);
    }

    #[test]
    fn clock_jump_between_cosignatures_is_noticed() {
        let world = World::new();
        world.state_time(1, 0).unwrap();
        world.steady.fetch_add(600 * MINUTE, Ordering::SeqCst);
        world.clock.fetch_add(600 * MINUTE, Ordering::SeqCst);
        assert_eq!(world.state("any"), "agrees", "time has passed");
        for moment in [NOW + 660 * MINUTE, NOW, Time::MIN.millis(), Time::MAX.millis()] {
            world.clock.store(moment, Ordering::SeqCst);
            let compared = world.keeper.compare(Some(&world.trust("any")));
            assert_eq!((compared.state(), compared.is_usable()), (ClockState::Jumped, true), "{moment}");
            assert_eq!((compared.now.millis(), compared.machine.millis()), (NOW + 600 * MINUTE, moment));
        }
        // Witnesses show that the machine's clock is wrong for good: nothing may be accepted.
        let settled = NOW + 660 * MINUTE;
        world.clock.store(settled, Ordering::SeqCst);
        assert_eq!(world.state("any"), "jumped");
        world.steady.fetch_add(10 * MINUTE, Ordering::SeqCst);
        world.clock.fetch_add(10 * MINUTE, Ordering::SeqCst);
        assert_eq!(world.state("any"), "ahead");
    }

    #[test]
    fn quorum_that_agrees_with_the_clock_ends_a_doubt() {
        for known in [None, Some(NOW + 3_650 * DAY), Some(NOW - 3_650 * DAY)] {
            let world = World::new();
            if let Some(known) = known {
                world.keeper.start_from(Time::from_millis(known).unwrap());
            } else {
                world.clock.store(NOW - 60 * MINUTE, Ordering::SeqCst);
                world.keeper.start_from(Time::from_millis(NOW - DAY).unwrap());
                world.clock.store(NOW, Ordering::SeqCst);
            }
            let doubted = if known.is_some() { "implausible" } else { "jumped" };
            assert_eq!(world.state("2"), doubted);
            assert_eq!(world.keeper.compare(Some(&world.trust("2"))).is_usable(), known.is_none());
            world.state_time(1, 0).unwrap();
            assert_eq!(world.state("2"), doubted);
            world.state_time(2, 0).unwrap();
            assert_eq!(world.state("2"), "agrees", "{known:?}");
            assert_eq!(world.keeper.now().millis(), NOW);
        }
    }

    #[test]
    fn operator_confirms_a_clock() {
        let world = World::new();
        world.keeper.start_from(Time::from_millis(NOW - 3_650 * DAY).unwrap());
        // This was written on a machine with another clock.
        world.keeper.confirm(Time::from_millis(NOW - 3_650 * DAY).unwrap());
        assert_eq!(world.state("any"), "implausible");
        world.keeper.confirm(Time::from_millis(NOW - 2_000).unwrap());
        assert_eq!(world.state("any"), "unknown");
    }

    #[test]
    fn tick_ahead_of_the_clock_is_a_state() {
        let world = World::new();
        world.keeper.ticked(Time::from_millis(NOW + MINUTE).unwrap());
        assert_eq!(world.state("any"), "unknown");
        world.keeper.ticked(Time::from_millis(NOW + 3_650 * DAY).unwrap());
        let compared = world.keeper.compare(None);
        assert_eq!((compared.state(), compared.skew()), (ClockState::BehindLastTick, Some(-3_650 * DAY)));
        assert!(compared.is_usable());
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
