//! Requests whose answers wait: for witnesses, or for a tick.

use std::sync::Arc;

use countersign::log::SubmissionOutcome;
use countersign::merkle::PendingTree;
use countersign::tenant::Since;
use roaring::RoaringTreemap;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use crate::erase::Erased;
use crate::quota::Loads;
use crate::sequencer::Durable;
use crate::submission::SubmitError;
use crate::tenants::tenant::Tenant;

/// A request whose answer waits.
pub struct Pending(pub(super) Awaited);

/// The condition that an answer waits for.
pub(super) enum Awaited {
    /// The publication of a submission.
    Submission(Box<PendingSubmission>),
    /// The tick with the records of an erasure.
    Erasure(PendingErasure),
    /// The first tick of a tenant log.
    Tenant(Tenant),
}

/// A submission that is not published yet.
pub(super) struct PendingSubmission {
    pub(super) outcome: PendingOutcome,
    /// The load of each key, charged with the outcome.
    pub(super) loads: Option<Loads>,
    /// The newest head that the writer of a tenant log has seen.
    pub(super) since: Option<Since>,
}

/// The outcome of a submission in the sequencer.
pub(super) enum PendingOutcome {
    /// The submission waits for a tick.
    Waiting(JobAnswer),
    /// The entries are durable.
    Durable { taken: SubmissionOutcome, tree: Option<Arc<PendingTree>> },
}

/// The answer of a sequencer to a job. In a tenant log, it waits for a tick.
pub(super) struct JobAnswer(Receiver<Result<Durable, SubmitError>>);

impl JobAnswer {
    pub(super) fn new(receiver: Receiver<Result<Durable, SubmitError>>) -> Self {
        Self(receiver)
    }

    /// Returns the answer, if there is one. Don't call it again after that.
    pub(super) fn get(&mut self) -> Option<Result<Durable, SubmitError>> {
        match self.0.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(error @ TryRecvError::Closed) => {
                Some(Err(SubmitError::Unavailable(format!("running a job of the sequencer: {error}"))))
            }
        }
    }
}

/// An erasure whose records wait for a tick.
pub(super) struct PendingErasure {
    /// The answers to the records that are not durable yet.
    pub(super) records: Vec<JobAnswer>,
    /// The entries to erase.
    pub(super) requested: RoaringTreemap,
    /// The part of the result that is known beforehand.
    pub(super) erased: Erased,
}
