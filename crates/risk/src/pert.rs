//! PERT distributions, sampled by the inverse of their distribution function.

/// A PERT distribution (gamma 4).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Pert {
    /// The lowest possible value.
    pub low: f64,
    /// The likeliest value.
    pub mode: f64,
    /// The highest possible value.
    pub high: f64,
}

/// The number of cells of equal width that the range is divided into.
const CELLS: usize = 4096;

impl Pert {
    /// Returns the mean.
    pub fn mean(&self) -> f64 {
        (self.low + 4.0 * self.mode + self.high) / 6.0
    }

    /// Returns the parameters of the beta distribution over the range.
    fn shape(&self) -> (f64, f64) {
        let range = self.high - self.low;
        (1.0 + 4.0 * ((self.mode - self.low) / range), 1.0 + 4.0 * ((self.high - self.mode) / range))
    }

    /// Prepares sampling.
    pub(crate) fn sampler(self) -> Sampler {
        if self.high <= self.low {
            return Sampler { low: self.low, high: self.low, cumulated: Vec::new() };
        }
        let (alpha, beta) = self.shape();
        let density = |x: f64| libm::pow(x, alpha - 1.0) * libm::pow(1.0 - x, beta - 1.0);
        let width = 1.0 / CELLS as f64;
        let mut cumulated = Vec::with_capacity(CELLS + 1);
        cumulated.push(0.0);
        let (mut sum, mut left) = (0.0, density(0.0));
        for cell in 0..CELLS {
            // Simpson's rule.
            let middle = density((cell as f64 + 0.5) * width);
            let right = density((cell as f64 + 1.0) * width);
            sum += left + 4.0 * middle + right;
            cumulated.push(sum);
            left = right;
        }
        for value in &mut cumulated {
            *value /= sum;
        }
        Sampler { low: self.low, high: self.high, cumulated }
    }
}

/// A sampler: the cumulative distribution at the end of each cell.
///
/// Each uniform number gives one sample, and a greater number never gives a smaller sample. Simulations
/// with changed inputs therefore stay comparable year by year.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    low: f64,
    high: f64,
    cumulated: Vec<f64>,
}

impl Sampler {
    /// Returns the sample for a number between 0 and 1.
    pub(crate) fn at(&self, uniform: f64) -> f64 {
        if self.cumulated.is_empty() {
            return self.low;
        }
        let above = self.cumulated.partition_point(|below| *below <= uniform).clamp(1, CELLS);
        let (from, to) = (self.cumulated[above - 1], self.cumulated[above]);
        let part = if to > from { ((uniform - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
        let place = ((above - 1) as f64 + part) / CELLS as f64;
        (self.low + (self.high - self.low) * place).min(self.high)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pert() -> impl Strategy<Value = Pert> {
        prop::array::uniform3(0.0..1e6_f64).prop_map(|mut of| {
            of.sort_by(f64::total_cmp);
            Pert { low: of[0], mode: of[1], high: of[2] }
        })
    }

    proptest! {
        #[test]
        fn samples_have_the_mean_of_the_formula_and_stay_in_range(pert in pert()) {
            const DRAWS: usize = 20_000;
            let sampler = pert.sampler();
            let at = |nth: usize| sampler.at((nth as f64 + 0.5) / DRAWS as f64);
            let mean = (0..DRAWS).map(at).sum::<f64>() / DRAWS as f64;
            prop_assert!((mean - pert.mean()).abs() <= 5e-5 * (pert.high - pert.low), "{mean} {pert:?}");
            prop_assert!(sampler.at(0.0) >= pert.low && sampler.at(1.0) <= pert.high);
            prop_assert!((1..DRAWS).all(|nth| at(nth - 1) <= at(nth)));
        }

        #[test]
        fn a_greater_input_never_samples_less(pert in pert(), up in prop::array::uniform3(0.0..1e5_f64), uniform in 0.0..1.0_f64) {
            // Scale the input, so that its shape stays the same. Other shapes may cross.
            let scale = 1.0 + up[0] / 1e5;
            let more = Pert { low: pert.low * scale, mode: pert.mode * scale, high: pert.high * scale };
            prop_assert!(more.sampler().at(uniform) >= pert.sampler().at(uniform) * (1.0 - 1e-12));
        }
    }

    #[test]
    fn equal_numbers_give_a_constant() {
        let pert = Pert { low: 7.0, mode: 7.0, high: 7.0 };
        assert_eq!((pert.mean(), pert.sampler().at(0.3)), (7.0, 7.0));
    }
}
