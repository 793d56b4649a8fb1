//! PERT distributions, drawn by their inverse.

/// A PERT distribution (gamma 4): the least, the likeliest and the most.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Pert {
    /// The least that is thought possible.
    pub low: f64,
    /// The likeliest.
    pub mode: f64,
    /// The most that is thought possible.
    pub high: f64,
}

/// Into how many cells of equal width its range is divided.
const CELLS: usize = 4096;

impl Pert {
    /// Its mean.
    pub fn mean(&self) -> f64 {
        (self.low + 4.0 * self.mode + self.high) / 6.0
    }

    /// The shape of the beta distribution that it is, over its range.
    fn shape(&self) -> (f64, f64) {
        let range = self.high - self.low;
        (1.0 + 4.0 * ((self.mode - self.low) / range), 1.0 + 4.0 * ((self.high - self.mode) / range))
    }

    /// Prepares to draw from it.
    pub(crate) fn drawn(self) -> Drawn {
        if self.high <= self.low {
            return Drawn { low: self.low, high: self.low, cumulated: Vec::new() };
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
        Drawn { low: self.low, high: self.high, cumulated }
    }
}

/// A distribution that is drawn from: how much of it lies below the end of each cell.
///
/// By the inverse, one uniform number makes one draw, and a greater one never a smaller draw: simulations with changed
/// inputs stay comparable year for year.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    low: f64,
    high: f64,
    cumulated: Vec<f64>,
}

impl Drawn {
    /// The draw that a number between 0 and 1 makes.
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
        fn draws_have_the_mean_of_the_formula_and_stay_in_range(pert in pert()) {
            const DRAWS: usize = 20_000;
            let drawn = pert.drawn();
            let at = |nth: usize| drawn.at((nth as f64 + 0.5) / DRAWS as f64);
            let mean = (0..DRAWS).map(at).sum::<f64>() / DRAWS as f64;
            prop_assert!((mean - pert.mean()).abs() <= 5e-5 * (pert.high - pert.low), "{mean} {pert:?}");
            prop_assert!(drawn.at(0.0) >= pert.low && drawn.at(1.0) <= pert.high);
            prop_assert!((1..DRAWS).all(|nth| at(nth - 1) <= at(nth)));
        }

        #[test]
        fn more_of_an_input_never_draws_less(pert in pert(), up in prop::array::uniform3(0.0..1e5_f64), uniform in 0.0..1.0_f64) {
            // With the same share of the range below the mode: another shape may cross it.
            let scale = 1.0 + up[0] / 1e5;
            let more = Pert { low: pert.low * scale, mode: pert.mode * scale, high: pert.high * scale };
            prop_assert!(more.drawn().at(uniform) >= pert.drawn().at(uniform) * (1.0 - 1e-12));
        }
    }

    #[test]
    fn one_number_is_no_distribution() {
        let pert = Pert { low: 7.0, mode: 7.0, high: 7.0 };
        assert_eq!((pert.mean(), pert.drawn().at(0.3)), (7.0, 7.0));
    }
}
