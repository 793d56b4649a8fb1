//! A growth witness: it checks each tick's heads before it cosigns the tick's checkpoint (SPEC section 16.10).
//!
//! A state is kept only once a signed checkpoint ends with it, and it is on disk before that checkpoint is cosigned. A
//! crash in between leaves a state whose checkpoint can be cosigned again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign_growth::wire::{Answer, MAX_PROOFS, ProofRequest, Snapshot, parse_proofs};
use countersign_growth::{GrowthFinding, GrowthState};

use super::growth_db::GrowthDb;
use super::state_db::MemoryError;
use super::{CheckpointGuard, GuardRefusal};

/// The time between two requests for a tick that the log server doesn't have yet.
const PAUSE: Duration = Duration::from_millis(50);

/// The route `/growth` of a root log's server. The errors are reasons, in words.
#[allow(clippy::missing_errors_doc, reason = "stated above")]
pub trait GrowthSource: Send {
    /// Returns the answer to `GET /growth`.
    fn ticks(&self, from: Option<u64>) -> Result<Vec<u8>, String>;

    /// Returns the answer to `POST /growth`.
    fn proofs(&self, body: String) -> Result<Vec<u8>, String>;
}

/// A finding with its evidence.
#[derive(Clone, Debug)]
pub struct GrowthReport {
    /// The finding.
    pub finding: GrowthFinding,
    /// Head proofs and checkpoints.
    pub evidence: Vec<String>,
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
    /// A check failed.
    #[error("{0}")]
    Found(Box<GrowthFinding>),
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
    /// A later state, with which no signed checkpoint ends yet.
    pending: Option<GrowthState>,
    /// The findings since the last call of [`GrowthFollower::take_reports`].
    reports: Vec<GrowthReport>,
    /// The last finding that was reported.
    reported: Option<GrowthFinding>,
}

enum Progress {
    Checked,
    Waiting,
}

impl GrowthFollower {
    /// Continues with the stored state.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn new(origin: &str, source: Box<dyn GrowthSource>, db: GrowthDb) -> Result<Self, MemoryError> {
        let (state, checkpoint) = db.load(origin)?.unzip();
        let (origin, reports) = (origin.to_owned(), Vec::new());
        Ok(Self { origin, source, db, state, checkpoint, pending: None, reports, reported: None })
    }

    /// Returns the last state that was checked.
    pub const fn state(&self) -> Option<&GrowthState> {
        self.state.as_ref()
    }

    /// Returns the number of ticks up to that state; 0 if there is none.
    pub fn size(&self) -> u64 {
        self.state.as_ref().map_or(0, GrowthState::size)
    }

    /// Returns the findings since the last call.
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
        loop {
            match self.advance(signed)? {
                Progress::Checked => return Ok(()),
                Progress::Waiting if Instant::now() >= deadline => {
                    return Err(GrowthError::Unchecked("the log server doesn't show this tick"));
                }
                Progress::Waiting => std::thread::sleep(PAUSE),
            }
        }
    }

    fn advance(&mut self, signed: &SignedCheckpoint) -> Result<Progress, GrowthError> {
        let size = signed.checkpoint.size;
        // A root log without ticks has no heads.
        if size == 0 {
            return Ok(Progress::Checked);
        }
        match &self.state {
            Some(state) if state.size() > size => {
                return Err(GrowthError::Unchecked("a later tick was checked already"));
            }
            Some(state) if state.size() == size => {
                return match state.check(&signed.checkpoint) {
                    Ok(()) => Ok(Progress::Checked),
                    Err(finding) => Err(self.fail(finding, signed)),
                };
            }
            _ => {}
        }
        if self.pending.as_ref().is_some_and(|pending| pending.size() > size) {
            return Err(unshown());
        }
        let (mut found, mut snapshot) = (None, None);
        let mut reached = self.pending.take().or_else(|| self.state.clone());
        while let Some(current) = &reached {
            if current.size() == size {
                match current.check(&signed.checkpoint) {
                    Ok(()) => return self.keep(current.clone(), signed),
                    Err(finding) => found = Some(finding),
                }
                break;
            }
            let answer = self.ticks(Some(current.size()))?;
            if answer.snapshot.is_some() {
                snapshot = answer.snapshot;
                break;
            }
            if answer.ticks.is_empty() {
                if size <= answer.header.first {
                    return Err(unshown());
                }
                self.pending = reached;
                return Ok(Progress::Waiting);
            }
            let mut next = current.clone();
            for tick in answer.ticks.iter().filter(|tick| tick.tick.tick < size) {
                match next.apply(tick) {
                    Ok(applied) => next = applied,
                    Err(finding) => {
                        found = Some(finding);
                        break;
                    }
                }
            }
            if found.is_none() && next.size() == current.size() {
                return Err(unshown());
            }
            reached = Some(next);
            if found.is_some() {
                break;
            }
        }
        match (self.compare(signed, snapshot, found.clone()), found) {
            // A signed finding is reported even if the log server doesn't answer.
            (Err(GrowthError::Unavailable(_)), Some(found)) if found.is_signed(signed) => {
                Err(self.fail(found, signed))
            }
            (compared, _) => compared,
        }
    }

    /// Compares a snapshot with the stored state, because the ticks in between are not shown, or because one of them
    /// contradicts the state. The log server may have restored heads that it had shown.
    fn compare(
        &mut self,
        signed: &SignedCheckpoint,
        snapshot: Option<Snapshot>,
        found: Option<Box<GrowthFinding>>,
    ) -> Result<Progress, GrowthError> {
        let size = signed.checkpoint.size;
        let Some(snapshot) = snapshot else {
            let answer = self.ticks(None)?;
            return match (answer.snapshot, found) {
                (Some(snapshot), found) => self.compare(signed, Some(snapshot), found),
                (None, Some(found)) => Err(self.fail(found, signed)),
                (None, None) if size <= answer.header.first => Err(unshown()),
                (None, None) => Ok(Progress::Waiting),
            };
        };
        let compared = match &self.state {
            None => GrowthState::begin(&self.origin, &snapshot),
            Some(state) => {
                let proofs = self.proofs(&state.required_proofs(&snapshot))?;
                state.resume(&snapshot, proofs)
            }
        };
        let next = match compared {
            Ok(next) => next,
            Err(finding) => return Err(self.fail(found.unwrap_or(finding), signed)),
        };
        // The log's key signed it, so it counts even if a later tick doesn't contain it.
        let found = found.filter(|found| found.is_signed(signed));
        if let Some(found) = found {
            self.pending = (next.size() > size).then_some(next);
            return Err(self.fail(found, signed));
        }
        if next.size() == size {
            return match next.check(&signed.checkpoint) {
                Ok(()) => self.keep(next, signed),
                Err(finding) => Err(self.fail(finding, signed)),
            };
        }
        let is_later = next.size() > size;
        self.pending = Some(next);
        if is_later { Err(unshown()) } else { Ok(Progress::Waiting) }
    }

    /// Stores a state with which this checkpoint ends.
    fn keep(&mut self, state: GrowthState, signed: &SignedCheckpoint) -> Result<Progress, GrowthError> {
        self.db.save(&self.origin, &state, self.state.as_ref(), signed)?;
        self.state = Some(state);
        self.checkpoint = Some(signed.clone());
        self.reported = None;
        Ok(Progress::Checked)
    }

    /// Reports a finding, unless it was the last one.
    fn fail(&mut self, finding: Box<GrowthFinding>, signed: &SignedCheckpoint) -> GrowthError {
        let is_known = self.reported.as_ref().is_some_and(|reported| {
            (reported.code, &reported.before, &reported.after)
                == (finding.code, &finding.before, &finding.after)
        });
        if !is_known {
            let evidence = finding.evidence(self.checkpoint.as_ref(), signed);
            self.reports.push(GrowthReport { finding: (*finding).clone(), evidence });
            self.reported = Some((*finding).clone());
        }
        GrowthError::Found(finding)
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

    fn proofs(&self, requests: &[ProofRequest]) -> Result<Vec<(ProofRequest, Vec<Hash>)>, GrowthError> {
        let mut proofs = Vec::new();
        for requests in requests.chunks(MAX_PROOFS) {
            let body = requests.iter().map(ProofRequest::to_line).collect();
            let answer = self.source.proofs(body).map_err(GrowthError::Unavailable)?;
            let answered = parse_proofs(&answer, requests);
            let answered = answered.map_err(|error| GrowthError::Unavailable(error.to_string()))?;
            proofs.extend(requests.iter().copied().zip(answered));
        }
        Ok(proofs)
    }
}

fn unshown() -> GrowthError {
    GrowthError::Unchecked("the log server doesn't show this tick anymore")
}

/// Lets a witness cosign only what a [`GrowthFollower`] has checked.
pub struct GrowthGuard {
    follower: Mutex<GrowthFollower>,
    wait: Duration,
    report: Box<dyn Fn(&GrowthReport) + Send + Sync>,
}

impl GrowthGuard {
    /// Creates the guard. It waits for a tick's data for at most `wait`, and calls `report` for each finding.
    pub fn new(
        follower: GrowthFollower,
        wait: Duration,
        report: impl Fn(&GrowthReport) + Send + Sync + 'static,
    ) -> Self {
        Self { follower: Mutex::new(follower), wait, report: Box::new(report) }
    }
}

impl CheckpointGuard for GrowthGuard {
    fn check(&self, checkpoint: &SignedCheckpoint) -> Result<(), GuardRefusal> {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = follower.catch_up(checkpoint, self.wait);
        follower.take_reports().iter().for_each(|report| (self.report)(report));
        checked.map_err(|error| match error {
            GrowthError::Found(finding) => GuardRefusal { status: 403, message: finding.to_string() },
            GrowthError::Unavailable(_) | GrowthError::Unchecked(_) => {
                GuardRefusal { status: 503, message: format!("growth.unread: {error}") }
            }
            GrowthError::Memory(error) => {
                tracing::error!(%error, "the state of the growth witness can't be written");
                GuardRefusal { status: 503, message: "the witness failed with an internal error".to_owned() }
            }
        })
    }
}
