//! The store of a log being recovered: a folder's database, or a bucket.

use std::path::Path;

use countersign::note::VerifierKey;
use tokio::runtime::Handle;

use super::end_reason::EndReason;
use super::source::Source;
use crate::bucket::{Bucket, BucketRestore};
use crate::search;
use crate::signed_file::SignedFile;
use crate::sqlite;
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{Reader, Store, StoreError, Writer};

/// The store.
pub(super) enum LogStore {
    Folder(Store),
    Bucket(Box<BucketRestore>),
}

impl LogStore {
    pub(super) fn in_folder(folder: &Path, key: &VerifierKey) -> Result<Self, StoreError> {
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

    pub(super) fn writer(&self) -> &dyn Writer {
        match self {
            Self::Folder(store) => &*store.writer,
            Self::Bucket(bucket) => bucket.writer(),
        }
    }

    pub(super) fn writer_mut(&mut self) -> &mut dyn Writer {
        match self {
            Self::Folder(store) => &mut *store.writer,
            Self::Bucket(bucket) => bucket.writer_mut(),
        }
    }

    pub(super) fn reader(&self) -> &dyn Reader {
        match self {
            Self::Folder(store) => &*store.reader,
            Self::Bucket(bucket) => bucket.reader(),
        }
    }

    /// Returns the published checkpoints.
    pub(super) fn published(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Folder(store) => {
                Ok(store.reader.published()?.map(|published| published.note).into_iter().collect())
            }
            Self::Bucket(bucket) => Ok(bucket.notes().to_vec()),
        }
    }

    /// Returns the newest head that a bucket records as signed. The outer `None` stands for a folder, which has a file
    /// for that.
    pub(super) fn remembered(&self) -> Option<Option<&SignedHead>> {
        match self {
            Self::Folder(_) => None,
            Self::Bucket(bucket) => Some(bucket.remembered()),
        }
    }

    /// Returns the store's own sources of entries.
    pub(super) fn sources(&self) -> Result<Vec<Box<dyn Source>>, StoreError> {
        match self {
            Self::Folder(_) => Ok(Vec::new()),
            Self::Bucket(bucket) => bucket.sources(),
        }
    }

    /// True if the erasure of that entry's event is recorded.
    pub(super) fn is_erased(&self, leaf: u64) -> bool {
        match self {
            Self::Folder(_) => false,
            Self::Bucket(bucket) => bucket.is_erased(leaf),
        }
    }

    /// Returns where the next existing commit after that size begins.
    pub(super) fn next_boundary(&self, size: u64) -> u64 {
        match self {
            Self::Folder(_) => u64::MAX,
            Self::Bucket(bucket) => bucket.next_boundary(size),
        }
    }

    /// Records what was signed for all servers of a log in a bucket.
    pub(super) fn remember(&mut self, heads: &[SignedHead]) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Bucket(bucket) => bucket.remember(heads),
        }
    }

    /// Removes unreadable objects that are in the way of restored entries.
    pub(super) fn remove_unreadable(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Bucket(bucket) => bucket.remove_damaged(),
        }
    }

    /// Prepares the folder for continuing the log.
    pub(super) fn settle(
        &mut self,
        folder: &Path,
        origin: &str,
        heads: &[SignedHead],
    ) -> Result<(), StoreError> {
        self.remember(heads)?;
        SignedFile::replace(folder, origin, heads)?;
        match self {
            Self::Folder(store) => store.writer.forget_signed_size(),
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
            Self::Folder(_) => Ok(()),
            Self::Bucket(bucket) => bucket.end(reason, new),
        }
    }
}
