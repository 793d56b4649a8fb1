//! Requests whose answers wait: for witnesses, or for a tick.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use countersign::log::SubmissionOutcome;
use countersign::merkle::PendingTree;
use countersign::tenant::Since;
use countersign::time::Time;
use roaring::RoaringTreemap;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use crate::erase::Erased;
use crate::metrics::Metrics;
use crate::quota::{Loads, LogQuotas};
use crate::sequencer::Durable;
use crate::submission::SubmitError;
use crate::tenants::root_notes::RootNote;
use crate::tenants::tenant::{Tenant, TenantId};

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
    /// The last tick in which a tenant log can grow.
    End(Tenant),
    /// The ticks that place a key note in all tenant logs that need it.
    Note(Box<PendingNote>),
}

/// A key note for all tenant logs.
pub(super) struct PendingNote {
    pub(super) note: RootNote,
    /// The tenant before the first one in the response.
    pub(super) after: Option<TenantId>,
    pub(super) placement: Placement,
}

/// The state of a key note for all tenant logs.
pub(super) enum Placement {
    /// Some logs may lack it.
    Waiting(Receiver<Result<u64, SubmitError>>),
    /// All logs that need it have it from this tick on.
    Since(u64),
}

/// A submission that is not published yet.
pub(super) struct PendingSubmission {
    pub(super) outcome: SharedOutcome,
    /// The newest head that the writer of a tenant log has seen.
    pub(super) since: Option<Since>,
}

/// The outcome of a submission, which its request and the log share: it is charged and counted even if the client has
/// disconnected, which ends the request.
pub(super) type SharedOutcome = Rc<RefCell<PendingOutcome>>;

/// The outcome of a submission in the sequencer.
pub(super) enum PendingOutcome {
    /// The submission waits for a tick.
    Waiting {
        answer: JobAnswer,
        /// The load of each key, charged with the outcome.
        loads: Option<(Rc<LogQuotas>, Loads)>,
    },
    /// The entries are durable.
    Durable { taken: SubmissionOutcome, tree: Option<Arc<PendingTree>> },
    /// The submission was refused, or failed.
    Failed(SubmitError),
}

impl PendingOutcome {
    /// Charges the quotas and the metrics, if the sequencer has answered by now. Returns false if it hasn't.
    pub(super) fn settle(&mut self, metrics: &Metrics, now: Time) -> bool {
        let Self::Waiting { answer, loads } = self else { return true };
        let Some(answered) = answer.get() else { return false };
        if let Some((quotas, loads)) = loads.take() {
            quotas.settle(loads, answered.as_ref().map(drop), now);
        }
        metrics.answered(answered.as_ref().map(drop));
        *self = match answered {
            Ok(Durable { taken, tree, .. }) => Self::Durable { taken, tree },
            Err(error) => Self::Failed(error),
        };
        true
    }
}

/// The submissions that wait for a tick, of all logs of an object. The room for waiting entries bounds their number.
#[derive(Clone, Default)]
pub(super) struct UnsettledSubmissions(Rc<RefCell<Vec<SharedOutcome>>>);

impl UnsettledSubmissions {
    pub(super) fn add(&self, outcome: SharedOutcome) {
        self.0.borrow_mut().push(outcome);
    }

    /// Settles the submissions that the sequencer has answered.
    pub(super) fn settle(&self, metrics: &Metrics, now: Time) {
        self.0.borrow_mut().retain(|outcome| !outcome.borrow_mut().settle(metrics, now));
    }
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
                Some(Err(SubmitError::Unavailable(format!("running a job of the sequencer: {error}").into())))
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
