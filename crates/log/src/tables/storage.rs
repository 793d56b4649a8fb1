//! The state of a log's chains, links, and keys in the database.

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Chain, EntryRef, Life, Storage, Windows};
use countersign::merkle::{CompactRange, HashReader as _, TileHashes, skips, tiles_for};
use countersign::note::VerifierKey;

use super::database::{Database, first};
use super::keys::LogKeys;
use crate::store::StoreError;

/// The state of one log in a database.
pub(super) struct TableStorage<'d> {
    database: &'d dyn Database,
    keys: LogKeys,
}

impl<'d> TableStorage<'d> {
    /// Creates a view of the log with these keys.
    pub(super) fn new(database: &'d dyn Database, keys: LogKeys) -> Self {
        Self { database, keys }
    }

    /// Returns the number of entries.
    pub(super) fn size(&self) -> Result<u64, StoreError> {
        let sql = "SELECT idx FROM leaves WHERE idx >= ? AND idx < ? ORDER BY idx DESC LIMIT 1";
        let all = self.keys.entries(0..u64::MAX);
        let last = first(self.database, "reading the log's size", sql, &all, |row| row.number(0))?;
        Ok(last.map_or(0, |last| self.keys.index(last) + 1))
    }

    /// Returns the hashes of a tile, which may be partial.
    pub(super) fn tile(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT hashes FROM tiles WHERE tile = ?";
        let key = [self.keys.tile(level, index).into()];
        first(self.database, "reading a tile", sql, &key, |row| row.bytes(0))
    }

    /// Returns the right edge of the tree of `size` entries.
    pub(super) fn edge(&self, size: u64) -> Result<CompactRange, StoreError> {
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let subtrees: Vec<_> = skips(0, size).collect();
        let mut hashes = TileHashes::new(8);
        for wanted in tiles_for(&subtrees, size) {
            let bytes = self.tile(wanted.level, wanted.index)?.unwrap_or_default();
            let bytes = bytes.get(..usize::from(wanted.width) * 32).unwrap_or_default();
            hashes.insert(wanted, bytes).map_err(damaged)?;
        }
        let mut edge = CompactRange::new();
        for (subtree, hash) in subtrees.iter().zip(hashes.read_hashes(&subtrees).map_err(damaged)?) {
            edge.append_subtree(subtree.level, hash).map_err(damaged)?;
        }
        Ok(edge)
    }

    /// Returns the index of a chain's link, if it is among the runs.
    pub(super) fn settled(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT seq, idx, count FROM runs WHERE chain = ? AND seq <= ? ORDER BY seq DESC LIMIT 1";
        let chain = self.keys.bytes(&chain.0);
        let run = first(self.database, "looking for a link", sql, &[(&*chain).into(), seq.into()], |row| {
            Ok((row.number(0)?, self.keys.index(row.number(1)?), row.number(2)?))
        })?;
        Ok(run.and_then(|(first, index, count)| {
            let after = seq.checked_sub(first).filter(|after| *after < count)?;
            Some(index + after)
        }))
    }

    /// Returns the leaf hash of an entry, from its tile.
    pub(super) fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
        let sql = "SELECT substr(hashes, ?, 32) FROM tiles WHERE tile = ?";
        let place = [(index % 256 * 32 + 1).into(), self.keys.tile(0, index / 256).into()];
        first(self.database, "reading a tile", sql, &place, |row| row.bytes(0))?
            .and_then(|bytes| bytes.try_into().ok())
            .map(Hash)
            .ok_or_else(|| StoreError::Damaged(format!("the hash of entry {index} is missing")))
    }

    /// Returns the state of a chain.
    pub(super) fn chain(&self, chain: &ChainId) -> Result<Option<Chain>, StoreError> {
        let sql = "SELECT key, windows, next, last, time, closed FROM chains WHERE chain = ?";
        let chain = self.keys.bytes(&chain.0);
        first(self.database, "looking for a chain", sql, &[(&*chain).into()], |row| {
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
        let hash = self.keys.bytes(&hash.0);
        first(self.database, "looking for a key note", sql, &[(&*hash).into()], |row| {
            Ok(self.keys.index(row.number(0)?))
        })
    }

    /// Returns the state of a key according to key notes.
    pub(super) fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        let sql = "SELECT windows, revoked FROM lives WHERE key = ?";
        let key = self.keys.text(key.as_str());
        let life = first(self.database, "looking for a key", sql, &[(&*key).into()], |row| {
            Ok(Life { windows: Windows::parse(&row.string(0)?).map_err(damaged)?, revoked: row.boolean(1)? })
        })?;
        Ok(life.unwrap_or_default())
    }
}

/// The state of a log without a [`Tail`](super::tail::Tail).
impl Storage for TableStorage<'_> {
    type Error = StoreError;

    fn chain(&self, chain: &ChainId) -> Result<Option<Chain>, StoreError> {
        self.chain(chain)
    }

    fn link(&self, chain: &ChainId, seq: u64) -> Result<Option<EntryRef>, StoreError> {
        let index = self.settled(chain, seq)?;
        index.map(|index| Ok(EntryRef { index, hash: self.leaf_hash(index)? })).transpose()
    }

    fn note(&self, hash: &Hash) -> Result<Option<u64>, StoreError> {
        self.note(hash)
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        self.life(key)
    }
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}
