//! The sequencer's half of a store in tables.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::log::{Chain, EntryRef, Evidence, Life, PendingBatch, Run, Storage};
use countersign::merkle::{
    CompactRange, HashReader as _, PendingTree, TILE_HEIGHT, TileHashes, skips, tiles_for,
};
use countersign::note::VerifierKey;
use countersign::time::Time;

use super::database::{Database, Value, first, tile_key};
use super::storage::TableStorage;
use super::tail::Tail;
use crate::erase::record;
use crate::store::{
    Batch, CheckpointWriter, CommitError, EntryWriter, ErasureWriter, ForkWriter, Published, SignedHeadStore,
    StoreError,
};

const HOUR_MS: i64 = 3_600_000;

const FULL_TILE_BYTES: usize = 256 * 32;

/// The maximum number of forks that are kept of a chain.
const MAX_FORKS: &str = "16";

/// A writer of a log's tables.
pub struct TableWriter<D> {
    database: D,
    size: u64,
    /// The partial tiles of the right edge, by level.
    edge: BTreeMap<u8, Vec<u8>>,
    tail: Tail,
}

impl<D: Database> TableWriter<D> {
    /// Creates a writer for a database with the tables.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails or is inconsistent.
    pub fn new(database: D) -> Result<Self, StoreError> {
        let sql = "SELECT max(idx) FROM leaves";
        let last = first(&database, "reading the log's size", sql, &[], |row| row.optional_number(0))?;
        let size = last.flatten().map_or(0, |last| last + 1);
        let tail = Tail::read(&database)?;
        let mut writer = Self { database, size, edge: BTreeMap::new(), tail };
        writer.edge = writer.read_edge()?;
        Ok(writer)
    }

    /// Returns the database.
    pub fn database(&self) -> &D {
        &self.database
    }

    /// True if this evidence is new, and its chain has fewer forks than the maximum.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has_room_for(&self, evidence: &Evidence) -> Result<bool, StoreError> {
        let Evidence { chain: ChainId(chain), seq, refused, .. } = evidence;
        let sql = format!(
            "SELECT count(*) < {MAX_FORKS} AND NOT coalesce(max(seq = ?2 AND refused = ?3), 0) \
             FROM evidence WHERE chain = ?1"
        );
        let refused = refused.join("\n");
        let values = [chain.into(), (*seq).into(), refused.as_str().into()];
        let room = first(&self.database, "looking for evidence", &sql, &values, |row| row.boolean(0))?;
        Ok(room.unwrap_or_default())
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
                let mut hashes = tile(&self.database, level, subtrees / 256)?.unwrap_or_default();
                if hashes.len() < width {
                    return Err(StoreError::Damaged(format!("the last tile of level {level} is too short")));
                }
                hashes.truncate(width);
                edge.insert(level, hashes);
            }
        }
        Ok(edge)
    }
}

fn tile(database: &dyn Database, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT hashes FROM tiles WHERE tile = ?";
    first(database, "reading a tile", sql, &[tile_key(level, index).into()], |row| row.bytes(0))
}

const COMMITTING: &str = "committing";
const SETTLING: &str = "writing the runs of links";

fn write(
    database: &dyn Database,
    edge: &mut BTreeMap<u8, Vec<u8>>,
    growth: &PendingBatch,
    tree: &PendingTree,
) -> Result<(), StoreError> {
    let leaves = || growth.leaves().iter().zip(growth.base()..);
    let rows: Vec<Value<'_>> =
        leaves().flat_map(|(leaf, index)| [index.into(), leaf.text.as_bytes().into()]).collect();
    database.put(COMMITTING, "INSERT INTO leaves", 2, &rows)?;
    let events = leaves().filter_map(|(leaf, index)| Some((leaf.event()?, index)));
    let rows: Vec<Value<'_>> = events
        .flat_map(|(event, index)| [index.into(), (&event.salt).into(), event.text.as_str().into()])
        .collect();
    database.put(COMMITTING, "INSERT INTO events", 3, &rows)?;
    write_tiles(database, edge, tree)?;
    let chains: Vec<(&ChainId, &Chain, String)> =
        growth.chains().map(|(id, chain)| (id, chain, chain.windows.to_string())).collect();
    let rows: Vec<Value<'_>> = chains
        .iter()
        .flat_map(|(id, Chain { key, next, last, time, closed, .. }, windows)| {
            [
                (&id.0).into(),
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
    let rows: Vec<Value<'_>> =
        growth.notes().flat_map(|(hash, index)| [(&hash.0).into(), index.into()]).collect();
    database.put(COMMITTING, "INSERT INTO notes", 2, &rows)?;
    let lives: Vec<(&VerifierKey, String, bool)> =
        growth.lives().map(|(key, life)| (key, life.windows.to_string(), life.revoked)).collect();
    let rows: Vec<Value<'_>> = lives
        .iter()
        .flat_map(|(key, windows, revoked)| [key.as_str().into(), windows.as_str().into(), (*revoked).into()])
        .collect();
    database.put(COMMITTING, "REPLACE INTO lives", 3, &rows)
}

/// Adds unfinished erasures, recorded by these entries.
fn write_erasures(database: &dyn Database, doing: &'static str, records: &[u64]) -> Result<(), StoreError> {
    let rows: Vec<Value<'_>> = records.iter().flat_map(|record| [(*record).into(), Value::Null]).collect();
    database.put(doing, "INSERT OR IGNORE INTO erasures", 2, &rows)
}

/// Appends completed hashes to the tiles of each level.
fn write_tiles(
    database: &dyn Database,
    edge: &mut BTreeMap<u8, Vec<u8>>,
    tree: &PendingTree,
) -> Result<(), StoreError> {
    for level in 0_u8.. {
        let (mut before, mut hashes) = tree.completed(level * TILE_HEIGHT);
        if hashes.is_empty() {
            break;
        }
        while !hashes.is_empty() {
            let tile = edge.entry(level).or_default();
            let (now, later) = hashes.split_at(hashes.len().min((FULL_TILE_BYTES - tile.len()) / 32));
            tile.extend(now.iter().flat_map(|Hash(bytes)| bytes));
            let row = [tile_key(level, before / 256).into(), tile.as_slice().into()];
            database.put(COMMITTING, "REPLACE INTO tiles", 2, &row)?;
            if tile.len() == FULL_TILE_BYTES {
                tile.clear();
            }
            before += now.len() as u64;
            hashes = later;
        }
    }
    Ok(())
}

/// Adds the tail's links to the table of runs, which then has all entries before `end`.
fn settle(database: &dyn Database, tail: &Tail, end: u64) -> Result<(), StoreError> {
    for runs in tail.chains() {
        let rest = if lengthen(database, &runs[0])? { &runs[1..] } else { runs };
        let rows: Vec<Value<'_>> = rest
            .iter()
            .flat_map(|run| [(&run.chain.0).into(), run.seq.into(), run.index.into(), run.count.into()])
            .collect();
        database.put(SETTLING, "INSERT INTO runs", 4, &rows)?;
    }
    database.put(SETTLING, "REPLACE INTO unsettled", 2, &[1_u64.into(), end.into()])
}

/// Extends a chain's last run. Returns true if `run` directly continues it.
fn lengthen(database: &dyn Database, run: &Run) -> Result<bool, StoreError> {
    let sql = "UPDATE runs SET count = count + ?1 WHERE chain = ?2 AND seq = \
               (SELECT max(seq) FROM runs WHERE chain = ?2) AND seq + count = ?3 AND idx + count = ?4";
    let (count, chain, seq, index) =
        (run.count.into(), (&run.chain.0).into(), run.seq.into(), run.index.into());
    Ok(database.change(SETTLING, sql, &[count, chain, seq, index])? > 0)
}

/// Returns the hour of a time, counted from the epoch.
fn hour(at: Time) -> i64 {
    at.millis().div_euclid(HOUR_MS)
}

/// True if a checkpoint replaces the one that was published before it.
pub fn takes_the_place_of(published: &Published, before: &Published) -> bool {
    hour(before.at) == hour(published.at) && (published.witnessed || !before.witnessed)
}

fn write_checkpoint(database: &dyn Database, published: &Published) -> Result<(), StoreError> {
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

impl<D: Database + Send> Storage for TableWriter<D> {
    type Error = StoreError;

    fn chain(&self, chain: &ChainId) -> Result<Option<Chain>, StoreError> {
        TableStorage(&self.database).chain(chain)
    }

    fn link(&self, chain: &ChainId, seq: u64) -> Result<Option<EntryRef>, StoreError> {
        let storage = TableStorage(&self.database);
        let index = match self.tail.index_of(chain, seq) {
            None => storage.settled(chain, seq)?,
            index => index,
        };
        index.map(|index| Ok(EntryRef { index, hash: storage.leaf_hash(index)? })).transpose()
    }

    fn note(&self, hash: &Hash) -> Result<Option<u64>, StoreError> {
        TableStorage(&self.database).note(hash)
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, StoreError> {
        TableStorage(&self.database).life(key)
    }
}

impl<D: Database + Send> EntryWriter for TableWriter<D> {
    fn size(&self) -> u64 {
        self.size
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let subtrees: Vec<_> = skips(0, self.size).collect();
        let mut hashes = TileHashes::new(8);
        for wanted in tiles_for(&subtrees, self.size) {
            let bytes = tile(&self.database, wanted.level, wanted.index)?.unwrap_or_default();
            let bytes = bytes.get(..usize::from(wanted.width) * 32).unwrap_or_default();
            hashes.insert(wanted, bytes).map_err(damaged)?;
        }
        let mut edge = CompactRange::new();
        for (subtree, hash) in subtrees.iter().zip(hashes.read_hashes(&subtrees).map_err(damaged)?) {
            edge.append_subtree(subtree.level, hash).map_err(damaged)?;
        }
        Ok(edge)
    }

    fn state(&self) -> &dyn Storage<Error = StoreError> {
        self
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
        let Batch { growth, tree, publish, erasures, signed_size } = *batch;
        let mut edge = self.edge.clone();
        let (runs, end) = (growth.runs(), growth.size());
        let settled = self.tail.is_full_with(&runs, end).then(|| {
            let mut tail = self.tail.clone();
            tail.extend(&runs, end);
            tail
        });
        self.database.transaction(COMMITTING, &mut || {
            write(&self.database, &mut edge, growth, tree)?;
            if let Some(tail) = &settled {
                settle(&self.database, tail, end)?;
            }
            write_erasures(&self.database, COMMITTING, erasures)?;
            if let Some(size) = signed_size {
                self.database.put(COMMITTING, "REPLACE INTO signed", 2, &[1_u64.into(), size.into()])?;
            }
            publish.map_or(Ok(()), |published| write_checkpoint(&self.database, published))
        })?;
        if settled.is_some() {
            self.tail = Tail::new(end);
        } else {
            self.tail.extend(&runs, end);
        }
        self.edge = edge;
        self.size = end;
        Ok(())
    }
}

impl<D: Database + Send> CheckpointWriter for TableWriter<D> {
    fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        let database = &self.database;
        database.transaction("publishing a checkpoint", &mut || write_checkpoint(database, published))
    }
}

impl<D: Database + Send> SignedHeadStore for TableWriter<D> {
    fn signed_size(&self) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT size FROM signed";
        first(&self.database, "reading the signed size", sql, &[], |row| row.number(0))
    }

    fn forget_signed_size(&mut self) -> Result<(), StoreError> {
        self.database.change("deleting the signed size", "DELETE FROM signed", &[]).map(drop)
    }
}

impl<D: Database + Send> ForkWriter for TableWriter<D> {
    fn keep_evidence(&mut self, evidence: &Evidence, at: Time) -> Result<(), StoreError> {
        let Evidence { chain: ChainId(chain), seq, index, refused } = evidence;
        let sql = format!(
            "INSERT OR IGNORE INTO evidence (at, chain, seq, idx, refused) SELECT ?1, ?2, ?3, ?4, ?5 \
             WHERE (SELECT count(*) FROM evidence WHERE chain = ?2) < {MAX_FORKS}"
        );
        let refused = refused.join("\n");
        let row = [at.millis().into(), chain.into(), (*seq).into(), (*index).into(), refused.as_str().into()];
        self.database.change("keeping evidence", &sql, &row).map(drop)
    }
}

impl<D: Database + Send> ErasureWriter for TableWriter<D> {
    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        let sql = "UPDATE events SET salt = NULL, event = NULL WHERE idx = ? AND salt IS NOT NULL";
        let mut erased = 0;
        self.database.purge("erasing", &mut || {
            erased = 0;
            for index in leaves {
                erased += self.database.change("erasing", sql, &[(*index).into()])?;
            }
            Ok(())
        })?;
        Ok(erased)
    }

    fn finish_erasure(&mut self, record: u64, at: Time) -> Result<(), StoreError> {
        let sql = "UPDATE erasures SET done = ? WHERE record = ? AND done IS NULL";
        self.database.change("ending an erasure", sql, &[at.millis().into(), record.into()]).map(drop)
    }

    fn find_erasures(&mut self, key: &VerifierKey) -> Result<(), StoreError> {
        const FINDING: &str = "looking for erasures";
        let known =
            first(&self.database, FINDING, "SELECT known FROM erasures_known", &[], |row| row.boolean(0))?;
        if known.is_some() {
            return Ok(());
        }
        let sql = "SELECT events.idx, events.event FROM chains JOIN runs USING (chain) \
                   JOIN events ON events.idx >= runs.idx AND events.idx < runs.idx + runs.count WHERE chains.key = ?";
        // The query uses the table of runs, so the tail must be in it.
        self.database.transaction(SETTLING, &mut || settle(&self.database, &self.tail, self.size))?;
        self.tail = Tail::new(self.size);
        let mut found = Vec::new();
        self.database.each(FINDING, sql, &[key.as_str().into()], &mut |row| {
            if row.text(1)?.is_some_and(|event| record::is_erasure(&event)) {
                found.push(row.number(0)?);
            }
            Ok(())
        })?;
        self.database.transaction(FINDING, &mut || {
            write_erasures(&self.database, FINDING, &found)?;
            self.database.put(FINDING, "INSERT INTO erasures_known", 1, &[true.into()])
        })
    }
}
