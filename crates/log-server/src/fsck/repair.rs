//! Repair of derived data in a log's folder.

use std::collections::BTreeSet;
use std::path::Path;

use countersign::hash::Hash;
use countersign::merkle::{CompactRange, PendingTree, TILE_HEIGHT, leaf_hash};
use rusqlite::Connection;

use super::batch::BATCH_ENTRIES;
use super::report::{Repair, Report};
use crate::search;
use crate::sqlite;
use countersign_log::store::{EntryReader, StoreError};
use countersign_log::tables::{ADDED, tile_key};

/// Repairs the repairable problems that a check found. No other process may be using the folder. Check it again
/// afterwards.
///
/// # Errors
/// If the database fails.
pub fn repair(folder: &Path, report: &Report, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
    let repairs = |repair| report.problems.iter().any(|problem| problem.repair == repair);
    let (_, reader) = sqlite::open_live_reader(folder)?;
    let failed = |error: rusqlite::Error| StoreError::unavailable("repairing", error);
    let mut connection = sqlite::connect_to_write(folder)?;
    let transaction = connection.transaction().map_err(failed)?;
    transaction.execute_batch(ADDED).map_err(failed)?;
    if repairs(Repair::Tiles) {
        write_tiles(&transaction, &*reader, progress)?;
    }
    if repairs(Repair::Erasure) {
        let records: BTreeSet<&str> = report
            .problems
            .iter()
            .filter(|problem| problem.repair == Repair::Erasure)
            .filter_map(|problem| problem.place.strip_prefix("entry "))
            .collect();
        for record in records {
            let sql = "REPLACE INTO erasures VALUES (?, NULL)";
            let record: i64 = record
                .parse()
                .map_err(|_| StoreError::Damaged("the place of an erasure isn't an entry".into()))?;
            transaction.execute(sql, [record]).map_err(failed)?;
        }
    }
    transaction.commit().map_err(failed)?;
    if repairs(Repair::Index) {
        search::discard(folder)?;
    }
    Ok(())
}

/// Writes all tiles again, computed from the entries.
fn write_tiles(
    connection: &Connection,
    reader: &dyn EntryReader,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::unavailable("writing tiles", error);
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
                    let key = tile_key(level, index / 256);
                    put.execute((key, std::mem::take(tile))).map_err(failed)?;
                }
            }
        }
        edge = tree.edge();
        first = end;
    }
    for (level, tile) in partial.iter().enumerate().filter(|(_, tile)| !tile.is_empty()) {
        let index = (size >> (8 * level)) / 256;
        put.execute((tile_key(level as u8, index), tile)).map_err(failed)?;
    }
    Ok(())
}
