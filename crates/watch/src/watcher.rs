//! Verifies a log as it grows, and finds in it what rules describe.
//!
//! It opens no connection and no state file: lines of an export come in, and items to deliver go out. Only events that
//! memory has no room for go to a temporary file. What it knows between two
//! checkpoints is a [`WatchState`]; with that, another process goes on where this one is, and finds the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use countersign::export::{Item as ExportItem, Line};
use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::report::{CheckState, Report};
use countersign::verify::{CoveredLink, Doubts, Severity, SignerTrust, SignerTrusts, VerifiedEvent};
use countersign_analyze::{Acknowledgement, Analyzer, Coverage, Detected, Finding, Pack, SnapshotError};
use countersign_errors::EngineError;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
use countersign_spill::PendingEvents;

use crate::item::{Draft, Item, LogState};
use crate::notice::Notice;
use crate::state::{Chain, Reported, Scan, WatchState};
use crate::view::View;
use crate::watchlist::{Lister, Listing};

/// The most findings that are remembered once they were handed on: later ones alone are taken back.
const TOLD: usize = 2_048;
/// The most that did not verify and are remembered, so that each is told once.
const UNVERIFIED: usize = 4_096;
/// How far apart scans are recorded, in milliseconds.
const SCAN: i64 = 60 * 60_000;

/// The log and the rules of a watch.
pub struct WatchConfig<'p> {
    /// The log's origin.
    pub origin: String,
    /// The trust file.
    pub trust: Trust,
    /// The rules.
    pub pack: &'p Pack,
    /// The parsers for events of other products.
    pub parsers: Parsers,
    /// True if scans are handed on: once an hour, what was searched.
    pub scans: bool,
    /// True if events are handed on.
    pub events: bool,
}

impl WatchConfig<'_> {
    /// Returns what rules look for in an event.
    pub(crate) fn detect(&self, event: &VerifiedEvent) -> Detected {
        let document = Document::parse(&event.event);
        let root = document.as_ref().map(Document::root);
        let chain = event.chain.to_string();
        let (recorded, signer) = (event.time, Some(event.vkey.name()));
        let entry = Entry { event: root, roots: &[], read: None, recorded, chain: &chain, signer };
        self.pack.detect_by(event.index, &self.parsers, &entry)
    }
}

/// Watches one log.
pub struct Watcher<'p> {
    watched: WatchConfig<'p>,
    state: WatchState,
    analyzer: Analyzer<'p>,
    numbers: HashMap<ChainId, u32>,
    view: View,
    /// How many places there were when those that nothing needs any more were last forgotten.
    tidy: usize,
    listed_until: Option<i64>,
    /// Where reading began anew for an open link that was missing.
    anew_at: Option<u64>,
    /// Events that no signature covered by the checkpoint that holds them.
    late: u64,
    /// Whether a checkpoint was compared with what is known.
    has_looked: bool,
    /// The size of a newer checkpoint that too few witnesses signed, until one counts, and whether that was taken.
    unwitnessed: Option<(u64, bool)>,
}

/// Events, and the checkpoint that contains them.
pub struct AttestedEvents {
    /// The events.
    pub events: PendingEvents,
    /// The checkpoint's size.
    pub size: u64,
    /// Its root hash.
    pub root: Hash,
    /// The report on the log up to there.
    pub report: Report,
}

/// What became known.
#[derive(Default)]
pub struct Step {
    /// What is to be handed on, once the state is durable.
    pub items: Vec<Item>,
    /// The events that a checkpoint contains now, if they are asked for.
    pub events: Option<AttestedEvents>,
    /// True if there is a checkpoint to keep.
    pub has_grown: bool,
    /// Reading has to begin again, at [`Watcher::position`]: a chain goes on whose open link this view does not show.
    pub anew: bool,
    /// The log does not pass, so that nothing that comes after can be believed.
    pub fatal: Option<EngineError>,
}

impl<'p> Watcher<'p> {
    /// Continues from a state, or begins. `name` is the state's, for people.
    ///
    /// # Errors
    /// If the state is of another log, or damaged.
    pub fn new(watched: WatchConfig<'p>, state: Option<WatchState>, name: &str) -> Result<Self, EngineError> {
        let mut state =
            state.unwrap_or_else(|| WatchState { origin: watched.origin.clone(), ..WatchState::default() });
        if state.origin != watched.origin {
            let hint = "give each log a directory of its own";
            let message = format!("it is of the log {:?}", state.origin);
            return Err(EngineError::new("state.other_log", message, hint).within(name));
        }
        let analyzer = if state.analyzer.is_empty() {
            Analyzer::streaming(watched.pack)
        } else {
            match Analyzer::restore(watched.pack, &std::mem::take(&mut state.analyzer)) {
                Ok(analyzer) => analyzer,
                Err(unfit @ SnapshotError::Damaged) => {
                    return Err(EngineError::new(unfit.code(), unfit.to_string(), unfit.hint()).within(name));
                }
                // What other rules, or another version of them, remember of what was there before is found by looking again.
                Err(_) => {
                    state.told_before = state.told_before.max(state.position);
                    // A scan is of what one pack finds.
                    state.scan = Scan { from: state.scan.from, due: state.scan.due, ..Scan::default() };
                    state.position = state.begun.unwrap_or_default();
                    state.places.clear();
                    Analyzer::streaming(watched.pack)
                }
            }
        };
        let mut numbers = HashMap::new();
        for (number, chain) in (0..).zip(&state.chains) {
            numbers.extend(ChainId::parse(chain.id.as_bytes()).map(|id| (id, number)));
        }
        let view = View::new(&watched, &state);
        let mut watcher = Self {
            watched,
            state,
            analyzer,
            numbers,
            view,
            tidy: 0,
            listed_until: None,
            anew_at: None,
            late: 0,
            has_looked: false,
            unwitnessed: None,
        };
        watcher.suspect_revoked();
        Ok(watcher)
    }

    /// Returns what people should know of how it begins.
    pub fn notice(&self) -> Option<Notice> {
        let from = self.state.told_before;
        (from > 0).then_some(Notice::RulesChanged { from })
    }

    /// Returns the leaf from which to read; none for the log's end.
    pub fn position(&self) -> Option<u64> {
        self.state.begun.map(|_| self.state.position)
    }

    /// True if the log showed a checkpoint since this began: without one, it is not known whether it is still the same.
    pub fn has_looked(&self) -> bool {
        self.has_looked
    }

    /// Returns the size of a checkpoint that does not count because too few witnesses signed it: once, until one counts.
    pub fn take_unwitnessed(&mut self) -> Option<u64> {
        let (size, taken) = self.unwitnessed.as_mut()?;
        (!std::mem::replace(taken, true)).then_some(*size)
    }

    /// Sets the leaf at which to begin, unless it has begun.
    pub fn begin_at(&mut self, leaf: u64) {
        self.state.begun.get_or_insert_with(|| {
            (self.state.position, self.state.scan.from) = (leaf, leaf);
            leaf
        });
    }

    /// Begins a new view, at [`Self::position`].
    pub fn begin(&mut self) {
        self.view = View::new(&self.watched, &self.state);
    }

    /// Uses another trust file from the next [`Self::begin`] on.
    pub fn set_trust(&mut self, trust: Trust) {
        self.watched.trust = trust;
        self.suspect_revoked();
    }

    /// True if it uses that one.
    pub fn is_trusting(&self, trust: &Trust) -> bool {
        self.watched.trust.to_text() == trust.to_text()
    }

    pub(crate) fn listing(&mut self) -> &mut Listing {
        &mut self.state.listing
    }

    pub(crate) fn write_list(&self, lister: &mut Lister, now: Time) -> Result<(), EngineError> {
        lister.write(&self.state.listing, &self.watched.origin, self.watched.pack, now)
    }

    /// Returns what is known.
    pub fn state(&self) -> &WatchState {
        &self.state
    }

    /// Returns how many events were passed over since this was last asked, because no signature covered them in time.
    pub fn take_late(&mut self) -> u64 {
        std::mem::take(&mut self.late)
    }

    /// Returns which of the events so far the rules could look at.
    pub fn coverage(&self) -> Coverage {
        self.analyzer.coverage()
    }

    /// Takes whole lines of an export.
    pub fn push(&mut self, lines: &[u8]) {
        self.view.verifier.push(lines);
        let checkpoint = |line: &&[u8]| line.starts_with(b"{\"checkpoint\"");
        let last = lines.split(|byte| *byte == b'\n').rfind(checkpoint);
        let line = last.and_then(|line| Line::parse(str::from_utf8(line).ok()?).ok());
        if let Some(Line { item: ExportItem::Checkpoint { text, .. }, .. }) = line {
            self.view.checkpoint = Some(text.into_owned());
        }
    }

    /// Returns what became known by the lines so far. Whom findings are about is on the watchlist until `listed_until`, in
    /// milliseconds, if there is one.
    ///
    /// # Errors
    /// If the temporary file of events that wait fails, or too much waits for a checkpoint.
    pub fn settle(&mut self, now: Time, listed_until: Option<i64>) -> Result<Step, EngineError> {
        self.listed_until = listed_until;
        self.view.settle(&self.watched)?;
        if self.view.lacks_open && self.anew_at != Some(self.state.position) {
            // A view that begins here shows it. Where one that did so lacks it too, the log does not have it.
            self.anew_at = Some(self.state.position);
            return Ok(Step { anew: true, ..Step::default() });
        }
        let Some(verification) = self.view.verifier.report() else {
            return self.view.bounded().map(|()| Step::default());
        };
        let report = &verification.report;
        self.has_looked = true;
        let mut step = Step::default();
        let Some((at, checkpoint)) = self.view.attested(report, &self.watched)? else {
            step.fatal = self.failure(report);
            if step.fatal.is_some() {
                let size = report.log.as_ref().map_or(self.state.position, |log| log.size);
                let root = report.log.as_ref().map_or(Hash([0; 32]), |log| log.root);
                let at = LogState { origin: &self.watched.origin.clone(), size, root };
                self.unverified(report, &at, now, &mut step.items);
            } else if let Some(log) = &report.log {
                self.unwitnessed.get_or_insert((log.size, false));
            }
            return self.view.bounded().map(|()| step);
        };
        let origin = self.watched.origin.clone();
        let at = LogState { origin: &origin, ..at };
        self.unwitnessed = None;
        if self.state.begun.is_none() {
            self.begin_at(at.size);
        }
        step.has_grown = at.size > self.state.position || self.state.pin.is_none();
        self.take_found(report, &at, now, &mut step.items)?;
        self.retract(report, &at, now, &mut step.items);
        self.acknowledge();
        self.unverified(report, &at, now, &mut step.items);
        if self.watched.events {
            let from = self.state.position.max(self.state.told_before);
            let events = self.view.take_events(from, at.size)?;
            step.events =
                Some(AttestedEvents { events, size: at.size, root: at.root, report: report.clone() });
        }
        self.state.pin = Some(checkpoint);
        self.state.position = at.size;
        if self.state.position >= self.state.told_before {
            self.state.told_before = 0;
        }
        if self.watched.scans {
            self.scan(&at, now, &mut step.items);
        }
        Ok(step)
    }

    /// Returns what is to be kept: with the items that wait, without those that all receivers have, up to that number.
    pub fn keep(&mut self, taken: Option<u64>) -> &WatchState {
        let taken = taken.unwrap_or(self.state.serial);
        while self.state.waiting.front().is_some_and(|item| item.serial <= taken) {
            self.state.waiting.pop_front();
        }
        self.forget_places();
        self.state.analyzer = self.analyzer.snapshot();
        &self.state
    }

    fn number(&mut self, draft: Draft, now: Time, items: &mut Vec<Item>) {
        self.state.serial += 1;
        let item = draft.at(self.state.serial, now);
        self.state.waiting.push_back(item.clone());
        items.push(item);
    }

    fn take_found(
        &mut self,
        report: &Report,
        at: &LogState<'_>,
        now: Time,
        items: &mut Vec<Item>,
    ) -> Result<(), EngineError> {
        let broken = |error: &dyn std::error::Error| {
            EngineError::new("analyze.order", error.to_string(), "this is a bug: please report it")
        };
        let mut later = PendingEvents::default();
        let signer_trusts = SignerTrusts::of(report);
        std::mem::take(&mut self.view.found).for_each_kept(|link, detected| {
            let leaf = link.index;
            if leaf >= at.size {
                return later.push(link, Some(detected));
            }
            if leaf < self.state.position {
                self.late += 1;
                return Ok(());
            }
            let detected =
                Detected::from_bytes(&detected, self.watched.pack).map_err(|error| broken(&error))?;
            let number = self.chain(&link);
            self.state.places.insert(leaf, number);
            self.analyzer.take(detected).map_err(|error| broken(&error))?;
            let findings = self.analyzer.take_findings();
            for finding in &findings {
                if leaf >= self.state.scan.from {
                    self.state.scan.count(finding);
                }
                if leaf < self.state.told_before {
                    continue;
                }
                self.found(finding, &signer_trusts, at, now, items);
            }
            Ok(())
        })?;
        self.view.found = later;
        Ok(())
    }

    fn found(
        &mut self,
        finding: &Finding,
        signer_trusts: &SignerTrusts<'_>,
        at: &LogState<'_>,
        now: Time,
        items: &mut Vec<Item>,
    ) {
        let chains: BTreeSet<u32> =
            finding.leaves.iter().filter_map(|leaf| self.state.places.get(leaf)).copied().collect();
        let signer_trust = |number: &u32| self.signer_trust(*number, signer_trusts);
        let signer_trust = chains.iter().map(signer_trust).max().unwrap_or(SignerTrust::Unknown);
        let draft = Draft::alert(finding, signer_trust.as_str(), self.watched.pack, at);
        if let Some(until) = self.listed_until {
            self.state.listing.found(finding, self.watched.pack, until);
        }
        self.state.told.push_back(Reported {
            id: finding.id.clone(),
            title: draft.title.clone(),
            time: now.millis(),
            first: finding.leaves.first().copied().unwrap_or_default(),
            last: finding.leaves.last().copied().unwrap_or_default(),
            chains: chains.into_iter().collect(),
            // What was told of an untrusted chain need not be taken back for it.
            retracted: signer_trust >= SignerTrust::Suspect,
            acknowledged: None,
        });
        if self.state.told.len() > TOLD {
            self.state.told.pop_front();
        }
        self.number(draft, now, items);
    }

    /// What the report says of a chain; of one that is not in this view, what was known of it before.
    fn signer_trust(&self, number: u32, signer_trusts: &SignerTrusts<'_>) -> SignerTrust {
        let Some(chain) = self.state.chains.get(number as usize) else { return SignerTrust::Unknown };
        let known = if chain.is_suspect {
            SignerTrust::Suspect
        } else if chain.authorized {
            SignerTrust::Trusted
        } else {
            SignerTrust::Unknown
        };
        match (ChainId::parse(chain.id.as_bytes()), chain.key.parse()) {
            (Some(id), Ok(vkey)) if signer_trusts.has(&vkey) => {
                signer_trusts.of_signer(&vkey, id, chain.authorized).max(known)
            }
            _ => known,
        }
    }

    /// The number of a link's chain.
    fn chain(&mut self, link: &CoveredLink) -> u32 {
        let chains = &mut self.state.chains;
        let number = *self.numbers.entry(link.chain).or_insert_with(|| {
            chains.push(Chain {
                id: link.chain.to_string(),
                key: link.vkey.to_string(),
                authorized: link.authorized,
                time: link.time.millis(),
                is_suspect: false,
            });
            chains.len() as u32 - 1
        });
        let chain = &mut chains[number as usize];
        chain.time = chain.time.max(link.time.millis());
        number
    }

    /// Takes back what was found of chains that are not to be trusted any more.
    fn retract(&mut self, report: &Report, at: &LogState<'_>, now: Time, items: &mut Vec<Item>) {
        // Of chains that the report does not name nothing is taken back: an alert too many costs less than one too few.
        for number in Doubts::of(report).chains.iter().filter_map(|chain| self.numbers.get(chain)) {
            self.state.chains[*number as usize].is_suspect = true;
        }
        for (key, since) in std::mem::take(&mut self.view.revoked) {
            self.suspect_of(&key, since);
        }
        let mut drafts = Vec::new();
        for told in &mut self.state.told {
            let chains = &self.state.chains;
            let suspect =
                told.chains.iter().map(|number| &chains[*number as usize]).find(|chain| chain.is_suspect);
            if let (Some(chain), false) = (suspect, told.retracted) {
                told.retracted = true;
                self.state.listing.taken_back(&told.id);
                drafts.push(Draft::retract(&told.id, &told.title, &chain.id, at));
            }
        }
        for draft in drafts {
            self.number(draft, now, items);
        }
    }

    /// What a revocation does to chains that are not in this view. Of those that are, the report knows better.
    fn suspect_of(&mut self, key: &str, since: Option<Time>) {
        for chain in self.state.chains.iter_mut().filter(|chain| chain.key == key) {
            chain.is_suspect |= since.is_none_or(|since| since.millis() <= chain.time);
        }
    }

    /// The trust file may revoke what it did not when this was last asked.
    fn suspect_revoked(&mut self) {
        let revoked: Vec<_> = self.watched.trust.revocations().to_vec();
        for line in revoked {
            self.suspect_of(line.key.as_str(), line.since);
        }
    }

    fn acknowledge(&mut self) {
        for Acknowledgement { leaf, finding, by, .. } in std::mem::take(&mut self.view.acknowledged) {
            if let Some(told) = self.state.told.iter_mut().find(|told| told.id == finding) {
                told.acknowledged.get_or_insert((by, leaf));
            }
        }
    }

    /// What does not verify is told, each once.
    fn unverified(&mut self, report: &Report, at: &LogState<'_>, now: Time, items: &mut Vec<Item>) {
        for finding in report.findings.iter().filter(|finding| finding.severity == Severity::Error) {
            if self.state.unverified.len() >= UNVERIFIED {
                return;
            }
            let draft = Draft::unverified(finding, at);
            if self.state.unverified.insert(draft.id.clone()) {
                self.number(draft, now, items);
            }
        }
    }

    fn scan(&mut self, at: &LogState<'_>, now: Time, items: &mut Vec<Item>) {
        let scan = &self.state.scan;
        if scan.due == 0 {
            self.state.scan.due = now.millis() + SCAN;
            return;
        }
        if now.millis() < scan.due || at.size <= scan.from {
            return;
        }
        let (range, digest, pack) = ([scan.from, at.size], Hash(scan.digest), self.watched.pack);
        let draft = Draft::scan(range, scan.findings, &digest, pack, at, &self.coverage());
        self.state.scan = Scan { from: at.size, due: now.millis() + SCAN, ..Scan::default() };
        self.number(draft, now, items);
    }

    /// Why nothing more can be believed, if that is so.
    fn failure(&self, report: &Report) -> Option<EngineError> {
        let checks = &report.checks;
        let of = [("tree", &checks.tree), ("log", &checks.log), ("append_only", &checks.append_only)];
        let (name, check) =
            of.into_iter().find(|(_, check)| check.state == CheckState::Fail).or_else(|| {
                let is_other = report.origin.as_deref() != Some(&self.watched.origin);
                (checks.log.state != CheckState::Pass || is_other).then_some(("log", &checks.log))
            })?;
        let why =
            match report.findings.iter().find(|finding| {
                finding.severity == Severity::Error && finding.code.as_str().starts_with(name)
            }) {
                Some(finding) => finding.message.clone(),
                None => check.reason.clone().unwrap_or_else(|| "it is of another log".into()),
            };
        let (code, hint) = if check.state == CheckState::Fail {
            (
                "watch.altered",
                "keep the state and what the log shows: they are evidence. `countersign monitor` and `countersign verify` say more",
            )
        } else {
            ("watch.unknown_log", "the trust file has to name the log's key, in a line: log VKEY")
        };
        let failure = EngineError::new(code, format!("the log does not pass the check {name}: {why}"), hint);
        Some(if check.state == CheckState::Fail { failure.into_broken() } else { failure })
    }

    /// Forgets which chains leaves are of that rules do not remember any more, and chains that nothing is of.
    fn forget_places(&mut self) {
        if self.state.places.len() <= self.tidy + self.tidy / 2 + 1_024 {
            return;
        }
        let needed: HashSet<u64> = self.analyzer.leaves().collect();
        self.state.places.retain(|leaf, _| needed.contains(leaf));
        self.tidy = self.state.places.len();
        let mut anew: BTreeMap<u32, u32> = BTreeMap::new();
        let told = self.state.told.iter().flat_map(|told| &told.chains);
        let used: BTreeSet<u32> = self.state.places.values().chain(told).copied().collect();
        let mut chains = Vec::with_capacity(used.len());
        for number in used {
            anew.insert(number, chains.len() as u32);
            chains.push(self.state.chains[number as usize].clone());
        }
        let renumber = |number: &mut u32| *number = anew[number];
        self.state.places.values_mut().for_each(renumber);
        self.state.told.iter_mut().flat_map(|told| &mut told.chains).for_each(renumber);
        self.state.chains = chains;
        self.numbers.clear();
        for (number, chain) in (0..).zip(&self.state.chains) {
            self.numbers.extend(ChainId::parse(chain.id.as_bytes()).map(|id| (id, number)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use countersign::event::{Event, Redaction};
    use countersign::export::Header;
    use countersign::export::writer::Writer;
    use countersign::note::SignerKey;
    use countersign::recorder::{Recorder, header};
    use countersign::seal::Sealer;
    use countersign_analyze::Sources;
    use serde_json::{Value, json};

    use super::*;
    use crate::item::ItemKind;

    const ORIGIN: &str = "log.example/audit";

    fn time(seconds: i64) -> Time {
        Time::from_millis(1_800_000_000_000 + seconds * 1_000).unwrap()
    }

    fn pack() -> Pack {
        let mut sources = Sources::default();
        let rule = "title: Deleted\nid: deleted\nlevel: low\ndetection:\n  s: {action: job.delete}\n  condition: s\n";
        sources.add("rule.yml", rule);
        sources.build("test").unwrap()
    }

    /// A log of so many deletions, with a checkpoint for each three leaves, and who is trusted in it.
    fn log(events: usize) -> (Vec<String>, Trust) {
        log_of(events, |nth| format!(r#"{{"action":"job.delete","actor":{{"id":"u_1"}},"n":{nth}}}"#))
    }

    /// The same with other events.
    fn log_of(events: usize, event: impl Fn(usize) -> String) -> (Vec<String>, Trust) {
        let (log, app) =
            (SignerKey::generate(ORIGIN, [1; 32]).unwrap(), SignerKey::generate("app", [2; 32]).unwrap());
        let mut recorder = Recorder::open(ORIGIN, app.verifier_key().clone(), time(0), &[0; 16]).unwrap();
        let mut recorder = {
            recorder.sign_with(&app).unwrap();
            recorder.sign_every(std::num::NonZeroU32::MIN)
        };
        for nth in 0..events {
            let event = Event::parse(event(nth).as_bytes(), &Redaction::none()).unwrap();
            recorder.record(&event, time(0), &[0; 16]).unwrap();
            recorder.sign_with(&app).unwrap();
        }
        let export = header(ORIGIN) + &recorder.drain();
        let (mut out, mut sealer) = (Writer::new(), Sealer::new(&log, None).unwrap());
        sealer = sealer.checkpoint_every(NonZeroU64::new(3).unwrap());
        let (first, lines) = export.split_once('\n').unwrap();
        sealer.begin(&Header::parse(first.as_bytes()).unwrap(), 0).unwrap();
        for line in lines.lines() {
            sealer.line(&Line::parse(line).unwrap().item, &mut out).unwrap();
        }
        sealer.end().unwrap();
        sealer.finish(&mut out).unwrap();
        let mut pieces = vec![format!("{{\"countersign\":\"export/v1\",\"origin\":\"{ORIGIN}\"}}\n")];
        for line in out.as_str().lines() {
            pieces.last_mut().unwrap().extend([line, "\n"]);
            if line.starts_with("{\"checkpoint\"") {
                pieces.push(String::new());
            }
        }
        pieces.pop();
        let trust = Trust::default().with_log(log.verifier_key().clone()).unwrap();
        (pieces, trust.with_emitter(app.verifier_key().clone()).unwrap())
    }

    fn watcher<'p>(pack: &'p Pack, trust: &Trust, scans: bool) -> Watcher<'p> {
        let (origin, trust) = (ORIGIN.to_owned(), trust.clone());
        let watched = WatchConfig { origin, trust, pack, parsers: Parsers::built_in(), scans, events: false };
        let mut watcher = Watcher::new(watched, None, "state").unwrap();
        watcher.begin_at(0);
        watcher
    }

    #[test]
    fn a_scan_says_each_hour_what_was_found_by_which_entries() {
        let pack = pack();
        let (pieces, trust) = log(11);
        let mut watcher = watcher(&pack, &trust, true);
        let (mut alerts, mut scans) = (Vec::new(), Vec::new());
        for (piece, hours) in pieces.iter().zip([0, 0, 2, 4]) {
            watcher.push(piece.as_bytes());
            for item in watcher.settle(time(hours * 3_600), None).unwrap().items {
                let data = item.data();
                if item.kind == ItemKind::Scan { scans.push(data) } else { alerts.push(data) }
            }
        }
        assert_eq!(alerts.len(), 11);
        let ranges: Vec<&Value> = scans.iter().map(|scan| &scan["range"]).collect();
        assert_eq!(ranges, [&json!([0, 9]), &json!([9, 12])]);
        // A rule for any source is one for events of our own shape.
        let coverage = |nth: usize| &scans[nth]["coverage"];
        for (nth, events) in [8, 11].into_iter().enumerate() {
            let expected = json!({
                "applicable": 1, "blind": [], "blind_rules": 0, "complete": true, "events": events, "rules": 1,
                "uncovered": 0, "unparsed": 0,
            });
            assert_eq!(coverage(nth), &expected);
        }
        for scan in &scans {
            let leaf = |nth: usize| scan["range"][nth].as_u64();
            let of = |alert: &&Value| {
                let by = alert["finding"]["entries"][0].as_u64();
                leaf(0) <= by && by < leaf(1)
            };
            let ids: Vec<&str> =
                alerts.iter().filter(of).map(|alert| alert["finding"]["id"].as_str().unwrap()).collect();
            let digest = ids.iter().fold([0; 32], |digest, id| Hash::of(&[&digest, id.as_bytes()]).0);
            assert_eq!(
                (&scan["findings"], &scan["digest"]),
                (&json!(ids.len()), &json!(Hash(digest).to_string()))
            );
        }
    }

    #[test]
    fn a_scan_says_that_rules_could_not_look_at_everything() {
        let pack = pack();
        let (pieces, trust) = log_of(8, |nth| format!("{{\"code\":\"T{nth}\"}}"));
        let mut watcher = watcher(&pack, &trust, true);
        watcher.push(pieces[0].as_bytes());
        watcher.settle(time(0), None).unwrap();
        watcher.push(pieces[1..].concat().as_bytes());
        let items = watcher.settle(time(2 * 3_600), None).unwrap().items;
        let [scan] = &items[..] else { panic!("{items:?}") };
        assert_eq!(
            scan.title,
            "0 findings in the entries 0 to 8, but rules couldn’t look at everything: there may be more"
        );
        let coverage = &scan.data()["coverage"];
        assert_eq!((&coverage["complete"], &coverage["unparsed"]), (&json!(false), &json!(8)), "{coverage}");
        assert_eq!((&coverage["applicable"], &coverage["blind"]), (&json!(0), &json!(["deleted"])));
    }

    #[test]
    fn what_no_checkpoint_holds_is_not_told_and_what_is_altered_ends_it() {
        let pack = pack();
        let (pieces, trust) = log(11);
        let mut watcher = watcher(&pack, &trust, false);
        let (lines, checkpoint) = pieces[0].trim_end().rsplit_once('\n').unwrap();
        watcher.push(format!("{lines}\n").as_bytes());
        assert!(watcher.settle(time(0), None).unwrap().items.is_empty());
        watcher.push(format!("{checkpoint}\n").as_bytes());
        let step = watcher.settle(time(0), None).unwrap();
        assert_eq!((step.items.len(), step.has_grown, watcher.position()), (2, true, Some(3)));
        watcher.push(pieces[1].replacen("\"n\":2", "\"n\":3", 1).as_bytes());
        let step = watcher.settle(time(0), None).unwrap();
        let told: Vec<_> = step.items.iter().map(|item| (item.kind, item.data()["code"].clone())).collect();
        assert!(told.contains(&(ItemKind::Unverified, json!("payload.mismatch"))), "{told:?}");
        assert_eq!(told.iter().filter(|(kind, _)| *kind == ItemKind::Alert).count(), 2);
        // A leaf less leads to another root.
        let shorter: Vec<&str> = pieces[2].lines().skip(1).collect();
        watcher.push((shorter.join("\n") + "\n").as_bytes());
        let step = watcher.settle(time(0), None).unwrap();
        assert_eq!(step.fatal.unwrap().code(), "watch.altered");
        assert!(step.items.iter().all(|item| item.kind == ItemKind::Unverified) && !step.items.is_empty());
        assert_eq!(watcher.position(), Some(6));
    }

    #[test]
    fn any_pieces_and_any_restarts_tell_the_same() {
        let pack = pack();
        let (pieces, trust) = log(11);
        let ids = |items: Vec<Item>| items.into_iter().map(|item| item.id).collect::<Vec<_>>();
        let mut whole = watcher(&pack, &trust, false);
        whole.push(pieces.concat().as_bytes());
        let told = ids(whole.settle(time(0), None).unwrap().items);
        assert_eq!(told.len(), 11);
        let mut piecewise = watcher(&pack, &trust, false);
        let mut again = Vec::new();
        for piece in &pieces {
            for line in piece.split_inclusive('\n') {
                piecewise.push(line.as_bytes());
                again.extend(ids(piecewise.settle(time(0), None).unwrap().items));
            }
        }
        assert_eq!(again, told);
    }
}
