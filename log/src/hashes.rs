//! Hashes of a stored tree, out of its tiles.

use countersign::Error;
use countersign::error::Code;
use countersign::hash::Hash;
use countersign::merkle::{HashReader, Subtree, TileHashes, tiles_for};

use crate::store::Reader;

/// The tree of the first so many leaves of a store.
pub struct StoredHashes<'r> {
    reader: &'r dyn Reader,
    size: u64,
}

impl<'r> StoredHashes<'r> {
    /// The store has at least `size` leaves.
    pub fn new(reader: &'r dyn Reader, size: u64) -> Self {
        Self { reader, size }
    }
}

impl HashReader for StoredHashes<'_> {
    /// # Errors
    /// [`Code::Proof`] with what the store says.
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let refuse = |message: String| Error::new(Code::Proof, message);
        let tiles = tiles_for(subtrees, self.size);
        let mut hashes = TileHashes::new(tiles.len());
        for tile in tiles {
            let bytes = self.reader.tile(tile).map_err(|error| refuse(error.to_string()))?;
            let bytes = bytes.ok_or_else(|| refuse(format!("the tile {} is missing", tile.path())))?;
            hashes.insert(tile, &bytes)?;
        }
        hashes.read_hashes(subtrees)
    }
}
