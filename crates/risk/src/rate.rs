//! Estimates of annual frequencies from observations.

use serde::Serialize;

/// A number of observations in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// The number of observations.
    pub observed: u32,
    /// The span in years.
    pub years: f64,
}

/// A frequency estimated from observations, in events per year.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// The lower bound: at this rate, the probability of as many observations or more is 5 %.
    pub low: f64,
    /// The observed number per year.
    pub mode: f64,
    /// The upper bound: at this rate, the probability of as few observations or fewer is 5 %.
    pub high: f64,
}

/// The probability on each side of the interval.
const TAIL: f64 = 0.05;

impl Rate {
    /// Computes the observed rate and the exact 90 % interval for the rate of a Poisson process (Garwood
    /// 1936). `None` if the span isn't positive and finite, or there are more than 100,000 observations.
    pub fn proposal(self) -> Option<Proposal> {
        let Self { observed, years } = self;
        if !(years.is_finite() && years > 0.0) || observed > 100_000 {
            return None;
        }
        let more_than = |count: u32| {
            let factorial: f64 = (1..=count).map(|k| libm::log(f64::from(k))).sum();
            move |mean| 1.0 - at_most(count, mean, factorial)
        };
        let low = if observed == 0 { 0.0 } else { solve(more_than(observed - 1), TAIL) };
        let high = solve(more_than(observed), 1.0 - TAIL);
        Some(Proposal { low: low / years, mode: f64::from(observed) / years, high: high / years })
    }
}

/// Returns the probability of at most `count` events in a Poisson distribution with this mean. `factorial`
/// is the logarithm of the factorial of `count`.
fn at_most(count: u32, mean: f64, factorial: f64) -> f64 {
    if mean <= 0.0 {
        return 1.0;
    }
    let log = libm::log(mean);
    // Use logarithms, because terms far from the mean would underflow.
    let mut exponent = f64::from(count) * log - mean - factorial;
    let mut sum = 0.0;
    for k in (0..=count).rev() {
        let (k, term) = (f64::from(k), libm::exp(exponent));
        sum += term;
        if term < sum * 1e-17 && k < mean {
            break;
        }
        exponent += libm::log(k) - log;
    }
    sum.min(1.0)
}

/// Finds where a rising function of the mean has this value.
fn solve(rising: impl Fn(f64) -> f64, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while rising(high) < value {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if rising(middle) < value { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from the quantiles of chi-squared: `scipy.stats.chi2.ppf(.05, 2k)/2` and `ppf(.95,
    /// 2k+2)/2`.
    #[test]
    fn intervals_match_garwood() {
        for (observed, low, high) in [
            (0, 0.0, 2.995_732_273_553_991),
            (1, 0.051_293_294_387_550_6, 4.743_864_518_390_592),
            (4, 1.366_318_396_800_64, 9.153_519_026_637_9),
            (100, 84.138_8, 118.078_6),
        ] {
            let proposal = Rate { observed, years: 1.0 }.proposal().unwrap();
            assert!((proposal.low - low).abs() < 1e-3 && (proposal.high - high).abs() < 1e-3, "{proposal:?}");
            let half = Rate { observed, years: 0.5 }.proposal().unwrap();
            assert!((half.high - 2.0 * proposal.high).abs() < 1e-9);
        }
    }

    #[test]
    fn invalid_spans_give_no_rate() {
        for years in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Rate { observed: 3, years }.proposal(), None);
        }
        assert!(Rate { observed: 100_000, years: 1.0 }.proposal().is_some());
    }
}
