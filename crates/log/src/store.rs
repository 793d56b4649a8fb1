//! Storage for a log: its entries, its checkpoints, the evidence of forks that it rejected, and its erasures.
//!
//! A store has two halves. The [`Writer`] belongs to the sequencer's thread alone, so changes have one order. The
//! [`Reader`] is shared by all threads that answer requests. Each half consists of traits with one concern each, and
//! callers take the trait that they need:
//!
//! | concern | sequencer's half | readers' half |
//! | --- | --- | --- |
//! | entries | [`EntryWriter`] | [`EntryReader`] |
//! | keys and chains that entries are accepted for | [`EntryWriter::state`] | [`KeyLookup`] |
//! | published checkpoints | [`CheckpointWriter`] | [`CheckpointReader`] |
//! | the size that was signed | [`SignedHeadStore`] | |
//! | rejected forks | [`ForkWriter`] | [`ForkReader`] |
//! | erasures | [`ErasureWriter`] | [`ErasureReader`] |
//!
//! # Contract
//!
//! This holds for every method, unless the method says otherwise:
//!
//! - Calls block. Call them from threads that may wait.
//! - A change is durable when its method returns `Ok`: it survives the end of the process, and of the machine. In
//!   a bucket, a power failure may undo what only the server's index has: which erasures are finished, and the size in
//!   [`SignedHeadStore`].
//! - Changes take effect in the order of the calls. A reader that is called after a change returned sees the change.
//! - [`StoreError::Unavailable`] means that the disk, the database or the object store failed; you can repeat the call.
//!   [`StoreError::Damaged`] means that what is stored contradicts itself, or that an entry is missing. A store
//!   never returns [`StoreError::Stopped`].
//! - A change that returned an error may have taken effect in part, and repeating it completes it.

#![allow(clippy::missing_errors_doc, reason = "the contract states the errors of all methods")]

use std::ops::Range;

use countersign::checkpoint::SignedCheckpoint;
use countersign::export::writer::Writer as LineWriter;
use countersign::hash::Hash;
use countersign::link::{ChainId, Link};
use countersign::log::{Evidence, KeyLookup, PendingBatch, SaltedEvent, Storage};
use countersign::merkle::{CompactRange, PendingTree, Tile};
use countersign::note::VerifierKey;
use countersign::tenant::{Anchor, HeadProof};
use countersign::time::Time;

use crate::part::{Failure, Part};

/// The two halves of an open store.
pub struct Store {
    /// The half for the sequencer.
    pub writer: Box<dyn Writer>,
    /// The half for everyone else.
    pub reader: std::sync::Arc<dyn Reader>,
}

/// An error of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, the database, or the object store failed. A later call may succeed.
    #[error("{doing}: {cause}")]
    Unavailable {
        /// The operation that failed, as a gerund.
        doing: &'static str,
        /// The part that failed.
        part: Part,
        /// The error of the layer below.
        cause: String,
    },
    /// The stored data contradicts itself: it is corrupt, or was written by something else.
    #[error("the stored data of the log is inconsistent: {0}")]
    Damaged(String),
    /// The log's journal can't be written, and the log waits for it. The database may have what the journal lacks.
    #[error("the journal can't be used: {0}")]
    Journal(String),
    /// The log stopped signing.
    #[error("{0}")]
    Stopped(std::sync::Arc<crate::stop::SigningStop>),
}

impl StoreError {
    /// Creates an error from a failure of this part.
    pub fn failed(part: Part, doing: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::Unavailable { doing, part, cause: cause.to_string() }
    }

    /// Creates an error from a failure of the server itself: it is stopping, on standby, or has an internal error.
    pub fn unavailable(doing: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::failed(Part::Server, doing, cause)
    }

    /// Creates an error from a failure of the disk, or of what is stored on it.
    pub fn disk(doing: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::failed(Part::Disk, doing, cause)
    }

    /// Creates an error from a failure of the bucket.
    pub fn bucket(doing: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::failed(Part::Bucket, doing, cause)
    }

    /// Creates an error from a wrong clock.
    pub fn clock(doing: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::failed(Part::Clock, doing, cause)
    }

    /// Returns the part that failed.
    pub fn part(&self) -> Part {
        match self {
            Self::Unavailable { part, .. } => *part,
            Self::Damaged(_) => Part::Data,
            Self::Journal(_) => Part::Journal,
            Self::Stopped(_) => Part::Signing,
        }
    }

    /// Returns the failure.
    pub fn failure(&self) -> Failure {
        Failure { part: self.part(), message: self.to_string() }
    }
}

/// The reason why a batch was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another server of the same log committed first, and nothing of this batch is stored. The writer has caught up
    /// with that server: submit the entries again after the ones it committed.
    #[error("another server of this log committed first")]
    Overtaken,
    /// The store failed. In a bucket, the whole batch may still be stored later: submit it again to find out.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

impl CommitError {
    /// Converts the error of a commit that no other server can overtake, or that isn't repeated.
    pub fn into_store_error(self, doing: &'static str) -> StoreError {
        match self {
            Self::Failed(error) => error,
            Self::Overtaken => StoreError::bucket(doing, self),
        }
    }
}

/// A state that the log published: a checkpoint, or the head of a tenant log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The number of entries.
    pub size: u64,
    /// The checkpoint as a signed note, possibly with cosignatures, or the head's proof. [`Self::state`] tells them
    /// apart.
    pub note: String,
    /// The time of publication, by the server's clock.
    pub at: Time,
    /// True if its cosignatures meet the quorum that the log requires, or if it requires none.
    pub witnessed: bool,
}

impl Published {
    /// Returns the text that proves this state.
    pub fn state(&self) -> ProvenState<'_> {
        // The first line of a checkpoint is an origin, which has no spaces.
        if HeadProof::is_head(&self.note) {
            ProvenState::Head(&self.note)
        } else {
            ProvenState::Checkpoint(&self.note)
        }
    }
}

/// The text that proves a published state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvenState<'p> {
    /// The signed checkpoint of an ordinary log.
    Checkpoint(&'p str),
    /// The head proof of a tenant log.
    Head(&'p str),
}

impl ProvenState<'_> {
    /// Writes the line of an export.
    pub fn write_to(&self, writer: &mut LineWriter) {
        match self {
            Self::Checkpoint(checkpoint) => writer.checkpoint(checkpoint),
            Self::Head(head) => writer.head(head),
        }
    }

    /// Returns the signed checkpoint that decides when the state existed. For a head, it is the root log's.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the text can't be parsed.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, StoreError> {
        match self {
            Self::Checkpoint(checkpoint) => SignedCheckpoint::parse(checkpoint),
            Self::Head(head) => HeadProof::parse(head).map(|proof| proof.checkpoint),
        }
        .map_err(damaged)
    }

    /// Returns the tick of a head; `None` for a checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the head proof can't be parsed.
    pub fn tick(&self) -> Result<Option<u64>, StoreError> {
        match self {
            Self::Checkpoint(_) => Ok(None),
            Self::Head(head) => Ok(Some(HeadProof::parse(head).map_err(damaged)?.anchor.tick)),
        }
    }
}

fn damaged(error: countersign::Error) -> StoreError {
    StoreError::Damaged(error.into_message())
}

/// An erasure that the log recorded on its own chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The index of the entry that records it.
    pub record: u64,
    /// The time at which it was completed; `None` if some of it may remain to do.
    pub done: Option<Time>,
}

/// Entries to commit in one step, and all that becomes durable with them.
#[derive(Clone, Copy)]
pub struct Batch<'b> {
    /// The entries, and what they change in chains and keys.
    pub growth: &'b PendingBatch,
    /// The hashes that the entries complete.
    pub tree: &'b PendingTree,
    /// The checkpoint to publish in the same step. Only for a store that [signs before it
    /// commits](EntryWriter::signs_before_commit).
    pub publish: Option<&'b Published>,
    /// The indexes of those entries that record an erasure: each becomes an unfinished erasure.
    pub erasures: &'b [u64],
    /// The number of entries of the largest signed tree that is durably remembered apart from the store. See
    /// [`SignedHeadStore`].
    pub signed_size: Option<u64>,
}

/// Appends entries.
pub trait EntryWriter: Send {
    /// Returns the number of durable entries.
    fn size(&self) -> u64;

    /// Returns the right edge of the tree over the durable entries.
    fn edge(&self) -> Result<CompactRange, StoreError>;

    /// Returns the chains, keys, and links of the durable entries, against which submissions are judged.
    fn state(&self) -> &dyn Storage<Error = StoreError>;

    /// True if a checkpoint may be signed before its entries are committed: no other server can commit first.
    fn signs_before_commit(&self) -> bool {
        true
    }

    /// Appends the batch's entries, all or none, and with them everything else in the batch.
    ///
    /// # Errors
    /// [`CommitError::Overtaken`]: nothing of the batch is stored. [`CommitError::Failed`]: nothing is stored, except
    /// that in a bucket the whole batch may be. The next call finds out, and returns [`CommitError::Overtaken`] if it
    /// is.
    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), CommitError>;

    /// Applies what other servers of the same log committed, and returns the new size.
    fn catch_up(&mut self) -> Result<u64, StoreError> {
        Ok(self.size())
    }
}

/// Publishes checkpoints.
pub trait CheckpointWriter: Send {
    /// Publishes a checkpoint of durable entries. Of those published within one hour, the last witnessed one
    /// is kept for exports; the newest is always kept.
    fn publish(&mut self, published: &Published) -> Result<(), StoreError>;
}

/// Stores, next to the entries, the largest signed size that is remembered outside the store
/// ([`SignedHeadMemory`](crate::signed_memory::SignedHeadMemory)). If the store has a larger size than that
/// memory, the memory was lost.
///
/// [`EntryWriter::commit`] writes the size in the same step as the entries; a batch without a size keeps the
/// earlier one.
pub trait SignedHeadStore: Send {
    /// Returns the size that the newest batch with a size had.
    fn signed_size(&self) -> Result<Option<u64>, StoreError>;

    /// Deletes that size, for use when the record apart from the store starts again from nothing.
    fn forget_signed_size(&mut self) -> Result<(), StoreError>;
}

/// The part of a sequencer's store that is needed to sign and publish checkpoints. Every sequencer has one, an ordinary
/// log's in its [`Writer`].
pub trait TreeStore: CheckpointWriter + SignedHeadStore {
    /// Returns the number of durable entries.
    fn size(&self) -> u64;

    /// Returns the right edge of the tree over the durable entries.
    fn edge(&self) -> Result<CompactRange, StoreError>;

    /// Applies what other servers of the same log committed, and returns the new size.
    fn catch_up(&mut self) -> Result<u64, StoreError> {
        Ok(self.size())
    }
}

impl<W: EntryWriter + CheckpointWriter + SignedHeadStore + ?Sized> TreeStore for W {
    fn size(&self) -> u64 {
        EntryWriter::size(self)
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        EntryWriter::edge(self)
    }

    fn catch_up(&mut self) -> Result<u64, StoreError> {
        EntryWriter::catch_up(self)
    }
}

/// Keeps the evidence of rejected forks.
pub trait ForkWriter: Send {
    /// Keeps the evidence of a fork with the time of its arrival. The store may drop evidence that it has already, and
    /// evidence beyond its limit for one chain.
    fn keep_evidence(&mut self, evidence: &Evidence, at: Time) -> Result<(), StoreError>;
}

/// Erases events, and keeps track of erasures. [`EntryWriter::commit`] begins an erasure, in the same step as
/// the entry that records it.
pub trait ErasureWriter: Send {
    /// Erases the salts and bytes of these entries' events, and returns how many events there were. When this returns,
    /// they are in no file of the store.
    ///
    /// # Errors
    /// [The contract](self#contract) applies. Some events may be erased after an error.
    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError>;

    /// Marks the erasure that this entry records as done.
    fn finish_erasure(&mut self, record: u64, at: Time) -> Result<(), StoreError>;

    /// Begins the erasures whose records, on chains of this key, predate the store's list of erasures. The
    /// store looks for them once.
    fn find_erasures(&mut self, key: &VerifierKey) -> Result<(), StoreError>;

    /// Removes and returns the indexes of the entries whose events [`EntryWriter::catch_up`] erased since the last
    /// call. Data derived from these events has to be erased too.
    fn erased_meanwhile(&mut self) -> Vec<u64> {
        Vec::new()
    }
}

/// The sequencer's half of a store, and the only one that changes anything.
pub trait Writer: EntryWriter + CheckpointWriter + SignedHeadStore + ForkWriter + ErasureWriter {}

impl<W: EntryWriter + CheckpointWriter + SignedHeadStore + ForkWriter + ErasureWriter> Writer for W {}

/// An entry's bytes, with its event if the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLeaf {
    /// The entry's bytes.
    pub leaf: Vec<u8>,
    /// The event, if the store has it.
    pub event: StoredEvent,
}

impl StoredLeaf {
    /// Returns the entry as a link, if it is one.
    pub fn link(&self) -> Option<Link> {
        link(&self.leaf)
    }
}

/// Parses an entry as a link, if it is one.
pub fn link(leaf: &[u8]) -> Option<Link> {
    str::from_utf8(leaf).ok().and_then(|text| Link::parse(text).ok())
}

/// The event of an entry in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredEvent {
    /// No event: the entry is not an event link, or its event was never submitted.
    None,
    /// The event was erased.
    Erased,
    /// The event with its salt.
    Here(SaltedEvent),
}

/// Reads entries, and finds them.
pub trait EntryReader: Send + Sync {
    /// Returns the number of durable entries. They may not be published yet.
    fn size(&self) -> Result<u64, StoreError>;

    /// Returns a tile's hashes, 32 bytes each, as wide as the tile says; `None` if the tree doesn't have it.
    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns the leaf hash at an index.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if there is no such entry.
    fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError>;

    /// Returns the entries of a range, without their events. Ask for a bundle's worth at a time.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if one is missing.
    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Returns the entries of a range with their events. Ask for a bundle's worth at a time.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if one is missing.
    fn leaves_with_events(&self, range: Range<u64>) -> Result<Vec<StoredLeaf>, StoreError>;

    /// Returns the index of a chain's link.
    fn index_of(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError>;

    /// Returns the indexes of the key notes in a range, ascending.
    fn notes(&self, leaves: Range<u64>) -> Result<Vec<u64>, StoreError>;
}

/// Reads published checkpoints.
pub trait CheckpointReader: Send + Sync {
    /// Returns the newest checkpoint.
    fn published(&self) -> Result<Option<Published>, StoreError>;

    /// Returns the stored checkpoints with these sizes in ascending order: the last one of each hour in which the log
    /// grew, and the newest one. Those of a tenant log are heads. If the newest head has the size of another one, it
    /// comes after it.
    fn checkpoints(&self, sizes: Range<u64>) -> Result<Vec<Published>, StoreError>;

    /// Returns the newest checkpoint with its first cosignatures, if witnesses have cosigned it again since.
    fn seen_first(&self) -> Result<Option<Published>, StoreError>;

    /// Returns a tenant log's heads at those of these ticks that are stored as anchors, in ascending order (SPEC section
    /// 16.5). Their inclusion proofs lead to the root log of `root_size` entries. Other logs have none.
    fn anchors(&self, _ticks: &[u64], _root_size: u64) -> Result<Vec<Anchor>, StoreError> {
        Ok(Vec::new())
    }
}

/// Reads the evidence of rejected forks.
pub trait ForkReader: Send + Sync {
    /// Returns all evidence, oldest first, each with the time of its arrival.
    fn evidence(&self) -> Result<Vec<(Time, Evidence)>, StoreError>;
}

/// Reads the progress of erasures.
pub trait ErasureReader: Send + Sync {
    /// Returns the latest `max` erasures, newest first. With `before`, only those that an entry before that one
    /// records.
    fn erasures(&self, before: Option<u64>, max: u64) -> Result<Vec<Erasure>, StoreError>;

    /// Returns the indexes of the entries that record unfinished erasures, in ascending order.
    fn unfinished_erasures(&self) -> Result<Vec<u64>, StoreError>;
}

/// The half of a store that all readers share.
pub trait Reader:
    EntryReader + CheckpointReader + ForkReader + ErasureReader + KeyLookup<Error = StoreError>
{
}

impl<R: EntryReader + CheckpointReader + ForkReader + ErasureReader + KeyLookup<Error = StoreError>> Reader
    for R
{
}
