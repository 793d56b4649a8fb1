//! `xtask/agreement.toml`: the counts of each source, and the reasons for disagreements.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;

use anyhow::{Context as _, Error, Result, ensure};
use serde::{Deserialize, Serialize};

use super::fact::Fact;
use super::set::Set;
use crate::tools::Tools;

pub(super) const FILE: &str = "xtask/agreement.toml";
const HEADER: &str = "\
# How parsers agree with public sets of events, by source: `cargo xtask agreement --sets FOLDER --update` writes the counts.
# `who = \"9/10\"`: 10 parsed events have an expected value, and 9 agree. The parsers and the reasons are written by hand.
";

/// The sources by set and name.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Sources(pub(super) BTreeMap<Set, BTreeMap<String, Source>>);

/// A source of events: a product's log.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Source {
    /// The parsers of the product. An event that another parser recognizes doesn't count as parsed.
    pub(super) parsers: BTreeSet<String>,
    #[serde(flatten)]
    pub(super) counts: Counts,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reasons: Vec<Reason>,
}

/// The counts of events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Counts {
    pub(super) events: usize,
    pub(super) parsed: usize,
    #[serde(flatten)]
    pub(super) facts: BTreeMap<Fact, Ratio>,
}

/// The parsed events that have an expected value, and those of them that agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Ratio {
    pub(super) agreed: usize,
    pub(super) expected: usize,
}

/// The reason for some disagreements about a fact.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    pub(super) fact: Fact,
    pub(super) count: usize,
    pub(super) verdict: Verdict,
    why: String,
}

/// A judgment about a disagreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// The expected value is wrong, or the event doesn't state it.
    OursRight,
    /// Both values are defensible.
    Choice,
    /// Our value is wrong or missing.
    OursWrong,
}

impl Ratio {
    pub(super) fn disagreed(self) -> usize {
        self.expected - self.agreed
    }

    pub(super) fn add(&mut self, other: Self) {
        self.agreed += other.agreed;
        self.expected += other.expected;
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.agreed, self.expected)
    }
}

impl From<Ratio> for String {
    fn from(ratio: Ratio) -> Self {
        ratio.to_string()
    }
}

impl TryFrom<String> for Ratio {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let (agreed, expected) = text.split_once('/').context("a count must be AGREED/EXPECTED")?;
        let (agreed, expected) = (agreed.parse()?, expected.parse()?);
        ensure!(agreed <= expected, "{text}: more events agree than have an expected value");
        Ok(Self { agreed, expected })
    }
}

impl Counts {
    /// Returns the ratio of a fact.
    pub(super) fn ratio(&self, fact: Fact) -> Ratio {
        self.facts.get(&fact).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.parsed += other.parsed;
        for (fact, ratio) in &other.facts {
            self.facts.entry(*fact).or_default().add(*ratio);
        }
    }

    /// Describes the measured counts that are worse than these.
    fn falls(&self, measured: &Self) -> Vec<String> {
        let mut falls = Vec::new();
        if measured.events != self.events {
            falls.push(format!("{} events were read, not {}", measured.events, self.events));
        }
        if measured.parsed < self.parsed {
            falls.push(format!("parsed events fell from {} to {}", self.parsed, measured.parsed));
        }
        for fact in Fact::ALL {
            let (name, before, now) = (fact.name(), self.ratio(fact), measured.ratio(fact));
            if now.agreed < before.agreed || now.disagreed() > before.disagreed() {
                falls.push(format!("{name} fell from {before} to {now}"));
            }
        }
        falls
    }
}

impl Source {
    /// Describes the facts that have more or fewer disagreements than the reasons count.
    fn unexplained(&self) -> Vec<String> {
        let explained = |fact| {
            self.reasons.iter().filter(|reason| reason.fact == fact).map(|reason| reason.count).sum::<usize>()
        };
        let mut unexplained = Vec::new();
        for fact in Fact::ALL {
            let (disagreed, explained) = (self.counts.ratio(fact).disagreed(), explained(fact));
            if disagreed != explained {
                unexplained
                    .push(format!("{}: {disagreed} disagreements, but reasons for {explained}", fact.name()));
            }
        }
        unexplained
    }

    /// Replaces the counts. If there are fewer disagreements about a fact than before, and one reason says that we were wrong,
    /// its count is reduced by as many. Other reasons are corrected by hand.
    fn update(&mut self, measured: &Counts) {
        for fact in Fact::ALL {
            let closed = self.counts.ratio(fact).disagreed().saturating_sub(measured.ratio(fact).disagreed());
            let is_wrong = |reason: &&mut Reason| reason.fact == fact && reason.verdict == Verdict::OursWrong;
            let mut wrong = self.reasons.iter_mut().filter(is_wrong);
            if let (Some(reason), None) = (wrong.next(), wrong.next()) {
                reason.count = reason.count.saturating_sub(closed);
            }
        }
        self.reasons.retain(|reason| reason.count > 0);
        self.counts = measured.clone();
    }
}

impl Sources {
    pub(super) fn read(tools: &Tools) -> Result<Self> {
        let text = fs::read_to_string(tools.path(FILE)).with_context(|| format!("cannot read {FILE}"))?;
        toml::from_str(&text).context(FILE)
    }

    pub(super) fn write(&self, tools: &Tools) -> Result<()> {
        let text = HEADER.to_owned() + "\n" + &toml::to_string(self)?;
        fs::write(tools.path(FILE), text).with_context(|| format!("cannot write {FILE}"))
    }

    /// Returns the sources of a set.
    pub(super) fn in_set(&self, set: Set) -> impl Iterator<Item = (&str, &Source)> {
        self.0.get(&set).into_iter().flatten().map(|(name, source)| (name.as_str(), source))
    }

    /// Iterates over all sources.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Set, &str, &Source)> {
        self.0.keys().flat_map(|set| self.in_set(*set).map(|(name, source)| (*set, name, source)))
    }

    /// Returns an error if some disagreements have no reason, or a reason counts too many.
    pub(super) fn check_reasons(&self) -> Result<()> {
        let unexplained: Vec<String> = self
            .iter()
            .flat_map(|(set, name, source)| {
                let place = format!("{}, {name}", set.name());
                source.unexplained().into_iter().map(move |problem| format!("{place}: {problem}"))
            })
            .collect();
        ensure!(
            unexplained.is_empty(),
            "{}\nRead the disagreements with --list SOURCE, and correct the reasons in {FILE}",
            unexplained.join("\n")
        );
        Ok(())
    }

    /// True if the measured counts of a set are the recorded ones.
    pub(super) fn equal(&self, set: Set, measured: &BTreeMap<String, Counts>) -> bool {
        self.in_set(set).all(|(name, source)| measured.get(name) == Some(&source.counts))
    }

    /// Returns an error if a measured count of a set is worse than the recorded one.
    pub(super) fn check_falls(&self, set: Set, measured: &BTreeMap<String, Counts>) -> Result<()> {
        let none = Counts::default();
        let falls: Vec<String> = self
            .in_set(set)
            .flat_map(|(name, source)| {
                let falls = source.counts.falls(measured.get(name).unwrap_or(&none));
                falls.into_iter().map(move |fall| format!("{}, {name}: {fall}", set.name()))
            })
            .collect();
        ensure!(
            falls.is_empty(),
            "{}\nRead the disagreements with --list SOURCE, and correct the parser, or accept the counts with --update",
            falls.join("\n")
        );
        Ok(())
    }

    /// Replaces the counts of a set.
    pub(super) fn update(&mut self, set: Set, measured: &BTreeMap<String, Counts>) {
        for (name, source) in self.0.get_mut(&set).into_iter().flatten() {
            source.update(&measured.get(name).cloned().unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(parsed: usize, who: (usize, usize)) -> Counts {
        let ratio = Ratio { agreed: who.0, expected: who.1 };
        Counts { events: 10, parsed, facts: [(Fact::Who, ratio)].into() }
    }

    #[test]
    fn worse_counts_are_falls() {
        let before = counts(9, (7, 8));
        assert_eq!(before.falls(&before), [""; 0]);
        assert_eq!(before.falls(&counts(10, (8, 9))), [""; 0]);
        assert_eq!(before.falls(&counts(8, (7, 8))), ["parsed events fell from 9 to 8"]);
        assert_eq!(before.falls(&counts(9, (6, 7))), ["who fell from 7/8 to 6/7"]);
        assert_eq!(before.falls(&counts(9, (7, 9))), ["who fell from 7/8 to 7/9"]);
        assert_eq!(before.falls(&Counts { events: 9, ..before.clone() }), ["9 events were read, not 10"]);
    }

    #[test]
    fn each_disagreement_needs_a_reason_and_an_update_removes_those_that_were_repaired() {
        let reason =
            |verdict, count| Reason { fact: Fact::Who, count, verdict, why: "It is the target.".to_owned() };
        let (right, wrong) = (reason(Verdict::OursRight, 2), reason(Verdict::OursWrong, 1));
        let reasons = vec![right.clone(), wrong];
        let mut source = Source { parsers: BTreeSet::new(), counts: counts(9, (5, 8)), reasons };
        assert_eq!(source.unexplained(), [""; 0]);
        source.update(&counts(9, (6, 8)));
        assert_eq!((source.reasons.as_slice(), source.unexplained().len()), (&[right][..], 0));
        source.update(&counts(9, (5, 8)));
        assert_eq!(source.unexplained(), ["who: 3 disagreements, but reasons for 2"]);
        source.update(&counts(9, (7, 8)));
        assert_eq!(source.unexplained(), ["who: 1 disagreements, but reasons for 2"]);
        source.reasons = vec![reason(Verdict::OursWrong, 1), reason(Verdict::OursWrong, 1)];
        source.update(&counts(9, (8, 8)));
        assert_eq!(source.unexplained(), ["who: 0 disagreements, but reasons for 2"]);
    }

    #[test]
    fn the_file_can_be_written_and_read() {
        let text = "[sekoia.\"A/b\"]\nparsers = [\"Okta\"]\nevents = 3\nparsed = 2\nwho = \"1/2\"\n\n\
                    [[sekoia.\"A/b\".reasons]]\nfact = \"who\"\ncount = 1\nverdict = \"choice\"\nwhy = \"A choice.\"\n";
        let sources: Sources = toml::from_str(text).unwrap();
        assert_eq!(toml::to_string(&sources).unwrap(), text);
        for wrong in ["who = \"3/2\"", "whom = \"1/2\"", "who = \"2\""] {
            assert!(toml::from_str::<Sources>(&text.replace("who = \"1/2\"", wrong)).is_err(), "{wrong}");
        }
    }
}
