//! Years, simulated.

use core::fmt;

use countersign::hash::Hash;

use crate::figures::Figures;
use crate::scenario::{Inputs, Scenario};
use crate::seed::Seed;

/// How many years are simulated where nobody says otherwise.
pub const DEFAULT_YEARS: u32 = 200_000;
/// The most years.
pub const MAX_YEARS: u32 = 2_000_000;
/// The most events in all simulated years together, as it is expected.
const MAX_WORK: f64 = 2e8;

/// The losses of each simulated year.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// A loss for each year, in the currency of the scenario, the first year first.
    pub losses: Vec<f64>,
}

/// An error in simulating: so many years of so many events would take too long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulationError {
    /// How many years fit.
    pub most: u32,
}

impl fmt::Display for SimulationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of so many events at most {} years can be simulated", self.most)
    }
}

impl std::error::Error for SimulationError {}

impl Simulation {
    /// Simulates so many years, with these of the scenario's controls.
    ///
    /// With other controls the same years are simulated: what happens in them anyway costs the same.
    ///
    /// # Errors
    /// [`SimulationError`] where it would take too long.
    pub fn run(
        scenario: &Scenario,
        controls: &[&str],
        seed: &Seed,
        years: u32,
    ) -> Result<Self, SimulationError> {
        let inputs = scenario.with(controls);
        let events = inputs.events();
        let most = (MAX_WORK / events.max(1.0)).min(f64::from(MAX_YEARS)) as u32;
        if years > most {
            return Err(SimulationError { most });
        }
        let drawing = Drawing::of(&inputs);
        Ok(Self { losses: (0..years).map(|year| drawing.year(seed, year)).collect() })
    }

    /// The same years, with the losses of both.
    pub fn add(&mut self, other: &Self) {
        for (loss, more) in self.losses.iter_mut().zip(&other.losses) {
            *loss += more;
        }
    }

    /// What is told of them.
    pub fn figures(&self) -> Figures {
        Figures::of(&self.losses)
    }

    /// What these years cost less than the same years of another simulation: the mean, and its standard error.
    pub fn less_than(&self, other: &Self) -> (f64, f64) {
        let less: Vec<f64> = other.losses.iter().zip(&self.losses).map(|(more, loss)| more - loss).collect();
        crate::figures::mean(&less)
    }

    /// SHA-256 over the losses, as doubles in big-endian order: who simulates the same has the same.
    pub fn digest(&self) -> Hash {
        let bytes: Vec<u8> = self.losses.iter().flat_map(|loss| loss.to_bits().to_be_bytes()).collect();
        Hash::of(&[&bytes])
    }
}

struct Drawing {
    frequency: crate::pert::Drawn,
    vulnerability: crate::pert::Drawn,
    loss: crate::pert::Drawn,
    secondary: Option<(crate::pert::Drawn, crate::pert::Drawn)>,
}

impl Drawing {
    fn of(inputs: &Inputs) -> Self {
        Self {
            frequency: inputs.frequency.drawn(),
            vulnerability: inputs.vulnerability.drawn(),
            loss: inputs.loss.drawn(),
            secondary: inputs.secondary.map(|(probability, loss)| (probability.drawn(), loss.drawn())),
        }
    }

    /// The losses of a year. Each event takes five numbers, whether it needs them or not, so that the same event in a
    /// simulation with other inputs has the same.
    fn year(&self, seed: &Seed, year: u32) -> f64 {
        let mut numbers = seed.year(year);
        let rate = self.frequency.at(numbers.uniform()) * self.vulnerability.at(numbers.uniform());
        let (mut time, mut losses) = (0.0, 0.0);
        loop {
            // Poisson, as what comes at exponential distances before the rate is used up: of a smaller rate the
            // events are the first ones of a greater.
            let [gap, primary, probability, chance, secondary] = core::array::from_fn(|_| numbers.uniform());
            time -= libm::log(gap);
            if time > rate {
                return losses;
            }
            losses += self.loss.at(primary);
            if let Some((of, loss)) = &self.secondary
                && chance < of.at(probability)
            {
                losses += loss.at(secondary);
            }
        }
    }
}
