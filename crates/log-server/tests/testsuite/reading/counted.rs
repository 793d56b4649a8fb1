//! A store's half for readers that counts what is read through it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Evidence, KeyLookup, Life};
use countersign::merkle::Tile;
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign_log::store::{
    CheckpointReader, EntryReader, Erasure, ErasureReader, ForkReader, Published, Reader, StoreError,
    StoredLeaf,
};

/// How much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Leaves that were read with their events.
    pub events: u64,
    /// Leaves that were read alone.
    pub leaves: u64,
    /// Places and tiles that were looked up.
    pub lookups: u64,
}

/// The reader.
pub struct CountedReader {
    inner: Arc<dyn Reader>,
    events: AtomicU64,
    leaves: AtomicU64,
    lookups: AtomicU64,
}

impl CountedReader {
    pub fn new(inner: Arc<dyn Reader>) -> Arc<Self> {
        let (events, leaves, lookups) = Default::default();
        Arc::new(Self { inner, events, leaves, lookups })
    }

    /// What was read since this was asked last.
    pub fn take(&self) -> Work {
        let take = |count: &AtomicU64| count.swap(0, Ordering::SeqCst);
        Work { events: take(&self.events), leaves: take(&self.leaves), lookups: take(&self.lookups) }
    }
}

fn count(counter: &AtomicU64, range: &Range<u64>) {
    counter.fetch_add(range.end - range.start, Ordering::SeqCst);
}

impl EntryReader for CountedReader {
    fn size(&self) -> Result<u64, StoreError> {
        self.inner.size()
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        self.inner.tile(tile)
    }

    fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        self.inner.leaf_hash(index)
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        count(&self.leaves, &range);
        self.inner.leaves(range)
    }

    fn leaves_with_events(&self, range: Range<u64>) -> Result<Vec<StoredLeaf>, StoreError> {
        count(&self.events, &range);
        self.inner.leaves_with_events(range)
    }

    fn index_of(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        self.inner.index_of(chain, seq)
    }

    fn notes(&self, leaves: Range<u64>) -> Result<Vec<u64>, StoreError> {
        self.inner.notes(leaves)
    }
}

impl CheckpointReader for CountedReader {
    fn published(&self) -> Result<Option<Published>, StoreError> {
        self.inner.published()
    }

    fn checkpoints(&self, sizes: Range<u64>) -> Result<Vec<Published>, StoreError> {
        self.inner.checkpoints(sizes)
    }

    fn seen_first(&self) -> Result<Option<Published>, StoreError> {
        self.inner.seen_first()
    }
}

impl ForkReader for CountedReader {
    fn evidence(&self) -> Result<Vec<(Time, Evidence)>, StoreError> {
        self.inner.evidence()
    }
}

impl ErasureReader for CountedReader {
    fn erasures(&self, before: Option<u64>, most: u64) -> Result<Vec<Erasure>, StoreError> {
        self.inner.erasures(before, most)
    }

    fn unfinished_erasures(&self) -> Result<Vec<u64>, StoreError> {
        self.inner.unfinished_erasures()
    }
}

impl KeyLookup for CountedReader {
    type Error = StoreError;

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, StoreError> {
        self.inner.key_of(chain)
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        self.inner.life(key)
    }

    fn has_note(&self, hash: &Hash) -> Result<bool, StoreError> {
        self.inner.has_note(hash)
    }
}
