//! Frequencies that observations propose. A person applies them, or does not.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::time::Time;
use serde::Serialize;

use crate::pert::Pert;
use crate::rate::{Proposal, Rate};
use crate::scenario::{Scenario, Signal};

/// How a frequency is computed from what was observed.
pub const METHOD: &str = "mode is what was observed, divided by the years; low and high are the exact interval of 90 % for the rate of a Poisson process (Garwood)";
/// How many entries are named.
const LEAVES: usize = 1000;
/// And so many of each kind.
const LEAVES_OF_KIND: usize = 20;
/// The average length of a year in the Gregorian calendar.
const YEAR_MILLIS: f64 = 365.2425 * 86_400_000.0;
/// What was recorded in less time tells nothing of a year: a log that events were imported into, say.
const SHORTEST_MILLIS: f64 = 86_400_000.0;

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

impl Observation {
    /// A finding, as `findings/v1` has it; `None` where nobody vouches for its events: whose they are is no question then.
    pub fn found(
        rule: Option<String>,
        title: String,
        level: Option<String>,
        signer_trust: Option<&str>,
        tags: Vec<String>,
        leaves: Vec<u64>,
    ) -> Option<Self> {
        let is_vouched_for = !matches!(signer_trust, Some("suspect" | "revoked"));
        is_vouched_for.then(|| Self { rule, tags, level, title, leaves, flags: Vec::new() })
    }

    /// An endpoint, as `inventory/v1` has it: its method or service, and its path or operation.
    pub fn called(name: [Option<String>; 2], flags: Vec<String>, leaves: Vec<u64>) -> Self {
        let title = name.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Self { flags, title, leaves, ..Self::default() }
    }
}

/// How long was looked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// From when: `2026-01-01T00:00:00.000Z`.
    pub from: String,
    /// To when.
    pub to: String,
    /// How many years that is.
    pub years: f64,
}

impl Span {
    /// From one moment to another; `None` where that is no time.
    pub fn between(from: Time, to: Time) -> Option<Self> {
        let millis = to.millis() - from.millis();
        let years = millis as f64 / YEAR_MILLIS;
        (millis > 0).then(|| Self { from: from.to_string(), to: to.to_string(), years })
    }

    /// Whether it is less than a day. Where that is merely when a log was written, nothing can be proposed for a year.
    pub fn is_short(&self) -> bool {
        self.years * YEAR_MILLIS < SHORTEST_MILLIS
    }
}

/// What was observed, and in what.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// What may be threat events.
    pub observations: Vec<Observation>,
    /// How long was looked.
    pub span: Span,
    /// Whether nothing can be missing from what was looked at.
    pub is_complete: bool,
    /// The root of the log that was looked at, where it has one.
    pub root: Option<Hash>,
}

/// Threat events of one kind: findings of a title, or an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// What they are, for people.
    pub title: String,
    /// How many.
    pub times: u32,
    /// The entries of the log that show them, the first twenty.
    pub leaves: Vec<u64>,
}

/// A frequency that is proposed for a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposed {
    /// The scenario.
    pub scenario: String,
    /// How many of its threat events were observed.
    pub observed: u32,
    /// What they are, those with the most first.
    pub what: Vec<Kind>,
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
    /// The scenario's member as it would be: a line of YAML, for the person who agrees.
    pub line: String,
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
    pub fn of(scenario: &Scenario, observed: &Observed) -> Option<Self> {
        if scenario.observed.is_empty() {
            return None;
        }
        let Observed { observations, span, is_complete, root } = observed;
        let counted: Vec<&Observation> = observations
            .iter()
            .filter(|observation| scenario.observed.iter().any(|signal| signal.is(observation)))
            .collect();
        let number = u32::try_from(counted.len()).ok()?;
        let frequency = Rate { observed: number, years: span.years }.proposal()?;
        Some(Self {
            scenario: scenario.id.clone(),
            observed: number,
            what: kinds(&counted),
            leaves: leaves(counted.iter().copied(), LEAVES),
            span: span.clone(),
            complete: *is_complete,
            now: scenario.inputs.frequency,
            frequency,
            method: METHOD,
            line: line(number, span, root.as_ref(), frequency),
        })
    }

    /// The text of its scenario with what is proposed, and nothing else changed. `None` where that cannot be done by
    /// exchanging lines, as in JSON, and where the frequency is none that a scenario can have.
    pub fn applied(&self, text: &str) -> Option<String> {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let first = lines.iter().position(|line| line.starts_with("frequency:"))?;
        let begins = |line: &&str| line.starts_with(|char: char| !char.is_whitespace() && char != '#');
        let next = lines[first + 1..].iter().position(begins).map_or(lines.len(), |after| first + 1 + after);
        // A comment before the next member is about that.
        let of_next = |line: &&&str| line.starts_with('#') || line.trim().is_empty();
        let end = next - lines[first + 1..next].iter().rev().take_while(of_next).count();
        let last = lines[end - 1];
        let line_break = &last[last.trim_end_matches(['\r', '\n']).len()..];
        let new = [&lines[..first].concat(), &self.line, line_break, &lines[end..].concat()].concat();
        let (before, after) = (Scenario::parse(text).ok()?, Scenario::parse(&new).ok()?);
        let mut wanted = Scenario { hash: after.hash, ..before };
        wanted.inputs.frequency = after.inputs.frequency;
        wanted.sources[0] = after.sources[0].clone();
        (after == wanted && self.frequency.is_about(after.inputs.frequency)).then_some(new)
    }
}

/// How many there are of each kind, and where.
fn kinds(counted: &[&Observation]) -> Vec<Kind> {
    let mut titles: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
    for observation in counted {
        titles.entry(&observation.title).or_default().push(observation);
    }
    let kind = |(title, of): (&str, Vec<&Observation>)| Kind {
        title: title.to_owned(),
        times: u32::try_from(of.len()).unwrap_or(u32::MAX),
        leaves: leaves(of, LEAVES_OF_KIND),
    };
    let mut kinds: Vec<Kind> = titles.into_iter().map(kind).collect();
    kinds.sort_unstable_by(|a, b| b.times.cmp(&a.times).then_with(|| a.title.cmp(&b.title)));
    kinds
}

/// The first so many of the entries that show them.
fn leaves<'a>(of: impl IntoIterator<Item = &'a Observation>, most: usize) -> Vec<u64> {
    let mut leaves: Vec<u64> = of.into_iter().flat_map(|observation| &observation.leaves).copied().collect();
    leaves.sort_unstable();
    leaves.dedup();
    leaves.truncate(most);
    leaves
}

/// The frequency as a line of YAML, with who says so and as of when.
fn line(observed: u32, span: &Span, root: Option<&Hash>, Proposal { low, mode, high }: Proposal) -> String {
    let day = |time: &str| time.get(..10).unwrap_or(time).to_owned();
    let (from, to) = (day(&span.from), day(&span.to));
    let log = root.map(|root| format!(" in the log with the root {root}")).unwrap_or_default();
    format!(
        "frequency: {{low: {low:.2}, mode: {mode:.2}, high: {high:.2}, source: \"{observed} observed from {from} to {to}{log}\", date: {to}}}"
    )
}

impl Proposal {
    /// Whether these are the same numbers, with two places.
    fn is_about(self, Pert { low, mode, high }: Pert) -> bool {
        [self.low - low, self.mode - mode, self.high - high].iter().all(|off| off.abs() < 0.006)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "\
countersign: scenario/v1
id: exposed-endpoint
title: An endpoint gives away records
currency: EUR
# How often.
frequency:
  low: 2   # the least
  mode: 6

  high: 20
  source: A guess
  date: 2026-11-20

# How much of it.
vulnerability: {low: 0.05, mode: 0.2, high: 0.6, source: A guess, date: 2026-10-02}
loss: {low: 10000, mode: 50000, high: 400000, source: A guess, date: 2026-01-31}
observed:
  - endpoint: shadow
  - level: high
";

    fn time(text: &str) -> Time {
        Time::parse(text.as_bytes()).unwrap()
    }

    fn observed() -> Observed {
        let found = |title: &str, level: &str, signer_trust, leaves: &[u64]| {
            let rule = Some(title.to_owned());
            Observation::found(
                rule,
                title.into(),
                Some(level.into()),
                signer_trust,
                Vec::new(),
                leaves.to_vec(),
            )
        };
        let called = |path: &str, flag: &str| {
            Observation::called([Some("GET".into()), Some(path.into())], vec![flag.into()], vec![50])
        };
        let findings = [
            found("Failed logins", "high", Some("trusted"), &[7, 9]),
            found("Failed logins", "critical", None, &[9, 12]),
            found("Failed logins", "high", Some("suspect"), &[13]),
            found("A new role", "low", Some("trusted"), &[3]),
        ];
        let endpoints = [called("/internal", "shadow"), called("/jobs", "new")];
        let span = Span::between(time("2026-01-01T00:00:00.000Z"), time("2026-11-20T06:00:00.000Z")).unwrap();
        Observed {
            observations: findings.into_iter().flatten().chain(endpoints).collect(),
            span,
            is_complete: true,
            root: None,
        }
    }

    fn proposed(text: &str) -> Proposed {
        Proposed::of(&Scenario::parse(text).unwrap(), &observed()).unwrap()
    }

    #[test]
    fn what_counts_is_told_by_kind_with_its_entries() {
        let Proposed { observed, what, leaves, line, .. } = proposed(BLOCK);
        assert_eq!((observed, &leaves[..]), (3, &[7, 9, 12, 50][..]));
        let told: Vec<_> = what.iter().map(|kind| (&*kind.title, kind.times, &kind.leaves[..])).collect();
        assert_eq!(told, [("Failed logins", 2, &[7, 9, 12][..]), ("GET /internal", 1, &[50][..])]);
        assert_eq!(
            line,
            "frequency: {low: 0.92, mode: 3.39, high: 8.76, source: \"3 observed from 2026-01-01 to 2026-11-20\", date: 2026-11-20}"
        );
    }

    #[test]
    fn what_is_applied_changes_the_frequency_alone() {
        let proposed = proposed(BLOCK);
        let applied = proposed.applied(BLOCK).unwrap();
        let (begin, end) = (BLOCK.find("frequency:").unwrap(), BLOCK.find("\n# How much").unwrap());
        assert_eq!(applied, format!("{}{}\n{}", &BLOCK[..begin], proposed.line, &BLOCK[end..]));
        // Written otherwise, it is applied all the same; and again.
        let windows = BLOCK.replace('\n', "\r\n");
        assert_eq!(proposed.applied(&windows).unwrap(), applied.replace('\n', "\r\n"));
        assert_eq!(proposed.applied(&applied).unwrap(), applied);
        let last = "frequency: {low: 2, mode: 6, high: 20, source: A guess, date: 2026-11-20}";
        let moved = format!("{}{}{last}", &BLOCK[..begin], &BLOCK[end..]);
        assert!(proposed.applied(&moved).unwrap().ends_with(&format!("level: high\n{}", proposed.line)));
    }

    #[test]
    fn what_cannot_be_applied_is_not() {
        let proposed = proposed(BLOCK);
        let json = r#"{"countersign":"scenario/v1","id":"a","title":"A","currency":"EUR",
"frequency":{"low":1,"mode":2,"high":3,"source":"A","date":"2026-01-01"},
"vulnerability":{"low":0,"mode":0.5,"high":1,"source":"A","date":"2026-01-01"},
"loss":{"low":1,"mode":2,"high":3,"source":"A","date":"2026-01-01"}}"#;
        assert!(Scenario::parse(json).is_ok());
        assert_eq!(proposed.applied(json), None);
        // In a minute so much happened that a year would have more than any scenario.
        let span = Span::between(time("2026-01-01T00:00:00.000Z"), time("2026-01-01T00:01:00.000Z")).unwrap();
        assert!(span.is_short());
        let often = Proposed::of(&Scenario::parse(BLOCK).unwrap(), &Observed { span, ..observed() }).unwrap();
        assert_eq!(often.applied(BLOCK), None);
    }

    #[test]
    fn spans_are_forward() {
        let [one, other] = ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"].map(time);
        assert_eq!(Span::between(other, one), None);
        assert_eq!(Span::between(one, one), None);
        assert!(!Span::between(one, other).unwrap().is_short());
    }
}
