//! Submissions on their way: read before they are taken, and proven when they are published.

use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign::link::{ChainId, Link};
use countersign::log::Kind;
use countersign::log::Submission;
use countersign::log::{AcceptanceError, SubmissionError, Taken};
use countersign::merkle::{Grown, inclusion_proof};
use countersign::proof::Proof;
use countersign::time::Time;

use crate::hashes::KeptHashes;
use crate::store::{EntryReader, Published, StoreError};

/// A submission that is durable and published.
#[derive(Clone, Debug)]
pub struct Committed {
    /// What became of it.
    pub taken: Taken,
    /// A checkpoint that holds it.
    pub published: Arc<Published>,
    /// The tree that it made grow.
    pub tree: Option<Arc<Grown>>,
}

/// Why a submission was not taken, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The log refuses it.
    #[error(transparent)]
    Refused(#[from] SubmissionError),
    /// The log refuses it, and looked no further: nothing of it is of anybody whom the log knows.
    #[error("{0}")]
    Stranger(SubmissionError),
    /// The log's clock stands outside its witnesses'. Nothing was taken: what is signed by such a clock might never
    /// verify.
    #[error("the log's clock shows {now}, {} s {} its witnesses'", (skew / 1000).unsigned_abs(), if *skew > 0 { "ahead of" } else { "behind" })]
    Clock {
        /// What it shows.
        now: Time,
        /// By how many milliseconds it is ahead; below 0 where it is behind.
        skew: i64,
    },
    /// A key brought more than it may in this time. Nothing was taken, and it can be when the time has passed.
    #[error("the key has used up what it may bring: come again in {seconds} s")]
    Quota {
        /// How long that is.
        seconds: u64,
    },
    /// Too much is waiting already. Nothing was taken.
    #[error("too much is waiting already")]
    Busy,
    /// The log signs nothing more. Nothing was acknowledged.
    #[error("{0}")]
    Stopped(Arc<crate::stop::SigningStop>),
    /// The store failed, or the log is stopping. Whether the submission was taken is told when it is sent again.
    #[error("{0}")]
    Unavailable(String),
}

impl SubmitError {
    /// Whether it is refused for what the log does not know, and may know when it has looked again.
    pub fn is_of_somebody_unknown(&self) -> bool {
        let Self::Stranger(refusal) = self else { return false };
        matches!(refusal.kind, Kind::Gap { .. } | Kind::Unauthorized)
    }

    /// The same for another submission of one commit, which is due to no submission.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Stopped(stop) => Self::Stopped(Arc::clone(stop)),
            error => Self::Unavailable(error.to_string()),
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
            error => Self::Unavailable(error.to_string()),
        }
    }
}

/// The chains that a submission opens, and their keys.
pub fn opened(submission: &Submission) -> Vec<(ChainId, countersign::note::VerifierKey)> {
    let open = |link: &Link| match link {
        Link::Open(open) => Some((open.chain, open.key.clone())),
        Link::Event(_) | Link::Close(_) => None,
    };
    submission.entries().iter().filter_map(|entry| open(entry.leaf.link()?)).collect()
}

/// How many leaves a checkpoint has at least that holds all that was taken.
pub fn size_with(taken: &Taken) -> u64 {
    let indexes = taken.chains.values().map(|tip| tip.index).chain(taken.notes.iter().map(|held| held.index));
    indexes.max().map_or(0, |last| last + 1)
}

/// Proves that leaves are in the log, each to the checkpoint that was published with a submission. All read each tile
/// once.
pub struct Prover<'c> {
    size: u64,
    checkpoint: SignedCheckpoint,
    tree: Option<&'c Grown>,
    stored: KeptHashes<'c>,
}

impl Committed {
    /// Who makes the proofs for it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the checkpoint is none.
    pub fn prover<'c>(&'c self, reader: &'c dyn EntryReader) -> Result<Prover<'c>, StoreError> {
        let size = self.published.size;
        Ok(Prover {
            size,
            checkpoint: SignedCheckpoint::parse(&self.published.note).map_err(damaged)?,
            tree: self.tree.as_deref().filter(|tree| tree.size() == size),
            stored: KeptHashes::new(reader, size),
        })
    }
}

impl Prover<'_> {
    /// The proof that the leaf at that index is in the log.
    ///
    /// # Errors
    /// The store's own.
    pub fn prove(&mut self, index: u64) -> Result<Proof, StoreError> {
        let hashes = match self.tree.filter(|tree| index >= tree.base()) {
            Some(tree) => inclusion_proof(index, self.size, tree),
            None => inclusion_proof(index, self.size, &self.stored),
        };
        let hashes = hashes.map_err(damaged)?;
        Ok(Proof { extra: None, index, hashes, checkpoint: self.checkpoint.clone() })
    }
}

fn damaged(error: countersign::Error) -> StoreError {
    StoreError::Damaged(error.into_message())
}
