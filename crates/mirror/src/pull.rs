//! Reads a log from its tiles into a copy.

use std::thread;

use countersign::check::Resource;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::merkle::{Bundle, TILE_HEIGHT, TILE_WIDTH, TileHashes, tiles_for};
use countersign_client::{Folder, Source};
use countersign_errors::EngineError;
use countersign_log::mirroring::{package_proof, package_subtrees};
use countersign_monitor::extends;

use crate::error::MirrorError;
use crate::log_copy::{LogCopy, Package, tree_head};

/// The maximum number of tiles in memory.
const MAX_TILES: usize = 256;
/// A bundle's proof needs fewer tiles: those on its path and on the tree's right edge.
const MAX_PROOF_TILES: usize = 32;

/// Follows a pull, and can stop it.
pub trait PullObserver: Sync {
    /// True if the pull is to stop. The next one continues it.
    fn is_stopped(&self) -> bool {
        false
    }

    /// `done` of `total` entries are stored.
    fn copied(&self, _done: u64, _total: u64) {}
}

impl PullObserver for () {}

/// The result of a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullOutcome {
    /// All entries up to the log's checkpoint are stored, and the checkpoint is published.
    Complete {
        /// The number of entries.
        size: u64,
        /// The number of entries that this pull added.
        added: u64,
    },
    /// It was stopped. The entries that it read are kept.
    Stopped,
}

/// Reads the source's newest checkpoint and all entries up to it, verifies them, and stores them. Memory use doesn't
/// depend on the log's size.
///
/// # Errors
/// [`MirrorError`]. Everything that was stored before was verified, and the next pull continues there.
pub fn pull(
    copy: &LogCopy,
    source: &dyn Source,
    observer: &dyn PullObserver,
) -> Result<PullOutcome, MirrorError> {
    let signed = source.checkpoint()?;
    copy.verify_signature(&signed)?;
    accept(copy, source, &signed)?;
    let begin = copy.status().next;
    let copied = copy_entries(copy, source, &signed, observer);
    if !matches!(copied, Ok(true)) {
        copy.save_progress()?;
        copied?;
        return Ok(PullOutcome::Stopped);
    }
    let size = signed.checkpoint.size;
    match copy.publish(&signed) {
        // An upload has added entries of a later checkpoint, and publishes that.
        Err(MirrorError::Gap { next }) if next > size => {}
        published => _ = published?,
    }
    Ok(PullOutcome::Complete { size, added: size.saturating_sub(begin) })
}

/// Stores all entries up to a checkpoint. Returns false if it was stopped.
fn copy_entries(
    copy: &LogCopy,
    source: &dyn Source,
    signed: &SignedCheckpoint,
    observer: &dyn PullObserver,
) -> Result<bool, MirrorError> {
    let size = signed.checkpoint.size;
    let mut tiles = TileHashes::new(MAX_TILES);
    let mut inserted = 0;
    loop {
        let next = copy.status().next;
        observer.copied(next, size);
        if next >= size {
            return Ok(true);
        }
        if observer.is_stopped() {
            return Ok(false);
        }
        let window = Bundle::grown(next, size.min(window_end(next, source.readers()))).collect::<Vec<_>>();
        for (bundle, bytes) in window.iter().zip(read_all(source, &window)) {
            let bytes = bytes?.ok_or_else(|| MirrorError::Missing(bundle.path()))?;
            let entries =
                bundle.decode(&bytes).map_err(|error| MirrorError::Malformed(error.into_message()))?;
            let subtrees = package_subtrees(bundle.index, size).map_err(malformed)?;
            if inserted + MAX_PROOF_TILES > MAX_TILES {
                (tiles, inserted) = (TileHashes::new(MAX_TILES), 0);
            }
            let mut missing = tiles_for(&subtrees, size);
            missing.retain(|tile| !tiles.has(*tile));
            for tile in missing {
                let bytes = source.get(Resource::Tile(tile))?;
                let bytes = bytes.ok_or_else(|| MirrorError::Missing(tile.path()))?;
                tiles.insert(tile, &bytes).map_err(malformed)?;
                inserted += 1;
            }
            let proof = package_proof(bundle.index, size, &tiles).map_err(malformed)?;
            copy.store(Package {
                checkpoint: &signed.checkpoint,
                start: bundle.index << TILE_HEIGHT,
                entries: &entries,
                proof: &proof,
            })?;
        }
    }
}

fn malformed(error: countersign::Error) -> MirrorError {
    MirrorError::Malformed(error.into_message())
}

/// Returns the end of the entries to read next: one bundle for each concurrent reader.
fn window_end(next: u64, readers: usize) -> u64 {
    (next >> TILE_HEIGHT << TILE_HEIGHT) + TILE_WIDTH * readers.max(1) as u64
}

/// Reads bundles concurrently.
fn read_all(source: &dyn Source, bundles: &[Bundle]) -> Vec<Result<Option<Vec<u8>>, EngineError>> {
    let get = |bundle: &Bundle| source.get(Resource::Bundle(*bundle));
    if let [bundle] = bundles {
        return vec![get(bundle)];
    }
    thread::scope(|scope| {
        let reads: Vec<_> = bundles.iter().map(|bundle| scope.spawn(move || get(bundle))).collect();
        let failed = || EngineError::new("monitor.reader", "a reader ended early", "run it again");
        reads.into_iter().map(|read| read.join().unwrap_or_else(|_| Err(failed()))).collect()
    })
}

/// Makes a checkpoint the pending one if it extends that.
fn accept(copy: &LogCopy, source: &dyn Source, signed: &SignedCheckpoint) -> Result<(), MirrorError> {
    loop {
        let kept = copy.pending();
        if let Some(kept) = &kept {
            check_extension(copy, source, kept, signed)?;
        }
        let checked = kept.as_ref().map(tree_head);
        let replaced = copy.replace_pending(|last| {
            if last.map(tree_head) == checked { Ok(signed.clone()) } else { Err(NotReplaced::Outdated) }
        });
        match replaced {
            Ok(()) => return Ok(()),
            Err(NotReplaced::Failed(error)) => return Err(error),
            // An upload has replaced the pending checkpoint: this one must extend that.
            Err(NotReplaced::Outdated) => {}
        }
    }
}

/// The reason why the pending checkpoint was not replaced.
enum NotReplaced {
    /// It is no longer the one that was checked.
    Outdated,
    Failed(MirrorError),
}

impl From<MirrorError> for NotReplaced {
    fn from(error: MirrorError) -> Self {
        Self::Failed(error)
    }
}

/// Checks that a checkpoint extends the pending one.
fn check_extension(
    copy: &LogCopy,
    source: &dyn Source,
    kept: &SignedCheckpoint,
    signed: &SignedCheckpoint,
) -> Result<(), MirrorError> {
    let (before, after) = (&kept.checkpoint, &signed.checkpoint);
    let is_consistent = if after.size == before.size {
        after.root == before.root
    } else if after.size > before.size {
        extends(source, before, after)?
    } else if is_older(copy, after)? {
        return Err(MirrorError::Behind { kept: before.size, seen: after.size });
    } else {
        false
    };
    if is_consistent { Ok(()) } else { Err(copy.record_fork(kept, signed)?) }
}

/// True unless the copy's own tree shows that a smaller checkpoint contradicts it.
fn is_older(copy: &LogCopy, smaller: &Checkpoint) -> Result<bool, MirrorError> {
    match copy.published() {
        Some(published) if published.checkpoint.size >= smaller.size => {
            Ok(extends(&Folder::open(copy.public())?, smaller, &published.checkpoint)?)
        }
        // The entries in between aren't here yet, so neither can be shown.
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use countersign::hash::Hash;
    use countersign::merkle::{leaf_hash, node_hash};
    use countersign::note::SignerKey;

    use super::*;

    const ORIGIN: &str = "log.example/audit";

    fn log_key() -> SignerKey {
        SignerKey::from_seed(ORIGIN, [1; 32]).unwrap()
    }

    fn sign(size: u64, root: Hash) -> SignedCheckpoint {
        let note = Checkpoint::new(ORIGIN, size, root).unwrap().sign(&log_key()).unwrap();
        SignedCheckpoint::parse(&note).unwrap()
    }

    /// A log of two entries. While its tile is read, a client uploads a checkpoint of another history.
    struct Forking<'c> {
        copy: &'c LogCopy,
        leaves: [Hash; 2],
        uploaded: SignedCheckpoint,
    }

    impl Source for Forking<'_> {
        fn name(&self) -> String {
            "memory/".into()
        }

        fn readers(&self) -> usize {
            1
        }

        fn read(&self, path: &str, _: usize) -> Result<Option<Vec<u8>>, EngineError> {
            assert_eq!(path, "tile/0/000.p/2");
            self.copy.replace_pending(|_| Ok::<_, MirrorError>(self.uploaded.clone())).unwrap();
            Ok(Some(self.leaves.map(|hash| hash.0).concat()))
        }
    }

    #[test]
    fn a_checkpoint_that_is_uploaded_during_the_check_is_not_replaced_by_a_contradicting_one() {
        let folder = tempfile::tempdir().unwrap();
        let keys = vec![log_key().verifier_key().clone()];
        let copy = LogCopy::open(folder.path(), keys, None, Arc::new(|| 0)).unwrap();
        let [first, second, other] = [&b"first"[..], b"second", b"other"].map(leaf_hash);
        copy.replace_pending(|_| Ok::<_, MirrorError>(sign(1, first))).unwrap();
        let uploaded = sign(2, node_hash(&first, &other));
        let source = Forking { copy: &copy, leaves: [first, second], uploaded: uploaded.clone() };
        let accepted = accept(&copy, &source, &sign(2, node_hash(&first, &second)));
        assert!(matches!(accepted, Err(MirrorError::Fork { kept: 2, seen: 2 })), "{accepted:?}");
        assert_eq!(copy.pending(), Some(uploaded));
        assert!(copy.evidence_path().exists());
    }
}
