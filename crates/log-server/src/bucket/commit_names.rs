//! Whether a bucket still has every commit that a server had from it, by the objects' names alone.

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

/// How many commits are compared at a time.
const PORTION: u64 = 65_536;
/// How many are the newest: about one request.
const NEWEST: u64 = 900;

/// Which commits are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    All,
    Newest,
}

/// The names of a bucket's commits. A store lists about a thousand for each request.
pub(crate) struct CommitNames {
    objects: Objects,
    layout: Layout,
}

impl CommitNames {
    /// Those in that bucket.
    pub(crate) fn new(bucket: Bucket, handle: Handle) -> Self {
        let Bucket { store, prefix, pause, .. } = bucket;
        Self { objects: Objects::new(store, pause, handle), layout: Layout::new(prefix) }
    }

    /// Tells of each commit, or each of the newest, that the index in that folder had from the bucket and that is there no
    /// more. Ends early where it is to stop. For threads that may wait.
    ///
    /// # Errors
    /// What bucket or database say.
    pub(crate) fn lost(
        &self,
        folder: &Path,
        which: Listed,
        stopping: &AtomicBool,
        mut tell: impl FnMut(String),
    ) -> Result<(), StoreError> {
        let mut from = match which {
            Listed::All => 0,
            Listed::Newest => newest(folder)?,
        };
        while !stopping.load(Ordering::Relaxed) {
            let known = bases(folder, from)?;
            let (Some(first), Some(last)) = (known.first(), known.last()) else { break };
            let commits = self.layout.commits();
            let before =
                first.checked_sub(1).map_or_else(|| commits.clone(), |base| self.layout.commit(base));
            let missing = self.objects.wait(self.objects.missing(&commits, &before, &known))?;
            for base in missing {
                tell(self.layout.commit(base).to_string());
            }
            from = last + 1;
        }
        Ok(())
    }
}

/// Where the oldest of the newest commits begins.
fn newest(folder: &Path) -> Result<u64, StoreError> {
    let failed = failed("reading the index");
    let index = open(folder)?;
    let oldest = "SELECT ifnull(min(base), 0) FROM (SELECT base FROM commits ORDER BY base DESC LIMIT ?)";
    index.query_row(oldest, [integer(NEWEST)], |row| row.get(0)).map_err(failed)
}

fn open(folder: &Path) -> Result<Connection, StoreError> {
    Connection::open_with_flags(folder.join(sqlite::FILE), OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(failed("reading the index"))
}

/// Where commits begin that the index has, from there on. It is not kept open: erasures wait for whoever reads it.
fn bases(folder: &Path, from: u64) -> Result<Vec<u64>, StoreError> {
    let failed = failed("reading the index");
    let index = open(folder)?;
    let mut query =
        index.prepare("SELECT base FROM commits WHERE base >= ? ORDER BY base LIMIT ?").map_err(failed)?;
    let rows = query.query_map([integer(from), integer(PORTION)], |row| row.get(0)).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}
