//! The published ticks, which prove the heads that readers get (SPEC section 16.4).

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::merkle::{leaf_hash, verify_inclusion};
use countersign::tenant::{Anchor, HeadProof};
use tokio::sync::watch;

use super::directory::TickDirectory;
use super::tenant::TenantId;
use crate::export::LiveState;
use crate::hashes::CachedHashes;
use crate::store::{EntryReader, Published, StoreError};

/// A tick whose checkpoint is published.
pub struct PublishedTick {
    /// The root log's checkpoint, whose last entry is the directory.
    pub checkpoint: Arc<Published>,
    /// The directory.
    pub directory: Arc<TickDirectory>,
    proof: OnceLock<DirectoryProof>,
    /// Locked while the proof is made. All open tenant logs need it at once.
    proving: Mutex<()>,
}

/// The proof that a directory is the last entry of a checkpoint.
struct DirectoryProof {
    hashes: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

impl PublishedTick {
    /// Creates a tick from the root log's checkpoint and the directory in its last entry.
    pub const fn new(checkpoint: Arc<Published>, directory: Arc<TickDirectory>) -> Self {
        Self { checkpoint, directory, proof: OnceLock::new(), proving: Mutex::new(()) }
    }

    /// Returns the state of the tenant log with this ID. `None` if the directory doesn't have it.
    pub fn live_state(&self, id: &TenantId) -> Option<LiveState> {
        let head = self.directory.heads().find(id)?;
        Some(LiveState { size: head.size, tick: Some(self.directory.tick()), awaited: None })
    }

    /// Proves the head of the tenant log with this ID. `None` if the directory doesn't have it. `root_log` has at
    /// least the entries of the checkpoint.
    ///
    /// # Errors
    /// [`StoreError`] if the root log can't be read, or contradicts the checkpoint or the directory.
    pub fn head_proof(
        &self,
        id: &TenantId,
        root_log: &dyn EntryReader,
    ) -> Result<Option<HeadProof>, StoreError> {
        let Some((head, salt, siblings)) = self.directory.prove(id) else { return Ok(None) };
        let DirectoryProof { hashes, checkpoint } = self.directory_proof(root_log)?;
        let (tick, time) = (self.directory.tick(), self.directory.time());
        let anchor = Anchor { head, salt, time, siblings, tick, hashes: hashes.clone() };
        Ok(Some(HeadProof { anchor, checkpoint: checkpoint.clone() }))
    }

    /// Returns the proof of the directory, which is the same for all tenant logs. It is made once.
    fn directory_proof(&self, root_log: &dyn EntryReader) -> Result<&DirectoryProof, StoreError> {
        if let Some(proof) = self.proof.get() {
            return Ok(proof);
        }
        let _proving = self.proving.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(proof) = self.proof.get() {
            return Ok(proof);
        }
        let proof = self.prove_directory(root_log)?;
        Ok(self.proof.get_or_init(|| proof))
    }

    fn prove_directory(&self, root_log: &dyn EntryReader) -> Result<DirectoryProof, StoreError> {
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let checkpoint = self.checkpoint.state().checkpoint()?;
        let (tick, size) = (self.directory.tick(), checkpoint.checkpoint.size);
        if tick + 1 != size {
            let message = format!("the directory of tick {tick} is not the last of {size} entries");
            return Err(StoreError::Damaged(message));
        }
        let hashes = CachedHashes::new(root_log, size).prove_inclusion(tick)?;
        let leaf = leaf_hash(self.directory.entry().to_string().as_bytes());
        verify_inclusion(tick, size, &leaf, &hashes, &checkpoint.checkpoint.root).map_err(damaged)?;
        Ok(DirectoryProof { hashes, checkpoint })
    }
}

/// The announced ticks, as one tenant log sees them.
#[derive(Clone)]
pub struct TenantTicks {
    ticks: watch::Receiver<Option<Arc<PublishedTick>>>,
    id: TenantId,
}

impl TenantTicks {
    /// Watches the ticks for the tenant log with this ID.
    pub const fn new(ticks: watch::Receiver<Option<Arc<PublishedTick>>>, id: TenantId) -> Self {
        Self { ticks, id }
    }

    /// Returns the tenant log's ID.
    pub const fn id(&self) -> &TenantId {
        &self.id
    }

    /// Returns the newest tick. The tenant log may be younger.
    pub fn newest(&self) -> Option<Arc<PublishedTick>> {
        self.ticks.borrow().clone()
    }

    /// Returns the newest state of the tenant log; `None` if no published tick has it yet.
    pub fn live_state(&self) -> Option<LiveState> {
        self.ticks.borrow().as_ref().and_then(|tick| tick.live_state(&self.id))
    }

    /// Waits until the newest published tick has entries that a live view lacks.
    ///
    /// # Errors
    /// If there will be no more ticks.
    pub async fn wait_for_entries(&mut self, view: LiveState) -> Result<(), watch::error::RecvError> {
        let id = self.id;
        let has_entries = |tick: &Option<Arc<PublishedTick>>| {
            let newest = tick.as_ref().and_then(|tick| tick.live_state(&id));
            newest.is_some_and(|newest| view.lacks_entries(newest))
        };
        self.ticks.wait_for(has_entries).await.map(|_| ())
    }
}
