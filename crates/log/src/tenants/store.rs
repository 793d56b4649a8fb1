//! Storage for the tenant logs of one root log (SPEC section 16).
//!
//! It has two halves, as a [store of an ordinary log](crate::store) has, and its contract applies here too. One
//! database contains the root log and all tenant logs, so that a tick becomes durable in one step. Entries are
//! committed at ticks only. All indexes and sizes are those of the log that they belong to.

#![allow(clippy::missing_errors_doc, reason = "the contract states the errors of all methods")]

use std::ops::Range;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::log::{Evidence, PendingBatch, Storage};
use countersign::merkle::{CompactRange, PendingTree};
use countersign::note::VerifierKey;
use countersign::time::Time;

use super::anchors::PastHead;
use super::directory::TickDirectory;
use super::heads::SlotHead;
use super::requests::StoredRequest;
use super::root_notes::{RootNote, StoredRootNote};
use super::tenant::{Tenant, TenantId, TenantNumber};
use crate::store::{CommitError, Published, Reader, StoreError, TreeStore};

/// The maximum number of entries of a tenant log, and of the root log.
pub const MAX_ENTRIES: u64 = 1 << 32;

/// Checks that a log can have this many entries.
pub(crate) fn check_size(size: u64) -> Result<(), StoreError> {
    if size <= MAX_ENTRIES {
        return Ok(());
    }
    Err(StoreError::unavailable("committing", "the log has its maximum number of entries, 2^32"))
}

/// The two halves of an open store.
pub struct TenantStore {
    /// The half for the sequencer.
    pub writer: Box<dyn TenantWriter>,
    /// The half for everyone else.
    pub readers: Arc<dyn TenantReaders>,
}

/// Entries of one tenant log to commit at a tick.
#[derive(Clone, Copy)]
pub struct TenantGrowth<'b> {
    /// The tenant.
    pub number: TenantNumber,
    /// The entries, and what they change in chains and keys.
    pub growth: &'b PendingBatch,
    /// The hashes that the entries complete.
    pub tree: &'b PendingTree,
    /// The indexes of those entries that record an erasure: each becomes an unfinished erasure.
    pub erasures: &'b [u64],
}

/// All that becomes durable at a tick.
#[derive(Clone, Copy)]
pub struct TickBatch<'b> {
    /// The root log's new entry. Its index is the tick.
    pub entry: &'b [u8],
    /// The hashes of the root log's tree that the entry completes.
    pub root_tree: &'b PendingTree,
    /// The depth of the tick's directory.
    pub depth: u8,
    /// The tenant logs that grew, each at most once.
    pub logs: &'b [TenantGrowth<'b>],
    /// The heads that changed, including those of new tenants. The others stay as they are.
    pub heads: &'b [SlotHead],
    /// The tick's directory if it is an anchor: then it is stored, so that each head in it can be proven later.
    pub anchor: Option<&'b TickDirectory>,
    /// The root log's checkpoint to publish in the same step, for a root log without witnesses.
    pub publish: Option<&'b Published>,
    /// The size of the root log's largest signed tree that is durably remembered apart from the store. See
    /// [`SignedHeadStore`](crate::store::SignedHeadStore).
    pub signed_size: Option<u64>,
}

/// A head of a tenant log that shows when the log had its entries (SPEC section 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptHead {
    /// The tenant.
    pub number: TenantNumber,
    /// The head.
    pub head: PastHead,
}

/// The sequencer's half of a root log's store. As a [`TreeStore`], it is that of the root log.
pub trait TenantWriter: TreeStore + Send {
    /// Returns the depth of the last tick's directory, or the depth to start with before the first tick.
    fn depth(&self) -> Result<u8, StoreError>;

    /// Returns the tenants with greater numbers than `after`, ascending; all of them with 0. Tenants are created at
    /// any time, also by other processes.
    fn tenants(&self, after: u32) -> Result<Vec<Tenant>, StoreError>;

    /// Returns the requests to begin and end tenant logs that the next tick carries out: a limited number, in ascending
    /// order of the tenants' numbers. They are made at any time, also by other processes.
    fn requests(&self) -> Result<Vec<StoredRequest>, StoreError>;

    /// Returns the origin of the log that continues a tenant log which moved.
    fn moved_to(&self, number: TenantNumber) -> Result<Option<String>, StoreError>;

    /// Returns the heads as of the last tick, in ascending order of their numbers. A tenant that is in no directory yet
    /// has none.
    fn heads(&self) -> Result<Vec<SlotHead>, StoreError>;

    /// Returns the latest time of any chain's last link, in all tenant logs.
    fn latest_link(&self) -> Result<Option<Time>, StoreError>;

    /// Returns the number of a tenant log's stored entries. It is that of its last head, unless rows were lost or added.
    fn size_of(&self, number: TenantNumber) -> Result<u64, StoreError>;

    /// Returns the right edge of a tenant log's tree, which has `size` entries.
    fn edge_of(&self, number: TenantNumber, size: u64) -> Result<CompactRange, StoreError>;

    /// Returns the chains, keys, and links of a tenant log's durable entries, against which submissions are judged.
    fn state(&self, number: TenantNumber) -> Box<dyn Storage<Error = StoreError> + '_>;

    /// True if a checkpoint may be signed and published with the tick: no other server can commit first.
    fn signs_before_commit(&self) -> bool {
        true
    }

    /// Fails if another server of the log makes the ticks. This server is then on standby.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn check_active(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Prepares the next tick. On standby, follows the server that makes the ticks, and takes over if it has made none
    /// for a while. [`TreeStore::size`] tells whether other servers made ticks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] on standby: no tick can be made now.
    fn begin_tick(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Commits a tick, all or nothing. No log has more than [`MAX_ENTRIES`] then. The tick becomes the first one
    /// ([`Tenant::since`]) of each tenant whose first head is in the batch. Deletes the requests that the batch carries
    /// out: those to begin logs that have entries now, and those to end logs with this or a later state.
    ///
    /// # Errors
    /// [`CommitError::Overtaken`]: nothing of the batch is stored, and the store has the ticks of the other server.
    /// [`CommitError::Failed`]: nothing is stored, and the same tick can be committed again, except that in a bucket
    /// the whole tick may be stored. The next call of [`begin_tick`](Self::begin_tick) finds out.
    fn commit_tick(&mut self, tick: &TickBatch<'_>) -> Result<(), CommitError>;

    /// Returns the key notes for all tenant logs, in the order in which they were added.
    fn root_notes(&self) -> Result<Vec<StoredRootNote>, StoreError>;

    /// Adds a key note for all tenant logs. A grant counts as placed. If several servers share the store, the next tick
    /// stores the note, and nothing is stored if another server makes that tick.
    fn add_root_note(&mut self, note: &RootNote) -> Result<(), StoreError>;

    /// Records that all tenant logs that need the note with this hash have it.
    fn mark_placed(&mut self, hash: &Hash) -> Result<(), StoreError>;

    /// True if a tenant log has a chain of a key, or a key note about it.
    fn has_key(&self, number: TenantNumber, key: &VerifierKey) -> Result<bool, StoreError>;

    /// Returns at most `max` of the tenants with greater numbers than `after` whose logs have a chain of a key, or a key
    /// note about it, ascending.
    fn tenants_with_key(
        &self,
        key: &VerifierKey,
        after: u32,
        max: u64,
    ) -> Result<Vec<(TenantNumber, TenantId)>, StoreError>;

    /// Deletes the directories of all anchors before tick `end`, except those of these ticks.
    fn delete_anchors(&mut self, end: u64, except: &[u64]) -> Result<(), StoreError>;

    /// Returns the tenants whose logs have entries that no kept head contains.
    fn unkept(&self) -> Result<Vec<TenantNumber>, StoreError>;

    /// Keeps heads of tenant logs. The root log's checkpoint of their tick is published.
    fn keep_heads(&mut self, heads: &[KeptHead]) -> Result<(), StoreError>;

    /// Keeps the evidence of a fork in a tenant log, as
    /// [`ForkWriter::keep_evidence`](crate::store::ForkWriter::keep_evidence) does.
    fn keep_evidence(
        &mut self,
        number: TenantNumber,
        evidence: &Evidence,
        at: Time,
    ) -> Result<(), StoreError>;

    /// Erases the events of these entries of a tenant log, as [`ErasureWriter::erase`](crate::store::ErasureWriter)
    /// does.
    fn erase(&mut self, number: TenantNumber, entries: &[u64]) -> Result<u64, StoreError>;

    /// Marks the erasure that this entry of a tenant log records as done.
    fn finish_erasure(&mut self, number: TenantNumber, record: u64, at: Time) -> Result<(), StoreError>;
}

/// The half of a root log's store that all readers share.
pub trait TenantReaders: Send + Sync {
    /// Returns the number of readers of single logs that exist. The store's connections are open as long as there is
    /// one.
    fn open_readers(&self) -> usize;

    /// Returns a reader of the root log.
    fn root(&self) -> Arc<dyn Reader>;

    /// Returns the heads as of the last tick, in ascending order of their numbers.
    fn heads(&self) -> Result<Vec<SlotHead>, StoreError>;

    /// Returns a reader of a tenant log. It has no checkpoints: a tenant log's state is proven by heads.
    fn log(&self, number: TenantNumber) -> Arc<dyn Reader>;

    /// Returns a reader of a tenant log's heads at earlier ticks.
    fn history(&self, number: TenantNumber, id: &TenantId) -> Arc<dyn HeadHistory>;

    /// Returns the tenant with an ID. It may not be in a directory yet.
    fn find(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError>;

    /// Returns the tenant with a name, which is the application's ID for it. It may not be in a directory yet.
    fn find_name(&self, name: &str) -> Result<Option<Tenant>, StoreError>;

    /// Returns at most `max` of the tenants with greater numbers than `after`, ascending.
    fn tenants(&self, after: u32, max: u64) -> Result<Vec<Tenant>, StoreError>;

    /// Returns at most `max` of the tenants with greater numbers than `after` whose logs have a chain of a key, or a key
    /// note about it, ascending.
    fn tenants_with_key(&self, key: &VerifierKey, after: u32, max: u64) -> Result<Vec<Tenant>, StoreError>;

    /// Returns the index of a key note in a tenant log.
    fn index_of_note(&self, number: TenantNumber, hash: &Hash) -> Result<Option<u64>, StoreError>;

    /// Returns those of all tenants whose logs have unfinished erasures, in ascending order of their numbers.
    fn with_unfinished_erasures(&self) -> Result<Vec<Tenant>, StoreError>;

    /// Returns the number of unfinished erasures in all tenant logs.
    fn unfinished_erasures(&self) -> Result<usize, StoreError>;
}

/// Reads the heads of one tenant log at earlier ticks.
pub trait HeadHistory: Send + Sync {
    /// Returns the head at an anchor. `None` if the anchor isn't stored, or the tenant log had no head at that tick.
    fn anchor(&self, tick: u64) -> Result<Option<PastHead>, StoreError>;

    /// Returns the kept heads with these sizes, by ascending tick.
    fn kept_heads(&self, sizes: Range<u64>) -> Result<Vec<PastHead>, StoreError>;
}
