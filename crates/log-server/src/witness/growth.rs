//! A growth witness: it checks each tick's heads before it cosigns the tick's checkpoint (SPEC section 16.10).
//!
//! A state is kept only once a signed checkpoint ends with it, and it is on disk before that checkpoint is cosigned. A
//! crash in between leaves a state whose checkpoint can be cosigned again. A finding is on disk before it is reported, and
//! before a later state is kept. While there is an open finding, ticks are checked, but none passes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::hex;
use countersign_growth::wire::{Answer, MAX_PROOFS, ProofRequest, Snapshot, parse_proofs};
use countersign_growth::{GrowthCode, GrowthFinding, GrowthRun, GrowthState, Recheck, TickError};
use countersign_log::tenants::tenant::TenantId;

use super::growth_db::{Coverage, GrowthDb, MAX_OPEN_FINDINGS, StoredGrowth};
use super::growth_report::GrowthReport;
use super::state_db::MemoryError;

/// The time between two requests for a tick that the log server doesn't have yet.
const PAUSE: Duration = Duration::from_millis(50);
/// The maximum number of ticks that a log server keeps. If more are missing, a snapshot is requested right away.
const MAX_BEHIND: u64 = 600;
/// The number of answers that are read in any case, regardless of the time they take.
const MIN_ANSWERS: usize = 8;
/// The maximum number of logs that are named at once because their growth isn't proven.
const MAX_NAMED: usize = 100;

/// The server of a root log. The errors are reasons, in words.
#[allow(clippy::missing_errors_doc, reason = "stated above")]
pub trait GrowthSource: Send {
    /// Returns the answer to `GET /growth`.
    fn ticks(&self, from: Option<u64>) -> Result<Vec<u8>, String>;

    /// Returns the answer to `POST /growth`.
    fn proofs(&self, body: String) -> Result<Vec<u8>, String>;

    /// True if the root log's tree of a checkpoint begins with that of an earlier one. The tree's hashes must be
    /// authenticated with the later checkpoint's root; if they can't be, this is an error.
    fn root_extends(&self, earlier: &Checkpoint, later: &Checkpoint) -> Result<bool, String>;

    /// Returns the number of entries of the root log's published checkpoint. It is only the log server's claim.
    fn published_size(&self) -> Result<u64, String>;
}

/// A reason why a checkpoint wasn't checked, or must not be cosigned.
#[derive(Debug, thiserror::Error)]
pub enum GrowthError {
    /// The log server's ticks can't be read.
    #[error("the log server's ticks can't be read: {0}")]
    Unavailable(String),
    /// The log server doesn't show the checkpoint's tick anymore, or not yet.
    #[error("{0}")]
    Unchecked(&'static str),
    /// The log server doesn't prove the growth of some logs. The others were checked.
    #[error("the log server doesn't prove at present that these tenant logs only grew: {0}")]
    Unproven(String),
    /// A check failed, now or earlier.
    #[error("{0}")]
    Found(Box<GrowthReport>),
    /// The state can't be read or written.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Follows the ticks of one root log.
pub struct GrowthFollower {
    origin: String,
    source: Box<dyn GrowthSource>,
    db: GrowthDb,
    /// The stored state.
    state: Option<GrowthState>,
    /// The checkpoint that ends with it.
    checkpoint: Option<SignedCheckpoint>,
    coverage: Coverage,
    pending: Option<Pending>,
    /// The stored findings that are neither settled nor decided.
    open: Vec<GrowthReport>,
    /// The logs that were reported because their growth isn't proven.
    unproven: BTreeSet<TenantId>,
    /// The reports since the last call of [`GrowthFollower::take_reports`].
    reports: Vec<GrowthReport>,
}

/// Ticks after the stored state that no signed checkpoint ends with yet, or whose state isn't whole.
struct Pending {
    run: GrowthRun,
    /// The root hash of the checkpoint for which the first of these ticks was requested. If a checkpoint doesn't end with
    /// ticks that were requested for an earlier one, they are requested again: a log server that crashed may have replaced
    /// ticks that it had shown, but not signed.
    requested_for: Hash,
}

enum Progress {
    Checked,
    /// More ticks are to be read.
    Advanced,
    /// The log server doesn't show the tick yet.
    Waiting,
}

impl GrowthFollower {
    /// Continues with the stored state. Reports the open findings.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn new(origin: &str, source: Box<dyn GrowthSource>, db: GrowthDb) -> Result<Self, MemoryError> {
        let open = db.open_findings(origin)?;
        let stored = db.load(origin)?;
        let coverage = stored.as_ref().map_or_else(Coverage::default, |stored| stored.coverage);
        let (state, checkpoint) =
            stored.map(|StoredGrowth { state, checkpoint, .. }| (state, checkpoint)).unzip();
        let (origin, reports) = (origin.to_owned(), open.clone());
        let unproven = BTreeSet::new();
        Ok(Self { origin, source, db, state, checkpoint, coverage, pending: None, open, unproven, reports })
    }

    /// Returns the last state that was checked.
    pub const fn state(&self) -> Option<&GrowthState> {
        self.state.as_ref()
    }

    /// Returns the number of ticks up to that state; 0 if there is none.
    pub fn size(&self) -> u64 {
        self.state.as_ref().map_or(0, GrowthState::size)
    }

    /// Returns which ticks were checked.
    pub const fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// Returns the findings that are neither settled nor decided. While there is one, no checkpoint passes.
    pub fn open_findings(&self) -> &[GrowthReport] {
        &self.open
    }

    /// Decides all open findings about ticks up to this one: they don't keep checkpoints from passing anymore. Every later
    /// tick must still follow from the last state that passed. Returns the number of these findings.
    ///
    /// # Errors
    /// [`MemoryError`]; nothing is decided then.
    pub fn decide(&mut self, tick: u64) -> Result<usize, MemoryError> {
        let before = self.open.len();
        self.db.decide(tick)?;
        self.open.retain(|finding| finding.tick > tick);
        self.reports.retain(|report| self.open.contains(report));
        self.pending = None;
        Ok(before - self.open.len())
    }

    /// Returns the reports since the last call.
    pub fn take_reports(&mut self) -> Vec<GrowthReport> {
        std::mem::take(&mut self.reports)
    }

    /// Checks all ticks up to this checkpoint, which the root log's key signed, and stores the state. Waits for ticks that
    /// the log server doesn't show yet, for at most `wait`.
    ///
    /// # Errors
    /// [`GrowthError`].
    pub fn catch_up(&mut self, signed: &SignedCheckpoint, wait: Duration) -> Result<(), GrowthError> {
        let deadline = Instant::now() + wait;
        for answers in 1.. {
            let is_late = Instant::now() >= deadline;
            match self.advance(signed)? {
                Progress::Checked => break,
                Progress::Waiting if is_late => {
                    return Err(GrowthError::Unchecked("the log server doesn't show this tick"));
                }
                Progress::Waiting => std::thread::sleep(PAUSE),
                Progress::Advanced if is_late && answers >= MIN_ANSWERS => {
                    return Err(GrowthError::Unchecked("the ticks before this one are being checked"));
                }
                Progress::Advanced => {}
            }
        }
        Ok(())
    }

    /// Checks that a checkpoint of earlier ticks, which the root log's key signed, doesn't contradict the last one that was
    /// checked.
    ///
    /// # Errors
    /// [`GrowthError`].
    pub fn check_earlier(&mut self, signed: &SignedCheckpoint) -> Result<(), GrowthError> {
        let Some(checkpoint) = self.checkpoint.clone() else { return Ok(()) };
        let extends = self.source.root_extends(&signed.checkpoint, &checkpoint.checkpoint);
        if extends.map_err(GrowthError::Unavailable)? { Ok(()) } else { Err(self.record_split(signed)?) }
    }

    /// Reads at most one answer with ticks.
    fn advance(&mut self, signed: &SignedCheckpoint) -> Result<Progress, GrowthError> {
        let size = signed.checkpoint.size;
        match &self.state {
            Some(state) if size < state.size() => {
                return Err(GrowthError::Unchecked("a later tick was checked already"));
            }
            Some(state) if size == state.size() && !state.is_at(&signed.checkpoint) => {
                return Err(self.record_split(signed)?);
            }
            Some(state) if size == state.size() => return self.verdict(),
            // A root log without ticks has no heads.
            None if size == 0 => return self.verdict(),
            _ => {}
        }
        match (self.pending.take(), self.state.clone()) {
            (Some(pending), _) if pending.run.size() > size => {
                self.pending = Some(pending);
                Err(unshown())
            }
            (Some(pending), _) => self.proceed(pending, signed),
            (None, Some(state)) => {
                let pending = Pending { run: GrowthRun::new(state), requested_for: signed.checkpoint.root };
                self.proceed(pending, signed)
            }
            (None, None) => {
                let answer = self.ticks(None)?;
                match answer.snapshot {
                    Some(snapshot) => self.resume(&snapshot, signed),
                    None if size <= answer.header.first => Err(unshown()),
                    None => Ok(Progress::Waiting),
                }
            }
        }
    }

    /// Continues a run up to the checkpoint.
    fn proceed(&mut self, mut pending: Pending, signed: &SignedCheckpoint) -> Result<Progress, GrowthError> {
        let (size, reached) = (signed.checkpoint.size, pending.run.size());
        if reached < size {
            let from = Some(reached).filter(|reached| size - reached <= MAX_BEHIND);
            let answer = match self.ticks(from) {
                Ok(answer) => answer,
                Err(error) => {
                    self.pending = Some(pending);
                    return Err(error);
                }
            };
            if let Some(snapshot) = answer.snapshot {
                return self.resume(&snapshot, signed);
            }
            if answer.ticks.is_empty() {
                if size <= answer.header.first {
                    return Err(unshown());
                }
                self.pending = Some(pending);
                return Ok(Progress::Waiting);
            }
            for tick in answer.ticks.iter().filter(|tick| tick.tick.tick < size) {
                match pending.run.apply(tick) {
                    Ok(()) => {}
                    Err(TickError::Limit(why)) => return Err(GrowthError::Unavailable(why)),
                    Err(TickError::Directory(why)) => return self.reject(&pending, signed, why),
                }
            }
            if pending.run.size() == reached {
                return Err(unshown());
            }
            if pending.run.size() < size {
                self.pending = Some(pending);
                return Ok(Progress::Advanced);
            }
        }
        if pending.run.is_at(&signed.checkpoint) {
            return self.settle(pending, signed);
        }
        let why = "the checkpoint doesn't end with the directory of the heads that the log server shows";
        self.reject(&pending, signed, why.to_owned())
    }

    /// Compares a snapshot with the stored state, because ticks in between are not shown.
    fn resume(&mut self, snapshot: &Snapshot, signed: &SignedCheckpoint) -> Result<Progress, GrowthError> {
        let (size, shown) = (signed.checkpoint.size, snapshot.tick.tick + 1);
        let run = match self.state.clone() {
            Some(state) if shown <= state.size() => return Ok(Progress::Waiting),
            Some(state) => GrowthRun::resume(state, snapshot),
            None => GrowthRun::begin(&self.origin, snapshot),
        };
        let run = match run {
            Ok(run) => run,
            Err(TickError::Directory(why)) if shown == size => {
                return Err(self.record(GrowthFinding::directory(signed, why), signed)?);
            }
            Err(TickError::Directory(why) | TickError::Limit(why)) => {
                return Err(GrowthError::Unavailable(why));
            }
        };
        let pending = Pending { run, requested_for: signed.checkpoint.root };
        if shown == size {
            return self.proceed(pending, signed);
        }
        self.pending = Some(pending);
        if shown > size { Err(unshown()) } else { Ok(Progress::Advanced) }
    }

    /// Handles ticks that can't be those of the checkpoint: requests them again if they were requested for an earlier one.
    fn reject(
        &mut self,
        pending: &Pending,
        signed: &SignedCheckpoint,
        why: String,
    ) -> Result<Progress, GrowthError> {
        if pending.requested_for != signed.checkpoint.root {
            return Ok(Progress::Advanced);
        }
        Err(self.record(GrowthFinding::directory(signed, why), signed)?)
    }

    /// True if the root log's tree of a checkpoint with which a run ends begins with that of an earlier one. Its tiles may be
    /// hidden until this witness cosigns the checkpoint. Then the run shows that the checkpoint extends the published one.
    fn follows(&self, earlier: &Checkpoint, run: &GrowthRun, signed: &Checkpoint) -> Result<bool, String> {
        let why = match self.source.root_extends(earlier, signed) {
            Ok(extends) => return Ok(extends),
            Err(why) => why,
        };
        let size = self.source.published_size()?;
        let root = run.root_at(size).filter(|_| (earlier.size..signed.size).contains(&size)).ok_or(why)?;
        let published = Checkpoint::new(&self.origin, size, root).map_err(|error| error.to_string())?;
        self.source.root_extends(earlier, &published)
    }

    /// Takes over a run with which the checkpoint ends, so that the root log's key signed all of its heads.
    fn settle(&mut self, mut pending: Pending, signed: &SignedCheckpoint) -> Result<Progress, GrowthError> {
        if pending.run.is_resumed()
            && let Some(checkpoint) = &self.checkpoint
        {
            match self.follows(&checkpoint.checkpoint, &pending.run, &signed.checkpoint) {
                Ok(true) => {}
                Ok(false) => return Err(self.record_split(signed)?),
                Err(why) => {
                    self.pending = Some(pending);
                    return Err(GrowthError::Unavailable(why));
                }
            }
        }
        let proven = self.prove(&mut pending.run);
        let root_at = |size| pending.run.root_at(size);
        self.settle_directories(root_at, signed)?;
        let (findings, omitted) = pending.run.take_findings();
        let tick = pending.run.state().tick();
        let (mut found, mut are_stored) = (None, true);
        for finding in findings {
            // A tick that was decided about may be read again. If the lie lasts, it is found again.
            let is_lasting = pending.run.is_lasting(&finding);
            let report = GrowthReport::of_finding(finding, self.checkpoint.as_ref(), signed);
            if is_lasting || !self.db.is_decided(&report)? {
                are_stored &= self.is_known(&report) || self.open.len() < MAX_OPEN_FINDINGS;
                let error = self.add(report)?;
                found.get_or_insert(error);
            }
        }
        if omitted > 0
            && let Some(report) = self.reports.last_mut()
        {
            report.message = format!("{} (and {omitted} findings more)", report.message);
        }
        if let Some(error) = found.take_if(|_| !are_stored) {
            // The ticks are read again, so that the remaining findings come up after a decision about the stored ones.
            return Err(error);
        }
        let state = pending.run.state();
        if pending.run.is_flawed() && state.is_whole() {
            // A tick with findings must not be the state that passed: it is read again with later ticks.
            return Err(found.unwrap_or(GrowthError::Unchecked(
                "the tick has findings that you decided about; a later tick can pass",
            )));
        }
        if state.is_whole() {
            self.keep(pending.run, signed)?;
            return found.map_or_else(|| self.verdict(), Err);
        }
        let unproven: BTreeSet<TenantId> = state.unproven().copied().collect();
        self.pending = Some(pending);
        if proven.is_ok() {
            self.report_unproven(&unproven, tick);
        }
        if let Some(error) = found {
            return Err(error);
        }
        self.verdict()?;
        proven?;
        let mut names: Vec<String> = unproven.iter().take(MAX_NAMED).map(|id| hex::encode(id)).collect();
        if unproven.len() > MAX_NAMED {
            names.push(format!("and {} more", unproven.len() - MAX_NAMED));
        }
        Err(GrowthError::Unproven(names.join(", ")))
    }

    /// Requests the proofs that the run lacks, and those that may settle open findings.
    fn prove(&mut self, run: &mut GrowthRun) -> Result<(), GrowthError> {
        let mut requests = run.required_proofs();
        let rechecks = self.open.iter().filter_map(|finding| finding.recheck?.request());
        requests.extend(rechecks.filter(|request| run.is_provable(request)));
        requests.sort_by_key(|request| (request.id, request.from, request.to));
        requests.dedup();
        for requests in requests.chunks(MAX_PROOFS) {
            let body = requests.iter().map(ProofRequest::to_line).collect();
            let answer = self.source.proofs(body).map_err(GrowthError::Unavailable)?;
            let answered = parse_proofs(&answer, requests);
            let answered = answered.map_err(|error| GrowthError::Unavailable(error.to_string()))?;
            let proofs: Vec<_> = requests.iter().copied().zip(answered).collect();
            run.add_proofs(&proofs);
            let settled: Vec<GrowthReport> = self
                .open
                .extract_if(.., |open| open.recheck.is_some_and(|recheck| recheck.is_settled(&proofs)))
                .collect();
            for report in settled {
                if let Some(request) = report.recheck.and_then(|recheck| recheck.request()) {
                    run.clear_finding(&request.id);
                }
                self.report_settled(report)?;
            }
        }
        Ok(())
    }

    /// Settles open findings about directories, if the log server has shown the heads in the meantime.
    fn settle_directories(
        &mut self,
        root_at: impl Fn(u64) -> Option<Hash>,
        signed: &SignedCheckpoint,
    ) -> Result<(), GrowthError> {
        for report in self.open.clone() {
            let Some(Recheck::Root { size, root }) = report.recheck else { continue };
            match root_at(size) {
                Some(shown) if shown == root => {
                    self.open.retain(|open| *open != report);
                    self.report_settled(report)?;
                }
                // Both checkpoints are signed: the earlier one is the finding's evidence.
                Some(_) => {
                    let mut split = GrowthReport::of_finding(GrowthFinding::split(size), None, signed);
                    split.evidence.splice(0..0, report.evidence);
                    self.add(split)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Stores a whole state with which this checkpoint ends.
    fn keep(&mut self, run: GrowthRun, signed: &SignedCheckpoint) -> Result<(), MemoryError> {
        let (unchecked, is_unshown) = (run.unchecked(), run.is_resumed());
        let state = run.into_state();
        let coverage = match (&self.state, unchecked) {
            (None, _) => Coverage { since: state.first(), skipped: 0 },
            (Some(_), None) => self.coverage,
            (Some(_), Some(gap)) => {
                Coverage { since: gap.last + 1, skipped: self.coverage.skipped + gap.ticks() }
            }
        };
        self.db.save(&self.origin, &state, self.state.as_ref(), signed, coverage)?;
        if self.state.is_none() {
            let message = format!("{} tenant logs; nothing before this tick was checked", state.logs());
            self.reports.push(GrowthReport::new(GrowthCode::Began, None, state.first(), message));
        } else if let Some(gap) = unchecked {
            self.reports.push(GrowthReport::skipped(gap, is_unshown));
        }
        (self.state, self.checkpoint, self.coverage) = (Some(state), Some(signed.clone()), coverage);
        self.unproven.clear();
        Ok(())
    }

    /// Checks that there is no open finding.
    fn verdict(&self) -> Result<Progress, GrowthError> {
        match self.open.last() {
            Some(found) => Err(GrowthError::Found(Box::new(found.clone()))),
            None => Ok(Progress::Checked),
        }
    }

    /// Stores and reports a finding, unless there is one like it.
    fn record(
        &mut self,
        finding: GrowthFinding,
        signed: &SignedCheckpoint,
    ) -> Result<GrowthError, MemoryError> {
        self.add(GrowthReport::of_finding(finding, self.checkpoint.as_ref(), signed))
    }

    /// Stores and reports that the signed checkpoint contradicts the last one that was checked.
    fn record_split(&mut self, signed: &SignedCheckpoint) -> Result<GrowthError, MemoryError> {
        let size = signed.checkpoint.size.min(self.size());
        self.record(GrowthFinding::split(size), signed)
    }

    /// True if there is an open finding like this one.
    fn is_known(&self, report: &GrowthReport) -> bool {
        self.open.iter().any(|open| open.is_like(report))
    }

    fn add(&mut self, report: GrowthReport) -> Result<GrowthError, MemoryError> {
        if !self.is_known(&report) && self.open.len() < MAX_OPEN_FINDINGS {
            self.db.add_finding(&self.origin, &report)?;
            self.open.push(report.clone());
            self.reports.push(report.clone());
        }
        Ok(GrowthError::Found(Box::new(report)))
    }

    fn report_settled(&mut self, report: GrowthReport) -> Result<(), MemoryError> {
        self.db.settle_finding(&report)?;
        self.reports.push(GrowthReport { is_settled: true, ..report });
        Ok(())
    }

    /// Reports the logs whose growth isn't proven, each once.
    fn report_unproven(&mut self, unproven: &BTreeSet<TenantId>, tick: u64) {
        let new: Vec<&TenantId> = unproven.difference(&self.unproven).collect();
        for (nth, id) in new.iter().take(MAX_NAMED).enumerate() {
            let log = Some(format!("{}/t/{}", self.origin, hex::encode(*id)));
            let mut message =
                "the log server can't prove at present that this tenant log only grew".to_owned();
            if nth + 1 == MAX_NAMED && new.len() > MAX_NAMED {
                message = format!("{message} (and {} logs more)", new.len() - MAX_NAMED);
            }
            self.reports.push(GrowthReport::new(GrowthCode::Unproven, log, tick, message));
        }
        self.unproven.clone_from(unproven);
    }

    fn ticks(&self, from: Option<u64>) -> Result<Answer, GrowthError> {
        let answer = self.source.ticks(from).map_err(GrowthError::Unavailable)?;
        let answer = Answer::parse(&answer).map_err(|error| GrowthError::Unavailable(error.to_string()))?;
        if answer.header.origin != self.origin {
            let why = format!("they are those of another log, {:?}", answer.header.origin);
            return Err(GrowthError::Unavailable(why));
        }
        Ok(answer)
    }
}

fn unshown() -> GrowthError {
    GrowthError::Unchecked("the log server doesn't show this tick anymore")
}
