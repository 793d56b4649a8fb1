//! What is told of many years.

use serde::Serialize;

/// Of which parts of the years the most that they lose is told.
pub const QUANTILES: [f64; 6] = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95];
/// With which probabilities it is told how much is exceeded.
pub const EXCEEDED: [f64; 9] = [0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.001];
/// Of how many steps the curve of exceedance is drawn.
const STEPS: usize = 120;

/// What is told of the losses of many years, in the currency of the scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// How many years.
    pub years: u32,
    /// The mean of a year's losses.
    pub mean: f64,
    /// Its standard error: two of three simulations are no further off, and 95 of 100 not twice as far.
    pub standard_error: f64,
    /// The share of the years without a loss.
    pub without_loss: f64,
    /// What so many of the years do not lose more than.
    pub quantiles: Vec<Quantile>,
    /// What is lost, or more, in so many of the years.
    pub exceedance: Vec<Exceedance>,
    /// The worst of the years.
    pub most: f64,
    /// Losses and how probable more is, from the least to the most, as a chart draws them.
    #[serde(skip)]
    pub curve: Vec<Exceedance>,
}

/// A part of the years, and the loss that they do not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantile {
    /// The part: 0.9 for P90.
    pub part: f64,
    /// The loss.
    pub loss: f64,
}

/// A probability, and the loss that is reached or exceeded with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Exceedance {
    /// The probability in a year.
    pub probability: f64,
    /// The loss.
    pub loss: f64,
}

impl Figures {
    /// Of the losses of so many years.
    pub(crate) fn of(losses: &[f64]) -> Self {
        let (mean, standard_error) = mean(losses);
        let mut sorted = losses.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let count = sorted.len();
        let without = sorted.partition_point(|loss| *loss <= 0.0);
        // The loss that the years up to that part do not exceed: the nearest rank.
        let rank = |part: f64| libm::ceil(part * count as f64 - 1e-9).max(1.0) as usize - 1;
        let at = |part: f64| sorted.get(rank(part).min(count.saturating_sub(1))).copied().unwrap_or(0.0);
        let exceedance = |probability: f64| Exceedance { probability, loss: at(1.0 - probability) };
        let some = 1.0 - without as f64 / count.max(1) as f64;
        let curve = (0..=STEPS).map(|step| {
            // Down to a tenth evenly, then on the logarithm, so that rare years are drawn as finely as the others.
            let least = (10.0 / count.max(1) as f64).min(some / 10.0);
            let part = step as f64 / STEPS as f64;
            exceedance(if part <= 0.5 {
                some * (1.0 - 1.8 * part)
            } else {
                some / 10.0 * libm::pow(least / (some / 10.0), 2.0 * part - 1.0)
            })
        });
        Self {
            years: count as u32,
            mean,
            standard_error,
            without_loss: 1.0 - some,
            quantiles: QUANTILES.map(|part| Quantile { part, loss: at(part) }).to_vec(),
            exceedance: EXCEEDED.map(exceedance).to_vec(),
            most: sorted.last().copied().unwrap_or(0.0),
            curve: if some > 0.0 { curve.collect() } else { Vec::new() },
        }
    }

    /// The loss that this part of the years does not exceed, of those in [`QUANTILES`].
    pub fn quantile(&self, part: f64) -> Option<f64> {
        self.quantiles.iter().find(|quantile| quantile.part == part).map(|quantile| quantile.loss)
    }
}

/// The mean, and its standard error.
pub(crate) fn mean(of: &[f64]) -> (f64, f64) {
    let count = of.len() as f64;
    if of.len() < 2 {
        return (of.first().copied().unwrap_or(0.0), 0.0);
    }
    let mean = of.iter().sum::<f64>() / count;
    let squares: f64 = of.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, libm::sqrt(squares / (count - 1.0) / count))
}
