//! Frequencies that observations propose. A person applies them, or does not.

use serde::Serialize;

use crate::pert::Pert;
use crate::rate::{Proposal, Rate};
use crate::scenario::{Scenario, Signal};

/// How a frequency is computed from what was observed.
pub const METHOD: &str = "mode is what was observed, divided by the years; low and high are the exact interval of 90 % for the rate of a Poisson process (Garwood)";
/// How many entries are named.
const LEAVES: usize = 1000;

/// Something that was found in a log, and may be a threat event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// The rule that found it.
    pub rule: Option<String>,
    /// The rule's tags.
    pub tags: Vec<String>,
    /// Its level, where it is a finding.
    pub level: Option<String>,
    /// What stands out, where it is an endpoint.
    pub flags: Vec<String>,
    /// What it is, for people.
    pub title: String,
    /// The entries that show it.
    pub leaves: Vec<u64>,
}

/// How long was looked, and at what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// From when: `2026-01-01T00:00:00.000Z`.
    pub from: String,
    /// To when.
    pub to: String,
    /// How many years that is.
    pub years: f64,
}

/// A frequency that is proposed for a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposed {
    /// The scenario.
    pub scenario: String,
    /// How many of its threat events were observed.
    pub observed: u32,
    /// What they are, and how many of each.
    pub what: Vec<(String, u32)>,
    /// The entries of the log that show them, the first thousand.
    pub leaves: Vec<u64>,
    /// How long was looked.
    #[serde(flatten)]
    pub span: Span,
    /// Whether nothing can be missing from what was looked at.
    pub complete: bool,
    /// What the scenario has now.
    pub now: Pert,
    /// What is proposed.
    pub frequency: Proposal,
    /// How that is computed.
    pub method: &'static str,
}

impl Signal {
    fn is(&self, observation: &Observation) -> bool {
        const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
        let place = |level: &str| LEVELS.iter().position(|of| *of == level);
        match self {
            Self::Rule(id) => observation.rule.as_ref() == Some(id),
            Self::Tag(tag) => observation.tags.contains(tag),
            Self::Level(least) => {
                let level = observation.level.as_deref().and_then(place);
                level.is_some_and(|level| Some(level) >= place(least))
            }
            Self::Endpoint(flag) => observation.flags.contains(flag),
        }
    }
}

impl Proposed {
    /// What observations propose for a scenario; `None` where it does not say what to count, or nothing can be computed.
    ///
    /// Each observation counts once, by however many of the scenario's signals.
    pub fn of(
        scenario: &Scenario,
        observations: &[Observation],
        span: &Span,
        complete: bool,
    ) -> Option<Self> {
        if scenario.observed.is_empty() {
            return None;
        }
        let counted: Vec<&Observation> = observations
            .iter()
            .filter(|observation| scenario.observed.iter().any(|signal| signal.is(observation)))
            .collect();
        let mut what: Vec<(String, u32)> = Vec::new();
        for observation in &counted {
            match what.iter_mut().find(|(title, _)| *title == observation.title) {
                Some((_, number)) => *number += 1,
                None => what.push((observation.title.clone(), 1)),
            }
        }
        what.sort_by(|(a, more), (b, fewer)| fewer.cmp(more).then_with(|| a.cmp(b)));
        let mut leaves: Vec<u64> =
            counted.iter().flat_map(|observation| &observation.leaves).copied().collect();
        leaves.sort_unstable();
        leaves.dedup();
        leaves.truncate(LEAVES);
        let observed = u32::try_from(counted.len()).ok()?;
        let frequency = Rate { observed, years: span.years }.proposal()?;
        Some(Self {
            scenario: scenario.id.clone(),
            observed,
            what,
            leaves,
            span: span.clone(),
            complete,
            now: scenario.inputs.frequency,
            frequency,
            method: METHOD,
        })
    }
}
