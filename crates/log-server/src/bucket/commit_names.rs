//! The names of the commits that a server's index has.

use std::path::Path;

use rusqlite::Connection;

use crate::sqlite::{self, failed};
use countersign_log::store::StoreError;
use countersign_log::tables::integer;

/// Number of commits that count as the newest: about one list request.
const NEWEST_COMMITS: u64 = 900;

/// Returns where the oldest of the newest commits begins.
pub(super) fn newest_commits(folder: &Path) -> Result<u64, StoreError> {
    let failed = failed("reading the index");
    let oldest = "SELECT ifnull(min(base), 0) FROM (SELECT base FROM commits ORDER BY base DESC LIMIT ?)";
    open(folder)?.query_row(oldest, [integer(NEWEST_COMMITS)], |row| row.get(0)).map_err(failed)
}

fn open(folder: &Path) -> Result<Connection, StoreError> {
    sqlite::connect_to_read(&folder.join(sqlite::FILE))
}

/// Returns where at most `max` of the index's commits begin, starting at `from`. Closes the index afterwards, because an
/// open reader delays erasures.
pub(super) fn known_commits(folder: &Path, from: u64, max: u64) -> Result<Vec<u64>, StoreError> {
    let failed = failed("reading the index");
    let index = open(folder)?;
    let mut query =
        index.prepare("SELECT base FROM commits WHERE base >= ? ORDER BY base LIMIT ?").map_err(failed)?;
    let rows = query.query_map([integer(from), integer(max)], |row| row.get(0)).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Returns where the commit after the one at `base` begins. `None` for the newest one.
pub(super) fn commit_end(folder: &Path, base: u64) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT min(base) FROM commits WHERE base > ?";
    open(folder)?.query_row(sql, [integer(base)], |row| row.get(0)).map_err(failed("reading the index"))
}

/// Returns where the last commit that begins at `end` or before it begins.
pub(super) fn commit_before(folder: &Path, end: u64) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT max(base) FROM commits WHERE base <= ?";
    open(folder)?.query_row(sql, [integer(end)], |row| row.get(0)).map_err(failed("reading the index"))
}
