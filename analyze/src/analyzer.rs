//! From events to findings.
//!
//! What can be said of each event by itself is a [`Detected`], which threads may make side by side. What takes several
//! events is decided in the order of the leaves, by one [`Analyzer`].

use core::cmp::Ordering;
use std::collections::HashMap;

use countersign::hash::Hash;
use countersign::time::Time;
use countersign_query::{Entry, Read};

use crate::bounded::bounded;
use crate::finding::{self, Finding, Reason};
use crate::pack::{Clock, Pack};
use crate::rule::{Kind, OURS, Rule};
use crate::window::{MAX_GROUPS, Windows};

/// The version of what is computed here: with another one the same events and the same pack may give other findings.
pub const ENGINE: &str = "1";

/// The most findings of a rule that are listed. What is more is counted.
pub const MAX_FINDINGS: usize = 10_000;

/// An event's own time may be so much later than that of its link; in milliseconds (SPEC section 9, `time.future`).
const TOLERANCE: i64 = 5 * 60_000;

/// What a pack's rules say of one event by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detected {
    leaf: u64,
    time: Option<Time>,
    /// Whether its own time lies in the future of its link's.
    is_future: bool,
    fired: Vec<Fired>,
    joins: Vec<Join>,
}

#[derive(Clone, Debug, PartialEq)]
struct Fired {
    rule: usize,
    reasons: Vec<Reason>,
}

/// The group of a correlation that an event joins if a rule fires.
#[derive(Clone, Debug, PartialEq)]
struct Join {
    correlation: usize,
    which: u32,
    key: Box<str>,
    value: Box<str>,
}

impl Detected {
    /// Whether there is nothing to take from it.
    pub fn is_empty(&self) -> bool {
        self.fired.is_empty() && !self.is_future
    }

    /// The leaf.
    pub const fn leaf(&self) -> u64 {
        self.leaf
    }

    /// The rules that fired, by their places in the pack, whether they make findings of their own or not.
    pub fn rules(&self) -> impl Iterator<Item = usize> + '_ {
        self.fired.iter().map(|fired| fired.rule)
    }
}

impl Ord for Detected {
    fn cmp(&self, other: &Self) -> Ordering {
        self.leaf.cmp(&other.leaf)
    }
}

impl PartialOrd for Detected {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Detected {}

impl Pack {
    /// What the rules say of an event by itself.
    pub fn detect(&self, leaf: u64, entry: &Entry<'_>) -> Detected {
        let (happened, _) = entry.time();
        let is_future = happened.millis() > entry.recorded.millis().saturating_add(TOLERANCE);
        let time = match self.time {
            Clock::Happened => happened,
            Clock::Recorded => entry.recorded,
        };
        let found = self.fields.find(entry, self.zone);
        let is_ours = is_ours(entry);
        let mut detection = Detected { leaf, time: Some(time), is_future, ..Detected::default() };
        for number in self.candidates.find(&found) {
            let rule = &self.rules[number as usize];
            let Kind::Event(sigma) = &rule.kind else { continue };
            if is_ours && !rule.is_about_us || !sigma.holds(&found) {
                continue;
            }
            let reasons = sigma.reasons(&found).into_iter().map(|(field, value)| Reason {
                field: field.map(|field| self.fields.name(field).to_owned()),
                value: bounded(&value).into_owned(),
            });
            detection.fired.push(Fired { rule: number as usize, reasons: reasons.collect() });
            self.joins(number as usize, &found, &mut detection.joins);
        }
        detection
    }

    /// The groups that an event joins if this rule fires, and those of what builds upon them.
    fn joins(&self, rule: usize, found: &crate::fields::Found<'_>, joins: &mut Vec<Join>) {
        for (correlation, which) in &self.feeds[rule] {
            if joins.iter().any(|join| join.correlation == *correlation && join.which == *which) {
                continue;
            }
            let Kind::Correlation(of) = &self.rules[*correlation].kind else { continue };
            if let (Some(key), Some(value)) = (of.key(*which as usize, found), of.value(found)) {
                joins.push(Join { correlation: *correlation, which: *which, key, value });
            }
            self.joins(*correlation, found, joins);
        }
    }
}

pub(crate) fn is_ours(entry: &Entry<'_>) -> bool {
    let action = entry.event.and_then(|event| event.get("action")?.string());
    let read = |read: &Read<'_>| read.action.as_deref().is_some_and(|action| action.starts_with(OURS));
    action.is_some_and(|action| action.starts_with(OURS)) || entry.read.is_some_and(read)
}

/// Takes what was detected in the order of the leaves, and makes findings of it.
#[derive(Clone, Debug)]
pub struct Analyzer<'p> {
    pub(crate) pack: &'p Pack,
    /// Whether findings are handed out when they are made, and not kept.
    pub(crate) streams: bool,
    pub(crate) windows: Vec<Option<Windows>>,
    pub(crate) findings: Vec<Finding>,
    /// Where the last finding of each rule's group stands, so that a repetition need not look for it.
    pub(crate) newest: HashMap<(usize, Box<str>), usize>,
    /// For each rule, how many findings are listed, and how many are not.
    pub(crate) made: Vec<usize>,
    pub(crate) unlisted: Vec<u64>,
    pub(crate) future: Option<(u64, u64)>,
    pub(crate) last: Option<u64>,
}

/// A leaf came after one that lies behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfOrder(
    /// The leaf.
    pub u64,
);

impl core::fmt::Display for OutOfOrder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "leaf {} comes after one that lies behind it", self.0)
    }
}

impl std::error::Error for OutOfOrder {}

/// What was found, and what has to be known of how.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// In the order in which they were made.
    pub findings: Vec<Finding>,
    /// SHA-256 over the findings' canonical JSON, a line each: who has the same events and the same pack finds the same.
    pub digest: Hash,
    /// Events whose own time lies in the future of their links': how many, and the first one's leaf. They joined no window.
    pub future: Option<(u64, u64)>,
    /// What had to be left out for want of room, for each rule that is concerned.
    pub limits: Vec<Limit>,
}

/// What a rule left out for want of room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The rule's id.
    pub rule: String,
    /// Groups that were forgotten: how many, and the leaf that made the first go.
    pub groups: Option<(u64, u64)>,
    /// Hits of groups that were forgotten before their time: how many, and the leaf that made the first go.
    pub hits: Option<(u64, u64)>,
    /// Findings that are not listed.
    pub findings: u64,
}

impl<'p> Analyzer<'p> {
    /// Begins.
    pub fn new(pack: &'p Pack) -> Self {
        Self::with_groups(pack, MAX_GROUPS)
    }

    /// Begins; findings are handed out by [`Self::take_findings`] when they are made, however many there are, and are not
    /// kept. How often they are repeated is not counted then.
    pub fn streaming(pack: &'p Pack) -> Self {
        Self { streams: true, ..Self::new(pack) }
    }

    #[cfg(all(test, feature = "snapshot"))]
    pub(crate) fn streaming_with_groups(pack: &'p Pack, most: usize) -> Self {
        Self { streams: true, ..Self::with_groups(pack, most) }
    }

    /// With so many groups at most.
    pub(crate) fn with_groups(pack: &'p Pack, most: usize) -> Self {
        let windows = pack.rules.iter().map(|rule| rule.correlation().map(|_| Windows::new(most)));
        Self {
            pack,
            streams: false,
            windows: windows.collect(),
            findings: Vec::new(),
            newest: HashMap::new(),
            made: vec![0; pack.rules.len()],
            unlisted: vec![0; pack.rules.len()],
            future: None,
            last: None,
        }
    }

    /// Takes what was detected of a leaf, which comes after all that were taken before.
    ///
    /// # Errors
    ///
    /// If it does not: what came out would depend on more than the log.
    pub fn take(&mut self, detection: Detected) -> Result<(), OutOfOrder> {
        if self.last.is_some_and(|last| detection.leaf <= last) {
            return Err(OutOfOrder(detection.leaf));
        }
        self.last = Some(detection.leaf);
        let Detected { leaf, time, is_future, fired, joins } = detection;
        if is_future {
            let (number, _) = self.future.get_or_insert((0, leaf));
            *number += 1;
        }
        let Some(time) = time else { return Ok(()) };
        for Fired { rule, reasons } in fired {
            if self.pack.rules[rule].is_reported {
                self.report(rule, "[]", None, vec![leaf], (time, time), &reasons);
            }
            if !is_future {
                self.feed(rule, leaf, time.millis(), &joins, &reasons);
            }
        }
        Ok(())
    }

    /// Tells the correlations that build upon a rule that it fired.
    fn feed(&mut self, rule: usize, leaf: u64, time: i64, joins: &[Join], reasons: &[Reason]) {
        let pack = self.pack;
        for (number, which) in &pack.feeds[rule] {
            let is_it = |join: &&Join| join.correlation == *number && join.which == *which;
            let (Some(join), Kind::Correlation(correlation), Some(windows)) =
                (joins.iter().find(is_it), &pack.rules[*number].kind, &mut self.windows[*number])
            else {
                continue;
            };
            let Some(found) = windows.take(correlation, &join.key, *which, &join.value, leaf, time) else {
                continue;
            };
            if found.is_repeated {
                self.repeat(*number, &join.key);
            } else if pack.rules[*number].is_reported {
                let span = (time_of(found.first), time_of(found.last));
                self.report(*number, &join.key, Some(found.value), found.leaves, span, reasons);
            }
            self.feed(*number, leaf, found.last, joins, reasons);
        }
    }

    fn report(
        &mut self,
        number: usize,
        key: &str,
        value: Option<f64>,
        leaves: Vec<u64>,
        (first, last): (Time, Time),
        reasons: &[Reason],
    ) {
        let Rule { id, title, level, .. } = &self.pack.rules[number];
        if !self.streams {
            if self.made[number] == MAX_FINDINGS {
                self.unlisted[number] += 1;
                return;
            }
            self.made[number] += 1;
        }
        let finding = Finding {
            id: finding::id(&self.pack.hash, id, key, &leaves),
            rule: id.clone(),
            title: title.clone(),
            level: *level,
            group: self.group(number, key),
            value,
            leaves,
            first,
            last,
            reasons: reasons.to_vec(),
            repeats: 0,
        };
        if value.is_some() && !self.streams {
            self.newest.insert((number, key.into()), self.findings.len());
        }
        self.findings.push(finding);
    }

    fn group(&self, number: usize, key: &str) -> Vec<(String, String)> {
        let Some(correlation) = self.pack.rules[number].correlation() else { return Vec::new() };
        let document = countersign_query::value::Document::parse(key);
        let values: Vec<String> = document
            .iter()
            .flat_map(|document| document.root().elements())
            .map(|value| value.text().unwrap_or_default().into_owned())
            .collect();
        correlation.by().map(str::to_owned).zip(values).collect()
    }

    fn repeat(&mut self, number: usize, key: &str) {
        let newest = self.newest.get(&(number, key.into())).copied();
        if let Some(finding) = newest.and_then(|at| self.findings.get_mut(at)) {
            finding.repeats += 1;
        }
    }

    /// What was found so far.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was found since the last call, of an analyzer that is [streaming](Self::streaming).
    pub fn take_findings(&mut self) -> Vec<Finding> {
        if self.streams { std::mem::take(&mut self.findings) } else { Vec::new() }
    }

    /// The leaves that findings may yet be made of.
    pub fn leaves(&self) -> impl Iterator<Item = u64> + '_ {
        self.windows.iter().flatten().flat_map(Windows::leaves)
    }

    /// Ends.
    pub fn finish(self) -> Analysis {
        let mut lines = Vec::new();
        for finding in &self.findings {
            finding.write_json(&mut lines);
            lines.push(b'\n');
        }
        let limits = self.pack.rules.iter().zip(&self.windows).zip(&self.unlisted);
        let limits = limits.filter_map(|((rule, windows), unlisted)| {
            let (groups, hits) =
                windows.as_ref().map_or((None, None), |windows| (windows.evicted, windows.cut));
            let is_any = groups.is_some() || hits.is_some() || *unlisted > 0;
            is_any.then(|| Limit { rule: rule.id.clone(), groups, hits, findings: *unlisted })
        });
        Analysis {
            digest: Hash::of(&[&lines]),
            future: self.future,
            limits: limits.collect(),
            findings: self.findings,
        }
    }
}

fn time_of(millis: i64) -> Time {
    Time::from_millis(millis).unwrap_or(Time::MAX)
}
