//! The readers' half of a store in tables.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Evidence, KeyLookup, Life, SaltedEvent};
use countersign::merkle::Tile;
use countersign::note::VerifierKey;
use countersign::time::Time;

use super::database::{Database, Row, Value, all, first};
use super::keys::LogKeys;
use super::root_notes;
use super::storage::TableStorage;
use super::tail::Tail;
use crate::store::{
    CheckpointReader, EntryReader, Erasure, ErasureReader, ForkReader, Published, StoreError, StoredEvent,
    StoredLeaf,
};

/// Connections to a database, for concurrent readers.
pub trait Connections: Send + Sync {
    /// Calls `read` with one of them.
    ///
    /// # Errors
    /// The error of `read`, and [`StoreError`] if no connection is available.
    fn with(&self, read: &mut dyn FnMut(&dyn Database) -> Result<(), StoreError>) -> Result<(), StoreError>;
}

impl<C: Connections + ?Sized> Connections for Arc<C> {
    fn with(&self, read: &mut dyn FnMut(&dyn Database) -> Result<(), StoreError>) -> Result<(), StoreError> {
        (**self).with(read)
    }
}

/// A reader of a log's tables.
pub struct TableReader<C> {
    connections: C,
    keys: LogKeys,
    /// The links of the newest entries, read on demand. Only for a log that has its database for itself.
    tail: Mutex<Tail>,
}

impl<C: Connections> TableReader<C> {
    /// Creates a reader of the only log in a database.
    pub fn new(connections: C) -> Self {
        Self::with_keys(connections, LogKeys::single())
    }

    /// Creates a reader of the log with these keys.
    pub fn with_keys(connections: C, keys: LogKeys) -> Self {
        Self { connections, keys, tail: Mutex::default() }
    }

    fn storage<'d>(&self, database: &'d dyn Database) -> TableStorage<'d> {
        TableStorage::new(database, self.keys)
    }

    /// Returns the index of the entry whose key is in a column.
    fn index(&self, row: &dyn Row, column: usize) -> Result<u64, StoreError> {
        Ok(self.keys.index(row.number(column)?))
    }

    fn read_checkpoints(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Published>, StoreError> {
        if self.keys.is_tenant() {
            return Ok(Vec::new());
        }
        self.with(|database| all(database, "reading checkpoints", sql, values, published))
    }

    fn with<T>(&self, read: impl Fn(&dyn Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        with(&self.connections, read)
    }
}

/// Runs a query on a connection, and returns its result.
pub(super) fn with<T>(
    connections: &dyn Connections,
    read: impl Fn(&dyn Database) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut found = None;
    connections.with(&mut |database| {
        found = Some(read(database)?);
        Ok(())
    })?;
    found.ok_or_else(|| StoreError::unavailable("reading", "the connection did not run the query"))
}

fn published(row: &dyn Row) -> Result<Published, StoreError> {
    Ok(Published { size: row.number(0)?, note: row.string(1)?, at: row.time(2)?, witnessed: row.boolean(3)? })
}

fn require_all<T>(range: &Range<u64>, found: Vec<T>) -> Result<Vec<T>, StoreError> {
    if found.len() as u64 == range.end.saturating_sub(range.start) {
        return Ok(found);
    }
    Err(StoreError::Damaged(format!("entries in {}..{} are missing", range.start, range.end)))
}

impl<C: Connections> EntryReader for TableReader<C> {
    fn size(&self) -> Result<u64, StoreError> {
        self.with(|database| self.storage(database).size())
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT substr(hashes, 1, ?) FROM tiles WHERE tile = ?";
        let length = usize::from(tile.width) * 32;
        let place = [(length as u64).into(), self.keys.tile(tile.level, tile.index).into()];
        let hashes =
            self.with(|database| first(database, "reading a tile", sql, &place, |row| row.bytes(0)))?;
        Ok(hashes.filter(|hashes| hashes.len() == length))
    }

    fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
        self.with(|database| self.storage(database).leaf_hash(index))
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = "SELECT leaf FROM leaves WHERE idx >= ? AND idx < ? ORDER BY idx";
        let ends = self.keys.entries(range.clone());
        let read = self.with(|database| all(database, "reading entries", sql, &ends, |row| row.bytes(0)));
        require_all(&range, read?)
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
        let ends = self.keys.entries(range.clone());
        require_all(&range, self.with(|database| all(database, "reading entries", sql, &ends, leaf))?)
    }

    fn index_of(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError> {
        self.with(|database| {
            let settled = || self.storage(database).settled(chain, seq);
            if let Some(index) = settled()? {
                return Ok(Some(index));
            }
            if !self.keys.is_single() {
                return Ok(None);
            }
            let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.follow(database)?;
            if let Some(index) = tail.index_of(chain, seq) {
                return Ok(Some(index));
            }
            // The link may have been added to the runs between the two lookups.
            settled()
        })
    }

    fn notes(&self, leaves: Range<u64>) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT idx FROM notes WHERE idx >= ? AND idx < ? ORDER BY idx";
        let ends = self.keys.entries(leaves);
        self.with(|database| all(database, "reading key notes", sql, &ends, |row| self.index(row, 0)))
    }
}

impl<C: Connections> CheckpointReader for TableReader<C> {
    fn published(&self) -> Result<Option<Published>, StoreError> {
        let sql = "SELECT size, note, at, witnessed FROM checkpoints ORDER BY size DESC LIMIT 1";
        Ok(self.read_checkpoints(sql, &[])?.pop())
    }

    fn checkpoints(&self, sizes: Range<u64>) -> Result<Vec<Published>, StoreError> {
        let sql =
            "SELECT size, note, at, witnessed FROM checkpoints WHERE size >= ? AND size < ? ORDER BY size";
        let sizes = [sizes.start.into(), sizes.end.into()];
        self.read_checkpoints(sql, &sizes)
    }

    fn seen_first(&self) -> Result<Option<Published>, StoreError> {
        let sql = "SELECT size, note, at, 1 FROM seen_first ORDER BY size DESC LIMIT 1";
        Ok(self.read_checkpoints(sql, &[])?.pop())
    }
}

impl<C: Connections> ForkReader for TableReader<C> {
    fn evidence(&self) -> Result<Vec<(Time, Evidence)>, StoreError> {
        let sql =
            "SELECT at, chain, seq, idx, refused FROM evidence WHERE chain >= ? AND chain < ? ORDER BY id";
        let evidence = |row: &dyn Row| {
            let refused = row.string(4)?.lines().map(str::to_owned).collect();
            let chain = self.keys.original_bytes(&row.bytes(1)?).map(ChainId);
            let chain = chain.ok_or_else(|| StoreError::Damaged("evidence is of an invalid chain".into()))?;
            let index = row.optional_number(3)?.map(|key| self.keys.index(key));
            let evidence = Evidence { chain, seq: row.number(2)?, index, refused };
            Ok((row.time(0)?, evidence))
        };
        let [first, end] = self.keys.all_bytes();
        let chains = [first.as_slice().into(), end.as_slice().into()];
        self.with(|database| all(database, "reading evidence", sql, &chains, evidence))
    }
}

impl<C: Connections> ErasureReader for TableReader<C> {
    fn erasures(&self, before: Option<u64>, max: u64) -> Result<Vec<Erasure>, StoreError> {
        let sql = "SELECT record, done FROM erasures WHERE record >= ? AND record < ? \
                   ORDER BY record DESC LIMIT ?";
        let [first, end] = self.keys.entries(0..before.unwrap_or(u64::MAX));
        let bounds = [first, end, max.into()];
        self.with(|database| {
            all(database, "reading erasures", sql, &bounds, |row| {
                let done = if row.integer(1)?.is_some() { Some(row.time(1)?) } else { None };
                Ok(Erasure { record: self.index(row, 0)?, done })
            })
        })
    }

    fn unfinished_erasures(&self) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT record FROM erasures \
                   WHERE done IS NULL AND record >= ? AND record < ? ORDER BY record";
        let ends = self.keys.entries(0..u64::MAX);
        self.with(|database| all(database, "reading erasures", sql, &ends, |row| self.index(row, 0)))
    }
}

impl<C: Connections> KeyLookup for TableReader<C> {
    type Error = StoreError;

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, StoreError> {
        self.with(|database| Ok(self.storage(database).chain(chain)?.map(|chain| chain.key)))
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        self.with(|database| self.storage(database).life(key))
    }

    fn knows(&self, key: &VerifierKey) -> Result<bool, StoreError> {
        self.with(|database| {
            let is_known = self.storage(database).life(key)? != Life::default();
            // A note for all tenant logs becomes an entry once the key opens a chain.
            Ok(is_known || self.keys.is_tenant() && root_notes::is_granted(database, key)?)
        })
    }

    fn has_note(&self, hash: &Hash) -> Result<bool, StoreError> {
        self.with(|database| Ok(self.storage(database).note(hash)?.is_some()))
    }
}
