//! The jobs of a sequencer, and their results.

use std::sync::Arc;

use countersign::log::{
    AcceptanceError, Evidence, RefusalKind, Submission, SubmissionError, SubmissionOutcome,
};
use countersign::merkle::PendingTree;
use tokio::sync::oneshot;

use crate::store::{Published, StoreError};
use crate::submission::SubmitError;
use crate::witnessing::{Assessment, Contradiction};

/// A job for the sequencer.
pub enum Job {
    /// Commits a submission from an emitter.
    Submit {
        /// The submission to commit.
        submission: Submission,
        /// Receives the result of the job.
        reply: Reply,
    },
    /// Records an event on the log's own chain.
    Record {
        /// The event as JSON.
        event: String,
        /// Receives the result of the job.
        reply: Reply,
    },
    /// Marks an erasure as complete.
    FinishErasure {
        /// The entry that records the erasure.
        record: u64,
        /// Receives the result of the job.
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Erases the events of entries.
    Erase {
        /// The entries, in ascending order.
        leaves: Vec<u64>,
        /// Receives the result of the job.
        reply: oneshot::Sender<Result<u64, StoreError>>,
    },
    /// Publishes a checkpoint after the witnesses had time to cosign it. If a quorum cosigned it, this ends a stop that
    /// was caused by an unproven claim.
    Publish {
        /// The checkpoint with its cosignatures.
        published: Published,
        /// Receives the result of the job.
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Assesses a witness's contradiction. A proof stops the log.
    Contradicted {
        /// The contradiction, with the witness's proof if it has one.
        contradiction: Contradiction,
        /// Receives the result of the job.
        reply: oneshot::Sender<Assessment>,
    },
    /// Stops the log because of unproven claims by witnesses that the quorum needs, if any claim is still valid.
    Claimed {
        /// The claims, one per witness.
        claims: Vec<Contradiction>,
        /// Receives the result of the job.
        reply: oneshot::Sender<()>,
    },
    /// Publishes the durable entries after a stop ended.
    Resumed,
    /// Catches up with other servers of the log, and publishes what they committed.
    Follow {
        /// Receives true if that succeeded.
        done: oneshot::Sender<bool>,
    },
    /// Closes the log's own chain.
    Close {
        /// Receives the result of the job.
        reply: Reply,
    },
}

/// The channel for the result of a submission.
pub type Reply = oneshot::Sender<Result<Durable, SubmitError>>;

/// A submission whose entries are durable.
#[derive(Default)]
pub struct Durable {
    /// The result for each chain and key note.
    pub taken: SubmissionOutcome,
    /// The tree growth of its commit; `None` if nothing was added.
    pub tree: Option<Arc<PendingTree>>,
    /// The checkpoint that was published with it. None if witnesses see it first, publishing failed, or nothing was
    /// added.
    pub published: Option<Arc<Published>>,
}

/// The result of a submission, and the channel for it.
pub(crate) type Answer = (Reply, Result<Durable, SubmitError>);

/// Returns the error for a submission that was not accepted. If it is a fork, `keep` keeps its evidence.
pub(crate) fn rejection(
    error: AcceptanceError<StoreError>,
    keep: impl FnOnce(&Evidence) -> Result<(), StoreError>,
) -> SubmitError {
    if let AcceptanceError::Refused(SubmissionError { kind: RefusalKind::Fork(evidence), .. }) = &error {
        tracing::warn!(chain = %evidence.chain, seq = evidence.seq, "a fork was rejected");
        if let Err(error) = keep(evidence) {
            tracing::error!(%error, "failed to keep the evidence of a fork");
            return error.into();
        }
    }
    error.into()
}

/// Sends all answers.
pub(crate) fn send_answers(answers: Vec<Answer>) {
    for (reply, answer) in answers {
        let _ = reply.send(answer);
    }
}

/// Sends the error to all, regardless of their results.
pub(crate) fn send_error(answers: Vec<Answer>, error: StoreError) {
    let error = SubmitError::from(error);
    for (reply, answer) in answers {
        let _ = reply.send(answer.and_then(|_| Err(error.repeated())));
    }
}
