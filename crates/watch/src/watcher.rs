//! Verifies a log as it grows, and applies rules to it.
//!
//! A [`Watcher`] opens no connection and no state file: lines of an export go in, items to deliver come out. Only
//! events that don't fit in memory go to a temporary file. Its state between two checkpoints is a [`WatchState`];
//! another process that loads it continues at the same place and finds the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;

use countersign::export::{Item as ExportItem, Line};
use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::verify::report::{CheckState, Report};
use countersign::verify::{CoveredLink, Doubts, Severity, SignerTrust, SignerTrusts, VerifiedEvent};
use countersign_analyze::{Acknowledgment, Analyzer, Detected, Finding, Pack, SnapshotError};
use countersign_errors::EngineError;
use countersign_query::value::Document;
use countersign_query::{Entry, Parsers};
use countersign_spill::PendingEvents;

use crate::examined::Examined;
use crate::item::{Draft, Item, LogState};
use crate::notice::WatchNotice;
use crate::state::{Chain, Reported, Scan, WatchState};
use crate::view::View;
use crate::watchlist::{Lister, WatchlistState};

/// The maximum number of findings that are remembered after their report. Older findings are never retracted.
const MAX_REPORTED: usize = 2_048;
/// The maximum number of verification problems that are remembered, so that each is reported once.
const MAX_UNVERIFIED: usize = 4_096;
/// The time between recorded scans, in milliseconds.
const SCAN_INTERVAL_MS: i64 = 60 * 60_000;

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
    /// True to report once an hour which range was scanned.
    pub scans: bool,
    /// True to return the verified events in [`Step::events`].
    pub events: bool,
}

impl WatchConfig<'_> {
    /// Returns the detections of the rules in an event.
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
    config: WatchConfig<'p>,
    state: WatchState,
    analyzer: Analyzer<'p>,
    numbers: HashMap<ChainId, u32>,
    view: View,
    /// The number of remembered places after the last cleanup.
    places_after_cleanup: usize,
    listed_until: Option<i64>,
    /// The position at which a new view was requested for a missing open link.
    new_view_at: Option<u64>,
    /// The number of events whose signature came after the checkpoint that covers them.
    late: u64,
    /// True if the log showed a valid or invalid checkpoint or head since this watcher was created.
    has_checkpoint: bool,
    /// The size of a newer checkpoint that lacks cosignatures, until one has enough, and whether
    /// [`Self::take_unwitnessed`] has returned it.
    unwitnessed: Option<(u64, bool)>,
}

/// Events, and the checkpoint that covers them.
pub struct AttestedEvents {
    /// The events.
    pub events: PendingEvents,
    /// The checkpoint's size.
    pub size: u64,
    /// Its root hash.
    pub root: Hash,
    /// The report on the log up to that checkpoint.
    pub report: Report,
}

/// The result of [`Watcher::settle`].
#[derive(Default)]
pub struct Step {
    /// The items to deliver, once the state is saved.
    pub items: Vec<Item>,
    /// The events that a checkpoint now covers, if requested.
    pub events: Option<AttestedEvents>,
    /// True if there is a new checkpoint to save.
    pub has_grown: bool,
    /// True if this view lacks the open link of a chain. Read again from [`Watcher::position`].
    pub needs_new_view: bool,
    /// The failed check, if the log doesn't pass, so no later entry can be believed.
    pub fatal: Option<EngineError>,
}

impl<'p> Watcher<'p> {
    /// Continues from a state, or begins. `name` names the state in messages.
    ///
    /// # Errors
    /// If the state belongs to another log, or is invalid.
    pub fn new(config: WatchConfig<'p>, state: Option<WatchState>, name: &str) -> Result<Self, EngineError> {
        let mut state =
            state.unwrap_or_else(|| WatchState { origin: config.origin.clone(), ..WatchState::default() });
        if state.origin != config.origin {
            let hint = "use a separate directory for each log";
            let message = format!("the state belongs to the log {:?}", state.origin);
            return Err(EngineError::new("state.other_log", message, hint).within(name));
        }
        let analyzer = if state.analyzer.is_empty() {
            Analyzer::streaming(config.pack)
        } else {
            match Analyzer::restore(config.pack, &std::mem::take(&mut state.analyzer)) {
                Ok(analyzer) => analyzer,
                Err(error @ SnapshotError::Damaged) => {
                    return Err(EngineError::new(error.code(), error.to_string(), error.hint()).within(name));
                }
                // A snapshot of other rules, or of another version, is rebuilt by examining the log again.
                Err(_) => {
                    state.findings_from = state.findings_from.max(state.position);
                    // A scan covers the findings of one rule pack only.
                    state.scan = Scan { from: state.scan.from, due: state.scan.due, ..Scan::default() };
                    state.position = state.begun.unwrap_or_default();
                    state.places.clear();
                    Analyzer::streaming(config.pack)
                }
            }
        };
        let mut numbers = HashMap::new();
        for (number, chain) in (0..).zip(&state.chains) {
            numbers.extend(ChainId::parse(chain.id.as_bytes()).map(|id| (id, number)));
        }
        let view = View::new(&config, &state);
        let mut watcher = Self {
            config,
            state,
            analyzer,
            numbers,
            view,
            places_after_cleanup: 0,
            listed_until: None,
            new_view_at: None,
            late: 0,
            has_checkpoint: false,
            unwitnessed: None,
        };
        watcher.apply_trust_revocations();
        Ok(watcher)
    }

    /// Returns a notice to the user about how the watch begins, if any.
    pub fn notice(&self) -> Option<WatchNotice> {
        let from = self.state.findings_from;
        (from > 0).then_some(WatchNotice::RulesChanged { from })
    }

    /// Returns the entry from which to read; `None` for the log's end.
    pub fn position(&self) -> Option<u64> {
        self.state.begun.map(|_| self.state.position)
    }

    /// True if the log showed a checkpoint since this watcher was created; without one, the log may have changed.
    pub fn has_checkpoint(&self) -> bool {
        self.has_checkpoint
    }

    /// Returns the size of a checkpoint that lacks cosignatures, once until a later one has enough.
    pub fn take_unwitnessed(&mut self) -> Option<u64> {
        let (size, is_taken) = self.unwitnessed.as_mut()?;
        (!std::mem::replace(is_taken, true)).then_some(*size)
    }

    /// Sets the first entry to examine, unless the watch has begun.
    pub fn begin_at(&mut self, leaf: u64) {
        self.state.begun.get_or_insert_with(|| {
            (self.state.position, self.state.scan.from) = (leaf, leaf);
            leaf
        });
    }

    /// Starts a new view, at [`Self::position`].
    pub fn begin(&mut self) {
        self.view = View::new(&self.config, &self.state);
    }

    /// Sets the trust file for views from the next [`Self::begin`] on.
    pub fn set_trust(&mut self, trust: Trust) {
        self.config.trust = trust;
        self.apply_trust_revocations();
    }

    /// True if the current trust file equals `trust`.
    pub fn is_trusting(&self, trust: &Trust) -> bool {
        self.config.trust.to_text() == trust.to_text()
    }

    pub(crate) fn watchlist(&mut self) -> &mut WatchlistState {
        &mut self.state.watchlist
    }

    pub(crate) fn write_watchlist(&self, lister: &mut Lister, now: Time) -> Result<(), EngineError> {
        lister.write(&self.state.watchlist, &self.config.origin, self.config.pack, now)
    }

    /// Returns the current state.
    pub fn state(&self) -> &WatchState {
        &self.state
    }

    /// Returns the number of events skipped since the last call, because their signature came too late.
    pub fn take_late(&mut self) -> u64 {
        std::mem::take(&mut self.late)
    }

    /// Returns how far the rules examined the events so far.
    pub fn examined(&self) -> Examined {
        Examined {
            coverage: self.analyzer.coverage(),
            limits: self.analyzer.limits(),
            future: self.analyzer.future(),
        }
    }

    /// Accepts whole lines of an export.
    pub fn push(&mut self, lines: &[u8]) {
        self.view.verifier.push(lines);
        let is_state = |line: &&[u8]| line.starts_with(b"{\"checkpoint\"") || line.starts_with(b"{\"head\"");
        let last = lines.split(|byte| *byte == b'\n').rfind(is_state);
        let line = last.and_then(|line| Line::parse(str::from_utf8(line).ok()?).ok());
        if let Some(ExportItem::Checkpoint { text, .. } | ExportItem::Head { text, .. }) =
            line.map(|line| line.item)
        {
            self.view.checkpoint = Some(text.into_owned());
        }
    }

    /// Returns what the lines so far have verified. Subjects of findings stay on the watchlist until `listed_until`,
    /// in milliseconds since the epoch, if given.
    ///
    /// # Errors
    /// If the temporary file fails, or too many detections wait for a checkpoint.
    pub fn settle(&mut self, now: Time, listed_until: Option<i64>) -> Result<Step, EngineError> {
        self.listed_until = listed_until;
        self.view.settle(&self.config)?;
        if self.view.lacks_open && self.new_view_at != Some(self.state.position) {
            // A view that begins here contains the link. If the new view lacks it too, the log doesn't have it.
            self.new_view_at = Some(self.state.position);
            return Ok(Step { needs_new_view: true, ..Step::default() });
        }
        let Some(verification) = self.view.verifier.report() else {
            return self.view.check_limit().map(|()| Step::default());
        };
        let report = &verification.report;
        self.has_checkpoint = true;
        let mut step = Step::default();
        let Some((at, checkpoint)) = self.view.attested(report, &self.config)? else {
            step.fatal = self.failure(report);
            if step.fatal.is_some() {
                let size = report.log.as_ref().map_or(self.state.position, |log| log.size);
                let root = report.log.as_ref().map_or(Hash([0; 32]), |log| log.root);
                let at = LogState { origin: &self.config.origin.clone(), size, root };
                self.unverified(report, &at, now, &mut step.items);
            } else if let Some(log) = &report.log {
                self.unwitnessed.get_or_insert((log.size, false));
            }
            return self.view.check_limit().map(|()| step);
        };
        let origin = self.config.origin.clone();
        let at = LogState { origin: &origin, ..at };
        self.unwitnessed = None;
        if self.state.begun.is_none() {
            self.begin_at(at.size);
        }
        step.has_grown = at.size > self.state.position || self.state.pin.is_none();
        self.take_findings(report, &at, now, &mut step.items)?;
        self.retract(report, &at, now, &mut step.items);
        self.acknowledge();
        self.unverified(report, &at, now, &mut step.items);
        if self.config.events {
            let from = self.state.position.max(self.state.findings_from);
            let events = self.view.take_events(from, at.size)?;
            step.events =
                Some(AttestedEvents { events, size: at.size, root: at.root, report: report.clone() });
        }
        self.state.pin = Some(checkpoint);
        self.state.position = at.size;
        if self.state.position >= self.state.findings_from {
            self.state.findings_from = 0;
        }
        if self.config.scans {
            self.scan(&at, now, &mut step.items);
        }
        Ok(step)
    }

    /// Returns the state to save, without the items up to `delivered`, which all destinations have.
    ///
    /// # Errors
    /// If the state of the rules can't be written.
    pub fn state_to_save(&mut self, delivered: Option<u64>) -> Result<&WatchState, EngineError> {
        let delivered = delivered.unwrap_or(self.state.serial);
        while self.state.waiting.front().is_some_and(|item| item.serial <= delivered) {
            self.state.waiting.pop_front();
        }
        self.drop_unused_places();
        let snapshot = self.analyzer.snapshot().map_err(io::Error::other);
        self.state.analyzer =
            snapshot.map_err(|error| EngineError::system("write the state of the rules", &error))?;
        Ok(&self.state)
    }

    fn add_item(&mut self, draft: Draft, now: Time, items: &mut Vec<Item>) {
        self.state.serial += 1;
        let item = draft.into_item(self.state.serial, now);
        self.state.waiting.push_back(item.clone());
        items.push(item);
    }

    fn take_findings(
        &mut self,
        report: &Report,
        at: &LogState<'_>,
        now: Time,
        items: &mut Vec<Item>,
    ) -> Result<(), EngineError> {
        let broken = |error: &dyn std::error::Error| {
            EngineError::new("analyze.order", error.to_string(), "report this as a bug")
        };
        let mut later = PendingEvents::default();
        let signer_trusts = SignerTrusts::from_report(report);
        std::mem::take(&mut self.view.detected).for_each_kept(|link, detected| {
            let leaf = link.index;
            if leaf >= at.size {
                return later.push(link, Some(detected));
            }
            if leaf < self.state.position {
                self.late += 1;
                return Ok(());
            }
            let detected =
                Detected::from_bytes(&detected, self.config.pack).map_err(|error| broken(&error))?;
            let number = self.chain(&link);
            self.state.places.insert(leaf, number);
            self.analyzer.accept(detected).map_err(|error| broken(&error))?;
            let findings = self.analyzer.take_findings();
            for finding in &findings {
                if leaf >= self.state.scan.from {
                    self.state.scan.count(finding);
                }
                if leaf < self.state.findings_from {
                    continue;
                }
                self.report_finding(finding, &signer_trusts, at, now, items);
            }
            Ok(())
        })?;
        self.view.detected = later;
        Ok(())
    }

    fn report_finding(
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
        let signer_trust = chains.iter().map(signer_trust).max().unwrap_or(SignerTrust::Untrusted);
        let draft = Draft::alert(finding, signer_trust.as_str(), self.config.pack, at);
        if let Some(until) = self.listed_until {
            self.state.watchlist.add_finding(finding, self.config.pack, until);
        }
        self.state.reported.push_back(Reported {
            id: finding.id.clone(),
            title: draft.title.clone(),
            time: now.millis(),
            first: finding.leaves.first().copied().unwrap_or_default(),
            last: finding.leaves.last().copied().unwrap_or_default(),
            chains: chains.into_iter().collect(),
            // A finding of an untrusted chain needs no retraction if that chain becomes suspect.
            retracted: signer_trust >= SignerTrust::Suspect,
            acknowledged: None,
        });
        if self.state.reported.len() > MAX_REPORTED {
            self.state.reported.pop_front();
        }
        self.add_item(draft, now, items);
    }

    /// Returns the trust in a chain's signer according to the report, or for chains outside this view, as known
    /// before.
    fn signer_trust(&self, number: u32, signer_trusts: &SignerTrusts<'_>) -> SignerTrust {
        let Some(chain) = self.state.chains.get(number as usize) else { return SignerTrust::Untrusted };
        let known = if chain.is_suspect {
            SignerTrust::Suspect
        } else if chain.authorized {
            SignerTrust::Trusted
        } else {
            SignerTrust::Untrusted
        };
        match (ChainId::parse(chain.id.as_bytes()), chain.key.parse()) {
            (Some(id), Ok(vkey)) if signer_trusts.has(&vkey) => {
                signer_trusts.of_signer(&vkey, id, chain.authorized).max(known)
            }
            _ => known,
        }
    }

    /// Returns the number of a link's chain.
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

    /// Retracts the findings of chains that have become suspect.
    fn retract(&mut self, report: &Report, at: &LogState<'_>, now: Time, items: &mut Vec<Item>) {
        // Findings of chains that the report doesn't name are not retracted: a false alert costs less than a missing
        // one.
        for number in Doubts::from_report(report).chains.iter().filter_map(|chain| self.numbers.get(chain)) {
            self.state.chains[*number as usize].is_suspect = true;
        }
        for (key, since) in std::mem::take(&mut self.view.revoked) {
            self.apply_revocation(&key, since);
        }
        let mut drafts = Vec::new();
        for reported in &mut self.state.reported {
            let chains = &self.state.chains;
            let suspect =
                reported.chains.iter().map(|number| &chains[*number as usize]).find(|chain| chain.is_suspect);
            if let (Some(chain), false) = (suspect, reported.retracted) {
                reported.retracted = true;
                self.state.watchlist.remove_finding(&reported.id);
                drafts.push(Draft::retract(&reported.id, &reported.title, &chain.id, at));
            }
        }
        for draft in drafts {
            self.add_item(draft, now, items);
        }
    }

    /// Applies a revocation to chains outside this view. For those in it, the report is more precise.
    fn apply_revocation(&mut self, key: &str, since: Option<Time>) {
        for chain in self.state.chains.iter_mut().filter(|chain| chain.key == key) {
            chain.is_suspect |= since.is_none_or(|since| since.millis() <= chain.time);
        }
    }

    /// Applies the revocations of the trust file.
    fn apply_trust_revocations(&mut self) {
        let revoked: Vec<_> = self.config.trust.revocations().to_vec();
        for line in revoked {
            self.apply_revocation(line.key.as_str(), line.since);
        }
    }

    fn acknowledge(&mut self) {
        for Acknowledgment { leaf, finding, by, .. } in std::mem::take(&mut self.view.acknowledged) {
            if let Some(reported) = self.state.reported.iter_mut().find(|reported| reported.id == finding) {
                reported.acknowledged.get_or_insert((by, leaf));
            }
        }
    }

    /// Reports each verification problem once.
    fn unverified(&mut self, report: &Report, at: &LogState<'_>, now: Time, items: &mut Vec<Item>) {
        for finding in report.findings.iter().filter(|finding| finding.severity == Severity::Error) {
            if self.state.unverified.len() >= MAX_UNVERIFIED {
                return;
            }
            let draft = Draft::unverified(finding, at);
            if self.state.unverified.insert(draft.id.clone()) {
                self.add_item(draft, now, items);
            }
        }
    }

    fn scan(&mut self, at: &LogState<'_>, now: Time, items: &mut Vec<Item>) {
        let scan = &self.state.scan;
        if scan.due == 0 {
            self.state.scan.due = now.millis() + SCAN_INTERVAL_MS;
            return;
        }
        if now.millis() < scan.due || at.size <= scan.from {
            return;
        }
        let (range, digest, pack) = ([scan.from, at.size], Hash(scan.digest), self.config.pack);
        let draft = Draft::scan(range, scan.findings, &digest, pack, at, &self.examined());
        self.state.scan = Scan { from: at.size, due: now.millis() + SCAN_INTERVAL_MS, ..Scan::default() };
        self.add_item(draft, now, items);
    }

    /// Returns the failed check, if the log doesn't pass.
    fn failure(&self, report: &Report) -> Option<EngineError> {
        let checks = &report.checks;
        let of = [("tree", &checks.tree), ("log", &checks.log), ("append_only", &checks.append_only)];
        let (name, check) =
            of.into_iter().find(|(_, check)| check.state == CheckState::Fail).or_else(|| {
                let is_other = report.origin.as_deref() != Some(&self.config.origin);
                (checks.log.state != CheckState::Pass || is_other).then_some(("log", &checks.log))
            })?;
        // Errors of heads and anchors fail the checks of a tenant log.
        let why = [name, "head"].into_iter().find_map(|prefix| {
            report.findings.iter().find(|finding| {
                let area = finding.code.as_str().split('.').next();
                finding.severity == Severity::Error && area == Some(prefix)
            })
        });
        let why = match why {
            Some(finding) => finding.message.clone(),
            None => check.reason.clone().unwrap_or_else(|| "the export belongs to another log".into()),
        };
        let (code, hint) = if check.state == CheckState::Fail {
            (
                "watch.altered",
                "keep the state and an export of the log as evidence, and run `countersign monitor` and `countersign verify` for details",
            )
        } else {
            ("watch.unknown_log", "add the log's public key to the trust file, in a line: log VKEY")
        };
        let failure = EngineError::new(code, format!("the log fails the check {name}: {why}"), hint);
        Some(if check.state == CheckState::Fail { failure.into_broken() } else { failure })
    }

    /// Drops the places of entries that rules no longer remember, and chains without any.
    fn drop_unused_places(&mut self) {
        if self.state.places.len() <= self.places_after_cleanup + self.places_after_cleanup / 2 + 1_024 {
            return;
        }
        let needed: HashSet<u64> = self.analyzer.leaves().collect();
        self.state.places.retain(|leaf, _| needed.contains(leaf));
        self.places_after_cleanup = self.state.places.len();
        let mut renumbered: BTreeMap<u32, u32> = BTreeMap::new();
        let reported = self.state.reported.iter().flat_map(|reported| &reported.chains);
        let used: BTreeSet<u32> = self.state.places.values().chain(reported).copied().collect();
        let mut chains = Vec::with_capacity(used.len());
        for number in used {
            renumbered.insert(number, chains.len() as u32);
            chains.push(self.state.chains[number as usize].clone());
        }
        let renumber = |number: &mut u32| *number = renumbered[number];
        self.state.places.values_mut().for_each(renumber);
        self.state.reported.iter_mut().flat_map(|reported| &mut reported.chains).for_each(renumber);
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
    use std::path::Path;

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

    /// Creates a log with that many deletions and a checkpoint after every three entries, and the trust file for it.
    fn log(events: usize) -> (Vec<String>, Trust) {
        let event =
            |nth| format!(r#"{{"action":"job.delete","actor":{{"id":"u_1"}},"metadata":{{"n":{nth}}}}}"#);
        log_of(events, event)
    }

    /// Like [`log`], with other events.
    fn log_of(events: usize, event: impl Fn(usize) -> String) -> (Vec<String>, Trust) {
        let (log, app) =
            (SignerKey::from_seed(ORIGIN, [1; 32]).unwrap(), SignerKey::from_seed("app", [2; 32]).unwrap());
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
        let mut chunks = vec![format!("{{\"countersign\":\"export/v1\",\"origin\":\"{ORIGIN}\"}}\n")];
        for line in out.as_str().lines() {
            chunks.last_mut().unwrap().extend([line, "\n"]);
            if line.starts_with("{\"checkpoint\"") {
                chunks.push(String::new());
            }
        }
        chunks.pop();
        let trust = Trust::default().with_log(log.verifier_key().clone()).unwrap();
        (chunks, trust.with_emitter(app.verifier_key().clone()).unwrap())
    }

    fn watcher<'p>(pack: &'p Pack, trust: &Trust, scans: bool) -> Watcher<'p> {
        let (origin, trust) = (ORIGIN.to_owned(), trust.clone());
        let config = WatchConfig { origin, trust, pack, parsers: Parsers::built_in(), scans, events: false };
        let mut watcher = Watcher::new(config, None, "state").unwrap();
        watcher.begin_at(0);
        watcher
    }

    #[test]
    fn scans_report_hourly_findings_and_their_range() {
        let pack = pack();
        let (chunks, trust) = log(11);
        let mut watcher = watcher(&pack, &trust, true);
        let (mut alerts, mut scans) = (Vec::new(), Vec::new());
        for (chunk, hours) in chunks.iter().zip([0, 0, 2, 4]) {
            watcher.push(chunk.as_bytes());
            for item in watcher.settle(time(hours * 3_600), None).unwrap().items {
                let data = item.data();
                if item.kind == ItemKind::Scan { scans.push(data) } else { alerts.push(data) }
            }
        }
        assert_eq!(alerts.len(), 11);
        let ranges: Vec<&Value> = scans.iter().map(|scan| &scan["range"]).collect();
        assert_eq!(ranges, [&json!([0, 9]), &json!([9, 12])]);
        // A rule for any source applies to events of countersign's own format.
        let coverage = |nth: usize| &scans[nth]["coverage"];
        for (nth, events) in [8, 11].into_iter().enumerate() {
            let expected = json!({
                "applicable": 1, "blind": [], "blind_rules": 0, "complete": true, "events": events, "rules": 1,
                "future": 0, "limited_rules": 0, "unclear_times": 0, "uncovered": 0, "unparsed": 0,
                "unread": 0,
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
            let digest = ids.iter().fold([0; 32], |digest, id| Hash::digest(&[&digest, id.as_bytes()]).0);
            assert_eq!(
                (&scan["findings"], &scan["digest"]),
                (&json!(ids.len()), &json!(Hash(digest).to_string()))
            );
        }
    }

    #[test]
    fn scan_reports_unchecked_events() {
        let pack = pack();
        let (chunks, trust) = log_of(8, |nth| format!("{{\"code\":\"T{nth}\"}}"));
        let mut watcher = watcher(&pack, &trust, true);
        watcher.push(chunks[0].as_bytes());
        watcher.settle(time(0), None).unwrap();
        watcher.push(chunks[1..].concat().as_bytes());
        let items = watcher.settle(time(2 * 3_600), None).unwrap().items;
        let [scan] = &items[..] else { panic!("{items:?}") };
        assert_eq!(
            scan.title,
            "0 findings in entries 0 to 8; some events couldn’t be checked, so there may be more"
        );
        let coverage = &scan.data()["coverage"];
        assert_eq!((&coverage["complete"], &coverage["unparsed"]), (&json!(false), &json!(8)), "{coverage}");
        assert_eq!((&coverage["applicable"], &coverage["blind"]), (&json!(0), &json!(["deleted"])));
    }

    #[test]
    fn scan_reports_events_that_were_not_read() {
        let pack = pack();
        // The events of a log that a parser recognizes by its shape, but that have fields of another product.
        let text =
            |nth| format!(r#"{{"action":"user.login","actor":{{"id":"u"}},"success":false,"n":{nth}}}"#);
        let (chunks, trust) = log_of(8, text);
        let mut watcher = watcher(&pack, &trust, true);
        watcher.push(chunks[0].as_bytes());
        watcher.settle(time(0), None).unwrap();
        watcher.push(chunks[1..].concat().as_bytes());
        let items = watcher.settle(time(2 * 3_600), None).unwrap().items;
        let scan = items.iter().find(|item| item.kind == ItemKind::Scan).unwrap();
        assert!(scan.title.contains("some events couldn’t be checked"), "{}", scan.title);
        let coverage = &scan.data()["coverage"];
        assert_eq!((&coverage["complete"], &coverage["unread"]), (&json!(false), &json!(8)), "{coverage}");
    }

    #[test]
    fn scan_reports_events_that_rules_skipped() {
        let pack = pack();
        let text = |nth| {
            format!(r#"{{"action":"a","actor":{{"id":"u"}},"n":{nth},"occurred_at":"2099-01-01T00:00:00Z"}}"#)
        };
        let (chunks, trust) = log_of(8, text);
        let mut watcher = watcher(&pack, &trust, true);
        watcher.push(chunks[0].as_bytes());
        watcher.settle(time(0), None).unwrap();
        watcher.push(chunks[1..].concat().as_bytes());
        let items = watcher.settle(time(2 * 3_600), None).unwrap().items;
        let [scan] = &items[..] else { panic!("{items:?}") };
        let caveat =
            "rules skipped some events, to save memory or because of their times, so there may be more";
        assert_eq!(scan.title, format!("0 findings in entries 0 to 8; {caveat}"));
        let coverage = &scan.data()["coverage"];
        assert_eq!((&coverage["complete"], &coverage["future"]), (&json!(false), &json!(8)), "{coverage}");
    }

    #[test]
    fn reports_only_covered_events_and_stops_at_an_altered_log() {
        let pack = pack();
        let (chunks, trust) = log(11);
        let mut watcher = watcher(&pack, &trust, false);
        let (lines, checkpoint) = chunks[0].trim_end().rsplit_once('\n').unwrap();
        watcher.push(format!("{lines}\n").as_bytes());
        assert!(watcher.settle(time(0), None).unwrap().items.is_empty());
        watcher.push(format!("{checkpoint}\n").as_bytes());
        let step = watcher.settle(time(0), None).unwrap();
        assert_eq!((step.items.len(), step.has_grown, watcher.position()), (2, true, Some(3)));
        watcher.push(chunks[1].replacen("\"n\":2", "\"n\":3", 1).as_bytes());
        let step = watcher.settle(time(0), None).unwrap();
        let items: Vec<_> = step.items.iter().map(|item| (item.kind, item.data()["code"].clone())).collect();
        assert!(items.contains(&(ItemKind::Unverified, json!("payload.mismatch"))), "{items:?}");
        assert_eq!(items.iter().filter(|(kind, _)| *kind == ItemKind::Alert).count(), 2);
        // Without the entry, the root differs.
        let shorter: Vec<&str> = chunks[2].lines().skip(1).collect();
        watcher.push((shorter.join("\n") + "\n").as_bytes());
        let step = watcher.settle(time(0), None).unwrap();
        assert_eq!(step.fatal.unwrap().code(), "watch.altered");
        assert!(step.items.iter().all(|item| item.kind == ItemKind::Unverified) && !step.items.is_empty());
        assert_eq!(watcher.position(), Some(6));
    }

    /// Returns the lines of a test vector of a tenant log, split after each head, and a watcher of this log.
    fn tenant<'p>(pack: &'p Pack, vector: &str, state: Option<WatchState>) -> (Vec<String>, Watcher<'p>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(vector);
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let mut chunks = vec![String::new()];
        for line in read("export.ndjson").split_inclusive('\n') {
            chunks.last_mut().unwrap().push_str(line);
            if line.starts_with("{\"head\"") {
                chunks.push(String::new());
            }
        }
        chunks.pop();
        // The watcher names the log that it expects, so the trust file need not.
        let trust = read("trust.txt")
            .lines()
            .filter(|line| !line.starts_with("origin"))
            .fold(String::new(), |trust, line| trust + line + "\n");
        let config = WatchConfig {
            origin: format!("log.example/t/{}", "ac".repeat(16)),
            trust: Trust::parse(trust.as_bytes()).unwrap(),
            pack,
            parsers: Parsers::built_in(),
            scans: false,
            events: false,
        };
        let mut watcher = Watcher::new(config, state, "state").unwrap();
        watcher.begin_at(0);
        (chunks, watcher)
    }

    #[test]
    fn heads_of_a_tenant_log_cover_its_events() {
        let pack = pack();
        let (chunks, mut watcher) = tenant(&pack, "tenant-two-heads", None);
        let (mut sizes, mut pins) = (Vec::new(), Vec::new());
        for chunk in &chunks {
            let (lines, head) = chunk.trim_end().rsplit_once('\n').unwrap();
            watcher.push(format!("{lines}\n").as_bytes());
            assert!(!watcher.settle(time(0), None).unwrap().has_grown);
            watcher.push(format!("{head}\n").as_bytes());
            let step = watcher.settle(time(0), None).unwrap();
            assert!(step.has_grown && step.fatal.is_none());
            sizes.push(watcher.position());
            pins.push(watcher.state().pin.clone().unwrap());
            assert_eq!(head, json!({ "head": pins.last() }).to_string());
        }
        assert_eq!(sizes, [Some(5), Some(9)]);
        // Another process compares the log with the head.
        let state = |size, pin: &String| WatchState {
            origin: watcher.state().origin.clone(),
            begun: Some(0),
            position: size,
            pin: Some(pin.clone()),
            ..WatchState::default()
        };
        let (chunks, mut watcher) = tenant(&pack, "tenant-two-heads", Some(state(5, &pins[0])));
        watcher.push(chunks.concat().as_bytes());
        assert!(watcher.settle(time(0), None).unwrap().has_grown && watcher.position() == Some(9));
        let (chunks, mut watcher) = tenant(&pack, "tenant-rewritten", Some(state(5, &pins[0])));
        watcher.push(chunks.concat().as_bytes());
        let step = watcher.settle(time(0), None).unwrap();
        assert_eq!(step.fatal.unwrap().code(), "watch.altered");
        assert_eq!(watcher.position(), Some(5));
        let (chunks, mut watcher) = tenant(&pack, "tenant-two-heads-of-a-tick", None);
        watcher.push(chunks.concat().as_bytes());
        let fatal = watcher.settle(time(0), None).unwrap().fatal.unwrap();
        assert!(fatal.without_place().contains("the anchor's hashes do not lead"), "{fatal:?}");
    }

    #[test]
    fn findings_do_not_depend_on_chunk_boundaries() {
        let pack = pack();
        let (chunks, trust) = log(11);
        let ids = |items: Vec<Item>| items.into_iter().map(|item| item.id).collect::<Vec<_>>();
        let mut whole = watcher(&pack, &trust, false);
        whole.push(chunks.concat().as_bytes());
        let items = ids(whole.settle(time(0), None).unwrap().items);
        assert_eq!(items.len(), 11);
        let mut piecewise = watcher(&pack, &trust, false);
        let mut again = Vec::new();
        for chunk in &chunks {
            for line in chunk.split_inclusive('\n') {
                piecewise.push(line.as_bytes());
                again.extend(ids(piecewise.settle(time(0), None).unwrap().items));
            }
        }
        assert_eq!(again, items);
    }
}
