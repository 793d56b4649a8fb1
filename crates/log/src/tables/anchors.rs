//! The directories of anchors, and the kept heads of tenant logs, in tables.

use std::ops::Range;

use countersign::hash::Hash;
use countersign::tenant::State;

use super::changes::COMMITTING;
use super::database::{Database, Row, Value, all, first};
use super::tenant_rows::{directory_depth, state, tenant_number};
use crate::store::StoreError;
use crate::tenants::anchors::{DirectoryTile, PastHead, TILE_HASHES, siblings, stored_tiles};
use crate::tenants::directory::TickDirectory;
use crate::tenants::heads::SlotHead;
use crate::tenants::secret::TickSecret;
use crate::tenants::slots::slot_of;
use crate::tenants::store::KeptHead;
use crate::tenants::tenant::{TenantId, TenantNumber};

/// The distance between two anchors, in ticks.
const DISTANCE: u64 = 4096;
const TILE_BITS: u32 = 26;
const INDEX_BITS: u32 = 24;
/// The number of tiles that are written with one statement.
const BATCH: usize = 64;

/// The length of a slot's state and size, in bytes.
const HEAD_BYTES: usize = 9;
/// The state of a slot without a head.
const UNUSED: u8 = 0xff;

/// Returns the key of the tile of an anchor's directory at a level, with an index. Those of an anchor are next to each
/// other.
fn tile_key(tick: u64, level: u8, index: u64) -> u64 {
    (tick / DISTANCE) << TILE_BITS | u64::from(level / 8) << INDEX_BITS | index
}

/// Returns the keys of all tiles of an anchor's directory.
fn tile_keys(tick: u64) -> Range<u64> {
    let first = tile_key(tick, 0, 0);
    first..first + (1 << TILE_BITS)
}

/// Adds the directory of an anchor. Part of a transaction.
pub(super) fn write_directory(database: &dyn Database, directory: &TickDirectory) -> Result<(), StoreError> {
    let (tick, depth) = (directory.tick(), directory.depth());
    let secret = directory.secret().to_bytes();
    let row = [tick.into(), i64::from(depth).into(), (&secret).into()];
    database.put(COMMITTING, "REPLACE INTO anchor_ticks", 3, &row)?;
    let mut tiles = stored_tiles(directory).map(|DirectoryTile { level, index, hashes }| {
        let key = tile_key(tick, level, index.into());
        let heads = (level == 0).then(|| heads_of_tile(directory, index.into(), hashes.len()));
        let hashes: Vec<u8> = hashes.iter().flat_map(|Hash(hash)| hash).copied().collect();
        (key, hashes, heads)
    });
    loop {
        let batch: Vec<(u64, Vec<u8>, Option<Vec<u8>>)> = tiles.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        let rows: Vec<Value<'_>> = batch
            .iter()
            .flat_map(|(key, hashes, heads)| {
                [(*key).into(), hashes.as_slice().into(), heads.as_deref().into()]
            })
            .collect();
        database.put(COMMITTING, "REPLACE INTO directory_tiles", 3, &rows)?;
    }
}

/// Returns the state and size of each slot of a tile of leaves.
fn heads_of_tile(directory: &TickDirectory, index: u64, slots: usize) -> Vec<u8> {
    let mut heads = Vec::with_capacity(slots * HEAD_BYTES);
    let first = index * TILE_HASHES as u64;
    for slot in first..first + slots as u64 {
        match directory.heads().get(slot as u32) {
            Some(SlotHead { size, state, .. }) => {
                heads.push(state.to_byte());
                heads.extend(size.to_be_bytes());
            }
            None => heads.extend([UNUSED; HEAD_BYTES]),
        }
    }
    heads
}

/// Deletes the directories of all anchors before tick `end`, except those of these ticks. A transaction of its own.
pub(super) fn delete_directories(
    database: &dyn Database,
    end: u64,
    except: &[u64],
) -> Result<(), StoreError> {
    let sql = "SELECT tick FROM anchor_ticks WHERE tick < ? ORDER BY tick";
    let mut ticks = all(database, DELETING, sql, &[end.into()], |row| row.number(0))?;
    ticks.retain(|tick| !except.contains(tick));
    if ticks.is_empty() {
        return Ok(());
    }
    database.transaction(DELETING, &mut || {
        for tick in &ticks {
            let Range { start, end } = tile_keys(*tick);
            let sql = "DELETE FROM directory_tiles WHERE tile >= ? AND tile < ?";
            database.change(DELETING, sql, &[start.into(), end.into()])?;
            database.change(DELETING, "DELETE FROM anchor_ticks WHERE tick = ?", &[(*tick).into()])?;
        }
        Ok(())
    })
}

const DELETING: &str = "deleting anchors";
const READING: &str = "reading an anchor";

/// Returns the head of a tenant log at an anchor. `None` if the anchor isn't stored, or its directory doesn't have the
/// tenant log.
pub(super) fn anchor(
    database: &dyn Database,
    number: TenantNumber,
    id: &TenantId,
    tick: u64,
) -> Result<Option<PastHead>, StoreError> {
    // Before its first tick, the slot may have been another tenant's.
    let sql = "SELECT depth, secret FROM anchor_ticks \
               WHERE tick = ?1 AND tick >= (SELECT since FROM tenants WHERE number = ?2)";
    let values = [tick.into(), i64::from(number.get()).into()];
    let read = |row: &dyn Row| Ok((directory_depth(row, 0)?, row.array(1)?));
    let Some((depth, secret)) = first(database, READING, sql, &values, read)? else { return Ok(None) };
    let slot = slot_of(id, depth);
    let sql = "SELECT substr(heads, ?, 9) FROM directory_tiles WHERE tile = ?";
    let at = (slot as usize % TILE_HASHES * HEAD_BYTES + 1) as u64;
    let key = tile_key(tick, 0, u64::from(slot) / TILE_HASHES as u64);
    let head = first(database, READING, sql, &[at.into(), key.into()], |row| row.array::<HEAD_BYTES>(0))?;
    let [state_byte, size @ ..] = head.ok_or_else(|| missing(tick))?;
    if state_byte == UNUSED {
        return Ok(None);
    }
    let state = State::from_byte(state_byte).ok_or_else(|| missing(tick))?;
    let siblings = siblings(slot, depth, |level, index| {
        let sql = "SELECT hashes FROM directory_tiles WHERE tile = ?";
        let key = [tile_key(tick, level, index.into()).into()];
        let bytes = first(database, READING, sql, &key, |row| row.bytes(0))?;
        Ok(hashes(&bytes.ok_or_else(|| missing(tick))?))
    })?;
    let salt = TickSecret::from_bytes(secret).salt(slot);
    Ok(Some(PastHead { tick, size: u64::from_be_bytes(size), state, salt, siblings }))
}

fn missing(tick: u64) -> StoreError {
    StoreError::Damaged(format!("the directory of tick {tick} is incomplete"))
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks().0.iter().copied().map(Hash).collect()
}

const KEEPING: &str = "keeping heads";

/// Adds kept heads, in a transaction of its own.
pub(super) fn keep_heads(database: &dyn Database, heads: &[KeptHead]) -> Result<(), StoreError> {
    database.transaction(KEEPING, &mut || {
        for heads in heads.chunks(BATCH) {
            let paths: Vec<Vec<u8>> = heads
                .iter()
                .map(|head| head.head.siblings.iter().flat_map(|Hash(hash)| hash).copied().collect())
                .collect();
            let rows: Vec<Value<'_>> = heads
                .iter()
                .zip(&paths)
                .flat_map(|(KeptHead { number, head }, path)| {
                    let PastHead { tick, size, state, salt, .. } = head;
                    [
                        i64::from(number.get()).into(),
                        (*tick).into(),
                        (*size).into(),
                        i64::from(state.to_byte()).into(),
                        salt.into(),
                        path.as_slice().into(),
                    ]
                })
                .collect();
            database.put(KEEPING, "REPLACE INTO kept_heads", 6, &rows)?;
        }
        Ok(())
    })
}

/// Returns the tenants whose logs have entries that no kept head contains.
pub(super) fn unkept(database: &dyn Database) -> Result<Vec<TenantNumber>, StoreError> {
    let sql = "SELECT number FROM tenant_heads WHERE size > coalesce((SELECT kept.size FROM kept_heads AS kept \
               WHERE kept.number = tenant_heads.number ORDER BY kept.tick DESC LIMIT 1), 0)";
    all(database, "reading the kept heads", sql, &[], |row| tenant_number(row, 0))
}

/// Returns the kept heads of a tenant log with these sizes, by ascending tick.
pub(super) fn kept_heads(
    database: &dyn Database,
    number: TenantNumber,
    sizes: Range<u64>,
) -> Result<Vec<PastHead>, StoreError> {
    let sql = "SELECT tick, size, state, salt, path FROM kept_heads \
               WHERE number = ? AND size >= ? AND size < ? ORDER BY tick";
    let values = [i64::from(number.get()).into(), sizes.start.into(), sizes.end.into()];
    all(database, "reading the kept heads", sql, &values, |row| {
        Ok(PastHead {
            tick: row.number(0)?,
            size: row.number(1)?,
            state: state(row, 2)?,
            salt: row.array(3)?,
            siblings: hashes(&row.bytes(4)?),
        })
    })
}
