//! What the database knows of a log's leaves.

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Chain, Held, Life, State, Windows};
use countersign::note::VerifierKey;
use countersign::time::Time;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{failed, integer};
use crate::store::StoreError;

/// The state that a connection sees.
pub(super) struct SqliteState<'c>(pub(super) &'c Connection);

impl SqliteState<'_> {
    /// The index of a chain's link.
    pub(super) fn index_of(&self, chain: &ChainId, seq: u64) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT seq, idx, count FROM runs WHERE chain = ? AND seq <= ? ORDER BY seq DESC LIMIT 1";
        let row = |row: &Row<'_>| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?));
        let run = self
            .0
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row((chain.0, integer(seq)), row).optional())
            .map_err(failed("looking for a link"))?;
        Ok(run.and_then(|(first, index, count)| {
            let after = seq.checked_sub(first).filter(|after| *after < count)?;
            Some(index + after)
        }))
    }

    /// The hash of a leaf, from its tile.
    pub(super) fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
        let sql = "SELECT substr(hashes, ?, 32) FROM tiles WHERE tile = ?";
        let place = (integer(index % 256 * 32 + 1), super::tile_key(0, index / 256));
        self.0
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row(place, |row| row.get(0)).optional())
            .map_err(failed("reading a tile"))?
            .map(Hash)
            .ok_or_else(|| StoreError::Damaged(format!("the hash of leaf {index} is missing")))
    }
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}

impl State for SqliteState<'_> {
    type Error = StoreError;

    fn chain(&self, chain: &ChainId) -> Result<Option<Chain>, StoreError> {
        let sql = "SELECT key, windows, next, last, time, closed FROM chains WHERE chain = ?";
        let row = |row: &Row<'_>| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, u64>(2)?,
                row.get::<_, [u8; 32]>(3)?,
                row.get::<_, i64>(4)?,
                row.get::<_, bool>(5)?,
            ))
        };
        let found = self
            .0
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([chain.0], row).optional())
            .map_err(failed("looking for a chain"))?;
        let Some((key, windows, next, last, time, closed)) = found else { return Ok(None) };
        let time = Time::from_millis(time).ok_or_else(|| damaged("a chain's time is out of bounds"))?;
        let key: VerifierKey = key.parse().map_err(damaged)?;
        let windows = Windows::parse(&windows).map_err(damaged)?;
        Ok(Some(Chain { key, windows, next, last: Hash(last), time, closed }))
    }

    fn link(&self, chain: &ChainId, seq: u64) -> Result<Option<Held>, StoreError> {
        let Some(index) = self.index_of(chain, seq)? else { return Ok(None) };
        Ok(Some(Held { index, hash: self.leaf_hash(index)? }))
    }

    fn note(&self, hash: &Hash) -> Result<Option<u64>, StoreError> {
        self.0
            .prepare_cached("SELECT idx FROM notes WHERE hash = ?")
            .and_then(|mut query| query.query_row([hash.0], |row| row.get(0)).optional())
            .map_err(failed("looking for a key note"))
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        let sql = "SELECT windows, revoked FROM lives WHERE key = ?";
        let found = self
            .0
            .prepare_cached(sql)
            .and_then(|mut query| {
                let row = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?));
                query.query_row([key.as_str()], row).optional()
            })
            .map_err(failed("looking for a key"))?;
        let Some((windows, revoked)) = found else { return Ok(Life::default()) };
        Ok(Life { windows: Windows::parse(&windows).map_err(damaged)?, revoked })
    }
}
