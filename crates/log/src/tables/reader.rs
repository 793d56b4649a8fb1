//! Everyone's half of the store.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Evidence, KeyLookup, Life, SaltedEvent};
use countersign::merkle::Tile;
use countersign::note::VerifierKey;
use countersign::time::Time;

use super::database::{Database, Row, all, first, integer, tile_key};
use super::storage::TableStorage;
use super::tail::Tail;
use crate::store::{
    CheckpointReader, EntryReader, Erasure, ErasureReader, ForkReader, Published, StoreError, StoredEvent,
    StoredLeaf,
};

/// Connections to a database, for many who read at one time.
pub trait Connections: Send + Sync {
    /// Reads through one of them.
    ///
    /// # Errors
    /// What `read` gives, and [`StoreError`] where there is no connection to be had.
    fn with(&self, read: &mut dyn FnMut(&dyn Database) -> Result<(), StoreError>) -> Result<(), StoreError>;
}

/// Reads a log's tables.
pub struct TableReader<C> {
    connections: C,
    /// As far as it was asked for.
    tail: Mutex<Tail>,
}

impl<C: Connections> TableReader<C> {
    /// Reads through these.
    pub fn new(connections: C) -> Self {
        Self { connections, tail: Mutex::default() }
    }

    fn with<T>(&self, read: impl Fn(&dyn Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut found = None;
        self.connections.with(&mut |database| {
            found = Some(read(database)?);
            Ok(())
        })?;
        found.ok_or_else(|| StoreError::unavailable("reading", "nothing was read"))
    }
}

fn published(row: &dyn Row) -> Result<Published, StoreError> {
    Ok(Published { size: row.number(0)?, note: row.words(1)?, at: row.time(2)?, witnessed: row.whether(3)? })
}

fn whole<T>(range: &Range<u64>, found: Vec<T>) -> Result<Vec<T>, StoreError> {
    if found.len() as u64 == range.end.saturating_sub(range.start) {
        return Ok(found);
    }
    Err(StoreError::Damaged(format!("leaves of {}..{} are missing", range.start, range.end)))
}

impl<C: Connections> EntryReader for TableReader<C> {
    fn size(&self) -> Result<u64, StoreError> {
        let sql = "SELECT max(idx) FROM leaves";
        let last = self.with(|database| {
            first(database, "reading the log's size", sql, &[], |row| row.optional_number(0))
        })?;
        Ok(last.flatten().map_or(0, |last| last + 1))
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT substr(hashes, 1, ?) FROM tiles WHERE tile = ?";
        let length = usize::from(tile.width) * 32;
        let place = [(length as u64).into(), tile_key(tile.level, tile.index).into()];
        let hashes =
            self.with(|database| first(database, "reading a tile", sql, &place, |row| row.bytes(0)))?;
        Ok(hashes.filter(|hashes| hashes.len() == length))
    }

    fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
        self.with(|database| TableStorage(database).leaf_hash(index))
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = "SELECT leaf FROM leaves WHERE idx >= ? AND idx < ? ORDER BY idx";
        let ends = [range.start.into(), range.end.into()];
        let read = self.with(|database| all(database, "reading leaves", sql, &ends, |row| row.bytes(0)));
        whole(&range, read?)
    }

    fn leaves_with_events(&self, range: Range<u64>) -> Result<Vec<StoredLeaf>, StoreError> {
        let sql = "SELECT leaf, events.idx, salt, event FROM leaves LEFT JOIN events USING (idx) \
                   WHERE leaves.idx >= ? AND leaves.idx < ? ORDER BY leaves.idx";
        let leaf = |row: &dyn Row| {
            let event = match (row.integer(1)?, row.optional_array(2)?, row.text(3)?) {
                (None, ..) => StoredEvent::None,
                (Some(_), Some(salt), Some(text)) => StoredEvent::Here(SaltedEvent { salt, text }),
                (Some(_), ..) => StoredEvent::Erased,
            };
            Ok(StoredLeaf { leaf: row.bytes(0)?, event })
        };
        let ends = [range.start.into(), range.end.into()];
        whole(&range, self.with(|database| all(database, "reading leaves", sql, &ends, leaf))?)
    }

    fn index_of(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError> {
        self.with(|database| {
            let settled = || TableStorage(database).settled(chain, seq);
            if let Some(index) = settled()? {
                return Ok(Some(index));
            }
            let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.follow(database)?;
            if let Some(index) = tail.index_of(chain, seq) {
                return Ok(Some(index));
            }
            // It may have been settled between the two.
            settled()
        })
    }

    fn notes(&self, leaves: Range<u64>) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT idx FROM notes WHERE idx >= ? AND idx < ? ORDER BY idx";
        let ends = [leaves.start.into(), leaves.end.into()];
        self.with(|database| all(database, "reading key notes", sql, &ends, |row| row.number(0)))
    }
}

impl<C: Connections> CheckpointReader for TableReader<C> {
    fn published(&self) -> Result<Option<Published>, StoreError> {
        let sql = "SELECT size, note, at, witnessed FROM checkpoints ORDER BY size DESC LIMIT 1";
        self.with(|database| first(database, "reading the checkpoint", sql, &[], published))
    }

    fn checkpoints(&self, sizes: Range<u64>) -> Result<Vec<Published>, StoreError> {
        let sql =
            "SELECT size, note, at, witnessed FROM checkpoints WHERE size >= ? AND size < ? ORDER BY size";
        let sizes = [sizes.start.into(), sizes.end.into()];
        self.with(|database| all(database, "reading checkpoints", sql, &sizes, published))
    }

    fn seen_first(&self) -> Result<Option<Published>, StoreError> {
        let sql = "SELECT size, note, at, 1 FROM seen_first ORDER BY size DESC LIMIT 1";
        self.with(|database| first(database, "reading the checkpoint", sql, &[], published))
    }
}

impl<C: Connections> ForkReader for TableReader<C> {
    fn evidence(&self) -> Result<Vec<(Time, Evidence)>, StoreError> {
        let sql = "SELECT at, chain, seq, idx, refused FROM evidence ORDER BY id";
        let evidence = |row: &dyn Row| {
            let refused = row.words(4)?.lines().map(str::to_owned).collect();
            let chain = ChainId(row.array(1)?);
            let evidence = Evidence { chain, seq: row.number(2)?, index: row.optional_number(3)?, refused };
            Ok((row.time(0)?, evidence))
        };
        self.with(|database| all(database, "reading evidence", sql, &[], evidence))
    }
}

impl<C: Connections> ErasureReader for TableReader<C> {
    fn erasures(&self, before: Option<u64>, most: u64) -> Result<Vec<Erasure>, StoreError> {
        let sql = "SELECT record, done FROM erasures WHERE record < ? ORDER BY record DESC LIMIT ?";
        let bounds = [before.map_or(i64::MAX, integer).into(), most.into()];
        self.with(|database| {
            all(database, "reading erasures", sql, &bounds, |row| {
                let done = if row.integer(1)?.is_some() { Some(row.time(1)?) } else { None };
                Ok(Erasure { record: row.number(0)?, done })
            })
        })
    }

    fn unfinished_erasures(&self) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT record FROM erasures WHERE done IS NULL ORDER BY record";
        self.with(|database| all(database, "reading erasures", sql, &[], |row| row.number(0)))
    }
}

impl<C: Connections> KeyLookup for TableReader<C> {
    type Error = StoreError;

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, StoreError> {
        self.with(|database| Ok(TableStorage(database).chain(chain)?.map(|chain| chain.key)))
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        self.with(|database| TableStorage(database).life(key))
    }

    fn has_note(&self, hash: &Hash) -> Result<bool, StoreError> {
        self.with(|database| Ok(TableStorage(database).note(hash)?.is_some()))
    }
}
