//! The faults that a run injects.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::random::Random;

/// The probabilities of faults. A probability of 0 turns a fault off.
///
/// Each run has only some of the faults, because one kind can hide another: a log that is killed all the time never
/// grows enough to fail in other ways.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultRates {
    /// The process is killed at a crash point, before or after a change.
    pub kill: f64,
    /// The disk fails an operation.
    pub fail: f64,
    /// A commit reports a failure, but is there after a restart.
    pub ghost: f64,
}

impl FaultRates {
    /// Draws the rates of a run.
    pub fn draw(random: &mut Random) -> Self {
        let mut rate = |high: f64| match random.index(4) {
            0 => high,
            1 => high / 4.0,
            _ => 0.0,
        };
        Self { kill: rate(0.02), fail: rate(0.02), ghost: rate(0.05) }
    }

    /// Returns the rates, all multiplied.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { kill: self.kill * factor, fail: self.fail * factor, ghost: self.ghost * factor }
    }
}

/// The payload of the unwinding that ends a killed process.
pub struct Kill;

/// The faults of one machine's disk. Clones are the same disk.
#[derive(Clone)]
pub struct Faults(Arc<Mutex<State>>);

struct State {
    random: Random,
    rates: FaultRates,
    /// True while faults are injected.
    armed: bool,
    /// The crash point at which the process was killed last.
    killed_at: Option<String>,
}

impl Faults {
    /// Creates faults, which are injected until [`Faults::heal`].
    pub fn new(random: Random, rates: FaultRates) -> Self {
        Self(Arc::new(Mutex::new(State { random, rates, armed: true, killed_at: None })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, rate: impl Fn(&FaultRates) -> f64) -> bool {
        let mut state = self.state();
        let rate = rate(&state.rates);
        state.armed && rate > 0.0 && state.random.chance(rate)
    }

    /// Ends the injection of faults.
    pub fn heal(&self) {
        self.state().armed = false;
    }

    /// Returns true if the process is to be killed at this crash point.
    pub fn kills(&self, place: &str) -> bool {
        let kills = self.draw(|rates| rates.kill);
        if kills {
            self.state().killed_at = Some(place.to_owned());
        }
        kills
    }

    /// A crash point: unwinds if the process is killed here.
    pub fn crash_point(&self, place: &str) {
        if self.kills(place) {
            // Unlike a panic, this prints nothing.
            std::panic::resume_unwind(Box::new(Kill));
        }
    }

    /// Returns true if the disk fails this operation.
    pub fn fails(&self) -> bool {
        self.draw(|rates| rates.fail)
    }

    /// Returns true if this commit fails but may be there after a restart.
    pub fn makes_ghost(&self) -> bool {
        self.draw(|rates| rates.ghost)
    }

    /// Returns true in half of the cases.
    pub fn flip(&self) -> bool {
        self.state().random.chance(0.5)
    }

    /// Returns the crash point at which the process was killed, once.
    pub fn take_killed_at(&self) -> Option<String> {
        self.state().killed_at.take()
    }
}
