//! Figures and their targets.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::contest::Samples;

/// The number of significant digits that are kept of a measured value.
const DIGITS: i32 = 4;

/// The target of a figure.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// A measured figure.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figure {
    name: String,
    /// The median of the samples, unless set otherwise.
    value: f64,
    unit: String,
    /// The minimum and maximum, if there are several samples.
    spread: Option<[f64; 2]>,
    target: Option<Target>,
    #[serde(skip)]
    samples: Samples,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: &str, samples: Samples) -> Figure {
        let (low, high) = samples.spread();
        Figure {
            name: name.into(),
            value: rounded(samples.median()),
            unit: unit.to_owned(),
            spread: (samples.len() > 1).then(|| [low, high].map(rounded)),
            target: None,
            samples,
        }
    }

    /// Creates a figure of how many times as long as `other` this takes, comparing the fastest rounds,
    /// because other load can only slow a round down. The spread is that of all rounds.
    pub(crate) fn times_as_long(name: impl Into<String>, mine: &Samples, other: &Samples) -> Figure {
        let value = rounded(mine.spread().0 / other.spread().0);
        Figure { value, ..Figure::new(name, "times", mine.ratio(other)) }
    }

    /// Creates a figure of the ratio to another such figure.
    pub(crate) fn relative_to(&self, name: impl Into<String>, other: &Figure) -> Figure {
        let value = rounded(self.value / other.value);
        Figure { value, ..Figure::new(name, "times", self.samples.ratio(&other.samples)) }
    }

    pub(crate) fn with_target(self, target: impl Into<Option<Target>>) -> Figure {
        Figure { target: target.into(), ..self }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// Returns the value of the fastest round, which other load slowed down least.
    pub(crate) fn fastest(&self) -> f64 {
        self.spread.map_or(self.value, |[least, _]| least)
    }

    /// Returns true if the figure meets its target, if it has one.
    pub(crate) fn meets_target(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtMost(most) => self.value <= most,
            Target::AtLeast(least) => self.value >= least,
        })
    }

    /// Formats the figure as a row of a table: name, value, unit, spread, target, and status.
    pub(crate) fn cells(&self) -> [String; 6] {
        let dash = || "–".to_owned();
        let status = match self.meets_target() {
            None => "–",
            Some(true) => "✓ met",
            Some(false) => "✗ missed",
        };
        [
            self.name.clone(),
            number(self.value),
            self.unit.clone(),
            self.spread.map_or_else(dash, |[low, high]| format!("{} to {}", number(low), number(high))),
            self.target.map_or_else(dash, |target| target.to_string()),
            status.to_owned(),
        ]
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [name, value, unit, spread, target, status] = self.cells();
        write!(f, "{name:<64} {value:>10} {unit:<9} {spread:<20} {target:<18} {status}")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::AtMost(most) => write!(f, "at most {}", grouped(&most.to_string())),
            Target::AtLeast(least) => write!(f, "at least {}", grouped(&least.to_string())),
        }
    }
}

/// Removes digits that a measurement doesn't have.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let text = format!("{value:.*e}", DIGITS as usize - 1);
    text.parse().unwrap_or(value)
}

/// Formats a measured value for people.
pub(super) fn number(value: f64) -> String {
    let places = match value.abs() {
        0.0 | 100.0.. => 0,
        10.0.. => 1,
        0.1.. => 2,
        _ => 3,
    };
    grouped(&format!("{value:.places$}"))
}

/// Separates the thousands of a decimal number.
pub(super) fn grouped(number: &str) -> String {
    let (whole, fraction) = number.find('.').map_or((number, ""), |point| number.split_at(point));
    let mut text = String::new();
    for (at, digit) in whole.char_indices() {
        if digit.is_ascii_digit() && at > 0 && (whole.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let values = [0.0, 0.0334, 0.37, 1.435, 16.84, 343.4, 153_757.0, -1234.0, -123.0];
        let texts = ["0", "0.033", "0.37", "1.44", "16.8", "343", "153,757", "-1,234", "-123"];
        assert_eq!(values.map(number), texts);
        assert_eq!(Target::AtMost(1.46).to_string(), "at most 1.46");
        assert_eq!(Target::AtLeast(150_000.0).to_string(), "at least 150,000");
        assert_eq!([1.234_567, 153_757.3].map(|value| rounded(value).to_string()), ["1.235", "153800"]);
    }

    #[test]
    fn a_target_is_met_or_missed() {
        let figure = |target| Figure::new("a", "s", Samples::from_rounds(vec![1.0, 3.0])).with_target(target);
        assert_eq!(
            figure(Target::AtMost(2.0)).cells(),
            ["a", "2.00", "s", "1.00 to 3.00", "at most 2", "✓ met"]
        );
        assert_eq!(figure(Target::AtLeast(2.5)).meets_target(), Some(false));
        let once = Figure::new("b", "ms", Samples::one(12.34));
        assert_eq!(once.cells(), ["b", "12.3", "ms", "–", "–", "–"]);
    }
}
