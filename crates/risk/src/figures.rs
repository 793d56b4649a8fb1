//! Statistics of the simulated annual losses.

use serde::Serialize;

/// The shares of years for which quantiles are given.
pub const QUANTILES: [f64; 6] = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95];
/// The probabilities for which exceeded losses are given.
pub const EXCEEDED: [f64; 9] = [0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.001];
/// The number of steps of the exceedance curve.
const STEPS: usize = 120;

/// Statistics of the simulated annual losses, in the scenario's currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The number of simulated years.
    pub years: u32,
    /// The mean annual loss.
    pub mean: f64,
    /// The standard error of the mean.
    pub standard_error: f64,
    /// The share of years without a loss.
    pub without_loss: f64,
    /// For each of the [`QUANTILES`], the loss that this share of the years doesn't exceed.
    pub quantiles: Vec<Quantile>,
    /// For each of the probabilities in [`EXCEEDED`], the loss that is reached or exceeded with it.
    pub exceedance: Vec<Exceedance>,
    /// The loss of the worst year.
    pub most: f64,
    /// The points of the exceedance curve, from the lowest to the highest loss.
    #[serde(skip)]
    pub curve: Vec<Exceedance>,
}

/// A share of the years, and the loss that they don't exceed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantile {
    /// The share: 0.9 for P90.
    pub part: f64,
    /// The loss in the scenario's currency.
    pub loss: f64,
}

/// A probability, and the loss that is reached or exceeded with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Exceedance {
    /// The probability in a year.
    pub probability: f64,
    /// The loss in the scenario's currency.
    pub loss: f64,
}

impl Figures {
    /// Computes the figures of these losses.
    pub(crate) fn new(losses: &[f64]) -> Self {
        let (mean, standard_error) = mean(losses);
        let mut sorted = losses.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let count = sorted.len();
        let without = sorted.partition_point(|loss| *loss <= 0.0);
        // The quantile by the nearest rank.
        let rank = |part: f64| libm::ceil(part * count as f64 - 1e-9).max(1.0) as usize - 1;
        let at = |part: f64| sorted.get(rank(part).min(count.saturating_sub(1))).copied().unwrap_or(0.0);
        let exceedance = |probability: f64| Exceedance { probability, loss: at(1.0 - probability) };
        let some = 1.0 - without as f64 / count.max(1) as f64;
        let curve = (0..=STEPS).map(|step| {
            // Linear for the first nine tenths, then logarithmic, so that rare years get as many points as
            // the others.
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

    /// Returns the loss that this share of the years doesn't exceed; `None` if it isn't in [`QUANTILES`].
    pub fn quantile(&self, part: f64) -> Option<f64> {
        self.quantiles.iter().find(|quantile| quantile.part == part).map(|quantile| quantile.loss)
    }
}

/// Returns the mean and its standard error.
pub(crate) fn mean(of: &[f64]) -> (f64, f64) {
    let count = of.len() as f64;
    if of.len() < 2 {
        return (of.first().copied().unwrap_or(0.0), 0.0);
    }
    let mean = of.iter().sum::<f64>() / count;
    let squares: f64 = of.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, libm::sqrt(squares / (count - 1.0) / count))
}
