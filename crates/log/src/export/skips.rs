//! Skips: hashes of subtrees that replace omitted entries.

use std::ops::Range;
use std::sync::Arc;

use countersign::export::writer::Writer;
use countersign::merkle::{HashReader as _, Subtree, TileHashes, skips, tiles_for};

use crate::store::{EntryReader, StoreError};

/// The number of tiles that are cached for later skips.
const MAX_TILES: usize = 128;

/// The tree's hashes, with a cache of tiles.
pub(super) struct Skips {
    reader: Arc<dyn EntryReader>,
    size: u64,
    tiles: TileHashes,
    cached: usize,
}

impl Skips {
    /// Creates a cache for the tree of this size.
    pub(super) fn new(reader: Arc<dyn EntryReader>, size: u64) -> Self {
        Self { reader, size, tiles: TileHashes::new(MAX_TILES), cached: 0 }
    }

    /// Writes the smallest number of skips for these entries.
    pub(super) fn write(&mut self, leaves: Range<u64>, out: &mut Writer) -> Result<(), StoreError> {
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let subtrees: Vec<Subtree> = skips(leaves.start, leaves.end).collect();
        let mut missing = tiles_for(&subtrees, self.size);
        missing.retain(|tile| !self.tiles.has(*tile));
        if self.cached + missing.len() > MAX_TILES {
            missing = tiles_for(&subtrees, self.size);
            self.cached = 0;
            // The skips of a range need at most two tiles per level, which fit into the cache.
            self.tiles = TileHashes::new(MAX_TILES);
        }
        for tile in missing {
            let bytes = self.reader.tile(tile)?;
            let bytes =
                bytes.ok_or_else(|| StoreError::Damaged(format!("the tile {} is missing", tile.path())))?;
            self.tiles.insert(tile, &bytes).map_err(damaged)?;
            self.cached += 1;
        }
        for (subtree, hash) in subtrees.iter().zip(self.tiles.read_hashes(&subtrees).map_err(damaged)?) {
            out.skip(subtree.level, &hash);
        }
        Ok(())
    }
}
