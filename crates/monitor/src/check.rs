//! One check of a log: reads the new entries, and compares the log with the monitor's state.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use countersign::check::TileCode;
use countersign::checkpoint::Checkpoint;
use countersign::hash::Hash;
use countersign::hex;
use countersign::merkle::{Bundle, TILE_WIDTH};
use countersign::tenant::{Contradiction, HeadError, HeadProof, Statement, TenantOrigin};
use countersign::time::Time;
use countersign::tolerance::is_future;
use countersign::trust::{Times, Trust};
use countersign::verify::FindingCode as Code;
use countersign_client::{MAX_CHECKPOINT_BYTES, Source, first_bundle};
use countersign_errors::{EngineError, now};

use crate::anchors;
use crate::chains::{Chains, EntryRules};
use crate::finding::{
    BEHIND, Finding, Findings, NO_CHECKPOINT, OTHER_ORIGIN, OTHER_UNREACHABLE, PRUNED, QUORUM, ROLLBACK,
    SILENT, SPLIT_VIEW, STALE, UNREACHABLE, UNREAD,
};
use crate::log_state::{LogState, NewestState};
use crate::observer::MonitorObserver;
use crate::state::MonitorState;
use crate::tree::{self, Consistency, Entries, Interruption, Reading};

/// The time limit for reading a checkpoint, retries included.
const CHECKPOINT_LIMIT: Duration = Duration::from_secs(30);
/// The time limit for reading the tiles of a consistency proof.
const PROOF_LIMIT: Duration = Duration::from_mins(1);

/// Time between two checks for silence, and for a request to stop, while a check is running.
const TICK: Duration = Duration::from_millis(100);
/// The time limit for reading entries in one check, unless another is set.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);

/// Monitors one log.
pub struct Monitor<'a> {
    source: &'a dyn Source,
    /// Other places that serve the log or its checkpoints.
    also: &'a [Box<dyn Source>],
    rules: EntryRules<'a>,
    /// The longest time without news from the log, in milliseconds.
    silence: Option<i64>,
    /// The log's minimum index, below which it may have been pruned.
    minimum_index: u64,
    /// The time limit for reading entries in one check. It also limits every other request.
    timeout: Duration,
    observer: &'a dyn MonitorObserver,
}

/// The times of the last news from the log, for checking its silence while a check is running.
struct LastHeard {
    watched_since: Option<i64>,
    grown_at: Option<i64>,
    /// When the witnesses last saw the pinned checkpoint.
    witnessed_at: Option<Time>,
}

impl<'a> Monitor<'a> {
    /// Creates a monitor of the log `origin`, checked against `trust`. A check may take 10 minutes.
    pub fn new(
        origin: &'a str,
        trust: &'a Trust,
        source: &'a dyn Source,
        observer: &'a dyn MonitorObserver,
    ) -> Self {
        let rules = EntryRules::new(origin, trust);
        Self { source, also: &[], rules, silence: None, minimum_index: 0, timeout: DEFAULT_TIMEOUT, observer }
    }

    /// Sets other places that serve the log or its checkpoints, to compare it with.
    #[must_use]
    pub fn also(self, also: &'a [Box<dyn Source>]) -> Self {
        Self { also, ..self }
    }

    /// Sets the maximum time without new entries or cosignatures, in milliseconds; `None` for no limit.
    #[must_use]
    pub fn silence(self, silence: Option<i64>) -> Self {
        Self { silence, ..self }
    }

    /// Sets the minimum index of a pruned log. A monitor that has read nothing yet begins with the bundle that contains
    /// this entry.
    #[must_use]
    pub fn minimum_index(self, minimum_index: u64) -> Self {
        Self { minimum_index, ..self }
    }

    /// Sets the time limit for reading entries in one check. It also limits every other request.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Checks the log once. Only authentic data changes the state. While the log has been silent for too long,
    /// `on_silence` is called several times a second, because a slow log server can make a check take long; it may
    /// change the state, too.
    ///
    /// Returns the findings and the time, or `None` if the check was stopped; a stopped check leaves no trace.
    ///
    /// # Errors
    /// If `on_silence` fails, or the system's clock is unusable.
    pub fn check<E: From<EngineError>>(
        &self,
        state: &mut MonitorState,
        mut on_silence: impl FnMut(&mut MonitorState, &Findings, Time) -> Result<(), E>,
    ) -> Result<Option<(Findings, Time)>, E> {
        let (begun, heard) = (now()?, self.last_heard(state));
        let mut checked = state.clone();
        let (mut findings, checked, now) = thread::scope(|scope| {
            let (done, ended) = sync_channel(1);
            scope.spawn(move || {
                let findings = self.run_check(&mut checked, begun);
                let _ = done.send((findings, checked));
            });
            loop {
                match ended.recv_timeout(TICK) {
                    Ok((findings, mut checked)) => {
                        let now = now()?;
                        if checked.grown_at == Some(begun.millis()) {
                            checked.grown_at = Some(now.millis());
                        }
                        return Ok::<_, E>((findings, checked, now));
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(
                            EngineError::new("monitor.look", "a check ended early", "run it again").into()
                        );
                    }
                }
                if self.observer.is_stopped() {
                    self.cancel();
                }
                let (mut silent, now) = (Findings::default(), now()?);
                self.check_silence(&heard, now, &mut silent);
                if silent.list().iter().any(|finding| !state.is_known(finding)) {
                    // The check is still running, so no other finding can be declared over.
                    silent.set_incomplete();
                    on_silence(state, &silent, now)?;
                }
            }
        })?;
        if self.observer.is_stopped() && !findings.is_fatal() {
            return Ok(None);
        }
        state.accept(checked);
        self.check_silence(&self.last_heard(state), now, &mut findings);
        Ok(Some((findings, now)))
    }

    fn trust(&self) -> &Trust {
        self.rules.trust
    }

    /// Runs one check. Only authentic data changes the state.
    fn run_check(&self, memory: &mut MonitorState, now: Time) -> Findings {
        let mut findings = Findings::default();
        // Read first: entries that are added in the meantime must not make the log look as if it were behind.
        self.read_other_checkpoints(memory, &mut findings);
        self.set_time_limit(self.source, CHECKPOINT_LIMIT);
        match NewestState::read(self.source, self.rules.origin, self.trust(), memory.pin.as_ref()) {
            Ok(shown) => {
                if let Err(failure) = self.check_state(memory, &shown, now, &mut findings) {
                    findings.set_incomplete();
                    findings.add(unreachable(&failure));
                }
            }
            Err(failure) if failure.code() == "checkpoint.invalid" => {
                let message = format!("the log serves something other than a checkpoint: {failure}");
                findings.set_incomplete();
                findings.add(Finding::new(NO_CHECKPOINT, message).lasting());
            }
            Err(failure) => {
                findings.set_incomplete();
                findings.add(unreachable(&failure));
            }
        }
        if !findings.is_fatal() {
            self.compare(memory, &mut findings);
        }
        findings
    }

    /// Ends running requests soon.
    fn cancel(&self) {
        self.source.set_deadline(Some(Instant::now()));
        self.also.iter().for_each(|other| other.set_deadline(Some(Instant::now())));
    }

    /// Sets the time limit for the next requests.
    fn set_time_limit(&self, source: &dyn Source, limit: Duration) {
        source.set_deadline(Instant::now().checked_add(limit.min(self.timeout)));
    }

    fn check_state(
        &self,
        memory: &mut MonitorState,
        NewestState { state: signed, growth }: &NewestState,
        now: Time,
        findings: &mut Findings,
    ) -> Result<(), EngineError> {
        if let Err(finding) = self.check_signature(signed) {
            findings.set_incomplete();
            findings.add(*finding);
            return Ok(());
        }
        self.check_witnesses(signed, findings);
        self.check_begin_tick(signed, findings);
        let checkpoint = &signed.checkpoint;
        let pin = memory.pin.clone();
        if let Some(pin) = &pin {
            if let Some(finding) = contradiction(pin, signed) {
                findings.add(finding);
                return Ok(());
            }
            if checkpoint.size < pin.checkpoint.size {
                return self.check_smaller(pin, signed, findings);
            }
            if checkpoint.size == pin.checkpoint.size && checkpoint.root != pin.checkpoint.root {
                findings.add(split_view(pin, signed, "the log signed two roots of one size"));
                return Ok(());
            }
        }
        let mut unknown = None;
        self.set_time_limit(self.source, PROOF_LIMIT);
        if let Some(pin) = pin.as_ref().filter(|pin| pin.checkpoint.size < checkpoint.size) {
            let before = (pin.checkpoint.size, &pin.checkpoint.root);
            match tree::consistency(self.source, before, checkpoint)? {
                Consistency::Consistent => {}
                Consistency::Inconsistent => {
                    findings.add(split_view(pin, signed, "the log is not an extension of its earlier state"));
                    return Ok(());
                }
                Consistency::Unknown(finding) => unknown = Some(finding),
            }
        }
        if let Some((newest, shown)) = growth {
            self.set_time_limit(self.source, PROOF_LIMIT);
            if let Some(finding) = anchors::compare(self.source, newest, shown, pin.as_ref(), signed) {
                findings.set_incomplete();
                [finding].into_iter().chain(unknown).for_each(|finding| findings.add(finding));
                return Ok(());
            }
        }
        if memory.edge.end() == 0 && self.minimum_index >= TILE_WIDTH {
            // The entries up to the pin are not read, so only tiles can prove that the log extends it.
            if let Some(finding) = unknown {
                findings.add(finding);
                return Ok(());
            }
            if let Err(finding) = self.begin_at_minimum(memory, checkpoint)? {
                findings.add(*finding);
                return Ok(());
            }
        }
        if memory.edge.end() < checkpoint.size {
            let (mut chains, mut found) = (memory.chains.clone(), Findings::default());
            let before = pin.as_ref().map(|pin| &pin.checkpoint);
            self.set_time_limit(self.source, self.timeout);
            let limit = Instant::now() + self.timeout;
            let leaf = |index, leaf: &[u8]| chains.leaf(&self.rules, index, leaf, &mut found);
            let reading =
                tree::leaves(self.source, &memory.edge, before, checkpoint, limit, self.observer, leaf)?;
            if let (Reading::Complete(entries) | Reading::Partial(entries, _), Some(pin)) = (&reading, &pin)
                && !entries.match_pin
            {
                let what = "the log's entries differ from those that were read before";
                findings.add(split_view(pin, signed, what));
                return Ok(());
            }
            match reading {
                Reading::Missing(bundle) => {
                    let finding = self.missing(bundle, checkpoint.size)?;
                    [finding].into_iter().chain(unknown).for_each(|finding| findings.add(finding));
                    return Ok(());
                }
                Reading::Wrong(wrong) => {
                    [wrong].into_iter().chain(unknown).for_each(|finding| findings.add(finding));
                    return Ok(());
                }
                Reading::Complete(entries) => {
                    chains.unsigned(&mut found);
                    self.keep_entries(memory, entries, chains, signed, found, findings);
                }
                Reading::Partial(entries, why) => {
                    let old = memory.edge.end();
                    let proven =
                        unknown.is_none() && self.check_begin(&entries, old, checkpoint, findings)?;
                    self.report_partial(&entries, why, old, checkpoint, findings);
                    if !proven {
                        if let Some(finding) = unknown {
                            findings.add(finding);
                        }
                        return Ok(());
                    }
                    self.keep_entries(memory, entries, chains, signed, found, findings);
                }
            }
        }
        if let Some(finding) = unknown {
            findings.add(finding);
        }
        let grown = pin.as_ref().is_none_or(|pin| pin.checkpoint.size < checkpoint.size);
        if grown || memory.grown_at.is_none() {
            memory.grown_at = Some(now.millis());
        }
        memory.pin = Some(signed.clone());
        Ok(())
    }

    /// Sets the state to the beginning of the bundle that contains the minimum index.
    fn begin_at_minimum(
        &self,
        memory: &mut MonitorState,
        checkpoint: &Checkpoint,
    ) -> Result<Result<(), Box<Finding>>, EngineError> {
        if self.minimum_index > checkpoint.size {
            let message = format!(
                "the log has {}, fewer than the minimum index {}",
                entries_of(checkpoint.size),
                self.minimum_index
            );
            return Ok(Err(Box::new(Finding::new(TileCode::Missing, message).at("checkpoint").lasting())));
        }
        self.set_time_limit(self.source, PROOF_LIMIT);
        let first = self.minimum_index / TILE_WIDTH * TILE_WIDTH;
        match tree::edge_at(self.source, first, checkpoint)? {
            Ok(edge) => memory.edge = edge,
            Err(finding) => return Ok(Err(Box::new(finding))),
        }
        memory.chains = Chains::starting_at(first);
        Ok(Ok(()))
    }

    /// Returns a finding for a missing bundle: a warning if the log may have been pruned beyond it.
    fn missing(&self, bundle: Bundle, size: u64) -> Result<Finding, EngineError> {
        self.set_time_limit(self.source, PROOF_LIMIT);
        let is_stated = (bundle.index + 1) * TILE_WIDTH > self.minimum_index && self.minimum_index > 0;
        let first = if is_stated { 0 } else { first_bundle(self.source, size)? };
        let finding = if first > bundle.index {
            Finding::new(PRUNED, format!("the first {} entries are gone (pruned?)", first * TILE_WIDTH))
        } else {
            Finding::new(TileCode::Missing, "the log doesn't have this entry bundle")
        };
        Ok(finding.at(bundle.path()).at_leaf(bundle.index * TILE_WIDTH).lasting())
    }

    /// Reports a head from before the tick at which the log began, according to the trust file.
    fn check_begin_tick(&self, signed: &LogState, findings: &mut Findings) {
        let Some(Statement { tick, .. }) = signed.statement() else { return };
        let lines = self.trust().origins().iter().filter(|line| line.origin == self.rules.origin);
        let Some(since) = lines.filter_map(|line| line.since).min().filter(|since| *since > tick) else {
            return;
        };
        let message = format!("the head is of tick {tick}, before tick {since} in the trust file");
        findings.add(Finding::new(ROLLBACK, message).lasting().with_evidence(&[&signed.to_string()]));
    }

    /// True if new entries were read and the log's tree starts with them.
    fn check_begin(
        &self,
        entries: &Entries,
        old: u64,
        checkpoint: &Checkpoint,
        findings: &mut Findings,
    ) -> Result<bool, EngineError> {
        let end = entries.edge.end();
        let Some(root) = entries.edge.root().filter(|_| end > old) else { return Ok(false) };
        self.set_time_limit(self.source, PROOF_LIMIT);
        Ok(match tree::consistency(self.source, (end, &root), checkpoint)? {
            Consistency::Consistent => true,
            Consistency::Inconsistent => {
                let limit = Instant::now() + PROOF_LIMIT.min(self.timeout);
                findings.add(tree::first_difference(self.source, old, end, limit, self.observer));
                false
            }
            Consistency::Unknown(finding) => {
                findings.add(finding);
                false
            }
        })
    }

    /// Reports that the remaining entries were not read.
    fn report_partial(
        &self,
        entries: &Entries,
        why: Interruption,
        old: u64,
        checkpoint: &Checkpoint,
        findings: &mut Findings,
    ) {
        findings.set_incomplete();
        let end = entries.edge.end();
        findings.add(match why {
            Interruption::Failure(failure) => unreachable(&failure),
            Interruption::TimeLimit if end == old => {
                let message = format!("no entry could be read within {:?}", self.timeout);
                Finding::new(UNREACHABLE, message).lasting()
            }
            Interruption::TimeLimit => {
                let size = entries_of(checkpoint.size);
                let message =
                    format!("the log claims {size}, but only {end} were read within the time limit");
                Finding::new(UNREAD, message).lasting()
            }
        });
    }

    /// Saves the state of chains after authentic entries.
    fn keep_entries(
        &self,
        memory: &mut MonitorState,
        entries: Entries,
        mut chains: Chains,
        signed: &LogState,
        mut found: Findings,
        findings: &mut Findings,
    ) {
        if let (Some((time, index)), Some(existed_by)) = (chains.take_latest(), self.existed_by(signed))
            && is_future(time, existed_by)
        {
            let message = format!("a link dated {time} is in a checkpoint that existed by {existed_by}");
            found.add(Finding::new(Code::TimeFuture, message).at_leaf(index));
        }
        memory.edge = entries.edge;
        memory.chains = chains;
        findings.append(found);
    }

    fn check_smaller(
        &self,
        pin: &LogState,
        signed: &LogState,
        findings: &mut Findings,
    ) -> Result<(), EngineError> {
        let (old, new) = (&signed.checkpoint, &pin.checkpoint);
        if let Consistency::Inconsistent = tree::consistency(self.source, (old.size, &old.root), new)? {
            findings.add(split_view(pin, signed, "the log shows different entries than before"));
            return Ok(());
        }
        let message = format!("the log shows {}, but had {}", entries_of(old.size), new.size);
        let finding = Finding::new(ROLLBACK, message).lasting();
        findings.add(finding.with_evidence(&[&pin.to_string(), &signed.to_string()]));
        Ok(())
    }

    /// Checks that the checkpoint has the right origin, and is signed by a log key of the trust file.
    fn check_signature(&self, signed: &LogState) -> Result<(), Box<Finding>> {
        let origin = &signed.checkpoint.origin;
        if origin != self.rules.origin {
            let message = format!("the checkpoint belongs to the log {origin:?}");
            return Err(Box::new(Finding::new(OTHER_ORIGIN, message).lasting()));
        }
        Self::check_head(signed)?;
        let log = signed.signed().log_signatures(self.trust().logs());
        if !log.invalid.is_empty() {
            let finding =
                Finding::new(Code::LogSignature, "the log's signature on the checkpoint is invalid");
            return Err(Box::new(finding.lasting().with_evidence(&[&signed.to_string()])));
        }
        if log.verified.is_empty() {
            let message = "no log key of the trust file signed the checkpoint";
            return Err(Box::new(Finding::new(Code::LogUnknown, message).lasting()));
        }
        Ok(())
    }

    /// Checks that a head is proven by the last entry of its checkpoint.
    fn check_head(signed: &LogState) -> Result<(), Box<Finding>> {
        let Some(Err(error)) = signed.head().map(HeadProof::check) else { return Ok(()) };
        let (code, message) = match error {
            HeadError::Origin => (Code::HeadOrigin, "the head's checkpoint is not of the tenant's root log"),
            HeadError::Path => (Code::HeadPath, "the head's hashes do not lead to its checkpoint"),
            HeadError::NotLast => (Code::HeadLast, "the head is not in the last directory of its checkpoint"),
        };
        Err(Box::new(Finding::new(code, message).lasting().with_evidence(&[&signed.to_string()])))
    }

    fn check_witnesses(&self, signed: &LogState, findings: &mut Findings) {
        let trust = self.trust();
        let cosigned = signed.signed().cosignatures(trust.witnesses());
        for key in &cosigned.invalid {
            let message = format!("the cosignature of {} is invalid", key.name());
            let mut finding = Finding::new(Code::WitnessSignature, message).at(key.name()).lasting();
            finding.place.key = Some(key.to_string());
            findings.add(finding.with_evidence(&[&signed.to_string()]));
        }
        let by = |witness| cosigned.verified.iter().any(|cosignature| cosignature.witness == witness);
        if !trust.quorum_met(&by) {
            let (number, all) = (cosigned.verified.len(), trust.witnesses().len());
            let message = format!("{number} of {all} witnesses cosigned the checkpoint");
            findings.add(Finding::new(QUORUM, message).lasting());
        }
    }

    fn existed_by(&self, signed: &LogState) -> Option<Time> {
        self.times(signed).map(|times| times.existed_by)
    }

    fn times(&self, signed: &LogState) -> Option<Times> {
        self.trust().times(&signed.signed().cosignatures(self.trust().witnesses()).times())
    }

    /// Reads the checkpoints of the other places concurrently, so that none can delay the others or the log.
    fn read_other_checkpoints(&self, memory: &mut MonitorState, findings: &mut Findings) {
        let all: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> =
                self.also.iter().map(|other| scope.spawn(|| self.other_checkpoint(&**other))).collect();
            let results = threads.into_iter().map(thread::ScopedJoinHandle::join);
            results.map(|signed| signed.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        for (other, signed) in self.also.iter().zip(all) {
            let signed = match signed {
                Ok(signed) => signed,
                Err(finding) => {
                    findings.add(*finding);
                    continue;
                }
            };
            // Keeps a newer state that is not compared yet.
            let name = other.name();
            let known = memory.others.get(&name).and_then(|text| LogState::parse(text).ok());
            if known.is_none_or(|known| signed.pin().may_replace(&known.pin())) {
                memory.others.insert(name, signed.to_string());
            }
        }
    }

    /// Reads the checkpoint of another place.
    fn other_checkpoint(&self, other: &dyn Source) -> Result<LogState, Box<Finding>> {
        self.set_time_limit(other, CHECKPOINT_LIMIT);
        let name = other.name();
        let unreachable =
            |message: String| Box::new(Finding::new(OTHER_UNREACHABLE, message).at(&name).lasting());
        let read = |path: &str| {
            other.read(path, MAX_CHECKPOINT_BYTES).map_err(|failure| unreachable(failure.to_string()))
        };
        let bytes = match read(if self.is_tenant_log() { "head" } else { "checkpoint" })? {
            Some(bytes) => Some(bytes),
            // A witness serves it below the hash of the origin (C2SP tlog-witness).
            None => read(&format!(
                "{}/checkpoint",
                hex::encode(&Hash::digest(&[self.rules.origin.as_bytes()]).0)
            ))?,
        };
        let nothing = || unreachable("it has no checkpoint of this log".into());
        let text = String::from_utf8(bytes.ok_or_else(nothing)?).map_err(|_| nothing())?;
        let signed = LogState::parse(&text).map_err(|error| {
            Box::new(Finding::new(NO_CHECKPOINT, error.into_message()).at(&name).lasting())
        })?;
        self.check_signature(&signed).map_err(|finding| Box::new(finding.at(&name)))?;
        Ok(signed)
    }

    /// True if the log is a tenant log, whose state is proven by heads.
    fn is_tenant_log(&self) -> bool {
        TenantOrigin::for_reader(self.rules.origin, self.trust()).is_some()
    }

    /// Compares the checkpoints of other places with the pinned one.
    fn compare(&self, memory: &mut MonitorState, findings: &mut Findings) {
        let Some(pin) = memory.pin.clone() else { return };
        memory.others.retain(|name, text| {
            let Ok(signed) = LogState::parse(text) else { return false };
            if let Some(finding) = contradiction(&pin, &signed) {
                findings.add(finding.at(name));
                return true;
            }
            let (here, there) = (&pin.checkpoint, &signed.checkpoint);
            self.set_time_limit(self.source, PROOF_LIMIT);
            let growth = if there.size <= here.size {
                tree::consistency(self.source, (there.size, &there.root), here)
            } else {
                let other = self.also.iter().find(|other| other.name() == *name);
                other.map_or_else(
                    || Ok(Consistency::Consistent),
                    |other| {
                        self.set_time_limit(&**other, PROOF_LIMIT);
                        tree::consistency(&**other, (here.size, &here.root), there)
                    },
                )
            };
            match growth {
                Ok(Consistency::Inconsistent) => {
                    let message = format!("{name} serves a different log with the same origin");
                    findings.add(split_view(&pin, &signed, &message).at(name));
                    return true;
                }
                Ok(Consistency::Unknown(finding)) if there.size <= here.size => findings.add(finding),
                Ok(Consistency::Consistent | Consistency::Unknown(_)) => {}
                Err(failure) => findings.add(unreachable(&failure)),
            }
            if there.size > here.size {
                let message =
                    format!("{name} has {}, but the log itself shows {}", entries_of(there.size), here.size);
                let evidence = [pin.to_string(), text.clone()];
                let evidence: Vec<&str> = evidence.iter().map(String::as_str).collect();
                findings.add(Finding::new(BEHIND, message).at(name).lasting().with_evidence(&evidence));
            }
            there.size > here.size
        });
    }

    /// Returns the times of the last news from the log.
    fn last_heard(&self, memory: &MonitorState) -> LastHeard {
        LastHeard {
            watched_since: memory.watched_since,
            grown_at: memory.grown_at,
            witnessed_at: memory.pin.as_ref().and_then(|pin| self.times(pin)).map(|times| times.seen_at),
        }
    }

    /// Reports if the log or its witnesses have been silent for too long.
    fn check_silence(&self, heard: &LastHeard, now: Time, findings: &mut Findings) {
        let Some(silence) = self.silence else { return };
        let is_over = |millis: &i64| now.millis().saturating_sub(*millis) > silence;
        let time =
            |millis| Time::from_millis(millis).map_or_else(String::new, |time| format!(" since {time}"));
        let silent = match (heard.grown_at, heard.watched_since) {
            (Some(grown_at), _) => Some(grown_at)
                .filter(is_over)
                .map(|grown_at| format!("the log has not grown{}", time(grown_at))),
            (None, since) => since.filter(is_over).map(|since| {
                format!("the log has shown no valid checkpoint{}, when monitoring began", time(since))
            }),
        };
        if let Some(message) = silent {
            findings.add(Finding::new(SILENT, message).lasting());
        }
        if let Some(seen_at) = heard.witnessed_at.filter(|seen_at| is_over(&seen_at.millis())) {
            let message = format!("the newest checkpoint was last cosigned by the witnesses at {seen_at}");
            findings.add(Finding::new(STALE, message).lasting());
        }
    }
}

/// Compares what two heads of a tenant log state at their ticks. Returns the contradiction, if there is one.
fn contradiction(pin: &LogState, signed: &LogState) -> Option<Finding> {
    let (before, now) = (pin.statement()?, signed.statement()?);
    let contradiction =
        if before.tick <= now.tick { before.contradiction(&now) } else { now.contradiction(&before) };
    let (code, message) = match contradiction? {
        Contradiction::Split => {
            let tick = now.tick;
            (Code::HeadSplit, format!("the log operator signed two states of the log at tick {tick}"))
        }
        Contradiction::Order => {
            let (tick, pinned) = (now.tick, before.tick);
            (Code::HeadOrder, format!("the state at tick {tick} contradicts the one at tick {pinned}"))
        }
    };
    let finding = Finding::new(code, message).with_evidence(&[&pin.to_string(), &signed.to_string()]);
    Some(finding.fatal())
}

fn split_view(pin: &LogState, signed: &LogState, what: &str) -> Finding {
    let (one, other) = (&pin.checkpoint, &signed.checkpoint);
    let message =
        format!("{what}: {} with root {}, and {} with root {}", one.size, one.root, other.size, other.root);
    Finding::new(SPLIT_VIEW, message).with_evidence(&[&pin.to_string(), &signed.to_string()]).fatal()
}

fn unreachable(failure: &EngineError) -> Finding {
    Finding::new(UNREACHABLE, failure.to_string()).lasting()
}

/// Formats a number of entries.
fn entries_of(entries: u64) -> String {
    if entries == 1 { "1 entry".into() } else { format!("{entries} entries") }
}
