//! The statements that change the tables. Each is part of a transaction, unless it says otherwise.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Chain, Evidence, PendingBatch, Run};
use countersign::merkle::{PendingTree, TILE_HEIGHT};
use countersign::time::Time;

use super::database::{Database, Value, first};
use super::keys::LogKeys;
use super::storage::TableStorage;
use super::tail::Tail;
use crate::store::{Published, StoreError};

const HOUR_MS: i64 = 3_600_000;

const FULL_TILE_BYTES: usize = 256 * 32;

/// The maximum number of forks that are kept for each chain.
pub(super) const MAX_FORKS: &str = "16";

pub(super) const COMMITTING: &str = "committing";
pub(super) const SETTLING: &str = "writing the runs of links";

/// The partial tiles of a tree's right edge, by level.
pub(super) type EdgeTiles = BTreeMap<u8, Vec<u8>>;

/// Changes the rows of one log.
#[derive(Clone, Copy)]
pub(super) struct TableChanges<'d> {
    database: &'d dyn Database,
    keys: LogKeys,
}

impl<'d> TableChanges<'d> {
    /// Changes the log with these keys.
    pub(super) fn new(database: &'d dyn Database, keys: LogKeys) -> Self {
        Self { database, keys }
    }

    /// Reads the partial tiles of the tree of `size` entries.
    pub(super) fn read_edge(self, size: u64) -> Result<EdgeTiles, StoreError> {
        let storage = TableStorage::new(self.database, self.keys);
        let mut edge = EdgeTiles::new();
        for level in 0_u8..=6 {
            let subtrees = size >> (level * TILE_HEIGHT);
            if subtrees == 0 {
                break;
            }
            let width = (subtrees % 256) as usize * 32;
            if width > 0 {
                let mut hashes = storage.tile(level, subtrees / 256)?.unwrap_or_default();
                if hashes.len() < width {
                    return Err(StoreError::Damaged(format!("the last tile of level {level} is too short")));
                }
                hashes.truncate(width);
                edge.insert(level, hashes);
            }
        }
        Ok(edge)
    }

    /// Adds entries, the hashes that they complete, and what they change in chains and keys. The runs of their links
    /// are added [apart](Self::write_runs).
    pub(super) fn write(
        self,
        edge: &mut EdgeTiles,
        growth: &PendingBatch,
        tree: &PendingTree,
    ) -> Result<(), StoreError> {
        let Self { database, keys } = self;
        keys.check_size(growth.size())?;
        let leaves = || growth.leaves().iter().zip((growth.base()..).map(|index| keys.entry(index)));
        let rows: Vec<Value<'_>> =
            leaves().flat_map(|(leaf, key)| [key.into(), leaf.text.as_bytes().into()]).collect();
        database.put(COMMITTING, "INSERT INTO leaves", 2, &rows)?;
        let events = leaves().filter_map(|(leaf, key)| Some((leaf.event()?, key)));
        let rows: Vec<Value<'_>> = events
            .flat_map(|(event, key)| [key.into(), (&event.salt).into(), event.text.as_str().into()])
            .collect();
        database.put(COMMITTING, "INSERT INTO events", 3, &rows)?;
        self.write_tiles(edge, tree)?;
        let chains: Vec<_> = growth
            .chains()
            .map(|(id, chain)| (keys.bytes(&id.0), chain, chain.windows.to_string()))
            .collect();
        let rows: Vec<Value<'_>> = chains
            .iter()
            .flat_map(|(id, Chain { key, next, last, time, closed, .. }, windows)| {
                [
                    (&**id).into(),
                    key.as_str().into(),
                    windows.as_str().into(),
                    (*next).into(),
                    (&last.0).into(),
                    time.millis().into(),
                    (*closed).into(),
                ]
            })
            .collect();
        database.put(COMMITTING, "REPLACE INTO chains", 7, &rows)?;
        let notes: Vec<_> =
            growth.notes().map(|(hash, index)| (keys.bytes(&hash.0), keys.entry(index))).collect();
        let rows: Vec<Value<'_>> =
            notes.iter().flat_map(|(hash, entry)| [(&**hash).into(), (*entry).into()]).collect();
        database.put(COMMITTING, "INSERT INTO notes", 2, &rows)?;
        let lives: Vec<_> = growth
            .lives()
            .map(|(key, life)| (keys.text(key.as_str()), life.windows.to_string(), life.revoked))
            .collect();
        let rows: Vec<Value<'_>> = lives
            .iter()
            .flat_map(|(key, windows, revoked)| [(&**key).into(), windows.as_str().into(), (*revoked).into()])
            .collect();
        database.put(COMMITTING, "REPLACE INTO lives", 3, &rows)
    }

    /// Adds an entry that is neither a link nor a key note, and the hashes that it completes.
    pub(super) fn write_entry(self, index: u64, entry: &[u8], tree: &PendingTree) -> Result<(), StoreError> {
        self.keys.check_size(index + 1)?;
        let row = [self.keys.entry(index).into(), entry.into()];
        self.database.put(COMMITTING, "INSERT INTO leaves", 2, &row)?;
        self.write_tiles(&mut self.read_edge(index)?, tree)
    }

    /// Appends completed hashes to the tiles of each level.
    fn write_tiles(self, edge: &mut EdgeTiles, tree: &PendingTree) -> Result<(), StoreError> {
        for level in 0_u8.. {
            let (mut before, mut hashes) = tree.completed(level * TILE_HEIGHT);
            if hashes.is_empty() {
                break;
            }
            while !hashes.is_empty() {
                let tile = edge.entry(level).or_default();
                let (now, later) = hashes.split_at(hashes.len().min((FULL_TILE_BYTES - tile.len()) / 32));
                tile.extend(now.iter().flat_map(|Hash(bytes)| bytes));
                let row = [self.keys.tile(level, before / 256).into(), tile.as_slice().into()];
                self.database.put(COMMITTING, "REPLACE INTO tiles", 2, &row)?;
                if tile.len() == FULL_TILE_BYTES {
                    tile.clear();
                }
                before += now.len() as u64;
                hashes = later;
            }
        }
        Ok(())
    }

    /// Adds the tail's links to the table of runs.
    pub(super) fn write_runs(self, tail: &Tail) -> Result<(), StoreError> {
        for runs in tail.chains() {
            let rest = if self.lengthen(&runs[0])? { &runs[1..] } else { runs };
            let chain = self.keys.bytes(&runs[0].chain.0);
            let rows: Vec<Value<'_>> = rest
                .iter()
                .flat_map(|run| {
                    [(&*chain).into(), run.seq.into(), self.keys.entry(run.index).into(), run.count.into()]
                })
                .collect();
            self.database.put(SETTLING, "INSERT INTO runs", 4, &rows)?;
        }
        Ok(())
    }

    /// Extends a chain's last run. Returns true if `run` directly continues it.
    fn lengthen(self, run: &Run) -> Result<bool, StoreError> {
        let sql = "UPDATE runs SET count = count + ?1 WHERE chain = ?2 AND seq = \
                   (SELECT max(seq) FROM runs WHERE chain = ?2) AND seq + count = ?3 AND idx + count = ?4";
        let chain = self.keys.bytes(&run.chain.0);
        let (count, seq, entry) = (run.count.into(), run.seq.into(), self.keys.entry(run.index).into());
        Ok(self.database.change(SETTLING, sql, &[count, (&*chain).into(), seq, entry])? > 0)
    }

    /// Adds unfinished erasures, recorded by these entries.
    pub(super) fn write_erasures(self, doing: &'static str, records: &[u64]) -> Result<(), StoreError> {
        let rows: Vec<Value<'_>> =
            records.iter().flat_map(|record| [self.keys.entry(*record).into(), Value::Null]).collect();
        self.database.put(doing, "INSERT OR IGNORE INTO erasures", 2, &rows)
    }

    /// Keeps evidence, unless its chain has the maximum. Not part of a transaction.
    pub(super) fn keep_evidence(self, evidence: &Evidence, at: Time) -> Result<(), StoreError> {
        let Evidence { chain: ChainId(chain), seq, index, refused } = evidence;
        let sql = format!(
            "INSERT OR IGNORE INTO evidence (at, chain, seq, idx, refused) SELECT ?1, ?2, ?3, ?4, ?5 \
             WHERE (SELECT count(*) FROM evidence WHERE chain = ?2) < {MAX_FORKS}"
        );
        let (chain, refused) = (self.keys.bytes(chain), refused.join("\n"));
        let entry = index.map(|index| self.keys.entry(index));
        let row =
            [at.millis().into(), (&*chain).into(), (*seq).into(), entry.into(), refused.as_str().into()];
        self.database.change("keeping evidence", &sql, &row).map(drop)
    }

    /// True if this evidence is new, and its chain has fewer forks than the maximum.
    pub(super) fn has_room_for(self, evidence: &Evidence) -> Result<bool, StoreError> {
        let Evidence { chain: ChainId(chain), seq, refused, .. } = evidence;
        let sql = format!(
            "SELECT count(*) < {MAX_FORKS} AND NOT coalesce(max(seq = ?2 AND refused = ?3), 0) \
             FROM evidence WHERE chain = ?1"
        );
        let (chain, refused) = (self.keys.bytes(chain), refused.join("\n"));
        let values = [(&*chain).into(), (*seq).into(), refused.as_str().into()];
        let room = first(self.database, "looking for evidence", &sql, &values, |row| row.boolean(0))?;
        Ok(room.unwrap_or_default())
    }

    /// Erases the events of these entries permanently, in a transaction of its own.
    pub(super) fn erase(self, entries: &[u64]) -> Result<u64, StoreError> {
        let sql = "UPDATE events SET salt = NULL, event = NULL WHERE idx = ? AND salt IS NOT NULL";
        let mut erased = 0;
        self.database.purge("erasing", &mut || {
            erased = 0;
            for index in entries {
                erased += self.database.change("erasing", sql, &[self.keys.entry(*index).into()])?;
            }
            Ok(())
        })?;
        Ok(erased)
    }

    /// Marks an erasure as done. Not part of a transaction.
    pub(super) fn finish_erasure(self, record: u64, at: Time) -> Result<(), StoreError> {
        let sql = "UPDATE erasures SET done = ? WHERE record = ? AND done IS NULL";
        let row = [at.millis().into(), self.keys.entry(record).into()];
        self.database.change("ending an erasure", sql, &row).map(drop)
    }
}

/// Adds the tail's links to the table of runs, which then has all entries before `end`.
pub(super) fn settle(database: &dyn Database, tail: &Tail, end: u64) -> Result<(), StoreError> {
    TableChanges::new(database, LogKeys::single()).write_runs(tail)?;
    database.put(SETTLING, "REPLACE INTO unsettled", 2, &[1_u64.into(), end.into()])
}

/// Replaces the signed size, if there is a new one.
pub(super) fn write_signed_size(database: &dyn Database, size: Option<u64>) -> Result<(), StoreError> {
    let Some(size) = size else { return Ok(()) };
    database.put(COMMITTING, "REPLACE INTO signed", 2, &[1_u64.into(), size.into()])
}

/// Returns the signed size.
pub(super) fn signed_size(database: &dyn Database) -> Result<Option<u64>, StoreError> {
    first(database, "reading the signed size", "SELECT size FROM signed", &[], |row| row.number(0))
}

/// Deletes the signed size.
pub(super) fn forget_signed_size(database: &dyn Database) -> Result<(), StoreError> {
    database.change("deleting the signed size", "DELETE FROM signed", &[]).map(drop)
}

/// Publishes a checkpoint in a transaction of its own.
pub(super) fn publish(database: &dyn Database, published: &Published) -> Result<(), StoreError> {
    database.transaction("publishing a checkpoint", &mut || write_checkpoint(database, published))
}

/// Returns the hour of a time, counted from the epoch.
pub(crate) fn hour(at: Time) -> i64 {
    at.millis().div_euclid(HOUR_MS)
}

/// True if a checkpoint replaces the one that was published before it.
pub fn replaces(published: &Published, before: &Published) -> bool {
    hour(before.at) == hour(published.at) && (published.witnessed || !before.witnessed)
}

/// Adds or replaces a published checkpoint.
pub(super) fn write_checkpoint(database: &dyn Database, published: &Published) -> Result<(), StoreError> {
    let Published { size, note, at, witnessed } = published;
    let (doing, size, note) = ("publishing a checkpoint", (*size).into(), note.as_str().into());
    // Witnesses may see the newest checkpoint again. The version that is kept is the one that they saw in the hour in
    // which the log grew.
    let sql = "INSERT OR IGNORE INTO seen_first \
               SELECT size, note, at FROM checkpoints WHERE size = ? AND witnessed AND note <> ?";
    database.change(doing, sql, &[size, note])?;
    let sql = "UPDATE checkpoints SET note = seen_first.note, at = seen_first.at FROM seen_first \
               WHERE checkpoints.size = seen_first.size AND seen_first.size < ?";
    database.change(doing, sql, &[size])?;
    database.change(doing, "DELETE FROM seen_first WHERE size < ?", &[size])?;
    // The newest checkpoint is always kept. It replaces an earlier one of the same hour, unless witnesses saw only the
    // earlier one.
    let sql = "DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints) \
               AND at >= ?1 AND at < ?2 AND (?3 OR NOT witnessed)";
    let begin = hour(*at) * HOUR_MS;
    database.change(doing, sql, &[begin.into(), (begin + HOUR_MS).into(), (*witnessed).into()])?;
    let row = [size, note, at.millis().into(), (*witnessed).into()];
    database.put(doing, "REPLACE INTO checkpoints", 4, &row)
}
