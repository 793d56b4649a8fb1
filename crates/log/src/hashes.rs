//! Hashes of a stored tree, read from its tiles.

use std::cell::RefCell;
use std::collections::BTreeMap;

use countersign::Error;
use countersign::error::Code;
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, HashReader, Subtree, TileHashes, empty_root, skips, tiles_for};

use crate::store::{EntryReader, StoreError};

/// Returns the root hash of the tree of a store's first `size` entries.
///
/// # Errors
/// [`StoreError::Damaged`] if tiles are missing or can't be read.
pub fn root_at(reader: &dyn EntryReader, size: u64) -> Result<Hash, StoreError> {
    let damaged = |error: Error| StoreError::Damaged(error.into_message());
    let subtrees: Vec<_> = skips(0, size).collect();
    let hashes = StoredHashes::new(reader, size).read_hashes(&subtrees).map_err(damaged)?;
    let mut range = CompactRange::new();
    for (subtree, hash) in subtrees.iter().zip(hashes) {
        range.append_subtree(subtree.level, hash).map_err(damaged)?;
    }
    Ok(range.root().unwrap_or_else(empty_root))
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
    fn read(&self, subtrees: &[Subtree], hashes: &mut TileHashes) -> Result<(), Error> {
        let refuse = |message: String| Error::new(Code::Proof, message);
        for tile in tiles_for(subtrees, self.size) {
            if hashes.has(tile) {
                continue;
            }
            let bytes = self.reader.tile(tile).map_err(|error| refuse(error.to_string()))?;
            let bytes = bytes.ok_or_else(|| refuse(format!("the tile {} is missing", tile.path())))?;
            hashes.insert(tile, &bytes)?;
        }
        Ok(())
    }
}

impl HashReader for StoredHashes<'_> {
    /// # Errors
    /// [`Code::Proof`] with the message of the store.
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let mut hashes = TileHashes::new(usize::MAX);
        self.read(subtrees, &mut hashes)?;
        hashes.read_hashes(subtrees)
    }
}

/// A cache for several proofs of one tree: each tile is read once, and each subtree's root is computed once. Everything
/// stays in memory.
pub(crate) struct CachedHashes<'r> {
    stored: StoredHashes<'r>,
    cache: RefCell<Cache>,
}

struct Cache {
    tiles: TileHashes,
    roots: BTreeMap<Subtree, Hash>,
}

impl<'r> CachedHashes<'r> {
    pub(crate) fn new(reader: &'r dyn EntryReader, size: u64) -> Self {
        let cache = Cache { tiles: TileHashes::new(usize::MAX), roots: BTreeMap::new() };
        Self { stored: StoredHashes::new(reader, size), cache: RefCell::new(cache) }
    }
}

impl HashReader for CachedHashes<'_> {
    /// # Errors
    /// [`Code::Proof`] with the message of the store.
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let Cache { tiles, roots } = &mut *self.cache.borrow_mut();
        let missing: Vec<Subtree> =
            subtrees.iter().copied().filter(|subtree| !roots.contains_key(subtree)).collect();
        self.stored.read(&missing, tiles)?;
        roots.extend(missing.iter().copied().zip(tiles.read_hashes(&missing)?));
        Ok(subtrees.iter().filter_map(|subtree| roots.get(subtree).copied()).collect())
    }
}
