//! Taking entries in the order of the log, once it is known whose word counts.

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
use serde_json::Value;

use crate::catalog::{By, Catalog, is_meant};
use crate::doubt::{self, UnknownActions};
use crate::look::{Looked, Record, What, has};
use crate::report::{
    Access, Acknowledged, Answer, Controlled, Counted, Doubt, Drawn, Erasure, Events, Evidence, Extent,
    Finding, Findings, Found, Framework, Grant, Kept, Key, Listed, Log, OneRecord, Period, Reader, Retention,
    Rules, STRETCHES, Shown, Source, Subject, Uncategorized,
};
use crate::technique;

/// How many gaps, erasures and readers are listed.
const LISTED: usize = 10_000;
/// How many findings of an answer are listed.
const FINDINGS: usize = 100;
/// How many identifiers that may be a person's are listed.
const LIKELY: usize = 5;
/// How many leaves of a finding are listed.
const LEAVES: usize = 64;
/// How many answers to findings are kept.
const ACKNOWLEDGED: usize = 100_000;
/// How many stretches of erased leaves are held against what is here.
const COMPARED: usize = 1 << 20;

/// What an export tells beside its events, as it is met.
#[derive(Debug, Default)]
pub struct Ended {
    notes: Vec<(u64, Statement, Vec<String>)>,
    gaps: Listed<(u64, u64)>,
    left_out: u64,
    opaque: u64,
    /// The last checkpoint that matches, and the last of these that a quorum of witnesses saw.
    last: Option<(u64, Hash)>,
    witnessed: Option<(u64, Hash, Time)>,
}

impl Ended {
    /// Takes a mark. Gives a record where it is a link whose event is withheld.
    pub fn take(&mut self, mark: Mark, chain: impl FnOnce(ChainId, &VerifierKey) -> u32) -> Option<Record> {
        match mark {
            Mark::Skip { index, leaves, .. } => {
                self.left_out += leaves;
                match self.gaps.listed.last_mut() {
                    Some((first, count)) if *first + *count == index => *count += leaves,
                    _ => self.gaps.push((index, leaves), LISTED),
                }
            }
            Mark::Opaque { .. } => self.opaque += 1,
            Mark::Note(note) if note.acts => {
                let by: Vec<String> = note.signers.iter().map(|key| key.name().to_owned()).collect();
                self.notes.extend(note.statements.into_iter().map(|said| (note.index, said, by.clone())));
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
                        what: What::Withheld(matches!(why, Some(countersign::export::Withheld::Erased))),
                    });
                }
            }
            _ => {}
        }
        None
    }
}

/// What is known once the export has ended.
#[derive(Debug)]
pub struct Known<'a> {
    /// What it was made from.
    pub source: Source,
    /// The report.
    pub report: &'a Report,
    /// The keys of logs that the reader trusts.
    pub logs: HashSet<String>,
    /// Whether the trust file has a quorum of witnesses.
    pub has_quorum: bool,
    /// Chains, and whose they are.
    pub chains: &'a [(ChainId, VerifierKey)],
    /// What the export told beside its events.
    pub ended: Ended,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Which time.
    pub period: Option<Period>,
    /// How many events are drawn for each question.
    pub sample: usize,
    /// What the auditor states, so that nobody can choose the sample.
    pub seed: String,
    /// How long events are to be kept: as written, and in milliseconds.
    pub policy: Option<(String, i64)>,
    /// A record whose events are listed.
    pub record: Option<String>,
    /// A person whose events are listed.
    pub subject: Option<String>,
    /// How many events of the record and of the person are listed.
    pub rows: usize,
}

/// Takes the entries of a log, twice: [`take`](Self::take) counts and draws, [`show`](Self::show) then finds what was drawn.
#[derive(Debug)]
pub struct Gathering<'a> {
    catalog: &'a Catalog,
    known: Known<'a>,
    wanted: Wanted,
    /// Of each chain whose key it is, and how it stands where its key was authorized and where not.
    chains: Vec<(usize, [SignerTrust; 2])>,
    keys: Vec<Key>,
    newest_of: Vec<Option<Time>>,
    counted: Counted,
    unknown: UnknownActions,
    uncategorized: Uncategorized,
    had: [u64; 4],
    queries: Vec<Asked>,
    access: Access,
    readers: HashMap<(String, String), usize>,
    erasures: Listed<Erasure>,
    stretches: Vec<(u64, u64, usize)>,
    furthest: Vec<u64>,
    is_sorted: bool,
    retention: Retention,
    answers: HashMap<String, Vec<Acknowledged>>,
    answered: usize,
    drawn: Option<Drawn>,
    record: OneRecord,
    subject: Subject,
    newest: Option<Time>,
    /// The leaves that findings name, and the worst signer trust of those that are not trusted.
    found: HashMap<u64, SignerTrust>,
}

/// What a query has found so far.
#[derive(Debug)]
struct Asked {
    extent: Extent,
    keys: BTreeMap<usize, u64>,
    untrusted: u64,
    unstated: u64,
    draw: Option<Draw>,
    sample: Vec<u64>,
    shown: HashMap<u64, Shown>,
}

impl<'a> Gathering<'a> {
    /// Begins, with what is known and asked for.
    pub fn new(catalog: &'a Catalog, known: Known<'a>, wanted: Wanted) -> Self {
        let report = known.report;
        let (keys, places) = keys(&known);
        let doubts = Doubts::of(report);
        let chains = known.chains.iter().map(|(chain, vkey)| {
            let place = places.get(vkey.as_str()).copied().unwrap_or(usize::MAX);
            let trust = report.signers.iter().find(|signer| signer.vkey == *vkey).map(|signer| signer.trust);
            let signer_trust = |authorized| SignerTrust::of(trust, doubts.has(*chain), authorized);
            (place, [signer_trust(false), signer_trust(true)])
        });
        let chains = chains.collect();
        let checkpoint = known.ended.witnessed.map(|(size, root, _)| (size, root, true));
        let last = report.log.as_ref().map(|log| (log.size, log.root, false));
        let drawn = checkpoint.or(last).map(|(size, root, witnessed)| Drawn {
            root,
            size,
            witnessed,
            seed: wanted.seed.clone(),
            wanted: wanted.sample,
        });
        let queries = catalog.questions.iter().map(|question| Asked {
            extent: Extent::default(),
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
            retention: Retention { policy: wanted.policy.clone(), ..Retention::default() },
            record: OneRecord { id: wanted.record.clone().unwrap_or_default(), ..OneRecord::default() },
            subject: Subject { id: wanted.subject.clone().unwrap_or_default(), ..Subject::default() },
            newest_of: vec![None; keys.len()],
            catalog,
            known,
            wanted,
            chains,
            keys,
            counted: Counted::default(),
            unknown: UnknownActions::default(),
            uncategorized: Uncategorized::default(),
            had: [0; 4],
            access: Access::default(),
            readers: HashMap::new(),
            erasures: Listed::default(),
            stretches: Vec::new(),
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
        let unknown = (usize::MAX, [SignerTrust::Unknown; 2]);
        let (key, signer_trusts) = self.chains.get(record.chain as usize).copied().unwrap_or(unknown);
        (key, signer_trusts[usize::from(record.authorized)])
    }

    fn is_within(&self, time: Time) -> bool {
        self.wanted.period.is_none_or(|period| period.holds(time))
    }

    /// Takes an entry, in the order of the leaves.
    pub fn take(&mut self, record: &Record) {
        let (key, signer_trust) = self.signer_trust(record);
        let recorded = record.time();
        if signer_trust == SignerTrust::Trusted {
            self.newest = self.newest.max(Some(recorded));
            if self.retention.oldest.is_none_or(|(oldest, _)| recorded < oldest) {
                self.retention.oldest = Some((recorded, record.leaf));
            }
            if self.is_within(recorded) {
                self.heard(key, recorded, record.leaf);
            }
        }
        let What::Event(looked) = &record.what else { return };
        let own = looked.happened.and_then(Time::from_millis);
        let happened = own.unwrap_or(recorded);
        if !self.is_within(happened) {
            self.counted.outside += u64::from(signer_trust == SignerTrust::Trusted);
            self.told(record, looked, key, signer_trust, false);
            return;
        }
        if signer_trust != SignerTrust::Trusted {
            *self.counted.untrusted.entry(signer_trust).or_default() += 1;
            for (nth, asked) in self.queries.iter_mut().enumerate() {
                asked.untrusted += u64::from(has(&looked.held, nth));
            }
            return;
        }
        self.counted.events.add(record.leaf, recorded, happened);
        self.counted.own_times += u64::from(own.is_some());
        self.counted.unread += u64::from(!looked.is_read);
        if let Some(unknown) = &looked.uncategorized {
            self.unknown.add(unknown);
        }
        for (nth, asked) in self.queries.iter_mut().enumerate() {
            asked.unstated += u64::from(has(&looked.unstated, nth));
        }
        if let Some(oldest) = own {
            let before = self.retention.oldest_happened;
            self.retention.oldest_happened = Some(before.map_or(oldest, |before| before.min(oldest)));
        }
        if let Some(key) = self.keys.get_mut(key) {
            key.events.add(record.leaf, recorded, happened);
        }
        for (had, fields) in self.had.iter_mut().zip(&looked.fields) {
            *had |= fields;
        }
        for (nth, asked) in self.queries.iter_mut().enumerate().filter(|(nth, _)| has(&looked.held, *nth)) {
            debug_assert!(matches!(self.catalog.questions[nth].by, By::Events { .. }));
            asked.extent.add(record.leaf, recorded, happened);
            *asked.keys.entry(key).or_default() += 1;
            if let Some(draw) = &mut asked.draw {
                draw.offer(record.leaf);
            }
        }
        let (by, of, mentioned) = looked.subject;
        if let Some(id) = &looked.likely
            && self.subject.likely.len() < LIKELY
            && !self.subject.likely.contains(id)
        {
            self.subject.likely.push(id.clone());
        }
        self.subject.as_actor += u64::from(by);
        self.subject.as_target += u64::from(of);
        self.subject.mentioned += u64::from(mentioned);
        if by || of {
            self.subject.extent.add(record.leaf, recorded, happened);
            let shown = self.shown(record, looked);
            self.subject.events.push(shown, self.wanted.rows);
        }
        if looked.is_of_record {
            self.record.extent.add(record.leaf, recorded, happened);
            let shown = self.shown(record, looked);
            self.record.events.push(shown, self.wanted.rows);
        }
        self.told(record, looked, key, signer_trust, true);
    }

    fn heard(&mut self, key: usize, at: Time, leaf: u64) {
        let (Some(newest), Some(key)) = (self.newest_of.get_mut(key), self.keys.get_mut(key)) else { return };
        let before = newest.unwrap_or(at);
        let longest = key.silence.map_or(0, |(from, to, _)| to.millis() - from.millis());
        if at.millis() - before.millis() > longest {
            key.silence = Some((before, at, leaf));
        }
        *newest = Some(before.max(at));
        key.newest = *newest;
    }

    /// What an event tells of the log itself.
    fn told(
        &mut self,
        record: &Record,
        looked: &Looked,
        key: usize,
        signer_trust: SignerTrust,
        is_within: bool,
    ) {
        let Some(event) = looked.kept.as_ref().filter(|_| signer_trust == SignerTrust::Trusted) else {
            return;
        };
        let event: Value = serde_json::from_str(event).unwrap_or_default();
        let is_log = self.keys.get(key).is_some_and(|key| key.is_log);
        match event["action"].as_str() {
            // An erasure outside the period may be of an event within.
            Some("log.erase") if is_log => self.erased(record, &event),
            Some("log.export") if is_within => self.read(record, &event, is_log),
            Some("countersign.acknowledged") => {
                let signer = self.keys.get(key).map(|key| key.name.clone()).unwrap_or_default();
                self.acknowledged(record, &event, signer);
            }
            _ => {}
        }
    }

    fn erased(&mut self, record: &Record, event: &Value) {
        let mut leaves = Listed::default();
        for stretch in event["metadata"]["entries"].as_array().into_iter().flatten() {
            let (Some(first), Some(last)) = (stretch[0].as_u64(), stretch[1].as_u64()) else { continue };
            if first > last || last >= record.leaf {
                continue;
            }
            leaves.push((first, last), STRETCHES);
            if self.stretches.len() < COMPARED && self.erasures.more == 0 {
                self.stretches.push((first, last, self.erasures.listed.len()));
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
        self.erasures.push(erasure, LISTED);
    }

    fn read(&mut self, record: &Record, event: &Value, is_log: bool) {
        if !is_log {
            self.access.others += 1;
            return;
        }
        let at = record.time();
        self.access.records.add(record.leaf, at, at);
        let who = (text(&event["actor"]["id"]), text(&event["actor"]["credential"]));
        let Some(place) = self.readers.get(&who).copied().or_else(|| {
            (self.access.readers.listed.len() < LISTED).then(|| {
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

    fn acknowledged(&mut self, record: &Record, event: &Value, signer: String) {
        if self.answered == ACKNOWLEDGED {
            return;
        }
        self.answered += 1;
        let answer = Acknowledged {
            leaf: record.leaf,
            at: record.time(),
            by: text(&event["actor"]["id"]),
            reason: text(&event["reason"]),
            signer,
        };
        self.answers.entry(text(&event["target"]["id"])).or_default().push(answer);
    }

    /// All entries were taken, and this is what rules found in them: now [`Self::show`] is given the same entries.
    pub fn again(&mut self, analysis: &Analysis) {
        self.settle();
        let leaves = analysis.findings.iter().flat_map(|finding| &finding.leaves);
        self.found = leaves.map(|leaf| (*leaf, SignerTrust::Trusted)).collect();
    }

    /// Takes an entry again, to show what was drawn and to hold erasures against what is here.
    pub fn show(&mut self, record: &Record) {
        let (_, signer_trust) = self.signer_trust(record);
        if let Some(found) = self.found.get_mut(&record.leaf) {
            *found = signer_trust;
        }
        let is_gone = matches!(record.what, What::Withheld(_));
        let is_recorded = self.compare(record, is_gone);
        if is_gone && signer_trust == SignerTrust::Trusted {
            let is_within = self.is_within(record.time());
            if is_recorded {
                self.counted.erased += u64::from(is_within);
            } else {
                self.counted.withheld += u64::from(is_within);
                self.retention.withheld += 1;
            }
        }
        let What::Event(looked) = &record.what else { return };
        for nth in 0..self.queries.len() {
            if has(&looked.held, nth) && self.queries[nth].sample.contains(&record.leaf) {
                let shown = self.shown(record, looked);
                self.queries[nth].shown.insert(record.leaf, shown);
            }
        }
    }

    /// All entries were taken once.
    fn settle(&mut self) {
        if self.is_sorted {
            return;
        }
        self.is_sorted = true;
        self.stretches.sort_unstable();
        let mut furthest = 0;
        self.furthest = self
            .stretches
            .iter()
            .map(|(_, last, _)| {
                furthest = furthest.max(*last);
                furthest
            })
            .collect();
        for asked in &mut self.queries {
            asked.sample = asked.draw.take().map(Draw::finish).unwrap_or_default();
        }
    }

    /// Whether an erasure names this leaf.
    fn compare(&mut self, record: &Record, is_gone: bool) -> bool {
        let mut place = self.stretches.partition_point(|(first, ..)| *first <= record.leaf);
        let mut by: Option<usize> = None;
        while place > 0 && self.furthest[place - 1] >= record.leaf {
            place -= 1;
            let (_, last, erasure) = self.stretches[place];
            // The first erasure that names it took it.
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
                .wanted
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

    fn shown(&self, record: &Record, looked: &Looked) -> Shown {
        let chain = self.known.chains.get(record.chain as usize);
        Shown {
            leaf: record.leaf,
            place: self.place(record),
            chain: chain.map_or(ChainId([0; 16]), |(chain, _)| *chain),
            seq: record.seq,
            recorded: record.time(),
            happened: looked.happened.and_then(Time::from_millis),
            signer: chain.map_or_else(String::new, |(_, key)| key.name().to_owned()),
            said: looked.said.as_deref().cloned().unwrap_or_default(),
        }
    }

    /// All entries were shown. Gives the evidence, with what the rules of a pack found in the same entries.
    pub fn finish(mut self, pack: &Pack, analysis: &Analysis) -> Evidence {
        self.settle();
        let log = self.log();
        self.retention.newest = log.newest;
        self.uncategorized = std::mem::take(&mut self.unknown).finish();
        let doubts = self.doubts(&log);
        self.retention.state = self.kept(&log);
        let answers: Vec<Answer> =
            (0..self.catalog.questions.len()).map(|nth| self.answer(nth, pack, analysis, &log)).collect();
        let controls = self.catalog.controls.iter().map(|control| {
            let keep = control.keep.as_ref();
            let own = keep.map_or_else(Vec::new, |keep| doubt::of_keeping(keep, &self.retention));
            let answered = control.shows.iter().all(|nth| answers[*nth].doubts.is_empty());
            Controlled {
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
            period: self.wanted.period,
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
            record: self.wanted.record.is_some().then_some(self.record),
            subject: self.wanted.subject.is_some().then_some(self.subject),
        }
    }

    fn log(&self) -> Log {
        let report = self.known.report;
        let witnessed = report.log.as_ref().and_then(|log| log.time);
        let complete = match report.complete {
            Some(Complete::Range { range: [first, end] }) if report.verdict == Verdict::Verified => {
                Some((first, end))
            }
            // Where all entries make the root that the log signed none is missing, though events may be withheld.
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

    /// Whether every entry of a log of this size is here, by the checks.
    fn holds_all(&self, size: u64) -> bool {
        let Report { checks, counts, verdict, .. } = self.known.report;
        let is_proven = checks.tree.state == CheckState::Pass && checks.log.state == CheckState::Pass;
        *verdict == Verdict::Partial && is_proven && counts.skipped == 0 && counts.entries == size
    }

    /// Why it cannot be told that nothing is missing.
    fn doubts(&self, log: &Log) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let mut doubt = |code, said: String| doubts.push(Doubt { code, said });
        match log.complete {
            None => {
                let said = if self.known.ended.left_out > 0 {
                    {
                        let left_out = self.known.ended.left_out;
                        format!("{} of the log {} not in this export", entries(left_out), is_are(left_out))
                    }
                } else {
                    "The export is not shown to have every entry of the log: there may be others".to_owned()
                };
                doubt("not_complete", said);
            }
            Some((first, _)) if first > 0 => {
                doubt(
                    "begins_late",
                    format!("The export begins with entry {first}: what was recorded before is not in it"),
                );
            }
            Some(_) => {}
        }
        if let Some(period) = self.wanted.period {
            match (log.witnessed, log.newest) {
                (Some(seen), _) if seen >= period.to => {}
                (Some(seen), _) => doubt(
                    "ends_early",
                    format!(
                        "Witnesses saw this state of the log at {seen}, before the end of the period: what was recorded later is not in it"
                    ),
                ),
                (None, Some(newest)) if newest >= period.to => {}
                (None, Some(newest)) => doubt(
                    "ends_early",
                    format!(
                        "The newest entry was recorded at {newest}, before the end of the period, and no witness confirms that nothing came later"
                    ),
                ),
                (None, None) => doubt("ends_early", "Nothing says how far the log had got".into()),
            }
        }
        let untrusted: u64 = self.counted.untrusted.values().sum();
        if untrusted > 0 {
            doubt(
                "untrusted",
                format!(
                    "{} of the period {} signed by keys that are not trusted here, or in chains that are in doubt, and not counted",
                    events(untrusted),
                    is_are(untrusted)
                ),
            );
        }
        if self.counted.withheld > 0 {
            doubt(
                "withheld",
                format!(
                    "{} of the period {} withheld: what was said there is not known",
                    events(self.counted.withheld),
                    is_are(self.counted.withheld)
                ),
            );
        }
        if self.counted.erased > 0 {
            doubt(
                "erased",
                format!(
                    "{} of the period {} erased, as the log recorded: what was said there is not known",
                    events(self.counted.erased),
                    if self.counted.erased == 1 { "was" } else { "were" }
                ),
            );
        }
        doubts
    }

    fn kept(&self, log: &Log) -> Kept {
        let Retention { policy, oldest, newest, withheld, early, .. } = &self.retention;
        let Some((_, age)) = policy else { return Kept::NotAsked };
        if *early > 0 {
            return Kept::Contradicted;
        }
        let is_whole = log.complete.is_some_and(|(first, _)| first == 0) && *withheld == 0;
        let (Some((oldest, _)), Some(newest), true) = (oldest, newest, is_whole) else {
            return Kept::CouldNotTell;
        };
        if newest.millis() - oldest.millis() >= *age { Kept::Shown } else { Kept::TooYoung }
    }

    fn answer(&mut self, nth: usize, pack: &Pack, analysis: &Analysis, log: &Log) -> Answer {
        let question = &self.catalog.questions[nth];
        let mut doubts = Vec::new();
        let found = match &question.by {
            By::Events { categories, query, fields } => {
                if !categories.is_empty() {
                    doubts.extend(doubt::uncategorized(&self.uncategorized));
                    if query.is_none() && self.queries[nth].extent.events == 0 {
                        doubts.extend(self.findings_about(*categories, pack, analysis));
                    }
                }
                let asked = &mut self.queries[nth];
                if asked.unstated > 0 {
                    let does = if asked.unstated == 1 { "doesn't" } else { "don't" };
                    let said =
                        format!("{} that may be meant {does} state how they ended", events(asked.unstated));
                    doubts.push(Doubt { code: "outcome_not_stated", said });
                }
                let lacking = fields.iter().filter(|field| !has(&self.had, **field));
                let unknown: Vec<String> =
                    lacking.map(|field| self.catalog.fields[*field].to_string()).collect();
                if self.counted.events.events > 0 {
                    doubts.extend(unknown.iter().map(|field| Doubt {
                        code: "no_such_field",
                        said: format!(
                            "No event has the field `{field}`, so no event can match what the query asks of it"
                        ),
                    }));
                }
                let mut shown = std::mem::take(&mut asked.shown);
                Found::Events(Box::new(Events {
                    categories: categories.iter().map(Category::as_str).collect(),
                    query: query.as_ref().map(|(text, _)| text.clone()).unwrap_or_default(),
                    extent: asked.extent,
                    keys: asked.keys.iter().map(|(key, count)| (*key, *count)).collect(),
                    unstated: asked.unstated,
                    untrusted: asked.untrusted,
                    unknown,
                    sample: asked.sample.iter().filter_map(|leaf| shown.remove(leaf)).collect(),
                }))
            }
            By::Findings(words) => Found::Findings(self.findings(words, pack, analysis, log, &mut doubts)),
            By::Log(fact) => {
                doubts.extend(doubt::of_log(*fact, log, &self.access, &self.retention));
                Found::Log(*fact)
            }
        };
        if let Some(limits) = &question.limits {
            doubts.push(Doubt { code: "limited", said: limits.trim_end_matches('.').to_owned() });
        }
        if self.counted.unread > 0 && !matches!(question.by, By::Log(_)) {
            let count = events(self.counted.unread);
            doubts.push(Doubt {
                code: "not_read",
                said: format!(
                    "{count} of a shape that no parser knows, so who did what may be missing there"
                ),
            });
        }
        Answer { name: question.name.clone(), what: question.what.clone(), found, doubts }
    }

    /// Says how many findings are about these categories, if there are any.
    fn findings_about(&self, categories: Categories, pack: &Pack, analysis: &Analysis) -> Option<Doubt> {
        let is_about = |finding: &&countersign_analyze::Finding| {
            let rule = pack.rules().iter().find(|rule| rule.id == finding.rule);
            rule.is_some_and(|rule| technique::categories(rule).intersects(categories))
                && self
                    .wanted
                    .period
                    .is_none_or(|period| finding.last >= period.from && finding.first < period.to)
        };
        let count = analysis.findings.iter().filter(is_about).count();
        let said = match count {
            0 => return None,
            1 => "1 finding of a rule is about this".to_owned(),
            count => format!("{count} findings of rules are about this"),
        };
        Some(Doubt { code: "findings", said: format!("{said}, and no event was counted") })
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
            words.is_empty() && rule.is_reported() || words.iter().any(|word| is_meant(word, rule))
        };
        let rules: HashMap<&str, &countersign_analyze::Rule> =
            pack.rules().iter().filter(meant).map(|rule| (rule.id.as_str(), rule)).collect();
        let mut doubt = |code, said: String| doubts.push(Doubt { code, said });
        if rules.is_empty() {
            doubt("no_rule", format!("No rule of the pack {} looks for this", pack.name));
        }
        let asks_usual = rules.values().any(|rule| rule.evidence == Needs::Range);
        if asks_usual && log.complete.is_none_or(|(first, _)| first > 0) {
            doubt(
                "not_learned",
                "Rules that compare with what is usual know nothing about entries that aren't here".into(),
            );
        }
        let limits: Vec<_> = analysis.limits_of(pack, |rule| rules.contains_key(rule.id.as_str())).collect();
        if !limits.is_empty() {
            doubt(
                "limits",
                "Rules left some events out, to save memory or because they came late, so there may be more findings"
                    .into(),
            );
        }
        if let Some((number, leaf)) = analysis.future_of(pack, |rule| rules.contains_key(rule.id.as_str())) {
            let count = events(number);
            doubt(
                "future",
                format!(
                    "{count} dated later than recorded, the first at entry {leaf}, which rules about several events leave out"
                ),
            );
        }
        let uncovered = analysis.coverage.uncovered();
        if uncovered > 0 {
            doubt(
                "not_covered",
                format!("{} that no rule for their source could look at", events(uncovered)),
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
            self.wanted.period.is_none_or(|period| finding.last >= period.from && finding.first < period.to)
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
            finding.leaves.iter().for_each(|leaf| leaves.push(*leaf, LEAVES));
            let finding = Finding {
                id: finding.id.clone(),
                title: finding.title.clone(),
                level: finding.level,
                leaves,
                times: (finding.first, finding.last),
                signer_trust: signer_trust.unwrap_or(SignerTrust::Trusted),
                answers,
            };
            listed.push(finding, FINDINGS);
        }
        Findings { rules: words.to_vec(), of: rules.len() as u64, found: listed, unanswered }
    }
}

/// The seed of a question's sample.
pub(crate) fn seed(drawn: &Drawn, question: &str) -> String {
    format!("{}/{question}", drawn.seed)
}

/// The keys that sign, and their places by what they are.
fn keys(known: &Known<'_>) -> (Vec<Key>, HashMap<String, usize>) {
    let mut places = HashMap::new();
    let mut keys = Vec::new();
    for signer in &known.report.signers {
        let vkey = signer.vkey.as_str();
        places.insert(vkey.to_owned(), keys.len());
        let statements = known.ended.notes.iter().filter(|(_, said, _)| said.key().as_str() == vkey);
        let grants = statements.map(|(leaf, said, by)| {
            let (is_grant, from, until) = match said {
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
