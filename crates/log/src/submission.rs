//! Submissions and their results: proofs for committed submissions, and errors.

use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign::link::{ChainId, Link};
use countersign::log::RefusalKind;
use countersign::log::Submission;
use countersign::log::{AcceptanceError, SubmissionError, SubmissionOutcome};
use countersign::merkle::{PendingTree, inclusion_proof};
use countersign::proof::Proof;
use countersign::time::Time;

use crate::hashes::CachedHashes;
use crate::part::{Failure, Part};
use crate::store::{EntryReader, Published, StoreError};

/// A submission that is durable and published.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The result for each chain and key note.
    pub taken: SubmissionOutcome,
    /// A checkpoint that covers it.
    pub published: Arc<Published>,
    /// The tree growth of its commit, if its hashes are still in memory.
    pub tree: Option<Arc<PendingTree>>,
}

/// The reason why a submission was not accepted, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The acceptance rules reject it.
    #[error(transparent)]
    Refused(#[from] SubmissionError),
    /// The acceptance rules reject the first entry. The rest was not examined, because the log knows no key
    /// or chain in the submission.
    #[error("{0}")]
    UnknownSigner(SubmissionError),
    /// The log's clock disagrees with its witnesses'. Nothing was stored: what such a clock signs might never verify.
    #[error("the log's clock shows {now}, which is {} s {} the time of its witnesses", (skew / 1000).unsigned_abs(), if *skew > 0 { "ahead of" } else { "behind" })]
    Clock {
        /// The time that the log's clock shows.
        now: Time,
        /// The number of milliseconds by which it is ahead; negative if it is behind.
        skew: i64,
    },
    /// The clock of the log's machine is too far from all times that the log knows. Nothing was stored.
    #[error("the log server's clock shows {machine}, but the newest time that the log knows is {known}")]
    ImplausibleClock {
        /// The time that the machine's clock shows.
        machine: Time,
        /// The newest time that the log knows, advanced by the time since the start.
        known: Time,
    },
    /// A key exceeded its quota. Nothing was stored, and a retry can succeed after the wait.
    #[error("quota exceeded for this key; retry in {seconds} s")]
    Quota {
        /// The number of seconds to wait.
        seconds: u64,
    },
    /// A tenant log exceeded its quota. Nothing was stored, and a retry can succeed after the wait.
    #[error("quota exceeded for this tenant's log; retry in {seconds} s")]
    TenantQuota {
        /// The number of seconds to wait.
        seconds: u64,
    },
    /// The tenant log doesn't exist. Nothing was stored.
    #[error("this log server has no tenant log with this ID")]
    UnknownTenant,
    /// The tenant log ended. Nothing was stored: it accepts only what it contains already.
    #[error("{}", ended(moved_to.as_deref()))]
    Ended {
        /// The origin of the log that continues it, if it moved.
        moved_to: Option<String>,
    },
    /// Too many submissions are waiting. Nothing was stored.
    #[error("too many submissions are waiting to be committed")]
    Busy,
    /// Too many entries wait for the next tick. Nothing was stored.
    #[error("too many events are waiting for the log's next tick")]
    NoRoom,
    /// The log stopped signing. Nothing was acknowledged.
    #[error("{0}")]
    Stopped(Arc<crate::stop::SigningStop>),
    /// A part of the log server failed, or the log is shutting down. Sending the submission again shows if it was stored.
    #[error("{0}")]
    Unavailable(Failure),
}

fn ended(moved_to: Option<&str>) -> String {
    match moved_to {
        None => "this tenant log has ended, and accepts no more entries".into(),
        Some(origin) => format!("this tenant log has ended, and continues as {origin}"),
    }
}

impl SubmitError {
    /// True if the log doesn't know a key or chain in the submission. It may know it after it catches up with other
    /// servers.
    pub fn is_from_unknown_signer(&self) -> bool {
        let Self::UnknownSigner(refusal) = self else { return false };
        matches!(refusal.kind, RefusalKind::Gap { .. } | RefusalKind::Unauthorized)
    }

    /// Returns the failure, as far as the log server and not the submission caused it.
    pub fn failure(&self) -> Failure {
        let part = match self {
            Self::Unavailable(failure) => return failure.clone(),
            Self::Clock { .. } | Self::ImplausibleClock { .. } => Part::Clock,
            Self::Stopped(_) => Part::Signing,
            _ => Part::Server,
        };
        Failure { part, message: self.to_string() }
    }

    /// Returns the error for another submission of the same failed commit.
    pub(crate) fn repeated(&self) -> Self {
        match self {
            Self::Stopped(stop) => Self::Stopped(Arc::clone(stop)),
            Self::Clock { now, skew } => Self::Clock { now: *now, skew: *skew },
            Self::ImplausibleClock { machine, known } => {
                Self::ImplausibleClock { machine: *machine, known: *known }
            }
            error => Self::Unavailable(error.failure()),
        }
    }
}

impl From<AcceptanceError<StoreError>> for SubmitError {
    fn from(stop: AcceptanceError<StoreError>) -> Self {
        match stop {
            AcceptanceError::Refused(refusal) => Self::Refused(refusal),
            AcceptanceError::Storage(error) => error.into(),
        }
    }
}

impl From<StoreError> for SubmitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped(stop) => Self::Stopped(stop),
            error => Self::Unavailable(error.failure()),
        }
    }
}

/// Returns the chains that a submission opens, with their keys.
pub fn opened(submission: &Submission) -> Vec<(ChainId, countersign::note::VerifierKey)> {
    let open = |link: &Link| match link {
        Link::Open(open) => Some((open.chain, open.key.clone())),
        Link::Event(_) | Link::Close(_) => None,
    };
    submission.entries().iter().filter_map(|entry| open(entry.leaf.link()?)).collect()
}

/// Returns the size of the smallest tree that contains everything accepted.
pub fn required_size(taken: &SubmissionOutcome) -> u64 {
    let indexes = taken.chains.values().map(|tip| tip.index).chain(taken.notes.iter().map(|held| held.index));
    indexes.max().map_or(0, |last| last + 1)
}

/// A maker of inclusion proofs to the checkpoint that was published with a submission. The proofs share tiles, each of
/// which is read once.
pub struct Prover<'c> {
    checkpoint: SignedCheckpoint,
    tree: Option<&'c PendingTree>,
    stored: CachedHashes<'c>,
}

impl Committed {
    /// Returns the maker of the proofs for this submission.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the checkpoint can't be parsed.
    pub fn prover<'c>(&'c self, reader: &'c dyn EntryReader) -> Result<Prover<'c>, StoreError> {
        let size = self.published.size;
        Ok(Prover {
            checkpoint: SignedCheckpoint::parse(&self.published.note).map_err(damaged)?,
            tree: self.tree.as_deref().filter(|tree| tree.size() == size),
            stored: CachedHashes::new(reader, size),
        })
    }
}

impl Prover<'_> {
    /// Returns the proof that the entry at `index` is in the log.
    ///
    /// # Errors
    /// [`StoreError`] if a hash can't be read.
    pub fn prove(&mut self, index: u64) -> Result<Proof, StoreError> {
        let hashes = match self.tree.filter(|tree| index >= tree.base()) {
            Some(tree) => inclusion_proof(index, tree.size(), tree).map_err(damaged)?,
            None => self.stored.prove_inclusion(index)?,
        };
        Ok(Proof { extra: None, index, hashes, checkpoint: self.checkpoint.clone() })
    }
}

fn damaged(error: countersign::Error) -> StoreError {
    StoreError::Damaged(error.into_message())
}
