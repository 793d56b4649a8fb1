//! What is to be copied to where it can be read without this log, or without effort of its own: tiles and bundles, and
//! the lines of exports.

use std::sync::Arc;

use countersign::merkle::{Bundle, TILE_HEIGHT, TILE_WIDTH, Tile};

use super::log_server::EmbeddedLogServer;
use super::sending::Sending;
use crate::export::ExportError;
use crate::store::StoreError;

/// A tile or bundle.
pub struct Copy {
    /// Where C2SP tlog-tiles has it.
    pub path: String,
    /// Its bytes, which never change.
    pub bytes: Vec<u8>,
}

impl EmbeddedLogServer {
    /// What there is to copy next, with how many leaves are then done: the bundle of 256 leaves that were published and
    /// the tiles that they complete. None when there is nothing.
    ///
    /// # Errors
    /// The store's own.
    pub fn to_copy(&self) -> Result<Option<(u64, Vec<Copy>)>, StoreError> {
        let start = self.copies.copied()?;
        let end = start + TILE_WIDTH;
        if end > self.published_size() {
            return Ok(None);
        }
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let bundle = Bundle { index: start / TILE_WIDTH, width: 256 };
        let bytes = Bundle::encode(self.reader.leaves(start..end)?).map_err(damaged)?;
        let mut copies = vec![Copy { path: bundle.path(), bytes }];
        for level in 0_u8..=6 {
            let leaves = 1_u64 << (TILE_HEIGHT * (level + 1));
            if !end.is_multiple_of(leaves) {
                break;
            }
            let tile = Tile { level, index: end / leaves - 1, width: 256 };
            let bytes = self.reader.tile(tile)?;
            let missing = || StoreError::Damaged(format!("the tile {} is missing", tile.path()));
            copies.push(Copy { path: tile.path(), bytes: bytes.ok_or_else(missing)? });
        }
        Ok(Some((end, copies)))
    }

    /// The lines of an export of the whole log, from the checkpoint of that size on.
    ///
    /// What of them comes before a size that is published stays what it is until one of its events is erased: a
    /// checkpoint changes, or makes way for another, only for as long as it is the newest.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn lines_from(&self, size: u64) -> Result<Sending, ExportError> {
        let lines = self.exporter.plan_further(size, &Arc::default(), true)?.lines();
        Ok(Sending { lines, access: None, tally: None })
    }

    /// These were copied.
    ///
    /// # Errors
    /// The store's own.
    pub fn copied(&self, size: u64) -> Result<(), StoreError> {
        self.copies.set_copied(size)
    }
}
