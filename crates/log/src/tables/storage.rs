//! The state of a log's chains, links, and keys in the database.

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Chain, Life, Windows};
use countersign::note::VerifierKey;

use super::database::{Database, first, tile_key};
use crate::store::StoreError;

/// The state in a database.
pub(super) struct TableStorage<'d>(pub(super) &'d dyn Database);

impl TableStorage<'_> {
    /// Returns the index of a chain's link, if it is among the runs.
    pub(super) fn settled(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT seq, idx, count FROM runs WHERE chain = ? AND seq <= ? ORDER BY seq DESC LIMIT 1";
        let run = first(self.0, "looking for a link", sql, &[(&chain.0).into(), seq.into()], |row| {
            Ok((row.number(0)?, row.number(1)?, row.number(2)?))
        })?;
        Ok(run.and_then(|(first, index, count)| {
            let after = seq.checked_sub(first).filter(|after| *after < count)?;
            Some(index + after)
        }))
    }

    /// Returns the leaf hash of an entry, from its tile.
    pub(super) fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
        let sql = "SELECT substr(hashes, ?, 32) FROM tiles WHERE tile = ?";
        let place = [(index % 256 * 32 + 1).into(), tile_key(0, index / 256).into()];
        first(self.0, "reading a tile", sql, &place, |row| row.bytes(0))?
            .and_then(|bytes| bytes.try_into().ok())
            .map(Hash)
            .ok_or_else(|| StoreError::Damaged(format!("the hash of entry {index} is missing")))
    }

    /// Returns the state of a chain.
    pub(super) fn chain(&self, chain: &ChainId) -> Result<Option<Chain>, StoreError> {
        let sql = "SELECT key, windows, next, last, time, closed FROM chains WHERE chain = ?";
        first(self.0, "looking for a chain", sql, &[(&chain.0).into()], |row| {
            Ok(Chain {
                key: row.string(0)?.parse::<VerifierKey>().map_err(damaged)?,
                windows: Windows::parse(&row.string(1)?).map_err(damaged)?,
                next: row.number(2)?,
                last: Hash(row.array(3)?),
                time: row.time(4)?,
                closed: row.boolean(5)?,
            })
        })
    }

    /// Returns the index of a key note.
    pub(super) fn note(&self, hash: &Hash) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT idx FROM notes WHERE hash = ?";
        first(self.0, "looking for a key note", sql, &[(&hash.0).into()], |row| row.number(0))
    }

    /// Returns the state of a key according to key notes.
    pub(super) fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        let sql = "SELECT windows, revoked FROM lives WHERE key = ?";
        let life = first(self.0, "looking for a key", sql, &[key.as_str().into()], |row| {
            Ok(Life { windows: Windows::parse(&row.string(0)?).map_err(damaged)?, revoked: row.boolean(1)? })
        })?;
        Ok(life.unwrap_or_default())
    }
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}
