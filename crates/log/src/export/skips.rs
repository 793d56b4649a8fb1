//! Hashes in the place of leaves that are left out.

use std::ops::Range;
use std::sync::Arc;

use countersign::export::writer::Writer;
use countersign::merkle::{HashReader as _, Subtree, TileHashes, skips, tiles_for};

use crate::store::{EntryReader, StoreError};

/// How many tiles are kept for the skips that follow.
const TILES: usize = 128;

/// The tree's hashes, with the tiles that were read last.
pub(super) struct Skips {
    reader: Arc<dyn EntryReader>,
    size: u64,
    tiles: TileHashes,
    kept: usize,
}

impl Skips {
    /// Of the tree of that size.
    pub(super) fn new(reader: Arc<dyn EntryReader>, size: u64) -> Self {
        Self { reader, size, tiles: TileHashes::new(TILES), kept: 0 }
    }

    /// Writes the fewest skips that stand for these leaves.
    pub(super) fn write(&mut self, leaves: Range<u64>, out: &mut Writer) -> Result<(), StoreError> {
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let subtrees: Vec<Subtree> = skips(leaves.start, leaves.end).collect();
        let mut missing = tiles_for(&subtrees, self.size);
        missing.retain(|tile| !self.tiles.has(*tile));
        if self.kept + missing.len() > TILES {
            missing = tiles_for(&subtrees, self.size);
            self.kept = 0;
            // A skip takes two tiles of a level at most, so there is room for these.
            self.tiles = TileHashes::new(TILES);
        }
        for tile in missing {
            let bytes = self.reader.tile(tile)?;
            let bytes =
                bytes.ok_or_else(|| StoreError::Damaged(format!("the tile {} is missing", tile.path())))?;
            self.tiles.insert(tile, &bytes).map_err(damaged)?;
            self.kept += 1;
        }
        for (subtree, hash) in subtrees.iter().zip(self.tiles.read_hashes(&subtrees).map_err(damaged)?) {
            out.skip(subtree.level, &hash);
        }
        Ok(())
    }
}
