//! Checks whether a bucket still has every commit that a server read from it, by listing object names.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, OpenFlags};
use tokio::runtime::Handle;

use super::layout::Layout;
use super::location::Bucket;
use super::objects::Objects;
use crate::sqlite::{self, failed};
use countersign_log::store::StoreError;
use countersign_log::tables::integer;

/// Number of commits compared at a time.
const BATCH_COMMITS: u64 = 65_536;
/// Number of commits that count as the newest: about one list request.
const NEWEST_COMMITS: u64 = 900;

/// The commits to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitRange {
    All,
    Newest,
}

/// The names of a bucket's commits. A store lists about a thousand per request.
pub(crate) struct CommitNames {
    objects: Objects,
    layout: Layout,
}

impl CommitNames {
    /// Opens the bucket.
    pub(crate) fn new(bucket: Bucket, handle: Handle) -> Self {
        let Bucket { store, prefix, pause, .. } = bucket;
        Self { objects: Objects::new(store, pause, handle), layout: Layout::new(prefix) }
    }

    /// Calls `report` for each commit that the index in `folder` has and the bucket lost. Returns early when
    /// `stopping` is set. Blocks the thread.
    ///
    /// # Errors
    /// If the bucket or the database fails.
    pub(crate) fn lost(
        &self,
        folder: &Path,
        which: CommitRange,
        stopping: &AtomicBool,
        mut report: impl FnMut(String),
    ) -> Result<(), StoreError> {
        let mut from = match which {
            CommitRange::All => 0,
            CommitRange::Newest => newest(folder)?,
        };
        while !stopping.load(Ordering::Relaxed) {
            let known = bases(folder, from)?;
            let (Some(first), Some(last)) = (known.first(), known.last()) else { break };
            let commits = self.layout.commits();
            let before =
                first.checked_sub(1).map_or_else(|| commits.clone(), |base| self.layout.commit(base));
            let missing = self.objects.wait(self.objects.missing(&commits, &before, &known))?;
            for base in missing {
                report(self.layout.commit(base).to_string());
            }
            from = last + 1;
        }
        Ok(())
    }
}

/// Returns where the oldest of the newest commits begins.
fn newest(folder: &Path) -> Result<u64, StoreError> {
    let failed = failed("reading the index");
    let index = open(folder)?;
    let oldest = "SELECT ifnull(min(base), 0) FROM (SELECT base FROM commits ORDER BY base DESC LIMIT ?)";
    index.query_row(oldest, [integer(NEWEST_COMMITS)], |row| row.get(0)).map_err(failed)
}

fn open(folder: &Path) -> Result<Connection, StoreError> {
    Connection::open_with_flags(folder.join(sqlite::FILE), OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(failed("reading the index"))
}

/// Returns where the index's commits begin, starting at `from`. Closes the index afterwards, because an open reader
/// delays erasures.
fn bases(folder: &Path, from: u64) -> Result<Vec<u64>, StoreError> {
    let failed = failed("reading the index");
    let index = open(folder)?;
    let mut query =
        index.prepare("SELECT base FROM commits WHERE base >= ? ORDER BY base LIMIT ?").map_err(failed)?;
    let rows = query.query_map([integer(from), integer(BATCH_COMMITS)], |row| row.get(0)).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}
