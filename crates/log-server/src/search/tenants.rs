//! The search indexes of tenant logs, each opened when a search needs it.
//!
//! There may be many tenant logs, of which few are large and searched. An index is therefore made by the first search in
//! a log of some size, kept up to date while it is open, and closed when others are used more. Its file is a cache: the
//! server removes it when it starts, and when events are erased while the index is closed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::hex;
use countersign_files::{create_private_folder, folder_of};
use countersign_log::export::{Candidates, Index};
use countersign_log::store::{Reader, StoreError};
use countersign_log::tenants::tenant::TenantId;
use countersign_log::tokens::Scope;
use countersign_query::{Parsers, Query};
use moka::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{FILE, Search, keep_up};
use crate::log_server::LogServer;
use crate::sqlite;

/// The folder, within the log's, that has a folder for each tenant log with findings or an index.
pub(crate) const FOLDER: &str = "tenants";

/// Number of entries below which a search reads all of them: an index would save less than it costs.
const MIN_ENTRIES: u64 = 1 << 12;

/// Maximum number of open indexes. Each may use 12 MiB for its page caches.
const MAX_OPEN: u64 = 16;

/// The search indexes of a server's tenant logs.
pub struct TenantIndexes {
    /// The root log's folder.
    folder: PathBuf,
    parsers: Parsers,
    open: Cache<TenantId, Arc<OpenIndex>>,
    /// Runs the tasks that keep indexes up to date.
    runtime: Handle,
}

/// An open index. Its task ends when this is dropped.
struct OpenIndex {
    search: Arc<Search>,
    reader: Arc<dyn Reader>,
    _stopping: watch::Sender<bool>,
}

impl TenantIndexes {
    /// Removes the indexes that an earlier server made. Events may have been erased, or restored, since.
    ///
    /// # Errors
    /// If a file can't be removed.
    pub(crate) fn new(folder: &Path, parsers: Parsers) -> Result<Self, StoreError> {
        let failed = |error| StoreError::disk("removing search indexes", error);
        match fs::read_dir(folder.join(FOLDER)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            logs => {
                for log in logs.map_err(failed)? {
                    sqlite::remove(&log.map_err(failed)?.path().join(FILE))?;
                }
            }
        }
        let (open, runtime) = (Cache::new(MAX_OPEN), Handle::current());
        Ok(Self { folder: folder.to_owned(), parsers, open, runtime })
    }

    fn path(&self, id: &TenantId) -> PathBuf {
        self.folder.join(FOLDER).join(hex::encode(id)).join(FILE)
    }

    /// Returns the index of a log, which is made first if needed; `None` if the log is too small for one. Call it on a
    /// thread that may block.
    fn open(&self, id: &TenantId, log_server: &LogServer) -> Result<Option<Arc<OpenIndex>>, StoreError> {
        if let Some(open) = self.open.get(id) {
            return Ok(Some(open));
        }
        let reader = log_server.reader().clone();
        if reader.size()? < MIN_ENTRIES {
            return Ok(None);
        }
        let begin = || {
            let path = self.path(id);
            let failed = |error| StoreError::disk("creating a folder for a search index", error);
            create_private_folder(&self.folder.join(FOLDER)).map_err(failed)?;
            create_private_folder(folder_of(&path)).map_err(failed)?;
            let search = Search::open_in(&self.folder, path, &*reader, self.parsers.clone())?;
            let search = Arc::new(search.with_problem_counter(log_server.metrics().index_problems()));
            let (stopping, stopped) = watch::channel(false);
            self.runtime.spawn(keep_up(search.clone(), log_server.clone(), stopped));
            Ok(Arc::new(OpenIndex { search, reader: reader.clone(), _stopping: stopping }))
        };
        let opened = self.open.try_get_with(*id, begin);
        opened.map(Some).map_err(|error: Arc<StoreError>| {
            StoreError::failed(error.part(), "opening a tenant log's search index", error)
        })
    }

    /// Removes erased events, or events that are about to be erased, from the index of a log. With `settle`, returns
    /// once they are removed. Call it on a thread that may block.
    ///
    /// # Errors
    /// If SQLite or the store fails.
    pub(crate) fn forget(
        &self,
        id: &TenantId,
        leaves: impl IntoIterator<Item = u64>,
        settle: bool,
    ) -> Result<(), StoreError> {
        match self.open.get(id) {
            Some(index) => {
                index.search.forget(&*index.reader, leaves)?;
                if settle { index.search.settle(&*index.reader) } else { Ok(()) }
            }
            // Nothing is lost: the next search makes it again.
            None => sqlite::remove(&self.path(id)),
        }
    }

    /// Compares each open index with the events. Damaged parts are rebuilt in the background.
    ///
    /// # Errors
    /// If SQLite, the store, or `pace` fails.
    pub(crate) fn check(&self, pace: &dyn Fn() -> Result<(), StoreError>) -> Result<(), StoreError> {
        for (_, index) in &self.open {
            index.search.check(&*index.reader, &mut |_, _| pace())?;
        }
        Ok(())
    }

    /// Closes all indexes.
    pub(crate) fn close(&self) {
        self.open.invalidate_all();
        self.open.run_pending_tasks();
    }

    /// Returns the index of a log if it is open.
    pub fn get(&self, id: &TenantId) -> Option<Arc<Search>> {
        self.open.get(id).map(|index| index.search.clone())
    }
}

/// The index of one tenant log, for its searches.
pub(crate) struct TenantIndex {
    pub(crate) indexes: Arc<TenantIndexes>,
    pub(crate) id: TenantId,
    pub(crate) log_server: LogServer,
}

impl Index for TenantIndex {
    fn candidates(&self, scope: &Scope, query: &Query) -> Result<Candidates, StoreError> {
        match self.indexes.open(&self.id, &self.log_server) {
            Ok(Some(index)) => index.search.candidates(scope, query),
            Ok(None) => Ok(Candidates::all()),
            // Without it, searches are slower but complete.
            Err(error) => {
                tracing::warn!(%error, "a search reads every event");
                Ok(Candidates::all())
            }
        }
    }
}
