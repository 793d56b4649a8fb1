//! Simulation of years.

use core::fmt;

use countersign::hash::Hash;

use crate::figures::Figures;
use crate::scenario::{Inputs, Scenario};
use crate::seed::Seed;

/// The default number of years.
pub const DEFAULT_YEARS: u32 = 200_000;
/// The maximum number of years.
pub const MAX_YEARS: u32 = 2_000_000;
/// The maximum expected number of events in all simulated years.
const MAX_WORK: f64 = 2e8;

/// The losses of each simulated year.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// The loss of each year, in the scenario's currency.
    pub losses: Vec<f64>,
}

/// A simulation that would take too long, because of too many years and events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulationError {
    /// The maximum number of years for this frequency.
    pub most: u32,
}

impl fmt::Display for SimulationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} years can be simulated at this frequency", self.most)
    }
}

impl std::error::Error for SimulationError {}

impl Simulation {
    /// Simulates this number of years, with some of the scenario's controls.
    ///
    /// Different controls are compared over the same years: events that occur regardless cost the same.
    ///
    /// # Errors
    /// Returns a [`SimulationError`] if it would take too long.
    pub fn run(
        scenario: &Scenario,
        controls: &[&str],
        seed: &Seed,
        years: u32,
    ) -> Result<Self, SimulationError> {
        let inputs = scenario.with(controls);
        let events = inputs.events();
        let max = (MAX_WORK / events.max(1.0)).min(f64::from(MAX_YEARS)) as u32;
        if years > max {
            return Err(SimulationError { most: max });
        }
        let sampler = YearSampler::new(&inputs);
        Ok(Self { losses: (0..years).map(|year| sampler.year(seed, year)).collect() })
    }

    /// Adds another simulation's losses, year by year.
    pub fn add(&mut self, other: &Self) {
        for (loss, more) in self.losses.iter_mut().zip(&other.losses) {
            *loss += more;
        }
    }

    /// Computes the figures of these years.
    pub fn figures(&self) -> Figures {
        Figures::new(&self.losses)
    }

    /// Returns how much less these years lose than the same years of another simulation: the mean, and its
    /// standard error.
    pub fn less_than(&self, other: &Self) -> (f64, f64) {
        let less: Vec<f64> = other.losses.iter().zip(&self.losses).map(|(more, loss)| more - loss).collect();
        crate::figures::mean(&less)
    }

    /// Returns the SHA-256 over the losses, as big-endian doubles. Equal simulations have equal digests.
    pub fn digest(&self) -> Hash {
        let bytes: Vec<u8> = self.losses.iter().flat_map(|loss| loss.to_bits().to_be_bytes()).collect();
        Hash::digest(&[&bytes])
    }
}

struct YearSampler {
    frequency: crate::pert::Sampler,
    vulnerability: crate::pert::Sampler,
    loss: crate::pert::Sampler,
    secondary: Option<(crate::pert::Sampler, crate::pert::Sampler)>,
}

impl YearSampler {
    fn new(inputs: &Inputs) -> Self {
        Self {
            frequency: inputs.frequency.sampler(),
            vulnerability: inputs.vulnerability.sampler(),
            loss: inputs.loss.sampler(),
            secondary: inputs.secondary.map(|(probability, loss)| (probability.sampler(), loss.sampler())),
        }
    }

    /// Simulates the losses of a year. Each event draws five numbers even if it needs fewer, so that it
    /// draws the same in simulations with other inputs.
    fn year(&self, seed: &Seed, year: u32) -> f64 {
        let mut numbers = seed.year(year);
        let rate = self.frequency.at(numbers.uniform()) * self.vulnerability.at(numbers.uniform());
        let (mut time, mut losses) = (0.0, 0.0);
        loop {
            // A Poisson process with exponential gaps, up to the rate. The events at a lower rate are the
            // first ones at a higher rate.
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
