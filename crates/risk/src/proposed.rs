//! Frequencies proposed from observations. A person decides whether to apply them.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::time::Time;
use countersign_query::{Conclusion, Unparsed};
use serde::Serialize;

use crate::pert::Pert;
use crate::rate::{Proposal, Rate};
use crate::scenario::{Scenario, Signal};

/// The method by which a frequency is computed from observations.
pub const METHOD: &str = "mode is what was observed, divided by the years; low and high are the exact interval of 90 % for the rate of a Poisson process (Garwood)";
/// The maximum number of entries listed.
const LEAVES: usize = 1000;
/// The maximum number of entries listed per kind.
const LEAVES_OF_KIND: usize = 20;
/// The average length of a year in the Gregorian calendar, in milliseconds.
const YEAR_MILLIS: f64 = 365.2425 * 86_400_000.0;
/// The minimum span, in milliseconds. A shorter span, such as that of an import, says nothing about a year.
const MIN_SPAN_MILLIS: f64 = 86_400_000.0;

/// Something found in a log that may be a threat event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// The rule that found it, if it is a finding.
    pub rule: Option<String>,
    /// The rule's tags.
    pub tags: Vec<String>,
    /// The level, if it is a finding.
    pub level: Option<String>,
    /// The flags, if it is an endpoint.
    pub flags: Vec<String>,
    /// A human-readable title.
    pub title: String,
    /// The entries that prove it.
    pub leaves: Vec<u64>,
}

impl Observation {
    /// Creates an observation from a finding in `findings/v1`. `None` if its signer isn't trusted
    /// (`suspect` or `revoked`).
    pub fn from_finding(
        rule: Option<String>,
        title: String,
        level: Option<String>,
        signer_trust: Option<&str>,
        tags: Vec<String>,
        leaves: Vec<u64>,
    ) -> Option<Self> {
        let is_trusted = !matches!(signer_trust, Some("suspect" | "revoked"));
        is_trusted.then(|| Self { rule, tags, level, title, leaves, flags: Vec::new() })
    }

    /// Creates an observation from an endpoint in `inventory/v1`: its method or service, and its path or
    /// operation.
    pub fn from_endpoint(name: [Option<String>; 2], flags: Vec<String>, leaves: Vec<u64>) -> Self {
        let title = name.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Self { flags, title, leaves, ..Self::default() }
    }
}

/// The span of time that was observed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// The start: `2026-01-01T00:00:00.000Z`.
    pub from: String,
    /// The end.
    pub to: String,
    /// The length in years.
    pub years: f64,
}

impl Span {
    /// Creates a span; `None` if it isn't longer than zero.
    pub fn between(from: Time, to: Time) -> Option<Self> {
        let millis = to.millis() - from.millis();
        let years = millis as f64 / YEAR_MILLIS;
        (millis > 0).then(|| Self { from: from.to_string(), to: to.to_string(), years })
    }

    /// True if it is shorter than a day. If such a span only reflects when a log was written, no annual
    /// frequency can be proposed.
    pub fn is_short(&self) -> bool {
        self.years * YEAR_MILLIS < MIN_SPAN_MILLIS
    }
}

/// Observations, and the log and span that they are from.
#[derive(Clone, Debug, PartialEq)]
pub struct Observations {
    /// The possible threat events.
    pub observations: Vec<Observation>,
    /// The observed span.
    pub span: Span,
    /// True if the export is complete, so that no event can be missing.
    pub is_complete: bool,
    /// The events without a parser, in which observations may be missing.
    pub unparsed: Unparsed,
    /// The root of the log, if known.
    pub root: Option<Hash>,
}

/// Threat events of one kind: findings with one title, or an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// A human-readable title.
    pub title: String,
    /// The number of events.
    pub times: u32,
    /// The first twenty entries that prove them.
    pub entries: Vec<u64>,
}

/// A frequency proposed for a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProposedFrequency {
    /// The scenario's id.
    pub scenario: String,
    /// The number of its threat events that were observed.
    pub observed: u32,
    /// The kinds of events, most frequent first.
    pub what: Vec<Kind>,
    /// The first thousand entries that prove them.
    pub entries: Vec<u64>,
    /// The observed span.
    #[serde(flatten)]
    pub span: Span,
    /// True if the export is complete, so that no event can be missing.
    pub complete: bool,
    /// The number of events examined.
    pub events: u64,
    /// The number of these that no parser recognizes.
    pub unparsed: u64,
    /// The scenario's current frequency.
    pub now: Pert,
    /// The proposed frequency.
    pub frequency: Proposal,
    /// The method by which it was computed.
    pub method: &'static str,
    /// The scenario's new line of YAML, for the person who applies it.
    pub line: String,
}

impl Signal {
    fn matches(&self, observation: &Observation) -> bool {
        const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
        let place = |level: &str| LEVELS.iter().position(|of| *of == level);
        match self {
            Self::Rule(id) => observation.rule.as_ref() == Some(id),
            Self::Tag(tag) => observation.tags.contains(tag),
            Self::Level(min) => {
                let level = observation.level.as_deref().and_then(place);
                level.is_some_and(|level| Some(level) >= place(min))
            }
            Self::Endpoint(flag) => observation.flags.contains(flag),
        }
    }
}

impl ProposedFrequency {
    /// Returns the share of events without a parser, and its consequence. `None` if every event has one.
    pub fn unparsed_share(&self) -> Option<String> {
        Unparsed { unparsed: self.unparsed, events: self.events }.sentence(Conclusion::Rules)
    }

    /// Computes the frequency for a scenario. `None` if the scenario has no signals, or nothing can be
    /// computed.
    ///
    /// An observation counts once, even if it matches several signals.
    pub fn from_observations(scenario: &Scenario, observed: &Observations) -> Option<Self> {
        if scenario.observed.is_empty() {
            return None;
        }
        let Observations { observations, span, is_complete, unparsed, root } = observed;
        let counted: Vec<&Observation> = observations
            .iter()
            .filter(|observation| scenario.observed.iter().any(|signal| signal.matches(observation)))
            .collect();
        let number = u32::try_from(counted.len()).ok()?;
        let frequency = Rate { observed: number, years: span.years }.proposal()?;
        Some(Self {
            scenario: scenario.id.clone(),
            observed: number,
            what: kinds(&counted),
            entries: leaves(counted.iter().copied(), LEAVES),
            span: span.clone(),
            complete: *is_complete,
            events: unparsed.events,
            unparsed: unparsed.unparsed,
            now: scenario.inputs.frequency,
            frequency,
            method: METHOD,
            line: line(number, span, root.as_ref(), frequency),
        })
    }

    /// Returns the scenario's text with the proposed frequency and no other change. `None` if that isn't
    /// possible by replacing lines, as in JSON, or if the frequency is out of range for a scenario.
    pub fn applied(&self, text: &str) -> Option<String> {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let first = lines.iter().position(|line| line.starts_with("frequency:"))?;
        let begins = |line: &&str| line.starts_with(|char: char| !char.is_whitespace() && char != '#');
        let next = lines[first + 1..].iter().position(begins).map_or(lines.len(), |after| first + 1 + after);
        // A comment before the next field belongs to that field.
        let of_next = |line: &&&str| line.starts_with('#') || line.trim().is_empty();
        let end = next - lines[first + 1..next].iter().rev().take_while(of_next).count();
        let last = lines[end - 1];
        let line_break = &last[last.trim_end_matches(['\r', '\n']).len()..];
        let new = [&lines[..first].concat(), &self.line, line_break, &lines[end..].concat()].concat();
        let (before, after) = (Scenario::parse(text).ok()?, Scenario::parse(&new).ok()?);
        let mut expected = Scenario { hash: after.hash, ..before };
        expected.inputs.frequency = after.inputs.frequency;
        expected.sources[0] = after.sources[0].clone();
        (after == expected && self.frequency.is_about(after.inputs.frequency)).then_some(new)
    }
}

/// Groups observations by kind, most frequent first.
fn kinds(counted: &[&Observation]) -> Vec<Kind> {
    let mut titles: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
    for observation in counted {
        titles.entry(&observation.title).or_default().push(observation);
    }
    let kind = |(title, of): (&str, Vec<&Observation>)| Kind {
        title: title.to_owned(),
        times: u32::try_from(of.len()).unwrap_or(u32::MAX),
        entries: leaves(of, LEAVES_OF_KIND),
    };
    let mut kinds: Vec<Kind> = titles.into_iter().map(kind).collect();
    kinds.sort_unstable_by(|a, b| b.times.cmp(&a.times).then_with(|| a.title.cmp(&b.title)));
    kinds
}

/// Returns the first `max` entries that prove these observations.
fn leaves<'a>(of: impl IntoIterator<Item = &'a Observation>, max: usize) -> Vec<u64> {
    let mut leaves: Vec<u64> = of.into_iter().flat_map(|observation| &observation.leaves).copied().collect();
    leaves.sort_unstable();
    leaves.dedup();
    leaves.truncate(max);
    leaves
}

/// Returns the frequency as a line of YAML, with source and date.
fn line(observed: u32, span: &Span, root: Option<&Hash>, Proposal { low, mode, high }: Proposal) -> String {
    let day = |time: &str| time.get(..10).unwrap_or(time).to_owned();
    let (from, to) = (day(&span.from), day(&span.to));
    let log = root.map(|root| format!(" in the log with the root {root}")).unwrap_or_default();
    format!(
        "frequency: {{low: {low:.2}, mode: {mode:.2}, high: {high:.2}, source: \"{observed} observed from {from} to {to}{log}\", date: {to}}}"
    )
}

impl Proposal {
    /// True if these are the same numbers, rounded to two decimals.
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

    fn observed() -> Observations {
        let found = |title: &str, level: &str, signer_trust, leaves: &[u64]| {
            let rule = Some(title.to_owned());
            Observation::from_finding(
                rule,
                title.into(),
                Some(level.into()),
                signer_trust,
                Vec::new(),
                leaves.to_vec(),
            )
        };
        let called = |path: &str, flag: &str| {
            Observation::from_endpoint([Some("GET".into()), Some(path.into())], vec![flag.into()], vec![50])
        };
        let findings = [
            found("Failed logins", "high", Some("trusted"), &[7, 9]),
            found("Failed logins", "critical", None, &[9, 12]),
            found("Failed logins", "high", Some("suspect"), &[13]),
            found("A new role", "low", Some("trusted"), &[3]),
        ];
        let endpoints = [called("/internal", "shadow"), called("/jobs", "new")];
        let span = Span::between(time("2026-01-01T00:00:00.000Z"), time("2026-11-20T06:00:00.000Z")).unwrap();
        Observations {
            observations: findings.into_iter().flatten().chain(endpoints).collect(),
            span,
            is_complete: true,
            unparsed: Unparsed::default(),
            root: None,
        }
    }

    fn proposed(text: &str) -> ProposedFrequency {
        ProposedFrequency::from_observations(&Scenario::parse(text).unwrap(), &observed()).unwrap()
    }

    #[test]
    fn counts_by_kind_and_lists_entries() {
        let ProposedFrequency { observed, what, entries, line, .. } = proposed(BLOCK);
        assert_eq!((observed, &entries[..]), (3, &[7, 9, 12, 50][..]));
        let kinds: Vec<_> = what.iter().map(|kind| (&*kind.title, kind.times, &kind.entries[..])).collect();
        assert_eq!(kinds, [("Failed logins", 2, &[7, 9, 12][..]), ("GET /internal", 1, &[50][..])]);
        assert_eq!(
            line,
            "frequency: {low: 0.92, mode: 3.39, high: 8.76, source: \"3 observed from 2026-01-01 to 2026-11-20\", date: 2026-11-20}"
        );
    }

    #[test]
    fn applying_changes_only_the_frequency() {
        let proposed = proposed(BLOCK);
        let applied = proposed.applied(BLOCK).unwrap();
        let (begin, end) = (BLOCK.find("frequency:").unwrap(), BLOCK.find("\n# How much").unwrap());
        assert_eq!(applied, format!("{}{}\n{}", &BLOCK[..begin], proposed.line, &BLOCK[end..]));
        // Other layouts work too, and applying twice makes no difference.
        let windows = BLOCK.replace('\n', "\r\n");
        assert_eq!(proposed.applied(&windows).unwrap(), applied.replace('\n', "\r\n"));
        assert_eq!(proposed.applied(&applied).unwrap(), applied);
        let last = "frequency: {low: 2, mode: 6, high: 20, source: A guess, date: 2026-11-20}";
        let moved = format!("{}{}{last}", &BLOCK[..begin], &BLOCK[end..]);
        assert!(proposed.applied(&moved).unwrap().ends_with(&format!("level: high\n{}", proposed.line)));
    }

    #[test]
    fn refuses_texts_and_frequencies_that_do_not_fit() {
        let proposed = proposed(BLOCK);
        let json = r#"{"countersign":"scenario/v1","id":"a","title":"A","currency":"EUR",
"frequency":{"low":1,"mode":2,"high":3,"source":"A","date":"2026-01-01"},
"vulnerability":{"low":0,"mode":0.5,"high":1,"source":"A","date":"2026-01-01"},
"loss":{"low":1,"mode":2,"high":3,"source":"A","date":"2026-01-01"}}"#;
        assert!(Scenario::parse(json).is_ok());
        assert_eq!(proposed.applied(json), None);
        // At this rate, a year would exceed the maximum of a scenario.
        let span = Span::between(time("2026-01-01T00:00:00.000Z"), time("2026-01-01T00:01:00.000Z")).unwrap();
        assert!(span.is_short());
        let often = ProposedFrequency::from_observations(
            &Scenario::parse(BLOCK).unwrap(),
            &Observations { span, ..observed() },
        )
        .unwrap();
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
