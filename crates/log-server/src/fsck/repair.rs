//! Repair of derived data in a log's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::hex;
use countersign::merkle::{CompactRange, PendingTree, TILE_HEIGHT, leaf_hash};
use rusqlite::Connection;

use super::batch::BATCH_ENTRIES;
use super::report::{Problem, Repair, Report};
use crate::search;
use crate::sqlite;
use countersign_log::store::{EntryReader, Reader, StoreError};
use countersign_log::tables::{ADDED, LogKeys};
use countersign_log::tenants::tenant::TenantId;

/// Repairs the repairable problems that a check found. No other process may be using the folder. Check it again
/// afterwards.
///
/// # Errors
/// If the database fails.
pub fn repair(folder: &Path, report: &Report, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::disk("repairing", error);
    let logs: Vec<DamagedLog> = if report.tenants.is_some() {
        damaged_logs(folder, report)?
    } else {
        vec![damaged_log(folder, report)?]
    };
    let mut connection = sqlite::connect_to_write(folder)?;
    let transaction = connection.transaction().map_err(failed)?;
    transaction.execute_batch(ADDED).map_err(failed)?;
    for DamagedLog { reader, keys, has_wrong_tiles, erasures } in logs {
        if has_wrong_tiles {
            write_tiles(&transaction, &*reader, keys, progress)?;
        }
        for record in erasures {
            let sql = "REPLACE INTO erasures VALUES (?, NULL)";
            transaction.execute(sql, [keys.entry(record)]).map_err(failed)?;
        }
    }
    transaction.commit().map_err(failed)?;
    let repairs = |repair| report.problems.iter().any(|problem| problem.repair == repair);
    if repairs(Repair::Index) {
        search::discard(folder)?;
    }
    Ok(())
}

/// The problems of a log that can be repaired.
struct DamagedLog {
    reader: Arc<dyn Reader>,
    keys: LogKeys,
    has_wrong_tiles: bool,
    /// The entries that record erasures to carry out.
    erasures: BTreeSet<u64>,
}

impl DamagedLog {
    /// `problems` are those of the log, each with its place within the log.
    fn new<'p>(
        reader: Arc<dyn Reader>,
        keys: LogKeys,
        problems: impl Iterator<Item = (&'p str, Repair)>,
    ) -> Result<Self, StoreError> {
        let mut log = Self { reader, keys, has_wrong_tiles: false, erasures: BTreeSet::new() };
        for (place, repair) in problems {
            match repair {
                Repair::Tiles => log.has_wrong_tiles = true,
                Repair::Erasure => {
                    let record = place.strip_prefix("entry ").and_then(|record| record.parse().ok());
                    let damaged = || StoreError::Damaged("the place of an erasure isn't an entry".into());
                    log.erasures.insert(record.ok_or_else(damaged)?);
                }
                _ => {}
            }
        }
        Ok(log)
    }
}

/// Returns what can be repaired in an ordinary log.
fn damaged_log(folder: &Path, report: &Report) -> Result<DamagedLog, StoreError> {
    let (_, reader) = sqlite::open_live_reader(folder)?;
    let problems = report.problems.iter().map(|problem| (&*problem.place, problem.repair));
    DamagedLog::new(reader, LogKeys::single(), problems)
}

/// Returns what can be repaired in a root log and its tenant logs.
fn damaged_logs(folder: &Path, report: &Report) -> Result<Vec<DamagedLog>, StoreError> {
    let readers = sqlite::open_tenants(folder, &report.origin)?.readers;
    let mut by_log: BTreeMap<Option<&str>, Vec<(&str, Repair)>> = BTreeMap::new();
    for Problem { place, repair, .. } in report.problems.iter().filter(|problem| problem.repair.is_possible())
    {
        let (log, place) = match place.strip_prefix("t/").and_then(|rest| rest.split_once(' ')) {
            Some((id, place)) => (Some(id), place),
            None => (None, &**place),
        };
        by_log.entry(log).or_default().push((place, *repair));
    }
    let mut logs = Vec::new();
    for (id, problems) in by_log {
        let problems = problems.into_iter();
        let Some(id) = id else {
            logs.push(DamagedLog::new(readers.root(), LogKeys::root(), problems)?);
            continue;
        };
        let id: Option<TenantId> = hex::decode(id.as_bytes());
        let tenant = id.map(|id| readers.find(&id)).transpose()?.flatten();
        let tenant = tenant.ok_or_else(|| StoreError::Damaged("the tenant of a log is missing".into()))?;
        logs.push(DamagedLog::new(readers.log(tenant.number), LogKeys::tenant(tenant.number), problems)?);
    }
    Ok(logs)
}

/// Writes all tiles again, computed from the entries.
fn write_tiles(
    connection: &Connection,
    reader: &dyn EntryReader,
    keys: LogKeys,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::disk("writing tiles", error);
    let size = reader.size()?;
    let mut partial: Vec<Vec<u8>> = Vec::new();
    let mut edge = CompactRange::new();
    let mut put = connection.prepare("REPLACE INTO tiles VALUES (?, ?)").map_err(failed)?;
    let mut first = 0;
    while first < size {
        progress(first, size);
        let end = size.min(first + BATCH_ENTRIES);
        let hashes: Vec<Hash> = reader.leaves(first..end)?.iter().map(|leaf| leaf_hash(leaf)).collect();
        let mut tree = PendingTree::new(&edge);
        tree.extend(&hashes);
        for level in 0_u8.. {
            let (before, hashes) = tree.completed(level * TILE_HEIGHT);
            if hashes.is_empty() {
                break;
            }
            if partial.len() == usize::from(level) {
                partial.push(Vec::new());
            }
            let tile = &mut partial[usize::from(level)];
            for (hash, index) in hashes.iter().zip(before..) {
                tile.extend(hash.0);
                if index % 256 == 255 {
                    let key = keys.tile(level, index / 256);
                    put.execute((key, std::mem::take(tile))).map_err(failed)?;
                }
            }
        }
        edge = tree.edge();
        first = end;
    }
    for (level, tile) in partial.iter().enumerate().filter(|(_, tile)| !tile.is_empty()) {
        let index = (size >> (8 * level)) / 256;
        put.execute((keys.tile(level as u8, index), tile)).map_err(failed)?;
    }
    Ok(())
}
