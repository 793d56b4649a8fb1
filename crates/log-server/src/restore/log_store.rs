//! The store of a log being recovered: a folder's database, with or without tenant logs, or a bucket.

use std::path::Path;
use std::sync::Arc;

use countersign::merkle::CompactRange;
use countersign::note::VerifierKey;
use countersign::time::Time;
use tokio::runtime::Handle;

use super::end_reason::EndReason;
use super::source::Source;
use crate::bucket::{Bucket, BucketRestore};
use crate::erasure_memory::ErasureMemory;
use crate::erasure_memory::returned_events::{OpenStore, repeat};
use crate::heads_file::TenantHeadsFile;
use crate::search;
use crate::signed_file::SignedFile;
use crate::sqlite;
use countersign_log::signed_memory::SignedHead;
use countersign_log::stop::Cause;
use countersign_log::store::{EntryWriter, Published, Reader, Store, StoreError, TreeStore, Writer};
use countersign_log::tenants::guard::{compare_heads, complete_to};
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::memory::TenantHeadMemory as _;
use countersign_log::tenants::store::{TenantStore, TenantWriter};

/// The store.
pub(super) enum LogStore {
    Folder(Store),
    /// A root log with its tenant logs, and a reader of the root log.
    Tenants(Box<TenantStore>, Arc<dyn Reader>),
    Bucket(Box<BucketRestore>),
}

impl LogStore {
    pub(super) fn in_folder(folder: &Path, key: &VerifierKey) -> Result<Self, StoreError> {
        if sqlite::has_tenants(folder)? {
            let store = sqlite::open_tenants_to_restore(folder, key.name())?;
            let root = store.readers.root();
            return Ok(Self::Tenants(Box::new(store), root));
        }
        sqlite::open(folder, key.name()).map(Self::Folder)
    }

    pub(super) fn in_bucket(
        folder: &Path,
        key: &VerifierKey,
        bucket: Bucket,
        handle: Handle,
    ) -> Result<Self, StoreError> {
        BucketRestore::open(folder, key, bucket, handle).map(|bucket| Self::Bucket(Box::new(bucket)))
    }

    /// Erases the events again that a folder's database has although they were erased. The server of a bucket does so.
    pub(super) fn repeat_erasures(
        &mut self,
        folder: &Path,
        origin: &str,
        now: Time,
    ) -> Result<(), StoreError> {
        let memory = ErasureMemory::open(folder)?;
        let store = match self {
            Self::Folder(store) => OpenStore::Log(store),
            Self::Tenants(store, _) => OpenStore::Tenants(store),
            Self::Bucket(_) => return Ok(()),
        };
        if memory.exists() { repeat(&memory, folder, origin, store, now).map(drop) } else { Ok(()) }
    }

    /// Returns the number of entries.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Folder(store) => EntryWriter::size(&*store.writer),
            Self::Tenants(store, _) => TreeStore::size(&*store.writer),
            Self::Bucket(bucket) => EntryWriter::size(bucket.writer()),
        }
    }

    /// Returns the size of the largest signed tree that the database knows to be remembered apart from it.
    pub(super) fn signed_size(&self) -> Result<Option<u64>, StoreError> {
        match self {
            Self::Folder(store) => store.writer.signed_size(),
            Self::Tenants(store, _) => store.writer.signed_size(),
            Self::Bucket(bucket) => bucket.writer().signed_size(),
        }
    }

    /// True for a root log. The entries of its tenant logs can't be restored from other sources.
    pub(super) const fn has_tenants(&self) -> bool {
        matches!(self, Self::Tenants(..))
    }

    /// Returns the writer of ticks, if it is a root log.
    pub(super) fn tenant_writer_mut(&mut self) -> Option<&mut dyn TenantWriter> {
        match self {
            Self::Tenants(store, _) => Some(&mut *store.writer),
            Self::Folder(_) | Self::Bucket(_) => None,
        }
    }

    /// Returns the right edge of the tree.
    pub(super) fn edge(&self) -> Result<CompactRange, StoreError> {
        match self {
            Self::Tenants(store, _) => TreeStore::edge(&*store.writer),
            Self::Folder(_) | Self::Bucket(_) => self.writer()?.edge(),
        }
    }

    /// Publishes a checkpoint of stored entries.
    pub(super) fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        match self {
            Self::Tenants(store, _) => store.writer.publish(published),
            Self::Folder(_) | Self::Bucket(_) => self.writer_mut()?.publish(published),
        }
    }

    /// Returns the writer of entries.
    ///
    /// # Errors
    /// If it is a root log.
    pub(super) fn writer(&self) -> Result<&dyn Writer, StoreError> {
        match self {
            Self::Folder(store) => Ok(&*store.writer),
            Self::Tenants(..) => Err(not_restorable()),
            Self::Bucket(bucket) => Ok(bucket.writer()),
        }
    }

    /// Returns the writer of entries.
    ///
    /// # Errors
    /// If it is a root log.
    pub(super) fn writer_mut(&mut self) -> Result<&mut dyn Writer, StoreError> {
        match self {
            Self::Folder(store) => Ok(&mut *store.writer),
            Self::Tenants(..) => Err(not_restorable()),
            Self::Bucket(bucket) => Ok(bucket.writer_mut()),
        }
    }

    pub(super) fn reader(&self) -> &dyn Reader {
        match self {
            Self::Folder(store) => &*store.reader,
            Self::Tenants(_, root) => &**root,
            Self::Bucket(bucket) => bucket.reader(),
        }
    }

    /// Returns the published checkpoints.
    pub(super) fn published(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Folder(_) | Self::Tenants(..) => {
                Ok(self.reader().published()?.map(|published| published.note).into_iter().collect())
            }
            Self::Bucket(bucket) => Ok(bucket.notes().to_vec()),
        }
    }

    /// Returns the newest head that a bucket records as signed. The outer `None` means a folder, which has a
    /// file for that.
    pub(super) fn remembered(&self) -> Option<Option<&SignedHead>> {
        match self {
            Self::Folder(_) | Self::Tenants(..) => None,
            Self::Bucket(bucket) => Some(bucket.remembered()),
        }
    }

    /// Returns the store's own sources of entries.
    pub(super) fn sources(&self) -> Result<Vec<Box<dyn Source>>, StoreError> {
        match self {
            Self::Folder(_) | Self::Tenants(..) => Ok(Vec::new()),
            Self::Bucket(bucket) => bucket.sources(),
        }
    }

    /// True if the erasure of that entry's event is recorded.
    pub(super) fn is_erased(&self, leaf: u64) -> bool {
        match self {
            Self::Folder(_) | Self::Tenants(..) => false,
            Self::Bucket(bucket) => bucket.is_erased(leaf),
        }
    }

    /// Returns where the next existing commit after that size begins.
    pub(super) fn next_boundary(&self, size: u64) -> u64 {
        match self {
            Self::Folder(_) | Self::Tenants(..) => u64::MAX,
            Self::Bucket(bucket) => bucket.next_boundary(size),
        }
    }

    /// Records what was signed for all servers of a log in a bucket.
    pub(super) fn remember(&mut self, heads: &[SignedHead]) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) | Self::Tenants(..) => Ok(()),
            Self::Bucket(bucket) => bucket.remember(heads),
        }
    }

    /// Removes unreadable objects that are in the way of restored entries.
    pub(super) fn remove_unreadable(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) | Self::Tenants(..) => Ok(()),
            Self::Bucket(bucket) => bucket.remove_damaged(),
        }
    }

    /// Prepares the folder for continuing the log. With `nothing_newer`, the heads of tenant logs in the database count
    /// as the newest if the record of newer ones is missing.
    pub(super) fn settle(
        &mut self,
        folder: &Path,
        origin: &str,
        heads: &[SignedHead],
        nothing_newer: bool,
    ) -> Result<(), StoreError> {
        self.remember(heads)?;
        SignedFile::replace(folder, origin, heads)?;
        match self {
            Self::Folder(store) => store.writer.forget_signed_size(),
            Self::Tenants(store, _) => {
                if nothing_newer {
                    remember_heads(folder, origin, store)?;
                }
                // New tenants must not get the numbers of those that the database lacks.
                let shown = TenantHeadsFile::open(folder, origin)?.heads()?;
                sqlite::add_lost_tenants(folder, &shown)?;
                store.writer.forget_signed_size()?;
                // Last: until then, the restore can be repeated.
                sqlite::leave_bucket(folder)
            }
            Self::Bucket(_) => {
                // The index matches the restored state; the server rebuilds it.
                sqlite::discard(folder)?;
                search::discard(folder)
            }
        }
    }

    /// Records that the log has ended.
    pub(super) fn end(&self, reason: &EndReason, new: &str) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) | Self::Tenants(..) => Ok(()),
            Self::Bucket(bucket) => bucket.end(reason, new),
        }
    }
}

fn not_restorable() -> StoreError {
    StoreError::unavailable("restoring entries", "a log with tenants can't be restored from other sources")
}

/// Remembers the heads in the database of those tenant logs whose newest head isn't known. The others stay stopped if
/// they contradict theirs.
fn remember_heads(folder: &Path, origin: &str, store: &TenantStore) -> Result<(), StoreError> {
    let mut file = TenantHeadsFile::open(folder, origin)?;
    let ticks = TreeStore::size(&*store.writer);
    let stored = store.readers.heads()?;
    let stops = compare_heads(&stored, &file.heads()?, &*store.readers, complete_to(ticks), Time::MIN)?.stops;
    let unknown = stops.iter().filter(|stop| stop.reason.cause == Cause::Unremembered);
    let heads: Vec<SlotHead> = unknown.map(|stop| stop.head).collect();
    if heads.is_empty() { Ok(()) } else { file.remember(ticks.saturating_sub(1), &heads) }
}
