//! Matches events against a pack's rules, and turns the matches into findings.
//!
//! The matches of one event are a [`Detected`], which threads can compute in parallel. Everything that
//! depends on several events is decided by one [`Analyzer`], in the order of the log.

#[cfg(feature = "state")]
mod block;

use core::cmp::Ordering;
use std::collections::HashMap;

use countersign::canonical::write_string;
use countersign::hash::Hash;
use countersign::time::Time;
use countersign_query::{Entry, Parsers, Parts, Read};

use crate::baseline::{Baselines, Fact, Facts, Moment, Observation, Part, Silence, Slot};
use crate::coverage::{Coverage, Shape, Shapes};
use crate::detection::{Asks, Detection, Item, Matched};
use crate::fields::{FieldValues, Fields};
use crate::finding::{self, Evidence, Finding, FindingEvent, Reason};
use crate::habits::{HABIT_DAYS, Habits, Recurrence};
use crate::limit::Limit;
use crate::pack::{Clock, Pack};
use crate::rule::{Kind, OURS, Rule};
use crate::score::{self, Scored, Scores};
use crate::window::{MAX_GROUPS, Windows};

/// The version of the detection engine. Findings for the same events and the same pack can differ between
/// versions.
pub const ENGINE: &str = "10";

/// The maximum number of findings listed per rule. Additional findings are only counted.
pub const MAX_FINDINGS: usize = 10_000;

/// The maximum time by which an event's own time may lie after its link's time, in milliseconds (SPEC section 9,
/// `time.future`).
const MAX_CLOCK_SKEW_MS: i64 = 5 * 60_000;

/// The rules of a pack that one event matches, judged without other events.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Detected {
    leaf: u64,
    #[cfg_attr(feature = "state", serde(with = "crate::millis::perhaps"))]
    time: Option<Time>,
    /// True if the event's own time lies in the future of its link's time.
    is_future: bool,
    /// True if the event states a time that its parser doesn't understand, and the rules need it.
    is_time_unclear: bool,
    /// The event's shape; `None` if there is no event.
    shape: Option<Shape>,
    /// Rules that weren't judged because the event lacks their fields.
    lacking: Vec<u32>,
    fired: Vec<Fired>,
    joins: Vec<Join>,
    /// Rules that may fire, depending on baselines.
    pending: Vec<Pending>,
    /// The parts of the event that scores and baselines need, if any.
    observed: Option<Box<Observation>>,
}

/// A rule with conditions on baselines whose other conditions don't rule it out.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Pending {
    rule: usize,
    /// One bit for each item of the rule that holds, excluding items that need a baseline.
    held: u128,
    reasons: Vec<Matched>,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Fired {
    rule: usize,
    reasons: Vec<Matched>,
}

/// The reasons a rule fired: values matched in the event, and baselines it deviated from.
#[derive(Debug, Default)]
struct Reasons {
    matched: Vec<Matched>,
    usual: Vec<Reason>,
}

impl Reasons {
    /// Returns the reasons with field names, as findings contain them.
    fn resolve(&self, fields: &Fields) -> Vec<Reason> {
        let matched = self.matched.iter().map(|Matched { field, value }| Reason {
            field: field.map(|field| fields.name(field).to_owned()),
            value: value.to_string(),
        });
        matched.chain(self.usual.iter().cloned()).collect()
    }
}

/// The group of a correlation that an event joins if a rule fires.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Join {
    correlation: usize,
    which: u32,
    key: Box<str>,
    value: Box<str>,
}

impl Detected {
    /// Sets the entry's index, for callers that learn it only after detection.
    #[must_use]
    pub fn at(self, leaf: u64) -> Self {
        Self { leaf, ..self }
    }

    /// Returns the index of the event's entry.
    pub const fn leaf(&self) -> u64 {
        self.leaf
    }

    /// Estimates the memory it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let reasons = |reasons: &[Matched]| {
            reasons.iter().map(|one| size_of::<Matched>() + one.value.len()).sum::<usize>()
        };
        let fired = self.fired.iter().map(|fired| size_of::<Fired>() + reasons(&fired.reasons));
        let pending = self.pending.iter().map(|pending| size_of::<Pending>() + reasons(&pending.reasons));
        let joins = self.joins.iter().map(|join| size_of::<Join>() + join.key.len() + join.value.len());
        size_of::<Self>()
            + self.shape.as_ref().map_or(0, Shape::heap_bytes)
            + size_of_val(&*self.lacking)
            + fired.chain(pending).chain(joins).sum::<usize>()
            + self.observed.as_ref().map_or(0, |observed| observed.memory_bytes())
    }

    /// Returns the indexes of the rules that fired, including base rules that report no findings of their
    /// own.
    pub fn rules(&self) -> impl Iterator<Item = usize> + '_ {
        self.fired.iter().map(|fired| fired.rule)
    }

    /// True if every rule it names exists in `pack`.
    #[cfg(feature = "state")]
    pub(crate) fn is_of(&self, pack: &Pack) -> bool {
        let is_correlation =
            |join: &Join| pack.rules.get(join.correlation).is_some_and(|rule| rule.correlation().is_some());
        let pending = self.pending.iter().map(|pending| pending.rule);
        let lacking = self.lacking.iter().map(|rule| *rule as usize);
        self.shape.as_ref().is_none_or(|shape| shape.is_of(pack))
            && self.rules().chain(pending).chain(lacking).all(|rule| rule < pack.rules.len())
            && self.joins.iter().all(is_correlation)
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
    /// Matches an event against the rules. Parses the event with `parsers`, but only the parts that rules, scores, and
    /// coverage need, and ignores a parse result already in `entry`.
    pub fn detect_by(&self, leaf: u64, parsers: &Parsers, entry: &Entry<'_>) -> Detected {
        let parts = self.fields.parts().with(Parts::UNREAD);
        let read = entry.event.as_ref().and_then(|event| parsers.parse_parts(event, parts));
        self.detect(leaf, &Entry { read: read.as_ref(), ..*entry })
    }

    /// Matches an event against the rules, using the parse result in `entry`.
    pub fn detect(&self, leaf: u64, entry: &Entry<'_>) -> Detected {
        entry.within(|entry| self.detect_within(leaf, entry))
    }

    fn detect_within(&self, leaf: u64, entry: &Entry<'_>) -> Detected {
        let (happened, _) = entry.time();
        let is_future = happened.millis() > entry.recorded.millis().saturating_add(MAX_CLOCK_SKEW_MS);
        let time = match self.time {
            Clock::Happened => happened,
            Clock::Recorded => entry.recorded,
        };
        let found = self.fields.find(entry, self.zone);
        let is_ours = is_ours(entry);
        let shape = Shape::new(entry, is_ours, &found, &self.fields);
        let is_time_unclear =
            matches!(self.time, Clock::Happened) && entry.read.is_some_and(|read| read.is_time_unclear);
        let mut detection =
            Detected { leaf, time: Some(time), is_future, is_time_unclear, ..Detected::default() };
        for number in self.candidates.find(&found) {
            let rule = &self.rules[number as usize];
            let Kind::Event(sigma) = &rule.kind else { continue };
            if !rule.is_about_us && is_ours {
                continue;
            }
            if sigma.asks.is_some() {
                if let Some(pending) = self.pend(number, sigma, &found).filter(|_| !is_future) {
                    detection.pending.push(pending);
                    // If the rule doesn't fire, the event isn't a hit that correlations lack a field of.
                    self.joins(number as usize, &found, &mut detection.joins, &mut Vec::new());
                }
                continue;
            }
            if !sigma.holds(&found) {
                if self.lacks(rule, &shape, &found) {
                    detection.lacking.push(number);
                }
                continue;
            }
            detection.fired.push(Fired { rule: number as usize, reasons: sigma.reasons(&found) });
            self.joins(number as usize, &found, &mut detection.joins, &mut detection.lacking);
        }
        if !is_ours {
            let missed = self.candidates.missed(|field| shape.has_own(field));
            let missed = missed.filter(|rule| self.lacks(&self.rules[*rule as usize], &shape, &found));
            detection.lacking.extend(missed);
        }
        detection.lacking.sort_unstable();
        detection.lacking.dedup();
        let asks = self.asks_baselines() && !is_future && !is_ours;
        if asks || !detection.fired.is_empty() || !detection.pending.is_empty() {
            detection.observed = Some(Observation::new(entry, asks).into());
        }
        detection.shape = entry.event.map(|_| shape);
        detection
    }

    /// Judges the items of a rule that need no baseline. Returns nothing if the rule can't hold, or if it
    /// doesn't depend on single events.
    fn pend(&self, number: u32, sigma: &Detection, found: &FieldValues<'_>) -> Option<Pending> {
        if self.of_baselines.contains(&number) || self.of_silence.contains(&number) {
            return None;
        }
        let mut held = 0_u128;
        sigma.visit_items(&mut |item| {
            if item.fact.is_none() && item.holds(found) {
                held |= 1 << item.nth;
            }
        });
        let holds = |item: &Item| item.fact.is_none().then_some(held >> item.nth & 1 == 1);
        if sigma.judge(&holds) == Some(false) {
            return None;
        }
        let mut reasons = Vec::new();
        if held != 0 {
            sigma.visit_wanted(&mut |item| {
                if holds(item) == Some(true)
                    && let Some(leaf) = item.matched(found)
                {
                    Matched::add(item.field, &leaf.text, &mut reasons);
                }
            });
        }
        Some(Pending { rule: number as usize, held, reasons })
    }

    /// Adds the correlation groups that the event joins if this rule fires, including those of correlations
    /// built on them, and the correlations that it can't join because it lacks a field.
    fn joins(&self, rule: usize, found: &FieldValues<'_>, joins: &mut Vec<Join>, lacking: &mut Vec<u32>) {
        for (correlation, which) in &self.feeds[rule] {
            if joins.iter().any(|join| join.correlation == *correlation && join.which == *which) {
                continue;
            }
            let Kind::Correlation(of) = &self.rules[*correlation].kind else { continue };
            if let (Some(key), Some(value)) = (of.key(*which as usize, found), of.value(found)) {
                joins.push(Join { correlation: *correlation, which: *which, key, value });
            } else {
                lacking.push(*correlation as u32);
            }
            self.joins(*correlation, found, joins, lacking);
        }
    }
}

pub(crate) fn is_ours(entry: &Entry<'_>) -> bool {
    let action = entry.event.and_then(|event| event.get("action")?.string());
    let read = |read: &Read<'_>| read.action.as_deref().is_some_and(|action| action.starts_with(OURS));
    action.is_some_and(|action| action.starts_with(OURS)) || entry.read.is_some_and(read)
}

/// Turns matches into findings. Matches must come in the order of the log.
#[derive(Clone, Debug)]
pub struct Analyzer<'p> {
    pub(crate) pack: &'p Pack,
    /// True if findings are returned as they are made and not kept.
    pub(crate) streams: bool,
    pub(crate) windows: Vec<Option<Windows>>,
    pub(crate) baselines: Baselines,
    pub(crate) shapes: Shapes,
    pub(crate) habits: Habits,
    pub(crate) identities: Scores,
    pub(crate) sessions: Scores,
    pub(crate) findings: Vec<Finding>,
    /// The index of the newest finding of each rule's group, for counting repeats.
    pub(crate) newest: HashMap<(usize, Box<str>), usize>,
    /// The number of listed findings per rule, then the number of unlisted ones.
    pub(crate) made: Vec<usize>,
    pub(crate) unlisted: Vec<u64>,
    pub(crate) future: Option<(u64, u64)>,
    pub(crate) last: Option<u64>,
    /// The time of the newest finding, in milliseconds.
    pub(crate) newest_found: i64,
}

/// An entry that doesn't come after the previous one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderError(
    /// The entry's index.
    pub u64,
);

impl core::fmt::Display for OrderError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "entry {} comes after a later entry", self.0)
    }
}

impl std::error::Error for OrderError {}

/// The findings in a log, and how complete they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The findings, in the order in which they were made.
    pub findings: Vec<Finding>,
    /// SHA-256 over the findings' canonical JSON, one line each: the same events and the same pack give the
    /// same digest.
    pub digest: Hash,
    /// The number of events whose own time lies in the future of their link's, and the first one's entry.
    /// They join no window.
    pub future: Option<(u64, u64)>,
    /// Work skipped for lack of memory, per rule.
    pub limits: Vec<Limit>,
    /// The identities with findings, highest score first.
    pub identities: Vec<Scored>,
    /// The sessions with findings, highest score first.
    pub sessions: Vec<Scored>,
    /// The events that the rules could evaluate.
    pub coverage: Coverage,
}

impl Analysis {
    /// Returns the limits that may affect the selected rules: their own, those of base rules, and, if a
    /// selected rule uses baselines, those of the baselines.
    pub fn limits_of<'a>(
        &'a self,
        pack: &'a Pack,
        is_selected: impl Fn(&Rule) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Limit> {
        let counts = move |rule: &Rule| !rule.is_reported() || is_selected(rule);
        let asks_usual = pack.rules().iter().any(|rule| counts(rule) && rule.evidence == Evidence::Range);
        self.limits.iter().filter(move |limit| {
            pack.rules().iter().find(|rule| rule.id == limit.rule).map_or(asks_usual, &counts)
        })
    }

    /// Returns the events from the future if one of the selected rules may have needed them in a window.
    pub fn future_of(&self, pack: &Pack, is_selected: impl Fn(&Rule) -> bool) -> Option<(u64, u64)> {
        let needs = |rule: &Rule| rule.is_about_several() && (!rule.is_reported() || is_selected(rule));
        self.future.filter(|_| pack.rules().iter().any(needs))
    }

    /// True if the selected rules may have more findings than those listed.
    pub fn may_have_more(&self, pack: &Pack, is_selected: impl Fn(&Rule) -> bool) -> bool {
        let hides = |limit: &Limit| {
            // A baseline that forgets a value reports it as new again: more findings, never fewer.
            let is_of_rule = pack.rule(&limit.rule).is_some();
            limit.findings > 0 || limit.groups.is_some() || limit.hits.is_some() && is_of_rule
        };
        self.future_of(pack, &is_selected).is_some() || self.limits_of(pack, &is_selected).any(hides)
    }
}

impl<'p> Analyzer<'p> {
    /// Creates an analyzer that keeps its findings.
    pub fn new(pack: &'p Pack) -> Self {
        Self::with_groups(pack, MAX_GROUPS)
    }

    /// Creates an analyzer that returns findings through [`Self::take_findings`] as they are made, without
    /// a limit, and doesn't keep them. In this case, repeats of a finding aren't counted.
    pub fn streaming(pack: &'p Pack) -> Self {
        Self { streams: true, ..Self::new(pack) }
    }

    #[cfg(all(test, feature = "snapshot"))]
    pub(crate) fn streaming_with_groups(pack: &'p Pack, max_groups: usize) -> Self {
        Self { streams: true, ..Self::with_groups(pack, max_groups) }
    }

    /// Creates an analyzer whose correlations keep at most `max_groups` groups each.
    pub(crate) fn with_groups(pack: &'p Pack, max_groups: usize) -> Self {
        let windows = pack.rules.iter().map(|rule| rule.correlation().map(|_| Windows::new(max_groups)));
        Self {
            pack,
            streams: false,
            windows: windows.collect(),
            baselines: Baselines::new(pack.zone),
            habits: Habits::default(),
            identities: Scores::default(),
            shapes: Shapes::default(),
            sessions: Scores::default(),
            findings: Vec::new(),
            newest: HashMap::new(),
            made: vec![0; pack.rules.len()],
            unlisted: vec![0; pack.rules.len()],
            future: None,
            last: None,
            newest_found: i64::MIN,
        }
    }

    /// Accepts the matches of an entry, which must come after all earlier ones.
    ///
    /// # Errors
    ///
    /// Returns an [`OrderError`] if it doesn't, because findings would then depend on more than the log.
    pub fn accept(&mut self, detection: Detected) -> Result<(), OrderError> {
        if self.last.is_some_and(|last| detection.leaf <= last) {
            return Err(OrderError(detection.leaf));
        }
        self.last = Some(detection.leaf);
        let Detected {
            leaf,
            time,
            is_future,
            is_time_unclear,
            shape,
            lacking,
            fired,
            joins,
            pending,
            observed,
        } = detection;
        if let Some(shape) = shape {
            self.shapes.add(self.pack, leaf, shape, &lacking);
        }
        for join in &joins {
            self.shapes.joined.insert(join.correlation as u32);
        }
        if is_time_unclear {
            self.shapes.unclear_times.get_or_insert((0, leaf)).0 += 1;
        }
        if is_future {
            let (number, _) = self.future.get_or_insert((0, leaf));
            *number += 1;
        }
        let Some(time) = time else { return Ok(()) };
        let before = self.findings.len();
        for Fired { rule, reasons: matched } in fired {
            let reasons = Reasons { matched, ..Reasons::default() };
            if self.pack.rules[rule].is_reported {
                let about = About::of_event(observed.as_deref());
                self.report(rule, about, None, vec![leaf], (time, time), &reasons);
            }
            if !is_future {
                self.feed(rule, leaf, time.millis(), &joins, &reasons);
            }
        }
        if self.pack.asks_baselines()
            && !is_future
            && let Some(observation) = observed.as_deref()
        {
            let moment = Moment { observation, leaf, time: time.millis() };
            self.compare_with_baseline(&moment, pending, &joins);
        }
        if self.findings.len() > before
            && let Some(event) = observed.as_deref().and_then(Observation::event)
        {
            self.attach(before, &event);
        }
        Ok(())
    }

    /// Attaches the event on which the rules fired to the findings from an index on. Silence is not about an event.
    fn attach(&mut self, first: usize, event: &FindingEvent) {
        let pack = self.pack;
        let is_silence = |finding: &Finding| {
            pack.of_silence.iter().any(|rule| pack.rules[*rule as usize].id == finding.rule)
        };
        for finding in self.findings.iter_mut().skip(first).filter(|finding| !is_silence(finding)) {
            finding.event = Some(Box::new(event.clone()));
        }
    }

    /// Judges an event by the baselines before it, then adds it to them.
    fn compare_with_baseline(&mut self, moment: &Moment<'_>, pending: Vec<Pending>, joins: &[Join]) {
        let pack = self.pack;
        // Records about findings must not change baselines.
        let is_learned = moment.observation.is_for_baselines;
        let judged = if is_learned { self.baselines.judge(moment) } else { None };
        let nothing = Facts::default();
        let facts = judged.as_ref().map_or(&nothing, |(_, facts)| facts);
        let there = facts.groups();
        let alone = pack.of_baselines.iter().filter(|_| is_learned);
        let alone = alone.map(|rule| Pending { rule: *rule as usize, held: 0, reasons: Vec::new() });
        // Most events match their baseline, and most rules look for a deviation.
        let may_hold =
            |pending: &Pending| pack.rules[pending.rule].asks().is_some_and(|asks| asks.may_hold(there));
        let mut holding: Vec<_> = pending.into_iter().chain(alone).filter(may_hold).collect();
        if !holding.is_empty() {
            let found = pack.fields.of_facts(facts);
            holding.retain(|pending| pack.holds(pending, &found));
            holding.sort_by_key(|pending| pending.rule);
            for Pending { rule, reasons: mut matched, .. } in holding {
                let asked = pack.add_facts(rule, &found, &mut matched);
                let usual =
                    judged.as_ref().map(|(slot, facts)| self.baselines.explain(*slot, moment, facts, &asked));
                let reasons = Reasons { matched, usual: usual.unwrap_or_default() };
                self.report_unusual(rule, judged.as_ref().map(|(slot, _)| *slot), moment, &reasons);
                self.feed(rule, moment.leaf, moment.time, joins, &reasons);
            }
        }
        if let Some((slot, _)) = judged {
            self.baselines.learn(slot, moment);
        }
        if is_learned && !pack.of_silence.is_empty() {
            for silence in self.baselines.silent(moment.observation, moment.leaf) {
                self.report_silence(&silence, moment);
            }
        }
    }

    /// Reports a deviation of an identity, unless the same rule did so shortly before.
    fn report_unusual(&mut self, rule: usize, slot: Option<Slot>, moment: &Moment<'_>, reasons: &Reasons) {
        if !self.pack.rules[rule].is_reported {
            return;
        }
        let time = time_of(moment.time);
        let mut about = About::of_event(Some(moment.observation));
        if let (Some(slot), Some(identity)) = (slot, moment.observation.get(Part::Identity)) {
            about.group = vec![("parsed.actor.id".into(), identity.to_owned())];
            if self.baselines.is_quiet(slot, rule as u32, moment.time) {
                return self.repeat(rule, &key_of(&about.group));
            }
        }
        self.report(rule, about, None, vec![moment.leaf], (time, time), reasons);
    }

    fn report_silence(&mut self, silence: &Silence, moment: &Moment<'_>) {
        let pack = self.pack;
        let facts = Facts { silent_hours: Some(silence.hours), ..Facts::default() };
        let found = pack.fields.of_facts(&facts);
        for rule in &pack.of_silence {
            let pending = Pending { rule: *rule as usize, held: 0, reasons: Vec::new() };
            if !pack.holds(&pending, &found) || !self.baselines.mark_reported(silence, *rule) {
                continue;
            }
            let mut reasons = Reasons::default();
            pack.add_facts(pending.rule, &found, &mut reasons.matched);
            let usual = Some("baseline.usual.rhythm".into());
            reasons.usual.push(Reason { field: usual, value: self.baselines.rhythm(silence) });
            let group = vec![("link.chain".to_owned(), silence.chain.to_string())];
            let span = (time_of(silence.since), time_of(moment.observation.recorded));
            let leaves = vec![silence.leaf, moment.leaf];
            self.report(pending.rule, About { group, ..About::default() }, None, leaves, span, &reasons);
        }
    }

    /// Passes a rule that fired to the correlations that build on it.
    fn feed(&mut self, rule: usize, leaf: u64, time: i64, joins: &[Join], reasons: &Reasons) {
        let pack = self.pack;
        for (number, which) in &pack.feeds[rule] {
            let is_it = |join: &&Join| join.correlation == *number && join.which == *which;
            let (Some(join), Kind::Correlation(correlation), Some(windows)) =
                (joins.iter().find(is_it), &pack.rules[*number].kind, &mut self.windows[*number])
            else {
                continue;
            };
            let Some(hit) = windows.accept(correlation, &join.key, *which, &join.value, leaf, time) else {
                continue;
            };
            if hit.is_repeated {
                self.repeat(*number, &join.key);
            } else if pack.rules[*number].is_reported {
                let span = (time_of(hit.first), time_of(hit.last));
                let about = About { group: self.group(*number, &join.key), ..About::default() };
                self.report(*number, about, Some(hit.value), hit.leaves, span, reasons);
            }
            self.feed(*number, leaf, hit.last, joins, reasons);
        }
    }

    fn report(
        &mut self,
        number: usize,
        about: About,
        value: Option<f64>,
        leaves: Vec<u64>,
        (first, last): (Time, Time),
        reasons: &Reasons,
    ) {
        let Rule { id, title, level, evidence, .. } = &self.pack.rules[number];
        let (mut level, mut evidence) = (*level, *evidence);
        let (subject, mut reasons) = (about.subject(), reasons.resolve(&self.pack.fields));
        // Rules on baselines already account for habits.
        let habits =
            self.pack.habits.filter(|_| !self.pack.rules[number].asks().is_some_and(Asks::is_of_habits));
        if let (Some(usual), Some(subject), Some(newest)) = (habits, &subject, leaves.last()) {
            match self.habits.note(id, subject, self.baselines.day(last.millis()), *newest) {
                Recurrence::Repeated => return self.repeat(number, subject),
                Recurrence::Days(days) if days >= HABIT_DAYS && level > usual => {
                    (level, evidence) = (usual, Evidence::Range);
                    let value = format!("found on {days} of the 28 days before");
                    reasons.push(Reason { field: Some("baseline.usual.findings".into()), value });
                }
                Recurrence::Days(_) => {}
            }
        }
        if !self.streams {
            if self.made[number] == MAX_FINDINGS {
                self.unlisted[number] += 1;
                return;
            }
            self.made[number] += 1;
        }
        let key = key_of(&about.group);
        let name = finding::id(&self.pack.hash, id, &key, &leaves);
        let time = last.millis();
        self.newest_found = self.newest_found.max(time);
        let session = about.session().map(|session| self.sessions.add(session, &name, level, time));
        let identity = about.identity().map(str::to_owned);
        let points = identity.as_deref().map(|identity| self.identities.add(identity, &name, level, time));
        let finding = Finding {
            id: name,
            rule: id.clone(),
            title: title.clone(),
            level,
            evidence,
            score: points.or(session).unwrap_or(score::points(level)),
            group: about.group,
            value,
            leaves,
            first,
            last,
            reasons,
            repeats: 0,
            identity,
            event: None,
        };
        if !self.streams && (!finding.group.is_empty() || value.is_some()) {
            self.newest.insert((number, key.into()), self.findings.len());
        } else if let Some(subject) = subject.filter(|_| !self.streams && habits.is_some()) {
            self.newest.insert((number, subject.into()), self.findings.len());
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

    /// Returns the findings so far.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the findings since the last call, for a [streaming](Self::streaming) analyzer.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        if self.streams { std::mem::take(&mut self.findings) } else { Vec::new() }
    }

    /// Returns the entries of findings so far, and those that future findings may include.
    pub fn leaves(&self) -> impl Iterator<Item = u64> + '_ {
        let found = self.findings.iter().flat_map(|finding| finding.leaves.iter().copied());
        found.chain(self.windows.iter().flatten().flat_map(Windows::leaves)).chain(self.baselines.leaves())
    }

    /// Returns the number of events whose own time lies in the future of their link's, and the first one's
    /// entry.
    pub const fn future(&self) -> Option<(u64, u64)> {
        self.future
    }

    /// Returns the SHA-256 over the findings so far.
    pub fn digest(&self) -> Hash {
        let mut lines = Vec::new();
        for finding in &self.findings {
            finding.write_json(&mut lines);
            lines.push(b'\n');
        }
        Hash::digest(&[&lines])
    }

    /// Returns the work skipped so far for lack of memory.
    pub fn limits(&self) -> Vec<Limit> {
        let limits = self.pack.rules.iter().zip(&self.windows).zip(&self.unlisted);
        let limits = limits.filter_map(|((rule, windows), unlisted)| {
            let (groups, hits) =
                windows.as_ref().map_or((None, None), |windows| (windows.evicted, windows.cut));
            let is_any = groups.is_some() || hits.is_some() || *unlisted > 0;
            is_any.then(|| Limit {
                rule: rule.id.clone(),
                title: rule.title.clone(),
                groups,
                hits,
                findings: *unlisted,
            })
        });
        limits.chain(self.baselines.limits()).collect()
    }

    /// Returns the scores of identities so far, highest first.
    pub fn identities(&self) -> Vec<Scored> {
        self.identities.ranked(self.newest_found)
    }

    /// Returns the scores of sessions so far, highest first.
    pub fn sessions(&self) -> Vec<Scored> {
        self.sessions.ranked(self.newest_found)
    }

    /// Returns which events the rules could evaluate so far.
    pub fn coverage(&self) -> Coverage {
        self.shapes.coverage(self.pack)
    }

    /// Returns the findings, and how complete they are.
    pub fn finish(self) -> Analysis {
        Analysis {
            digest: self.digest(),
            future: self.future,
            limits: self.limits(),
            identities: self.identities(),
            sessions: self.sessions(),
            coverage: self.coverage(),
            findings: self.findings,
        }
    }
}

/// The subject of a finding.
#[derive(Debug, Default)]
struct About {
    group: Vec<(String, String)>,
    /// The identity in the event, for a rule that judges single events.
    identity: Option<String>,
    session: Option<String>,
}

impl About {
    fn of_event(observation: Option<&Observation>) -> Self {
        let part = |part| observation.and_then(|observation| observation.get(part)).map(str::to_owned);
        Self { group: Vec::new(), identity: part(Part::Identity), session: part(Part::Session) }
    }

    fn of_group(&self, names: &[&str]) -> Option<&str> {
        let found = self.group.iter().find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the subject of a habit: the group, or the identity for a rule that judges single events.
    fn subject(&self) -> Option<String> {
        if !self.group.is_empty() {
            return Some(key_of(&self.group));
        }
        let identity = self.identity.as_ref()?;
        Some(key_of(&[(String::new(), identity.clone())]))
    }

    fn identity(&self) -> Option<&str> {
        self.identity.as_deref().or_else(|| self.of_group(&["parsed.actor.id"]))
    }

    fn session(&self) -> Option<&str> {
        self.session.as_deref().or_else(|| self.of_group(&["derived.session", "actor.session"]))
    }
}

/// Returns the values of a group as a JSON array.
fn key_of(group: &[(String, String)]) -> String {
    let mut key = vec![b'['];
    for (nth, (_, value)) in group.iter().enumerate() {
        if nth > 0 {
            key.push(b',');
        }
        write_string(value, &mut key);
    }
    key.push(b']');
    String::from_utf8(key).unwrap_or_default()
}

impl Pack {
    /// True if a rule with conditions on baselines holds, given the facts of its baselines.
    fn holds(&self, pending: &Pending, of_facts: &FieldValues<'_>) -> bool {
        let Kind::Event(sigma) = &self.rules[pending.rule].kind else { return false };
        let known = |item: &Item| match item.fact {
            Some(_) => Some(item.holds(of_facts)),
            None => Some(pending.held >> item.nth & 1 == 1),
        };
        sigma.judge(&known) == Some(true)
    }

    /// Adds the baseline facts that the rule tests to `reasons`, and returns these facts.
    fn add_facts(&self, rule: usize, of_facts: &FieldValues<'_>, reasons: &mut Vec<Matched>) -> Vec<Fact> {
        let mut facts = Vec::new();
        let Kind::Event(sigma) = &self.rules[rule].kind else { return facts };
        sigma.visit_wanted(&mut |item| {
            let Some(fact) = item.fact.filter(|_| item.holds(of_facts)) else { return };
            facts.push(fact);
            if let Some(leaf) = item.matched(of_facts) {
                Matched::add(item.field, &leaf.text, reasons);
            }
        });
        facts
    }
}

fn time_of(millis: i64) -> Time {
    Time::from_millis(millis).unwrap_or(Time::MAX)
}
