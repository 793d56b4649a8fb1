//! Where a log keeps what it took.
//!
//! A store has two halves. The [`Writer`] belongs to the sequencer's thread alone, so that there is one order of
//! things; the [`Reader`] is shared by all who answer requests. Calls block: they are made from threads that may wait.

use std::ops::Range;

use countersign::hash::Hash;
use countersign::link::{ChainId, Link};
use countersign::log::{Evidence, Growth, Known, Life, SaltedEvent, Storage};
use countersign::merkle::{CompactRange, Grown, Tile};
use countersign::note::VerifierKey;
use countersign::time::Time;

/// Both halves of a store, opened.
pub struct Store {
    /// The sequencer's.
    pub writer: Box<dyn Writer>,
    /// Everyone's.
    pub reader: std::sync::Arc<dyn Reader>,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, the database or the object store failed. It may work later.
    #[error("{doing}: {cause}")]
    Unavailable {
        /// What was being done, for people.
        doing: &'static str,
        /// What the layer below said.
        cause: String,
    },
    /// What is stored contradicts itself: it was damaged, or written by something else.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The log signs nothing more.
    #[error("{0}")]
    Stopped(std::sync::Arc<crate::stop::SigningStop>),
}

impl StoreError {
    /// A failure of the layer below.
    pub fn unavailable(doing: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::Unavailable { doing, cause: cause.to_string() }
    }
}

/// Why a growth was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another server of the same log committed first, and nothing of this is stored. The writer has caught up with it: take the submissions again
    /// on top of what there is now.
    #[error("another server of this log committed first")]
    Overtaken,
    /// The store failed. In a bucket it may be stored yet, whole, some time: submitting it again tells.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

/// A checkpoint that the log published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The number of leaves.
    pub size: u64,
    /// The signed note, perhaps with cosignatures.
    pub note: String,
    /// When it was published, by the server's clock.
    pub at: Time,
    /// Whether its cosignatures meet the quorum that the log asks for; so too where it asks for none.
    pub witnessed: bool,
}

/// An erasure that the log recorded on its own chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The index of the leaf that records it.
    pub record: u64,
    /// When it was done; none where some of it may still be to do.
    pub done: Option<Time>,
}

/// The sequencer's half: the only one that changes anything.
pub trait Writer: Send {
    /// How many leaves are durable.
    fn size(&self) -> u64;

    /// The right edge of the tree over them.
    ///
    /// # Errors
    /// The store's own, as for all of these.
    fn edge(&self) -> Result<CompactRange, StoreError>;

    /// What is known of the leaves that are durable.
    fn state(&self) -> &dyn Storage<Error = StoreError>;

    /// Whether a checkpoint may be signed before its leaves are committed: only where no other server can be first.
    fn signs_before_commit(&self) -> bool {
        true
    }

    /// Makes leaves durable, all or none, with what follows from them: when this returns they survive a crash. `tree`
    /// holds the hashes that they complete. With `publish` the checkpoint is published in the same step. `erasures` are the
    /// leaves among them that record an erasure: in the same step each becomes one that is to be done.
    ///
    /// # Errors
    /// [`CommitError`].
    fn commit(
        &mut self,
        growth: &Growth,
        tree: &Grown,
        publish: Option<&Published>,
        erasures: &[u64],
    ) -> Result<(), CommitError>;

    /// Publishes a checkpoint of leaves that are durable. Of those published within one hour the last
    /// witnessed one is kept for exports, and the newest of all.
    ///
    /// # Errors
    /// The store's own.
    fn publish(&mut self, published: &Published) -> Result<(), StoreError>;

    /// How many leaves the largest tree has that is remembered to be signed: the next commit says so beside its leaves.
    fn note_signed(&mut self, _size: u64) {}

    /// Forgets what commits said of that.
    ///
    /// # Errors
    /// The store's own.
    fn forget_signed(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// What the newest commit said of that, if one did.
    ///
    /// # Errors
    /// The store's own.
    fn noted_signed(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    /// Catches up with what other servers of the same log committed, and gives the size.
    ///
    /// # Errors
    /// The store's own.
    fn catch_up(&mut self) -> Result<u64, StoreError> {
        Ok(self.size())
    }

    /// The leaves whose events were erased while catching up, since this was asked last: what others derived from them
    /// goes too.
    fn erased_meanwhile(&mut self) -> Vec<u64> {
        Vec::new()
    }

    /// Keeps the evidence of a fork.
    ///
    /// # Errors
    /// The store's own.
    fn keep_evidence(&mut self, evidence: &Evidence, at: Time) -> Result<(), StoreError>;

    /// Erases the events of these leaves, salts and bytes, for good, and gives how many there were: when this
    /// returns, the bytes are in no file of the store.
    ///
    /// # Errors
    /// The store's own. Some may be erased then, and it can be asked again.
    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError>;

    /// Notes that an erasure is done.
    ///
    /// # Errors
    /// The store's own.
    fn finish_erasure(&mut self, record: u64, at: Time) -> Result<(), StoreError>;

    /// Notes the erasures that this key recorded in the store before the store kept account of them. Their records are
    /// looked for once.
    ///
    /// # Errors
    /// The store's own.
    fn find_erasures(&mut self, key: &VerifierKey) -> Result<(), StoreError>;
}

/// A leaf's bytes, with what the store has of its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLeaf {
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The event.
    pub event: StoredEvent,
}

impl StoredLeaf {
    /// The link that it is, if it is one.
    pub fn link(&self) -> Option<Link> {
        link(&self.leaf)
    }
}

/// The link that a leaf is, if it is one.
pub fn link(leaf: &[u8]) -> Option<Link> {
    str::from_utf8(leaf).ok().and_then(|text| Link::parse(text).ok())
}

/// What a store has of a leaf's event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredEvent {
    /// There is none: it is no event link, or its event was not brought.
    None,
    /// It was erased.
    Erased,
    /// Here it is.
    Here(SaltedEvent),
}

/// Everyone's half.
pub trait Reader: Send + Sync {
    /// How many leaves are durable. They may not be published yet.
    ///
    /// # Errors
    /// The store's own, as for all of these.
    fn size(&self) -> Result<u64, StoreError>;

    /// The newest published checkpoint.
    ///
    /// # Errors
    /// The store's own.
    fn published(&self) -> Result<Option<Published>, StoreError>;

    /// The kept checkpoints of these sizes, in ascending order: for each hour in which the log grew the last one, and
    /// the newest.
    ///
    /// # Errors
    /// The store's own.
    fn checkpoints(&self, sizes: Range<u64>) -> Result<Vec<Published>, StoreError>;

    /// The newest checkpoint as witnesses saw it first, where they saw it again since.
    ///
    /// # Errors
    /// The store's own.
    fn seen_first(&self) -> Result<Option<Published>, StoreError>;

    /// A tile's hashes, 32 bytes each, as wide as asked for; `None` when the tree does not have it.
    ///
    /// # Errors
    /// The store's own.
    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError>;

    /// The leaves of a range, without their events. Ask for a bundle's worth at a time.
    ///
    /// # Errors
    /// The store's own; [`StoreError::Damaged`] when one is missing.
    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError>;

    /// The leaves of a range with their events. Ask for a bundle's worth at a time.
    ///
    /// # Errors
    /// The store's own; [`StoreError::Damaged`] when one is missing.
    fn leaves_with_events(&self, range: Range<u64>) -> Result<Vec<StoredLeaf>, StoreError>;

    /// The index of a chain's link.
    ///
    /// # Errors
    /// The store's own.
    fn index_of(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError>;

    /// The key's text of a chain that the log has.
    ///
    /// # Errors
    /// The store's own.
    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, StoreError>;

    /// What the log's key notes say about a key.
    ///
    /// # Errors
    /// The store's own.
    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError>;

    /// Whether the log has the key note with this leaf hash.
    ///
    /// # Errors
    /// The store's own.
    fn has_note(&self, hash: &Hash) -> Result<bool, StoreError>;

    /// The indexes of the key notes among these leaves, ascending.
    ///
    /// # Errors
    /// The store's own.
    fn notes(&self, leaves: Range<u64>) -> Result<Vec<u64>, StoreError>;

    /// The evidence of forks, oldest first, with when it came.
    ///
    /// # Errors
    /// The store's own.
    fn evidence(&self) -> Result<Vec<(Time, Evidence)>, StoreError>;

    /// The newest erasures, at most so many, newest first; with `before` those recorded before that leaf.
    ///
    /// # Errors
    /// The store's own.
    fn erasures(&self, before: Option<u64>, most: u64) -> Result<Vec<Erasure>, StoreError>;

    /// The records of the erasures that are not done, ascending.
    ///
    /// # Errors
    /// The store's own.
    fn unfinished_erasures(&self) -> Result<Vec<u64>, StoreError>;

    /// The leaf hash at an index.
    ///
    /// # Errors
    /// The store's own; [`StoreError::Damaged`] when it is missing.
    fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError>;
}

impl Known for dyn Reader {
    type Error = StoreError;

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, StoreError> {
        Reader::key_of(self, chain)
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        Reader::life(self, key)
    }

    fn has_note(&self, hash: &Hash) -> Result<bool, StoreError> {
        Reader::has_note(self, hash)
    }
}
