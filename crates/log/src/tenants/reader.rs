//! A reader of one tenant log, whose newest state is the head in the newest published tick.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Evidence, KeyLookup, Life};
use countersign::merkle::Tile;
use countersign::note::VerifierKey;
use countersign::tenant::{Anchor, HeadProof, TenantOrigin};
use countersign::time::Time;

use super::anchors::{PastHead, PastHeads};
use super::published::TenantTicks;
use super::store::{HeadHistory, MAX_ENTRIES};
use crate::export::NewestState;
use crate::store::{
    CheckpointReader, EntryReader, Erasure, ErasureReader, ForkReader, Published, Reader, StoreError,
    StoredLeaf,
};

/// A reader of one tenant log.
///
/// Its checkpoints are heads. The tenant log can have more entries than the newest head, which are not published yet.
pub struct TenantReader {
    /// The tenant log's entries.
    entries: Arc<dyn Reader>,
    root_log: Arc<dyn Reader>,
    ticks: TenantTicks,
    /// The heads at earlier ticks.
    history: Arc<dyn HeadHistory>,
    /// The newest head that was requested.
    newest: Mutex<Option<NewestHead>>,
    /// The log's origin, if the reader shows what is stored rather than what was published.
    stored: Option<TenantOrigin>,
}

/// A head with the root log's checkpoint that proves it.
struct NewestHead {
    checkpoint: Arc<Published>,
    head: Published,
}

impl TenantReader {
    /// Creates a reader from those of the tenant log's entries and of its root log.
    pub fn new(
        entries: Arc<dyn Reader>,
        root_log: Arc<dyn Reader>,
        ticks: TenantTicks,
        history: Arc<dyn HeadHistory>,
    ) -> Self {
        Self { entries, root_log, ticks, history, newest: Mutex::default(), stored: None }
    }

    /// Makes it a reader of what is stored, for a log whose entries contradict its newest head, or before a tick is
    /// published. Its checkpoints are the kept heads of stored entries.
    #[must_use]
    pub fn of_stored(self, origin: TenantOrigin) -> Self {
        Self { stored: Some(origin), ..self }
    }

    /// Returns the kept heads of these sizes that the stored entries have. Heads that can't be proven don't count.
    fn stored_heads(&self, origin: &TenantOrigin, sizes: Range<u64>) -> Result<Vec<Published>, StoreError> {
        let heads = PastHeads { entries: &*self.entries, root_log: &*self.root_log, origin: origin.clone() };
        let stored = self.entries.size()?;
        let mut found = Vec::new();
        for head in self.history.kept_heads(sizes)?.into_iter().filter(|head| head.size <= stored) {
            match self.kept_head(&heads, head) {
                Ok(head) => found.extend(head),
                Err(StoreError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Returns the announced ticks.
    pub const fn ticks(&self) -> &TenantTicks {
        &self.ticks
    }

    /// Returns the means to prove heads at earlier ticks. `None` if no tick is published yet.
    fn past_heads(&self) -> Option<PastHeads<'_>> {
        let newest = self.ticks.newest()?;
        let origin = TenantOrigin::new(newest.directory.root_origin(), *self.ticks.id())?;
        Some(PastHeads { entries: &*self.entries, root_log: &*self.root_log, origin })
    }

    /// Returns a kept head with its proof. `None` if the root log's checkpoint of its tick isn't kept.
    fn kept_head(&self, heads: &PastHeads<'_>, head: PastHead) -> Result<Option<Published>, StoreError> {
        let root_size = head.tick + 1;
        let Some(checkpoint) = self.root_log.checkpoints(root_size..root_size + 1)?.pop() else {
            return Ok(None);
        };
        let (at, witnessed, signed) = (checkpoint.at, checkpoint.witnessed, checkpoint.state().checkpoint()?);
        let Some(anchor) = heads.prove(vec![head], root_size)?.pop() else { return Ok(None) };
        let proof = HeadProof { anchor, checkpoint: signed };
        if proof.check().is_err() {
            let message = format!("the checkpoint of {root_size} entries differs from the root log");
            return Err(StoreError::Damaged(message));
        }
        Ok(Some(Published { size: proof.head().size, note: proof.to_string(), at, witnessed }))
    }
}

impl EntryReader for TenantReader {
    /// Returns the number of entries in the newest published head, or of stored entries.
    fn size(&self) -> Result<u64, StoreError> {
        if self.stored.is_some() {
            return self.entries.size();
        }
        Ok(self.ticks.live_state().map_or(0, |state| state.size))
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        self.entries.tile(tile)
    }

    fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
        self.entries.leaf_hash(index)
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        self.entries.leaves(range)
    }

    fn leaves_with_events(&self, range: Range<u64>) -> Result<Vec<StoredLeaf>, StoreError> {
        self.entries.leaves_with_events(range)
    }

    fn index_of(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError> {
        self.entries.index_of(chain, seq)
    }

    fn notes(&self, leaves: Range<u64>) -> Result<Vec<u64>, StoreError> {
        self.entries.notes(leaves)
    }
}

impl CheckpointReader for TenantReader {
    fn published(&self) -> Result<Option<Published>, StoreError> {
        if let Some(origin) = &self.stored {
            return Ok(self.stored_heads(origin, 0..MAX_ENTRIES + 1)?.pop());
        }
        let Some(tick) = self.ticks.newest() else { return Ok(None) };
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newest) = newest.as_ref().filter(|it| Arc::ptr_eq(&it.checkpoint, &tick.checkpoint)) {
            return Ok(Some(newest.head.clone()));
        }
        let Some(proof) = tick.head_proof(self.ticks.id(), &*self.root_log)? else { return Ok(None) };
        let Published { at, witnessed, .. } = *tick.checkpoint;
        let head = Published { size: proof.head().size, note: proof.to_string(), at, witnessed };
        *newest = Some(NewestHead { checkpoint: tick.checkpoint.clone(), head: head.clone() });
        Ok(Some(head))
    }

    fn checkpoints(&self, sizes: Range<u64>) -> Result<Vec<Published>, StoreError> {
        if let Some(origin) = &self.stored {
            return self.stored_heads(origin, sizes);
        }
        let Some(heads) = self.past_heads() else { return Ok(Vec::new()) };
        let newest = self.published()?;
        let mut found = Vec::new();
        for head in self.history.kept_heads(sizes.clone())? {
            found.extend(self.kept_head(&heads, head)?);
        }
        found.extend(newest.filter(|newest| sizes.contains(&newest.size)));
        Ok(found)
    }

    fn anchors(&self, ticks: &[u64], root_size: u64) -> Result<Vec<Anchor>, StoreError> {
        let Some(heads) = self.past_heads() else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for tick in ticks {
            found.extend(self.history.anchor(*tick)?);
        }
        heads.prove(found, root_size)
    }

    fn seen_first(&self) -> Result<Option<Published>, StoreError> {
        Ok(None)
    }
}

impl NewestState for Arc<TenantReader> {
    fn newest(&self) -> Result<Option<Published>, StoreError> {
        self.published()
    }
}

impl ForkReader for TenantReader {
    fn evidence(&self) -> Result<Vec<(Time, Evidence)>, StoreError> {
        self.entries.evidence()
    }
}

impl ErasureReader for TenantReader {
    fn erasures(&self, before: Option<u64>, max: u64) -> Result<Vec<Erasure>, StoreError> {
        self.entries.erasures(before, max)
    }

    fn unfinished_erasures(&self) -> Result<Vec<u64>, StoreError> {
        self.entries.unfinished_erasures()
    }
}

impl KeyLookup for TenantReader {
    type Error = StoreError;

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, StoreError> {
        self.entries.key_of(chain)
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        self.entries.life(key)
    }

    fn knows(&self, key: &VerifierKey) -> Result<bool, StoreError> {
        self.entries.knows(key)
    }

    fn has_note(&self, hash: &Hash) -> Result<bool, StoreError> {
        self.entries.has_note(hash)
    }
}
