//! Figures, and their bounds.

use std::fmt;

use super::contest::Samples;

/// The bound of a figure.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A measured figure.
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    /// The median of the samples, unless set otherwise.
    value: f64,
    samples: Samples,
    bound: Option<Bound>,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, samples: Samples) -> Figure {
        Figure { name: name.into(), unit, value: samples.median(), samples, bound: None }
    }

    /// Creates a figure of how many times as long as `other` this takes, comparing the fastest rounds,
    /// because other load can only slow a round down. The spread is that of all rounds.
    pub(crate) fn times_as_long(name: impl Into<String>, mine: &Samples, other: &Samples) -> Figure {
        let value = mine.spread().0 / other.spread().0;
        Figure { value, ..Figure::new(name, "times", mine.ratio(other)) }
    }

    /// Creates a figure of the ratio to another such figure.
    pub(crate) fn relative_to(&self, name: impl Into<String>, other: &Figure) -> Figure {
        let value = self.value / other.value;
        Figure { value, ..Figure::new(name, "times", self.samples.ratio(&other.samples)) }
    }

    pub(crate) fn held_to(self, bound: Bound) -> Figure {
        Figure { bound: Some(bound), ..self }
    }

    /// Returns true if the figure is within its bound, if it has one.
    pub(crate) fn within(&self) -> Option<bool> {
        let value = self.value;
        self.bound.map(|bound| match bound {
            Bound::AtMost(most) => value <= most,
            Bound::AtLeast(least) => value >= least,
        })
    }

    /// Formats the figure as an object in the list that `--json` writes. `spread` is the minimum and
    /// maximum.
    pub(crate) fn to_json(&self) -> String {
        let (low, high) = self.samples.spread();
        let bound = match self.bound {
            None => "null".to_owned(),
            Some(Bound::AtMost(bound) | Bound::AtLeast(bound)) => bound.to_string(),
        };
        let within = self.within().map_or("null", |within| if within { "true" } else { "false" });
        format!(
            r#"{{"name":{:?},"value":{},"unit":{:?},"spread":[{low},{high}],"bound":{bound},"within":{within}}}"#,
            self.name, self.value, self.unit,
        )
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.samples.spread();
        write!(f, "{:<32} {:>10} {:<9}", self.name, short(self.value), self.unit)?;
        write!(f, " {:<20}", format!("{} to {}", short(low), short(high)))?;
        let bound = match self.bound {
            None => return Ok(()),
            Some(Bound::AtMost(bound)) => format!("at most {}", short(bound)),
            Some(Bound::AtLeast(bound)) => format!("at least {}", short(bound)),
        };
        write!(f, " {bound:<16} {}", if self.within() == Some(true) { "ok" } else { "NOT MET" })
    }
}

fn short(value: f64) -> String {
    if value.abs() >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
