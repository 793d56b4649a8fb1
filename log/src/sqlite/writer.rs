//! The sequencer's half of the embedded store.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Chain, Evidence, Growth, Held, Life, Run, State};
use countersign::merkle::{CompactRange, Grown, HashReader as _, TILE_HEIGHT, TileHashes, skips, tiles_for};
use countersign::note::VerifierKey;
use countersign::time::Time;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::state::SqliteState;
use super::{failed, integer, tile_key};
use crate::store::{CommitError, Published, StoreError, Writer};

/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;

/// The bytes of a full tile.
const FULL: usize = 256 * 32;

pub(crate) struct SqliteWriter {
    connection: Connection,
    size: u64,
    /// The partial tiles of the right edge, by level.
    edge: BTreeMap<u8, Vec<u8>>,
}

impl SqliteWriter {
    pub(super) fn new(connection: Connection) -> Result<Self, StoreError> {
        let size: Option<u64> = connection
            .query_row("SELECT max(idx) FROM leaves", [], |row| row.get(0))
            .map_err(failed("reading the log's size"))?;
        let mut writer = Self { connection, size: size.map_or(0, |last| last + 1), edge: BTreeMap::new() };
        writer.edge = writer.read_edge()?;
        Ok(writer)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether this evidence is new, and its chain has not been refused so often that no more is kept.
    pub(crate) fn has_room_for(&self, evidence: &Evidence) -> Result<bool, StoreError> {
        let Evidence { chain: ChainId(chain), seq, refused, .. } = evidence;
        let sql = "SELECT count(*) < 16 AND NOT coalesce(max(seq = ?2 AND refused = ?3), 0) \
                   FROM evidence WHERE chain = ?1";
        self.connection
            .query_row(sql, (chain, integer(*seq), refused.join("\n")), |row| row.get(0))
            .map_err(failed("looking for evidence"))
    }

    fn read_edge(&self) -> Result<BTreeMap<u8, Vec<u8>>, StoreError> {
        let mut edge = BTreeMap::new();
        for level in 0_u8..=6 {
            let subtrees = self.size >> (level * TILE_HEIGHT);
            if subtrees == 0 {
                break;
            }
            let width = (subtrees % 256) as usize * 32;
            if width > 0 {
                let mut hashes = tile(&self.connection, level, subtrees / 256)?.unwrap_or_default();
                if hashes.len() < width {
                    return Err(StoreError::Damaged(format!("the last tile of level {level} is too short")));
                }
                hashes.truncate(width);
                edge.insert(level, hashes);
            }
        }
        Ok(edge)
    }

    fn write(
        transaction: &Transaction<'_>,
        edge: &mut BTreeMap<u8, Vec<u8>>,
        growth: &Growth,
        tree: &Grown,
    ) -> rusqlite::Result<()> {
        let mut leaves = transaction.prepare_cached("INSERT INTO leaves VALUES (?, ?)")?;
        let mut events = transaction.prepare_cached("INSERT INTO events VALUES (?, ?, ?)")?;
        for (leaf, index) in growth.leaves().iter().zip(growth.base()..) {
            leaves.execute((integer(index), leaf.text.as_bytes()))?;
            if let Some(payload) = &leaf.payload {
                events.execute((integer(index), payload.salt, &payload.event))?;
            }
        }
        write_tiles(transaction, edge, tree)?;
        for run in growth.runs() {
            write_run(transaction, &run)?;
        }
        let mut chains = transaction.prepare_cached("REPLACE INTO chains VALUES (?, ?, ?, ?, ?, ?, ?)")?;
        for (id, Chain { key, windows, next, last, time, closed }) in growth.chains() {
            let (windows, next, time) = (windows.to_string(), integer(*next), time.millis());
            chains.execute((id.0, key.as_str(), windows, next, last.0, time, closed))?;
        }
        let mut notes = transaction.prepare_cached("INSERT INTO notes VALUES (?, ?)")?;
        for (hash, index) in growth.notes() {
            notes.execute((hash.0, integer(index)))?;
        }
        let mut lives = transaction.prepare_cached("REPLACE INTO lives VALUES (?, ?, ?)")?;
        for (key, life) in growth.lives() {
            lives.execute((key.as_str(), life.windows.to_string(), life.revoked))?;
        }
        Ok(())
    }
}

fn tile(connection: &Connection, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
    connection
        .prepare_cached("SELECT hashes FROM tiles WHERE tile = ?")
        .and_then(|mut query| query.query_row([tile_key(level, index)], |row| row.get(0)).optional())
        .map_err(failed("reading a tile"))
}

/// Appends to the tiles what was completed at their levels.
fn write_tiles(
    transaction: &Transaction<'_>,
    edge: &mut BTreeMap<u8, Vec<u8>>,
    tree: &Grown,
) -> rusqlite::Result<()> {
    let mut tiles = transaction.prepare_cached("REPLACE INTO tiles VALUES (?, ?)")?;
    for level in 0_u8.. {
        let (mut before, mut hashes) = tree.completed(level * TILE_HEIGHT);
        if hashes.is_empty() {
            break;
        }
        while !hashes.is_empty() {
            let tile = edge.entry(level).or_default();
            let (now, later) = hashes.split_at(hashes.len().min((FULL - tile.len()) / 32));
            tile.extend(now.iter().flat_map(|Hash(bytes)| bytes));
            tiles.execute((tile_key(level, before / 256), &*tile))?;
            if tile.len() == FULL {
                tile.clear();
            }
            before += now.len() as u64;
            hashes = later;
        }
    }
    Ok(())
}

/// Adds a run, or makes the chain's last one longer.
fn write_run(transaction: &Transaction<'_>, run: &Run) -> rusqlite::Result<()> {
    let sql = "UPDATE runs SET count = count + ?1 WHERE chain = ?2 AND seq = \
               (SELECT max(seq) FROM runs WHERE chain = ?2) AND seq + count = ?3 AND idx + count = ?4";
    let (count, chain, seq, index) = (integer(run.count), run.chain.0, integer(run.seq), integer(run.index));
    if transaction.prepare_cached(sql)?.execute((count, chain, seq, index))? == 0 {
        transaction
            .prepare_cached("INSERT INTO runs VALUES (?, ?, ?, ?)")?
            .execute((chain, seq, index, count))?;
    }
    Ok(())
}

/// Whether a checkpoint is kept instead of the one that was published before it.
pub(crate) fn takes_the_place_of(published: &Published, before: &Published) -> bool {
    before.at.millis() / HOUR == published.at.millis() / HOUR && (published.witnessed || !before.witnessed)
}

fn write_checkpoint(transaction: &Connection, published: &Published) -> rusqlite::Result<()> {
    let Published { size, note, at, witnessed } = published;
    // Witnesses may see one again for as long as it is the newest. What they saw in the hour in which the log grew is
    // what is kept of it.
    let sql = "INSERT OR IGNORE INTO seen_first \
               SELECT size, note, at FROM checkpoints WHERE size = ? AND witnessed AND note <> ?";
    transaction.prepare_cached(sql)?.execute((integer(*size), note))?;
    let sql = "UPDATE checkpoints SET note = seen_first.note, at = seen_first.at FROM seen_first \
               WHERE checkpoints.size = seen_first.size AND seen_first.size < ?";
    transaction.prepare_cached(sql)?.execute([integer(*size)])?;
    transaction.prepare_cached("DELETE FROM seen_first WHERE size < ?")?.execute([integer(*size)])?;
    // The newest of all is always here. Within its hour it takes the place of the one before, unless witnesses saw
    // that one and not this.
    let sql = "DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints) \
               AND at / ?1 = ?2 / ?1 AND (?3 OR NOT witnessed)";
    transaction.prepare_cached(sql)?.execute((HOUR, at.millis(), witnessed))?;
    let sql = "REPLACE INTO checkpoints VALUES (?, ?, ?, ?)";
    transaction.prepare_cached(sql)?.execute((integer(*size), note, at.millis(), witnessed))?;
    Ok(())
}

impl State for SqliteWriter {
    type Error = StoreError;

    fn chain(&self, chain: &ChainId) -> Result<Option<Chain>, StoreError> {
        SqliteState(&self.connection).chain(chain)
    }

    fn link(&self, chain: &ChainId, seq: u64) -> Result<Option<Held>, StoreError> {
        SqliteState(&self.connection).link(chain, seq)
    }

    fn note(&self, hash: &Hash) -> Result<Option<u64>, StoreError> {
        SqliteState(&self.connection).note(hash)
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        SqliteState(&self.connection).life(key)
    }
}

impl Writer for SqliteWriter {
    fn size(&self) -> u64 {
        self.size
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        let damaged = |error: countersign::Error| StoreError::Damaged(error.message);
        let subtrees: Vec<_> = skips(0, self.size).collect();
        let mut hashes = TileHashes::new(8);
        for wanted in tiles_for(&subtrees, self.size) {
            let bytes = tile(&self.connection, wanted.level, wanted.index)?.unwrap_or_default();
            let bytes = bytes.get(..usize::from(wanted.width) * 32).unwrap_or_default();
            hashes.insert(wanted, bytes).map_err(damaged)?;
        }
        let mut edge = CompactRange::new();
        for (subtree, hash) in subtrees.iter().zip(hashes.read_hashes(&subtrees).map_err(damaged)?) {
            edge.append_subtree(subtree.level, hash).map_err(damaged)?;
        }
        Ok(edge)
    }

    fn state(&self) -> &dyn State<Error = StoreError> {
        self
    }

    fn commit(
        &mut self,
        growth: &Growth,
        tree: &Grown,
        publish: Option<&Published>,
    ) -> Result<(), CommitError> {
        let mut edge = self.edge.clone();
        let behavior = TransactionBehavior::Immediate;
        let mut commit = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(&self.connection, behavior)?;
            Self::write(&transaction, &mut edge, growth, tree)?;
            if let Some(published) = publish {
                write_checkpoint(&transaction, published)?;
            }
            transaction.commit()
        };
        commit().map_err(failed("committing"))?;
        self.edge = edge;
        self.size = growth.size();
        Ok(())
    }

    fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        let publish = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            write_checkpoint(&transaction, published)?;
            transaction.commit()
        };
        publish().map_err(failed("publishing a checkpoint"))
    }

    fn keep_evidence(&mut self, evidence: &Evidence, at: Time) -> Result<(), StoreError> {
        let Evidence { chain: ChainId(chain), seq, index, refused } = evidence;
        let row = (at.millis(), chain, integer(*seq), index.map(integer), refused.join("\n"));
        self.connection
            .execute(
                "INSERT OR IGNORE INTO evidence (at, chain, seq, idx, refused) SELECT ?1, ?2, ?3, ?4, ?5 \
                 WHERE (SELECT count(*) FROM evidence WHERE chain = ?2) < 16",
                row,
            )
            .map(drop)
            .map_err(failed("keeping evidence"))
    }

    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        let sql = failed("erasing");
        // Whole pages that are freed are overwritten with zeros too.
        self.connection.pragma_update(None, "secure_delete", true).map_err(sql)?;
        let erase = || -> rusqlite::Result<u64> {
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            let mut update = transaction.prepare_cached(
                "UPDATE events SET salt = NULL, event = NULL WHERE idx = ? AND salt IS NOT NULL",
            )?;
            let mut erased = 0;
            for index in leaves {
                erased += update.execute([integer(*index)])? as u64;
            }
            drop(update);
            transaction.commit()?;
            Ok(erased)
        };
        let erased = erase().map_err(sql)?;
        self.connection.pragma_update(None, "secure_delete", "fast").map_err(sql)?;
        // The write-ahead log still has the pages as they were.
        let busy: i64 = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(sql)?;
        if busy != 0 {
            return Err(StoreError::unavailable("erasing", "the write-ahead log is in use: ask again"));
        }
        Ok(erased)
    }
}

#[cfg(test)]
mod tests;
