//! Everyone's half of the embedded store.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Evidence, Payload, State as _};
use countersign::merkle::Tile;
use countersign::note::VerifierKey;
use countersign::time::Time;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};

use super::state::SqliteState;
use super::{connect, failed, integer, tile_key};
use crate::store::{Published, Reader, StoreError, StoredEvent, StoredLeaf};

/// Connections at rest that are kept for the next who reads.
const KEPT: usize = 8;

pub(super) struct SqliteReader {
    path: PathBuf,
    pool: Mutex<Vec<Connection>>,
}

impl SqliteReader {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, pool: Mutex::new(Vec::new()) }
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let lock = || self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let pooled = lock().pop();
        let connection = match pooled {
            Some(connection) => connection,
            // Write-ahead mode needs its shared memory, also for who reads.
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        };
        let result = read(&connection)?;
        let mut pool = lock();
        if pool.len() < KEPT {
            pool.push(connection);
        }
        Ok(result)
    }
}

fn published(row: &Row<'_>) -> rusqlite::Result<Published> {
    let at = Time::from_millis(row.get(2)?).ok_or(rusqlite::Error::IntegralValueOutOfRange(2, 0))?;
    Ok(Published { size: row.get(0)?, note: row.get(1)?, at, witnessed: row.get(3)? })
}

fn whole<T>(range: &Range<u64>, found: Vec<T>) -> Result<Vec<T>, StoreError> {
    if found.len() as u64 == range.end.saturating_sub(range.start) {
        return Ok(found);
    }
    Err(StoreError::Damaged(format!("leaves of {}..{} are missing", range.start, range.end)))
}

impl Reader for SqliteReader {
    fn size(&self) -> Result<u64, StoreError> {
        self.with(|connection| {
            let last: Option<u64> = connection
                .prepare_cached("SELECT max(idx) FROM leaves")
                .and_then(|mut query| query.query_row([], |row| row.get(0)))
                .map_err(failed("reading the log's size"))?;
            Ok(last.map_or(0, |last| last + 1))
        })
    }

    fn published(&self) -> Result<Option<Published>, StoreError> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT size, note, at, witnessed FROM checkpoints ORDER BY size DESC LIMIT 1",
                )
                .and_then(|mut query| query.query_row([], published).optional())
                .map_err(failed("reading the checkpoint"))
        })
    }

    fn checkpoints(&self, sizes: Range<u64>) -> Result<Vec<Published>, StoreError> {
        let sql =
            "SELECT size, note, at, witnessed FROM checkpoints WHERE size >= ? AND size < ? ORDER BY size";
        self.with(|connection| {
            let read = || -> rusqlite::Result<Vec<Published>> {
                let mut query = connection.prepare_cached(sql)?;
                query.query_map((integer(sizes.start), integer(sizes.end)), published)?.collect()
            };
            read().map_err(failed("reading checkpoints"))
        })
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT substr(hashes, 1, ?) FROM tiles WHERE tile = ?";
        let length = usize::from(tile.width) * 32;
        self.with(|connection| {
            let hashes: Option<Vec<u8>> = connection
                .prepare_cached(sql)
                .and_then(|mut query| {
                    let place = (i64::from(tile.width) * 32, tile_key(tile.level, tile.index));
                    query.query_row(place, |row| row.get(0)).optional()
                })
                .map_err(failed("reading a tile"))?;
            Ok(hashes.filter(|hashes| hashes.len() == length))
        })
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = "SELECT leaf FROM leaves WHERE idx >= ? AND idx < ? ORDER BY idx";
        self.with(|connection| {
            let read = || -> rusqlite::Result<Vec<Vec<u8>>> {
                let mut query = connection.prepare_cached(sql)?;
                query.query_map((integer(range.start), integer(range.end)), |row| row.get(0))?.collect()
            };
            whole(&range, read().map_err(failed("reading leaves"))?)
        })
    }

    fn leaves_with_events(&self, range: Range<u64>) -> Result<Vec<StoredLeaf>, StoreError> {
        let sql = "SELECT leaf, events.idx, salt, event FROM leaves LEFT JOIN events USING (idx) \
                   WHERE leaves.idx >= ? AND leaves.idx < ? ORDER BY leaves.idx";
        let row = |row: &Row<'_>| {
            let event = match (row.get::<_, Option<i64>>(1)?, row.get(2)?, row.get(3)?) {
                (None, ..) => StoredEvent::None,
                (Some(_), Some(salt), Some(event)) => StoredEvent::Here(Payload { salt, event }),
                (Some(_), ..) => StoredEvent::Erased,
            };
            Ok(StoredLeaf { leaf: row.get(0)?, event })
        };
        self.with(|connection| {
            let read = || -> rusqlite::Result<Vec<StoredLeaf>> {
                let mut query = connection.prepare_cached(sql)?;
                query.query_map((integer(range.start), integer(range.end)), row)?.collect()
            };
            whole(&range, read().map_err(failed("reading leaves"))?)
        })
    }

    fn index_of(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError> {
        self.with(|connection| SqliteState(connection).index_of(chain, seq))
    }

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, StoreError> {
        self.with(|connection| Ok(SqliteState(connection).chain(chain)?.map(|chain| chain.key)))
    }

    fn notes(&self, size: u64) -> Result<Vec<u64>, StoreError> {
        self.with(|connection| {
            let read = || -> rusqlite::Result<Vec<u64>> {
                let mut query =
                    connection.prepare_cached("SELECT idx FROM notes WHERE idx < ? ORDER BY idx")?;
                query.query_map([integer(size)], |row| row.get(0))?.collect()
            };
            read().map_err(failed("reading key notes"))
        })
    }

    fn evidence(&self) -> Result<Vec<(Time, Evidence)>, StoreError> {
        let row = |row: &Row<'_>| {
            let at = Time::from_millis(row.get(0)?).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, 0))?;
            let refused = row.get::<_, String>(4)?.lines().map(str::to_owned).collect();
            let evidence =
                Evidence { chain: ChainId(row.get(1)?), seq: row.get(2)?, index: row.get(3)?, refused };
            Ok((at, evidence))
        };
        self.with(|connection| {
            let read = || -> rusqlite::Result<Vec<(Time, Evidence)>> {
                let sql = "SELECT at, chain, seq, idx, refused FROM evidence ORDER BY id";
                connection.prepare_cached(sql)?.query_map([], row)?.collect()
            };
            read().map_err(failed("reading evidence"))
        })
    }

    fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
        self.with(|connection| SqliteState(connection).leaf_hash(index))
    }
}
