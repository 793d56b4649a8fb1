//! Alternating runs of contestants.

use std::process::Command;

use anyhow::{Context, Result};

use super::Bench;
use crate::progress::Progress;
use crate::run;

/// The measured values, in the order of the rounds.
#[derive(Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Creates samples of a constant.
    pub(crate) fn one(value: f64) -> Samples {
        Samples(vec![value])
    }

    /// Creates samples with one value per round.
    pub(crate) fn from_rounds(rounds: Vec<f64>) -> Samples {
        Samples(rounds)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
    }

    /// Returns the minimum and the maximum.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    /// Divides by `other`, round by round.
    pub(crate) fn ratio(&self, other: &Samples) -> Samples {
        Samples(self.0.iter().zip(&other.0).map(|(mine, others)| mine / others).collect())
    }

    /// Subtracts `other`, round by round.
    pub(crate) fn less(&self, other: &Samples) -> Samples {
        Samples(self.0.iter().zip(&other.0).map(|(mine, others)| mine - others).collect())
    }

    /// Returns the greater value, round by round.
    pub(crate) fn greater(&self, other: &Samples) -> Samples {
        Samples(self.0.iter().zip(&other.0).map(|(mine, others)| mine.max(*others)).collect())
    }

    pub(crate) fn map(&self, convert: impl Fn(f64) -> f64) -> Samples {
        Samples(self.0.iter().copied().map(convert).collect())
    }
}

/// Runs each program once per round, alternately, and returns the values that each prints.
pub(crate) fn alternate(
    progress: &Progress,
    name: &str,
    rounds: usize,
    programs: &mut [Command],
) -> Result<Vec<Samples>> {
    progress.step(name, |_| {
        let mut samples = vec![Samples(Vec::new()); programs.len()];
        for _ in 0..rounds {
            for (program, samples) in programs.iter_mut().zip(&mut samples) {
                let printed = run::output(program)?;
                samples.0.push(
                    printed
                        .parse()
                        .with_context(|| format!("the program printed {printed:?} instead of a number"))?,
                );
            }
        }
        Ok(samples)
    })
}

/// Runs a program once per round, and returns the values that it prints.
pub(crate) fn repeated<const N: usize>(
    bench: &Bench,
    name: &str,
    program: &mut Command,
) -> Result<[Samples; N]> {
    bench.tools.progress.step(name, |_| {
        let rounds: Vec<[f64; N]> =
            (0..bench.args.rounds).map(|_| numbers(&run::output(program)?)).collect::<Result<_>>()?;
        Ok(std::array::from_fn(|which| Samples(rounds.iter().map(|round| round[which]).collect())))
    })
}

/// Parses the output of a program that prints several numbers.
pub(crate) fn numbers<const N: usize>(printed: &str) -> Result<[f64; N]> {
    let numbers: Option<Vec<f64>> = printed.split_whitespace().map(|word| word.parse().ok()).collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .with_context(|| format!("the program printed {printed:?} instead of {N} numbers"))
}
