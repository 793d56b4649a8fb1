//! Copies of tiles, bundles, and exports, which can be read without using the log.

use std::sync::Arc;

use countersign::merkle::{Bundle, TILE_HEIGHT, TILE_WIDTH, Tile};

use super::export_stream::ExportStream;
use super::log_server::EmbeddedLogServer;
use crate::export::ExportError;
use crate::store::StoreError;

/// A tile or bundle.
pub struct Copy {
    /// The path in C2SP tlog-tiles.
    pub path: String,
    /// The content, which never changes.
    pub bytes: Vec<u8>,
}

impl EmbeddedLogServer {
    /// Returns what to copy next: the next full bundle of 256 published entries with the tiles that it
    /// completes, and the number of entries that are copied afterwards. `None` if everything is copied.
    ///
    /// # Errors
    /// [`StoreError`] if the entries can't be read.
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

    /// Returns the lines of an export of the whole log from the checkpoint of this size on.
    ///
    /// Lines before a published size change only if one of their events is erased. Checkpoints change or are replaced
    /// only while they are the newest.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn lines_from(&self, size: u64) -> Result<ExportStream, ExportError> {
        let lines = self.exporter.plan_continuation(size, &Arc::default(), true)?.lines();
        Ok(ExportStream { lines, access: None, tally: None })
    }

    /// Marks the first `size` entries as copied.
    ///
    /// # Errors
    /// [`StoreError`] if the host's storage fails.
    pub fn copied(&self, size: u64) -> Result<(), StoreError> {
        self.copies.set_copied(size)
    }
}
