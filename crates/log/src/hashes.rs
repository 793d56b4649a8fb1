//! Hashes of a stored tree, out of its tiles.

use std::cell::RefCell;
use std::collections::BTreeMap;

use countersign::Error;
use countersign::error::Code;
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, HashReader, Subtree, TileHashes, empty_root, skips, tiles_for};

use crate::store::{EntryReader, StoreError};

/// The root hash of the tree of a store's first leaves.
///
/// # Errors
/// [`StoreError::Damaged`] where tiles are missing; the store's own.
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

/// The tree of the first so many leaves of a store.
pub struct StoredHashes<'r> {
    reader: &'r dyn EntryReader,
    size: u64,
}

impl<'r> StoredHashes<'r> {
    /// The store has at least `size` leaves.
    pub fn new(reader: &'r dyn EntryReader, size: u64) -> Self {
        Self { reader, size }
    }

    /// Reads the tiles of these subtrees that are not among the hashes yet.
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
    /// [`Code::Proof`] with what the store says.
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let mut hashes = TileHashes::new(usize::MAX);
        self.read(subtrees, &mut hashes)?;
        hashes.read_hashes(subtrees)
    }
}

/// The same for several proofs of one tree: each tile is read once, and each subtree's root is computed once. All of it
/// is kept in memory.
pub(crate) struct KeptHashes<'r> {
    stored: StoredHashes<'r>,
    kept: RefCell<Kept>,
}

struct Kept {
    tiles: TileHashes,
    roots: BTreeMap<Subtree, Hash>,
}

impl<'r> KeptHashes<'r> {
    pub(crate) fn new(reader: &'r dyn EntryReader, size: u64) -> Self {
        let kept = Kept { tiles: TileHashes::new(usize::MAX), roots: BTreeMap::new() };
        Self { stored: StoredHashes::new(reader, size), kept: RefCell::new(kept) }
    }
}

impl HashReader for KeptHashes<'_> {
    /// # Errors
    /// [`Code::Proof`] with what the store says.
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let Kept { tiles, roots } = &mut *self.kept.borrow_mut();
        let missing: Vec<Subtree> =
            subtrees.iter().copied().filter(|subtree| !roots.contains_key(subtree)).collect();
        self.stored.read(&missing, tiles)?;
        roots.extend(missing.iter().copied().zip(tiles.read_hashes(&missing)?));
        Ok(subtrees.iter().filter_map(|subtree| roots.get(subtree).copied()).collect())
    }
}
