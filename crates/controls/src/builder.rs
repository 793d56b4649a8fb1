//! Collects evidence from the entries of a log, once the trust in its signers is known.

use std::collections::{BTreeMap, HashMap, HashSet};

use countersign::hash::Hash;
use countersign::keys::Statement;
use countersign::link::ChainId;
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::verify::report::{Complete, Report};
use countersign::verify::{CheckState, Doubts, LinkKind, Mark, SignerTrust, Verdict};
use countersign_analyze::{Analysis, ENGINE, Evidence as Needs, Pack};
use countersign_evidence::Draw;
use countersign_query::parser::{Categories, Category};
use countersign_query::{Conclusion, Unparsed};
use serde_json::Value;

use crate::catalog::{AnswerSource, Catalog, names_rule};
use crate::doubt::{self, UnknownActions};
use crate::event_facts::{EventFacts, Reading, Record, RecordContent, has};
use crate::report::{
    Access, Acknowledgment, Answer, AnswerContent, ControlEvidence, Doubt, EntryCounts, Erasure, Events,
    Evidence, Extent, Finding, Findings, Framework, Grant, Key, Listed, ListedEvent, Log, MAX_RANGES, Period,
    Reader, RecordEvents, Retention, RetentionState, Rules, SampleBasis, Source, Subject, Uncategorized,
};
use crate::technique;

/// Maximum number of listed gaps, erasures, and readers.
const MAX_LISTED: usize = 10_000;
/// Maximum number of listed findings per answer.
const MAX_FINDINGS: usize = 100;
/// Maximum number of identifiers that may be the same person.
const MAX_LIKELY: usize = 5;
/// Maximum number of listed entries per finding.
const MAX_ENTRIES: usize = 64;
/// Maximum number of stored acknowledgments.
const MAX_ACKNOWLEDGMENTS: usize = 100_000;
/// Maximum number of erased ranges that are compared with the entries.
const MAX_COMPARED_RANGES: usize = 1 << 20;

/// Facts about an export besides its events, collected while it is verified.
#[derive(Debug, Default)]
pub struct ExportMarks {
    notes: Vec<(u64, Statement, Vec<String>)>,
    gaps: Listed<(u64, u64)>,
    left_out: u64,
    opaque: u64,
    /// The last matching checkpoint, and the last one that a quorum of witnesses saw.
    last: Option<(u64, Hash)>,
    witnessed: Option<(u64, Hash, Time)>,
}

impl ExportMarks {
    /// Adds a mark. Returns a record if it is a link whose event is withheld.
    pub fn take(&mut self, mark: Mark, chain: impl FnOnce(ChainId, &VerifierKey) -> u32) -> Option<Record> {
        match mark {
            Mark::Skip { index, leaves, .. } => {
                self.left_out += leaves;
                match self.gaps.listed.last_mut() {
                    Some((first, count)) if *first + *count == index => *count += leaves,
                    _ => self.gaps.push((index, leaves), MAX_LISTED),
                }
            }
            Mark::Opaque { .. } => self.opaque += 1,
            Mark::Note(note) if note.acts => {
                let by: Vec<String> = note.signers.iter().map(|key| key.name().to_owned()).collect();
                self.notes
                    .extend(note.statements.into_iter().map(|statement| (note.index, statement, by.clone())));
            }
            Mark::Checkpoint(checkpoint) if checkpoint.matches => {
                self.last = Some((checkpoint.size, checkpoint.root));
                if let Some(times) = checkpoint.times {
                    self.witnessed = Some((checkpoint.size, checkpoint.root, times.seen_at));
                }
            }
            Mark::Link(link) => {
                if let LinkKind::Withheld(why) = link.kind {
                    return Some(Record {
                        leaf: link.index,
                        chain: chain(link.chain, &link.vkey),
                        seq: link.seq,
                        recorded: link.time.millis(),
                        authorized: link.authorized,
                        what: RecordContent::Withheld(matches!(
                            why,
                            Some(countersign::export::Withheld::Erased)
                        )),
                    });
                }
            }
            _ => {}
        }
        None
    }
}

/// Facts known at the end of the export.
#[derive(Debug)]
pub struct ExportFacts<'a> {
    /// The input of the evidence.
    pub source: Source,
    /// The verification report.
    pub report: &'a Report,
    /// Keys of the logs that the trust file trusts.
    pub logs: HashSet<String>,
    /// True if the trust file requires a quorum of witnesses.
    pub has_quorum: bool,
    /// The chains with their keys.
    pub chains: &'a [(ChainId, VerifierKey)],
    /// Facts about the export besides its events.
    pub ended: ExportMarks,
}

/// Options for the evidence.
#[derive(Clone, Debug, Default)]
pub struct EvidenceOptions {
    /// The period to cover; `None` for the whole log.
    pub period: Option<Period>,
    /// The sample size per question.
    pub sample: usize,
    /// The auditor's seed, which keeps anyone else from choosing the sample.
    pub seed: String,
    /// The retention policy as written, and in milliseconds.
    pub policy: Option<(String, i64)>,
    /// The identifier of a record whose events to list.
    pub record: Option<String>,
    /// The identifier of a person whose events to list.
    pub subject: Option<String>,
    /// Maximum number of events listed for the record and for the person.
    pub rows: usize,
}

/// Collects evidence in two passes over the entries: [`take`](Self::take) counts and draws samples, then
/// [`show`](Self::show) fetches the drawn events.
#[derive(Debug)]
pub struct EvidenceBuilder<'a> {
    catalog: &'a Catalog,
    known: ExportFacts<'a>,
    options: EvidenceOptions,
    /// For each chain, its key, and the signer trust of entries from when the key was not authorized and when it was.
    chains: Vec<(usize, [SignerTrust; 2])>,
    keys: Vec<Key>,
    newest_of: Vec<Option<Time>>,
    counted: EntryCounts,
    unknown: UnknownActions,
    uncategorized: Uncategorized,
    had: [u64; 4],
    queries: Vec<QuestionState>,
    access: Access,
    readers: HashMap<(String, String), usize>,
    erasures: Listed<Erasure>,
    ranges: Vec<(u64, u64, usize)>,
    furthest: Vec<u64>,
    is_sorted: bool,
    retention: Retention,
    answers: HashMap<String, Vec<Acknowledgment>>,
    answered: usize,
    drawn: Option<SampleBasis>,
    record: RecordEvents,
    subject: Subject,
    newest: Option<Time>,
    /// Entries named by findings, with their signer trust.
    found: HashMap<u64, SignerTrust>,
}

/// The running result of a question.
#[derive(Debug)]
struct QuestionState {
    extent: Extent,
    failed: u64,
    keys: BTreeMap<usize, u64>,
    untrusted: u64,
    unstated: u64,
    draw: Option<Draw>,
    sample: Vec<u64>,
    shown: HashMap<u64, ListedEvent>,
}

impl<'a> EvidenceBuilder<'a> {
    /// Starts the first pass.
    pub fn new(catalog: &'a Catalog, known: ExportFacts<'a>, options: EvidenceOptions) -> Self {
        let report = known.report;
        let (keys, places) = keys(&known);
        let doubts = Doubts::from_report(report);
        let chains = known.chains.iter().map(|(chain, vkey)| {
            let place = places.get(vkey.as_str()).copied().unwrap_or(usize::MAX);
            let trust = report.signers.iter().find(|signer| signer.vkey == *vkey).map(|signer| signer.trust);
            let signer_trust = |authorized| SignerTrust::evaluate(trust, doubts.has(*chain), authorized);
            (place, [signer_trust(false), signer_trust(true)])
        });
        let chains = chains.collect();
        let checkpoint = known.ended.witnessed.map(|(size, root, _)| (size, root, true));
        let last = report.log.as_ref().map(|log| (log.size, log.root, false));
        let drawn = checkpoint.or(last).map(|(size, root, witnessed)| SampleBasis {
            root,
            size,
            witnessed,
            seed: options.seed.clone(),
            wanted: options.sample,
        });
        let queries = catalog.questions.iter().map(|question| QuestionState {
            extent: Extent::default(),
            failed: 0,
            keys: BTreeMap::new(),
            untrusted: 0,
            unstated: 0,
            draw: drawn
                .as_ref()
                .map(|drawn| Draw::new(&drawn.root, &seed(drawn, &question.name), drawn.wanted)),
            sample: Vec::new(),
            shown: HashMap::new(),
        });
        Self {
            queries: queries.collect(),
            retention: Retention { policy: options.policy.clone(), ..Retention::default() },
            record: RecordEvents {
                id: options.record.clone().unwrap_or_default(),
                ..RecordEvents::default()
            },
            subject: Subject { id: options.subject.clone().unwrap_or_default(), ..Subject::default() },
            newest_of: vec![None; keys.len()],
            catalog,
            known,
            options,
            chains,
            keys,
            counted: EntryCounts::default(),
            unknown: UnknownActions::default(),
            uncategorized: Uncategorized::default(),
            had: [0; 4],
            access: Access::default(),
            readers: HashMap::new(),
            erasures: Listed::default(),
            ranges: Vec::new(),
            furthest: Vec::new(),
            is_sorted: false,
            answers: HashMap::new(),
            answered: 0,
            drawn,
            newest: None,
            found: HashMap::new(),
        }
    }

    fn signer_trust(&self, record: &Record) -> (usize, SignerTrust) {
        let unknown = (usize::MAX, [SignerTrust::Untrusted; 2]);
        let (key, signer_trusts) = self.chains.get(record.chain as usize).copied().unwrap_or(unknown);
        (key, signer_trusts[usize::from(record.authorized)])
    }

    fn is_within(&self, time: Time) -> bool {
        self.options.period.is_none_or(|period| period.holds(time))
    }

    /// True if an event may have happened in the period or not. An event without a time happened when it was recorded,
    /// unless no parser knows the event. If it was recorded in the period, it counts as an event without a parser.
    fn is_undated(&self, facts: &EventFacts, recorded: Time) -> bool {
        self.options.period.is_some_and(|period| {
            facts.happened.is_none()
                && (facts.is_time_unclear && recorded >= period.from
                    || facts.reading == Reading::Unparsed && recorded >= period.to)
        })
    }

    /// Takes an entry, in the order of the log.
    pub fn take(&mut self, record: &Record) {
        let (key, signer_trust) = self.signer_trust(record);
        let recorded = record.time();
        if signer_trust == SignerTrust::Trusted {
            self.newest = self.newest.max(Some(recorded));
            if self.retention.oldest.is_none_or(|(oldest, _)| recorded < oldest) {
                self.retention.oldest = Some((recorded, record.leaf));
            }
            if self.is_within(recorded) {
                self.update_silence(key, recorded, record.leaf);
            }
        }
        let RecordContent::Event(facts) = &record.what else { return };
        let own = facts.happened.and_then(Time::from_millis);
        let happened = own.unwrap_or(recorded);
        if signer_trust == SignerTrust::Trusted && self.is_undated(facts, recorded) {
            self.counted.undated += 1;
        }
        if !self.is_within(happened) {
            self.counted.outside += u64::from(signer_trust == SignerTrust::Trusted);
            self.take_log_event(record, facts, key, signer_trust, false);
            return;
        }
        if signer_trust != SignerTrust::Trusted {
            *self.counted.untrusted.entry(signer_trust).or_default() += 1;
            for (nth, state) in self.queries.iter_mut().enumerate() {
                state.untrusted += u64::from(has(&facts.held, nth));
            }
            return;
        }
        self.counted.events.add(record.leaf, recorded, happened);
        self.counted.own_times += u64::from(own.is_some());
        self.counted.unparsed += u64::from(facts.reading == Reading::Unparsed);
        self.counted.unread += u64::from(facts.reading == Reading::Unread);
        if let Some(unknown) = &facts.uncategorized {
            self.unknown.add(unknown);
        }
        for (nth, state) in self.queries.iter_mut().enumerate() {
            state.unstated += u64::from(has(&facts.unstated, nth));
        }
        if let Some(oldest) = own {
            let before = self.retention.oldest_happened;
            self.retention.oldest_happened = Some(before.map_or(oldest, |before| before.min(oldest)));
        }
        if let Some(key) = self.keys.get_mut(key) {
            key.events.add(record.leaf, recorded, happened);
        }
        for (had, fields) in self.had.iter_mut().zip(&facts.fields) {
            *had |= fields;
        }
        for (nth, state) in self.queries.iter_mut().enumerate().filter(|(nth, _)| has(&facts.held, *nth)) {
            debug_assert!(matches!(self.catalog.questions[nth].by, AnswerSource::Events { .. }));
            state.extent.add(record.leaf, recorded, happened);
            state.failed += u64::from(facts.summary.as_ref().is_some_and(|summary| summary.has_failed()));
            *state.keys.entry(key).or_default() += 1;
            if let Some(draw) = &mut state.draw {
                draw.offer(record.leaf);
            }
        }
        let roles = facts.subject;
        if let Some(id) = &facts.likely
            && self.subject.likely.len() < MAX_LIKELY
            && !self.subject.likely.contains(id)
        {
            self.subject.likely.push(id.clone());
        }
        self.subject.as_actor += u64::from(roles.is_actor);
        self.subject.represented += u64::from(roles.is_represented);
        self.subject.as_target += u64::from(roles.is_target);
        self.subject.mentioned += u64::from(roles.is_mentioned);
        if roles.has_any() {
            self.subject.extent.add(record.leaf, recorded, happened);
            let shown = self.list_event(record, facts);
            self.subject.events.push(shown, self.options.rows);
        }
        if facts.is_of_record {
            self.record.extent.add(record.leaf, recorded, happened);
            let shown = self.list_event(record, facts);
            self.record.events.push(shown, self.options.rows);
        }
        self.take_log_event(record, facts, key, signer_trust, true);
    }

    fn update_silence(&mut self, key: usize, at: Time, leaf: u64) {
        let (Some(newest), Some(key)) = (self.newest_of.get_mut(key), self.keys.get_mut(key)) else { return };
        let before = newest.unwrap_or(at);
        let longest = key.silence.map_or(0, |(from, to, _)| to.millis() - from.millis());
        if at.millis() - before.millis() > longest {
            key.silence = Some((before, at, leaf));
        }
        *newest = Some(before.max(at));
        key.newest = *newest;
    }

    /// Evaluates an event about the log itself.
    fn take_log_event(
        &mut self,
        record: &Record,
        facts: &EventFacts,
        key: usize,
        signer_trust: SignerTrust,
        is_within: bool,
    ) {
        let Some(event) = facts.signed.as_ref().filter(|_| signer_trust == SignerTrust::Trusted) else {
            return;
        };
        let event: Value = serde_json::from_str(event).unwrap_or_default();
        let is_log = self.keys.get(key).is_some_and(|key| key.is_log);
        match event["action"].as_str() {
            // An erasure recorded outside the period may concern events in it.
            Some("log.erase") if is_log => self.take_erasure(record, &event),
            Some("log.export") if is_within => self.take_access_record(record, &event, is_log),
            Some("countersign.acknowledged") => {
                let signer = self.keys.get(key).map(|key| key.name.clone()).unwrap_or_default();
                self.take_acknowledgment(record, &event, signer);
            }
            _ => {}
        }
    }

    fn take_erasure(&mut self, record: &Record, event: &Value) {
        let mut leaves = Listed::default();
        // Earlier versions recorded the entries as `leaves`.
        let erased = [&event["metadata"]["entries"], &event["metadata"]["leaves"]]
            .into_iter()
            .find_map(Value::as_array);
        for range in erased.into_iter().flatten() {
            let (Some(first), Some(last)) = (range[0].as_u64(), range[1].as_u64()) else { continue };
            if first > last || last >= record.leaf {
                continue;
            }
            leaves.push((first, last), MAX_RANGES);
            if self.ranges.len() < MAX_COMPARED_RANGES && self.erasures.more == 0 {
                self.ranges.push((first, last, self.erasures.listed.len()));
            }
        }
        let erasure = Erasure {
            leaf: record.leaf,
            place: self.place(record),
            at: record.time(),
            by: text(&event["actor"]["id"]),
            reason: text(&event["reason"]),
            events: event["metadata"]["events"].as_u64().unwrap_or_default(),
            leaves,
            gone: 0,
            here: 0,
            of: None,
            early: 0,
        };
        self.erasures.push(erasure, MAX_LISTED);
    }

    fn take_access_record(&mut self, record: &Record, event: &Value, is_log: bool) {
        if !is_log {
            self.access.others += 1;
            return;
        }
        let at = record.time();
        self.access.records.add(record.leaf, at, at);
        let who = (text(&event["actor"]["id"]), text(&event["actor"]["credential"]));
        let Some(place) = self.readers.get(&who).copied().or_else(|| {
            (self.access.readers.listed.len() < MAX_LISTED).then(|| {
                let (name, credential) = who.clone();
                self.access.readers.listed.push(Reader { name, credential, ..Reader::default() });
                self.readers.insert(who, self.access.readers.listed.len() - 1);
                self.access.readers.listed.len() - 1
            })
        }) else {
            self.access.readers.more += 1;
            return;
        };
        let reader = &mut self.access.readers.listed[place];
        reader.records.add(record.leaf, at, at);
        let metadata = &event["metadata"];
        let others = (!metadata["others"].is_null()).then_some(&metadata["others"]);
        for read in metadata["reads"].as_array().into_iter().flatten().chain(others) {
            reader.reads = reader.reads.saturating_add(read["begun"].as_u64().unwrap_or_default());
            reader.events = reader.events.saturating_add(read["events"].as_u64().unwrap_or_default());
        }
    }

    fn take_acknowledgment(&mut self, record: &Record, event: &Value, signer: String) {
        if self.answered == MAX_ACKNOWLEDGMENTS {
            return;
        }
        self.answered += 1;
        let answer = Acknowledgment {
            leaf: record.leaf,
            at: record.time(),
            by: text(&event["actor"]["id"]),
            reason: text(&event["reason"]),
            signer,
        };
        self.answers.entry(text(&event["target"]["id"])).or_default().push(answer);
    }

    /// Ends the first pass, given the findings of the rules. Then pass the same entries to [`Self::show`].
    pub fn start_second_pass(&mut self, analysis: &Analysis) {
        self.finish_first_pass();
        let leaves = analysis.findings.iter().flat_map(|finding| &finding.leaves);
        self.found = leaves.map(|leaf| (*leaf, SignerTrust::Trusted)).collect();
    }

    /// Takes an entry again, to fetch drawn events and to compare it with the erasures.
    pub fn show(&mut self, record: &Record) {
        let (_, signer_trust) = self.signer_trust(record);
        if let Some(found) = self.found.get_mut(&record.leaf) {
            *found = signer_trust;
        }
        let is_gone = matches!(record.what, RecordContent::Withheld(_));
        let is_recorded = self.match_erasure(record, is_gone);
        if is_gone && signer_trust == SignerTrust::Trusted {
            let is_within = self.is_within(record.time());
            if is_recorded {
                self.counted.erased += u64::from(is_within);
            } else {
                self.counted.withheld += u64::from(is_within);
                self.retention.withheld += 1;
            }
        }
        let RecordContent::Event(facts) = &record.what else { return };
        for nth in 0..self.queries.len() {
            if has(&facts.held, nth) && self.queries[nth].sample.contains(&record.leaf) {
                let shown = self.list_event(record, facts);
                self.queries[nth].shown.insert(record.leaf, shown);
            }
        }
    }

    /// Finishes the first pass.
    fn finish_first_pass(&mut self) {
        if self.is_sorted {
            return;
        }
        self.is_sorted = true;
        self.ranges.sort_unstable();
        let mut furthest = 0;
        self.furthest = self
            .ranges
            .iter()
            .map(|(_, last, _)| {
                furthest = furthest.max(*last);
                furthest
            })
            .collect();
        for state in &mut self.queries {
            state.sample = state.draw.take().map(Draw::finish).unwrap_or_default();
        }
    }

    /// True if an erasure names this entry.
    fn match_erasure(&mut self, record: &Record, is_gone: bool) -> bool {
        let mut place = self.ranges.partition_point(|(first, ..)| *first <= record.leaf);
        let mut by: Option<usize> = None;
        while place > 0 && self.furthest[place - 1] >= record.leaf {
            place -= 1;
            let (_, last, erasure) = self.ranges[place];
            // The earliest erasure that names an entry erased it.
            if last >= record.leaf {
                by = Some(by.map_or(erasure, |by| by.min(erasure)));
            }
        }
        let Some(erasure) = by.and_then(|by| self.erasures.listed.get_mut(by)) else { return false };
        let recorded = record.time();
        if is_gone {
            erasure.gone += 1;
            erasure.of = Some(
                erasure
                    .of
                    .map_or((recorded, recorded), |(first, last)| (first.min(recorded), last.max(recorded))),
            );
            let is_early = self
                .options
                .policy
                .as_ref()
                .is_some_and(|(_, age)| erasure.at.millis().saturating_sub(recorded.millis()) < *age);
            erasure.early += u64::from(is_early);
            self.retention.early += u64::from(is_early);
        } else {
            erasure.here += 1;
        }
        true
    }

    fn place(&self, record: &Record) -> String {
        let chain = self.known.chains.get(record.chain as usize);
        chain.map_or_else(String::new, |(chain, _)| format!("{chain}/{}", record.seq))
    }

    fn list_event(&self, record: &Record, facts: &EventFacts) -> ListedEvent {
        let chain = self.known.chains.get(record.chain as usize);
        ListedEvent {
            leaf: record.leaf,
            place: self.place(record),
            chain: chain.map_or(ChainId([0; 16]), |(chain, _)| *chain),
            seq: record.seq,
            recorded: record.time(),
            happened: facts.happened.and_then(Time::from_millis),
            signer: chain.map_or_else(String::new, |(_, key)| key.name().to_owned()),
            summary: facts.summary.as_deref().cloned().unwrap_or_default(),
        }
    }

    /// Ends the second pass, and returns the evidence with the findings of the rules on the same entries.
    pub fn finish(mut self, pack: &Pack, analysis: &Analysis) -> Evidence {
        self.finish_first_pass();
        let log = self.log();
        self.retention.newest = log.newest;
        self.uncategorized = std::mem::take(&mut self.unknown).finish();
        let doubts = self.doubts(&log);
        self.retention.state = self.retention_state(&log);
        let answers: Vec<Answer> =
            (0..self.catalog.questions.len()).map(|nth| self.answer(nth, pack, analysis, &log)).collect();
        let controls = self.catalog.controls.iter().map(|control| {
            let keep = control.keep.as_ref();
            let own = keep.map_or_else(Vec::new, |keep| doubt::of_keeping(keep, &self.retention));
            let answered = control.shows.iter().all(|nth| answers[*nth].doubts.is_empty());
            ControlEvidence {
                number: control.number.clone(),
                title: control.title.clone(),
                asks: control.asks.clone(),
                answers: control.shows.clone(),
                cannot: control.cannot.clone(),
                is_complete: doubts.is_empty() && own.is_empty() && answered,
                doubts: own,
            }
        });
        let rules = Rules {
            pack: pack.name.clone(),
            hash: pack.hash(),
            rules: pack.rules().len() as u64,
            engine: ENGINE,
            digest: analysis.digest,
            findings: analysis.findings.len() as u64
                + analysis.limits.iter().map(|limit| limit.findings).sum::<u64>(),
        };
        let controls = controls.collect();
        Evidence {
            controls,
            source: self.known.source,
            framework: Framework {
                name: self.catalog.framework.clone(),
                title: self.catalog.title.clone(),
                edition: self.catalog.edition.clone(),
                hash: self.catalog.hash,
            },
            log,
            period: self.options.period,
            counted: self.counted,
            uncategorized: self.uncategorized,
            gaps: self.known.ended.gaps,
            left_out: self.known.ended.left_out,
            doubts,
            keys: self.keys,
            access: self.access,
            erasures: self.erasures,
            retention: self.retention,
            rules,
            drawn: self.drawn,
            answers,
            record: self.options.record.is_some().then_some(self.record),
            subject: self.options.subject.is_some().then_some(self.subject),
        }
    }

    fn log(&self) -> Log {
        let report = self.known.report;
        let witnessed = report.log.as_ref().and_then(|log| log.time);
        let complete = match report.complete {
            Some(Complete::Range { range: [first, end] }) if report.verdict == Verdict::Verified => {
                Some((first, end))
            }
            // If the entries reproduce the log's signed root, none is missing, though events may be withheld.
            _ => report.log.as_ref().filter(|log| self.holds_all(log.size)).map(|log| (0, log.size)),
        };
        let checks = report
            .checks
            .iter()
            .map(|(name, check)| (name, check.state.as_str(), check.checked, check.reason.clone()));
        Log {
            origin: report.origin.clone().unwrap_or_default(),
            verdict: report.verdict.as_str(),
            why: report.why(),
            checkpoint: report.log.as_ref().map(|log| (log.size, log.root)),
            witnessed,
            complete,
            newest: witnessed.or(self.newest),
            checks: checks.collect(),
            not_needed: report.not_needed().collect(),
        }
    }

    /// True if the checks prove that all entries of a log of this size are present.
    fn holds_all(&self, size: u64) -> bool {
        let Report { checks, counts, verdict, .. } = self.known.report;
        let is_proven = checks.tree.state == CheckState::Pass && checks.log.state == CheckState::Pass;
        *verdict == Verdict::Partial && is_proven && counts.skipped == 0 && counts.entries == size
    }

    /// Returns the reasons why the evidence may be incomplete.
    fn doubts(&self, log: &Log) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let mut doubt = |code, message: String| doubts.push(Doubt { code, message });
        match log.complete {
            None => {
                let left_out = self.known.ended.left_out;
                let message = if left_out > 0 {
                    format!("{} of the log {} not in this export", entries(left_out), is_are(left_out))
                } else {
                    "The export isn't shown to be complete: the log may have more entries".to_owned()
                };
                doubt("not_complete", message);
            }
            Some((first, _)) if first > 0 => {
                doubt(
                    "begins_late",
                    format!("The export begins with entry {first} and lacks earlier entries"),
                );
            }
            Some(_) => {}
        }
        if let Some(period) = self.options.period {
            match (log.witnessed, log.newest) {
                (Some(seen), _) if seen >= period.to => {}
                (Some(seen), _) => doubt(
                    "ends_early",
                    format!(
                        "Witnesses saw this state of the log at {seen}, before the end of the period; later entries are missing"
                    ),
                ),
                (None, Some(newest)) if newest >= period.to => {}
                (None, Some(newest)) => doubt(
                    "ends_early",
                    format!(
                        "The newest entry was recorded at {newest}, before the end of the period, and no witness confirms that nothing came later"
                    ),
                ),
                (None, None) => {
                    doubt("ends_early", "The export doesn't show up to what time the log is covered".into());
                }
            }
        }
        let untrusted: u64 = self.counted.untrusted.values().sum();
        if untrusted > 0 {
            doubt(
                "untrusted",
                format!(
                    "{} of the period {} signed by untrusted keys, or in chains in doubt, and not counted",
                    events(untrusted),
                    is_are(untrusted)
                ),
            );
        }
        if self.counted.withheld > 0 {
            doubt(
                "withheld",
                format!(
                    "{} of the period {} withheld; the content is unknown",
                    events(self.counted.withheld),
                    is_are(self.counted.withheld)
                ),
            );
        }
        if self.counted.erased > 0 {
            doubt(
                "erased",
                format!(
                    "{} of the period {} erased, as the log recorded; the content is unknown",
                    events(self.counted.erased),
                    if self.counted.erased == 1 { "was" } else { "were" }
                ),
            );
        }
        doubts
    }

    fn retention_state(&self, log: &Log) -> RetentionState {
        let Retention { policy, oldest, newest, withheld, early, .. } = &self.retention;
        let Some((_, age)) = policy else { return RetentionState::NoPolicy };
        if *early > 0 {
            return RetentionState::Contradicted;
        }
        let is_whole = log.complete.is_some_and(|(first, _)| first == 0) && *withheld == 0;
        let (Some((oldest, _)), Some(newest), true) = (oldest, newest, is_whole) else {
            return RetentionState::CouldNotTell;
        };
        if newest.millis() - oldest.millis() >= *age { RetentionState::Met } else { RetentionState::TooYoung }
    }

    fn answer(&mut self, nth: usize, pack: &Pack, analysis: &Analysis, log: &Log) -> Answer {
        let question = &self.catalog.questions[nth];
        let mut doubts = Vec::new();
        let found = match &question.by {
            AnswerSource::Events { categories, query, fields } => {
                if !categories.is_empty() {
                    doubts.extend(doubt::uncategorized(&self.uncategorized));
                    if query.is_none() && self.queries[nth].extent.events == 0 {
                        doubts.extend(self.findings_about(*categories, pack, analysis));
                    }
                }
                let state = &mut self.queries[nth];
                if state.unstated > 0 {
                    let states = if state.unstated == 1 { "doesn't state its" } else { "don't state their" };
                    let message = format!("{} that might match {states} outcome", events(state.unstated));
                    doubts.push(Doubt { code: "outcome_not_stated", message });
                }
                let lacking = fields.iter().filter(|field| !has(&self.had, **field));
                let unknown: Vec<String> =
                    lacking.map(|field| self.catalog.fields[*field].to_string()).collect();
                if self.counted.events.events > 0 {
                    doubts.extend(unknown.iter().map(|field| Doubt {
                        code: "no_such_field",
                        message: format!(
                            "No event has the field `{field}`, so no event can match that condition of the query"
                        ),
                    }));
                }
                let mut shown = std::mem::take(&mut state.shown);
                AnswerContent::Events(Box::new(Events {
                    categories: categories.iter().map(Category::as_str).collect(),
                    query: query.as_ref().map(|(text, _)| text.clone()).unwrap_or_default(),
                    extent: state.extent,
                    failed: state.failed,
                    keys: state.keys.iter().map(|(key, count)| (*key, *count)).collect(),
                    unstated: state.unstated,
                    untrusted: state.untrusted,
                    unknown,
                    sample: state.sample.iter().filter_map(|leaf| shown.remove(leaf)).collect(),
                }))
            }
            AnswerSource::Findings(words) => {
                AnswerContent::Findings(self.findings(words, pack, analysis, log, &mut doubts))
            }
            AnswerSource::Log(fact) => {
                doubts.extend(doubt::of_log(*fact, log, &self.access, &self.retention));
                AnswerContent::Log(*fact)
            }
        };
        if let Some(limits) = &question.limits {
            doubts.push(Doubt { code: "limited", message: limits.trim_end_matches('.').to_owned() });
        }
        let unparsed = Unparsed { unparsed: self.counted.unparsed, events: self.counted.events.events };
        if let Some(message) = unparsed.sentence(Conclusion::Evidence)
            && !matches!(question.by, AnswerSource::Log(_))
        {
            doubts.push(Doubt { code: "not_read", message });
        }
        if self.counted.unread > 0 && !matches!(question.by, AnswerSource::Log(_)) {
            let unread = self.counted.unread;
            let (lack, their) = if unread == 1 { ("lacks", "its") } else { ("lack", "their") };
            let message = format!(
                "{} {lack} facts that {their} parser promises; who acted, from where, or the outcome may be missing",
                events(unread)
            );
            doubts.push(Doubt { code: "unread", message });
        }
        if self.counted.undated > 0 && !matches!(question.by, AnswerSource::Log(_)) {
            let undated = self.counted.undated;
            let (states, they) = if undated == 1 { ("states", "it") } else { ("state", "they") };
            let message = format!(
                "{} {states} no time that a parser understands, so {they} may have happened in the period or not",
                events(undated)
            );
            doubts.push(Doubt { code: "undated", message });
        }
        Answer { name: question.name.clone(), what: question.what.clone(), found, doubts }
    }

    /// Returns a doubt if findings concern these categories although no event was counted.
    fn findings_about(&self, categories: Categories, pack: &Pack, analysis: &Analysis) -> Option<Doubt> {
        let is_about = |finding: &&countersign_analyze::Finding| {
            let rule = pack.rules().iter().find(|rule| rule.id == finding.rule);
            rule.is_some_and(|rule| technique::categories(rule).intersects(categories))
                && self
                    .options
                    .period
                    .is_none_or(|period| finding.last >= period.from && finding.first < period.to)
        };
        let count = analysis.findings.iter().filter(is_about).count();
        let message = match count {
            0 => return None,
            1 => "1 finding of a rule is about this".to_owned(),
            count => format!("{count} findings of rules are about this"),
        };
        Some(Doubt { code: "findings", message: format!("{message}, and no event was counted") })
    }

    fn findings(
        &self,
        words: &[String],
        pack: &Pack,
        analysis: &Analysis,
        log: &Log,
        doubts: &mut Vec<Doubt>,
    ) -> Findings {
        let meant = |rule: &&countersign_analyze::Rule| {
            words.is_empty() && rule.is_reported() || words.iter().any(|word| names_rule(word, rule))
        };
        let rules: HashMap<&str, &countersign_analyze::Rule> =
            pack.rules().iter().filter(meant).map(|rule| (rule.id.as_str(), rule)).collect();
        let mut doubt = |code, message: String| doubts.push(Doubt { code, message });
        if rules.is_empty() {
            doubt("no_rule", format!("The pack {} has no rule for this", pack.name));
        }
        let asks_usual = rules.values().any(|rule| rule.evidence == Needs::Range);
        if asks_usual && log.complete.is_none_or(|(first, _)| first > 0) {
            doubt(
                "not_learned",
                "Rules that learn usual behavior couldn't learn from missing entries".into(),
            );
        }
        let limits: Vec<_> = analysis.limits_of(pack, |rule| rules.contains_key(rule.id.as_str())).collect();
        if !limits.is_empty() {
            doubt(
                "limits",
                "Rules skipped some events, because of memory limits or late arrival, so there may be more findings"
                    .into(),
            );
        }
        if let Some((number, leaf)) = analysis.future_of(pack, |rule| rules.contains_key(rule.id.as_str())) {
            let count = events(number);
            doubt(
                "future",
                format!(
                    "{count} dated later than recorded, the first at entry {leaf}, which rules about several events skip"
                ),
            );
        }
        let uncovered = analysis.coverage.uncovered();
        if uncovered > 0 {
            doubt(
                "not_covered",
                format!("{} that no rule for their source could evaluate", events(uncovered)),
            );
        }
        let blind = analysis.coverage.blind.iter().filter(|blind| rules.contains_key(blind.rule.as_str()));
        let blind: Vec<&str> = blind.map(|blind| blind.title.as_str()).collect();
        if let [first, more @ ..] = &blind[..] {
            let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
            doubt("blind", format!("Rules need fields that no event of their source has: “{first}”{more}"));
        }
        let unlisted: u64 = limits.iter().map(|limit| limit.findings).sum();
        let is_within = |finding: &&countersign_analyze::Finding| {
            self.options.period.is_none_or(|period| finding.last >= period.from && finding.first < period.to)
        };
        let mut found: Vec<_> = analysis
            .findings
            .iter()
            .filter(|finding| rules.contains_key(finding.rule.as_str()))
            .filter(is_within)
            .collect();
        found.sort_by_key(|finding| (std::cmp::Reverse(finding.level), finding.leaves.first().copied()));
        let mut listed = Listed { listed: Vec::new(), more: unlisted };
        let mut unanswered = unlisted;
        for finding in found {
            let answers = self.answers.get(&finding.id).cloned().unwrap_or_default();
            unanswered += u64::from(answers.is_empty());
            let signer_trust = finding.leaves.iter().filter_map(|leaf| self.found.get(leaf)).max().copied();
            let mut leaves = Listed::default();
            finding.leaves.iter().for_each(|leaf| leaves.push(*leaf, MAX_ENTRIES));
            let finding = Finding {
                id: finding.id.clone(),
                title: finding.title.clone(),
                level: finding.level,
                leaves,
                times: (finding.first, finding.last),
                signer_trust: signer_trust.unwrap_or(SignerTrust::Trusted),
                answers,
            };
            listed.push(finding, MAX_FINDINGS);
        }
        Findings { rules: words.to_vec(), of: rules.len() as u64, found: listed, unanswered }
    }
}

/// Returns the seed of a question's sample.
pub(crate) fn seed(drawn: &SampleBasis, question: &str) -> String {
    format!("{}/{question}", drawn.seed)
}

/// Returns the signing keys, and their indexes by public key.
fn keys(known: &ExportFacts<'_>) -> (Vec<Key>, HashMap<String, usize>) {
    let mut places = HashMap::new();
    let mut keys = Vec::new();
    for signer in &known.report.signers {
        let vkey = signer.vkey.as_str();
        places.insert(vkey.to_owned(), keys.len());
        let statements =
            known.ended.notes.iter().filter(|(_, statement, _)| statement.key().as_str() == vkey);
        let grants = statements.map(|(leaf, statement, by)| {
            let (is_grant, from, until) = match statement {
                Statement::Grant { from, until, .. } => (true, *from, *until),
                Statement::Revoke { since, .. } => (false, *since, None),
            };
            Grant { leaf: *leaf, is_grant, from, until, by: by.clone() }
        });
        keys.push(Key {
            vkey: vkey.to_owned(),
            name: signer.vkey.name().to_owned(),
            trust: signer.trust.as_str(),
            is_log: known.logs.contains(vkey),
            events: Extent::default(),
            grants: grants.collect(),
            silence: None,
            newest: None,
        });
    }
    (keys, places)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().chars().take(256).collect()
}

const fn is_are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

pub(crate) fn events(count: u64) -> String {
    if count == 1 { "1 event".into() } else { format!("{count} events") }
}

pub(crate) fn entries(count: u64) -> String {
    if count == 1 { "1 entry".into() } else { format!("{count} entries") }
}
