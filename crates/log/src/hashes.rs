//! Hashes of a stored tree, read from its tiles.

use std::cell::RefCell;
use std::collections::BTreeMap;

use countersign::Error;
use countersign::error::Code;
use countersign::hash::Hash;
use countersign::merkle::{
    CompactRange, HashReader, Subtree, TileHashes, consistency_proof, empty_root, inclusion_proof, skips,
    tiles_for,
};

use crate::store::{EntryReader, StoreError};

/// Returns the root hash of the tree of a store's first `size` entries.
///
/// # Errors
/// [`StoreError::Damaged`] if tiles are missing or malformed; [`StoreError::Unavailable`] if the store fails.
pub fn root_at(reader: &dyn EntryReader, size: u64) -> Result<Hash, StoreError> {
    let subtrees: Vec<_> = skips(0, size).collect();
    let mut hashes = TileHashes::new(usize::MAX);
    StoredHashes::new(reader, size).read(&subtrees, &mut hashes)?;
    let mut range = CompactRange::new();
    for (subtree, hash) in subtrees.iter().zip(hashes.read_hashes(&subtrees).map_err(damaged)?) {
        range.append_subtree(subtree.level, hash).map_err(damaged)?;
    }
    Ok(range.root().unwrap_or_else(empty_root))
}

fn damaged(error: Error) -> StoreError {
    StoreError::Damaged(error.into_message())
}

/// The tree of a store's first `size` entries.
pub struct StoredHashes<'r> {
    reader: &'r dyn EntryReader,
    size: u64,
}

impl<'r> StoredHashes<'r> {
    /// Creates a reader of the tree. The store must have at least `size` entries.
    pub fn new(reader: &'r dyn EntryReader, size: u64) -> Self {
        Self { reader, size }
    }

    /// Reads those tiles of the subtrees that `hashes` lacks.
    fn read(&self, subtrees: &[Subtree], hashes: &mut TileHashes) -> Result<(), StoreError> {
        for tile in tiles_for(subtrees, self.size) {
            if hashes.has(tile) {
                continue;
            }
            let missing = || StoreError::Damaged(format!("the tile {} is missing", tile.path()));
            let bytes = self.reader.tile(tile)?.ok_or_else(missing)?;
            hashes.insert(tile, &bytes).map_err(damaged)?;
        }
        Ok(())
    }
}

/// Returns the error of a [`HashReader`] for an error of the store.
fn unreadable(error: &StoreError) -> Error {
    Error::new(Code::Proof, error.to_string())
}

impl HashReader for StoredHashes<'_> {
    /// # Errors
    /// [`Code::Proof`] with the message of the store.
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let mut hashes = TileHashes::new(usize::MAX);
        self.read(subtrees, &mut hashes).map_err(|error| unreadable(&error))?;
        hashes.read_hashes(subtrees)
    }
}

/// A cache for several proofs of one tree: each tile is read once, and each subtree's root is computed once. Everything
/// stays in memory.
pub struct CachedHashes<'r> {
    stored: StoredHashes<'r>,
    cache: RefCell<Cache>,
}

struct Cache {
    tiles: TileHashes,
    roots: BTreeMap<Subtree, Hash>,
    /// The error of the store that made the last proof fail.
    failure: Option<StoreError>,
}

impl<'r> CachedHashes<'r> {
    /// Creates a cache for the tree of a store's first `size` entries.
    pub fn new(reader: &'r dyn EntryReader, size: u64) -> Self {
        let cache = Cache { tiles: TileHashes::new(usize::MAX), roots: BTreeMap::new(), failure: None };
        Self { stored: StoredHashes::new(reader, size), cache: RefCell::new(cache) }
    }

    /// Returns the inclusion proof of the entry at `index`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the tree doesn't contain the entry, or tiles are missing or malformed;
    /// [`StoreError::Unavailable`] if the store fails.
    pub fn prove_inclusion(&self, index: u64) -> Result<Vec<Hash>, StoreError> {
        self.proven(inclusion_proof(index, self.stored.size, self))
    }

    /// Returns the consistency proof from the tree of the first `old` entries to that of the first `new` ones.
    ///
    /// # Errors
    /// Those of [`prove_inclusion`](Self::prove_inclusion).
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
        self.proven(consistency_proof(old, new, self))
    }

    /// Replaces the error of a proof by that of the store, if the store failed.
    fn proven(&self, proof: Result<Vec<Hash>, Error>) -> Result<Vec<Hash>, StoreError> {
        proof.map_err(|error| self.cache.borrow_mut().failure.take().unwrap_or_else(|| damaged(error)))
    }
}

impl HashReader for CachedHashes<'_> {
    /// # Errors
    /// [`Code::Proof`] with the message of the store.
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let Cache { tiles, roots, failure } = &mut *self.cache.borrow_mut();
        let missing: Vec<Subtree> =
            subtrees.iter().copied().filter(|subtree| !roots.contains_key(subtree)).collect();
        self.stored.read(&missing, tiles).map_err(|error| unreadable(failure.insert(error)))?;
        roots.extend(missing.iter().copied().zip(tiles.read_hashes(&missing)?));
        Ok(subtrees.iter().filter_map(|subtree| roots.get(subtree).copied()).collect())
    }
}
