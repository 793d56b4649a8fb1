//! Recovery of a log whose storage was restored from a copy, or may have been.
//!
//! Everything that the log signed is collected from all sources that know of it. If the signed entries still
//! exist somewhere, they are restored, verified against the root hash that the log signed. If they don't, or
//! if it is unknown what was signed, the log ends, and a new log that says so continues it.

mod end_reason;
mod log_store;
pub mod remembered_logs;
mod repair;
mod signed_history;
mod source;
pub mod succession;
mod tenant_bucket;
pub mod tenant_succession;

use std::path::PathBuf;

use countersign::checkpoint::{SignedCheckpoint, claimed_time};
use countersign::note::VerifierKey;
use countersign::time::Time;
use tokio::runtime::Handle;

use crate::bucket::Bucket;
use crate::own_entries::StoredEntries;
use crate::root_entries::StoredRootEntries;
use crate::sqlite;
use crate::start_error::{StartError, lock};
use crate::stop_file::StopFile;
use countersign_log::stop::{Line, Stops as _};
use countersign_log::store::{Published, StoreError};
use log_store::LogStore;

pub use end_reason::EndReason;
pub use signed_history::SignedHistory;
pub use source::{Bundles, Folder, HeldLeaf, Source};
pub use tenant_bucket::{TenantBucketPlan, TenantBucketRestore};

/// The log to recover.
pub struct Config {
    /// The log's folder.
    pub folder: PathBuf,
    /// The bucket that contains the log, if it is in one. The folder then has the bucket's index. Without it, a root log
    /// with tenant logs whose folder has such an index leaves its bucket, and continues in the folder.
    pub bucket: Option<(Bucket, Handle)>,
    /// The log's key.
    pub key: VerifierKey,
    /// Earlier keys of the log, whose signatures count too.
    pub keys: Vec<VerifierKey>,
    /// The witnesses that the log's trust file names: claims of others don't count.
    pub witnesses: Vec<VerifierKey>,
    /// True if the operator confirms that the log signed nothing beyond the entries in its store and the sources.
    pub nothing_newer: bool,
    /// The current time.
    pub now: Time,
}

/// The way in which the log continues.
pub enum Plan {
    /// No entries are missing; the log continues as it is.
    Continue {
        /// The number of entries in the log.
        size: u64,
    },
    /// Missing entries are restored.
    Repair(repair::Repair),
    /// The log has ended.
    End(EndReason),
}

/// A log being recovered. Its folder is locked.
pub struct Restore {
    config: Config,
    store: LogStore,
    history: SignedHistory,
    sources: Vec<Box<dyn Source>>,
    leaves_bucket: bool,
    _lock: countersign_files::Lock,
}

impl Restore {
    /// Opens a log for recovery. Changes nothing, except that events that were erased are erased again.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open(config: Config) -> Result<Self, StartError> {
        let lock = lock(&config.folder)?;
        let mut store = match config.bucket.clone() {
            Some((bucket, handle)) => LogStore::in_bucket(&config.folder, &config.key, bucket, handle)?,
            None => LogStore::in_folder(&config.folder, &config.key)?,
        };
        // Also if the log ends: its folder is kept. A database that is too damaged is restored first, and erased at the
        // server's start.
        if let Err(error) = store.repeat_erasures(&config.folder, config.key.name(), config.now) {
            tracing::warn!(%error, "events that were erased may be in the restored database");
        }
        let leaves_bucket = config.bucket.is_none() && sqlite::is_index_folder(&config.folder)?;
        let history = SignedHistory::default();
        Ok(Self { config, store, history, sources: Vec::new(), leaves_bucket, _lock: lock })
    }

    /// True if the log leaves its bucket, and continues from the folder's index of it.
    pub const fn leaves_bucket(&self) -> bool {
        self.leaves_bucket
    }

    /// True if the log is a root log with tenant logs. Only entries of the root log can be restored.
    pub fn has_tenants(&self) -> bool {
        self.store.has_tenants()
    }

    /// Returns the number of entries in the log.
    pub fn size(&self) -> u64 {
        self.store.size()
    }

    /// Collects data from sources that may still have the log's entries. A bucket is itself a source.
    ///
    /// # Errors
    /// If the store fails.
    pub fn collect(&mut self, sources: Vec<Box<dyn Source>>) -> Result<(), StoreError> {
        self.sources = self.store.sources()?;
        self.sources.extend(sources);
        // Other sources come first, because an entry in the folder's files may not have been committed.
        let folder = &self.config.folder;
        self.sources.push(if self.has_tenants() {
            Box::new(StoredRootEntries::new(folder))
        } else {
            Box::new(StoredEntries::read(folder)?)
        });
        self.history = SignedHistory::collect(&self.config, &self.store, &self.sources)?;
        if self.leaves_bucket {
            self.history.doubt_index();
        }
        Ok(())
    }

    /// Returns the known history of the signed checkpoints.
    pub fn history(&self) -> &SignedHistory {
        &self.history
    }

    /// Decides how the log continues. Collects and verifies all missing entries.
    ///
    /// # Errors
    /// If the store fails.
    pub fn plan(&mut self) -> Result<Plan, StoreError> {
        let size = self.size();
        let end = |code, why: String| {
            let checkpoint = self.history.heads.last().map(|head| head.note(self.config.key.name()));
            Plan::End(EndReason { code, why, checkpoint })
        };
        if let Some(why) = self.history.contradiction(self.store.reader(), size)? {
            return Ok(end("log.split_view", why));
        }
        if let Some(doubt) = &self.history.doubt
            && !self.config.nothing_newer
        {
            return Ok(end(doubt.cause.code(), doubt.why.clone()));
        }
        let newest = self.history.heads.last().cloned();
        let Some(newest) = newest.filter(|newest| newest.size > size) else {
            return Ok(Plan::Continue { size });
        };
        let collected = repair::Repair::collect(
            &self.config.folder,
            &self.store,
            &self.history.heads,
            &newest,
            &mut self.sources,
        )?;
        Ok(match collected {
            Ok(repair) => Plan::Repair(repair),
            Err(why) => end("log.rollback", why),
        })
    }

    /// Restores the entries and lets the log continue. If it is interrupted, it can be run again.
    ///
    /// # Errors
    /// If the store fails.
    pub fn carry_out(mut self, plan: Plan) -> Result<(), StoreError> {
        let message = match plan {
            Plan::Continue { size } => format!("none of its {size} entries is missing"),
            Plan::Repair(repair) => {
                let (from, to) = repair.range();
                // Record what was signed before anything continues from it.
                self.store.remember(&self.history.heads)?;
                self.store.remove_unreadable()?;
                repair.restore_entries(&self.config.folder, &mut self.store, &self.config.key)?;
                self.publish_again(from, to)?;
                format!("entries {from} to {} were restored", to - 1)
            }
            Plan::End(_) => return Err(StoreError::unavailable("continuing the log", "the log has ended")),
        };
        self.resume(&message)
    }

    /// Keeps the witnesses' signatures on checkpoints of the restored entries.
    fn publish_again(&mut self, from: u64, to: u64) -> Result<(), StoreError> {
        for (size, note) in self.history.notes.range(from + 1..=to) {
            let Ok(signed) = SignedCheckpoint::parse(note) else { continue };
            let seen = signed.note.signatures.iter().filter_map(claimed_time).max();
            let at = seen.unwrap_or(self.config.now);
            let published = Published { size: *size, note: note.clone(), at, witnessed: seen.is_some() };
            self.store.publish(&published)?;
        }
        Ok(())
    }

    fn resume(&mut self, message: &str) -> Result<(), StoreError> {
        let Config { folder, key, now, nothing_newer, .. } = &self.config;
        // The record must be complete before it becomes the folder's own, which must happen before anything continues.
        self.store.settle(folder, key.name(), &self.history.heads, *nothing_newer)?;
        StopFile::new(folder).keep(&Line::resumed(*now, &format!("resumed with --after-restore: {message}")))
    }

    /// Records, for all servers of a log in a bucket, that the log has ended and which log continues it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn end(&self, reason: &EndReason, new: &str) -> Result<(), StoreError> {
        self.store.end(reason, new)
    }
}
