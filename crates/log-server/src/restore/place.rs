//! Where a log is that is brought back: in a folder's database, or in a bucket.

use std::path::Path;

use countersign::note::VerifierKey;
use tokio::runtime::Handle;

use super::over::Over;
use super::source::Source;
use crate::bucket::{Bucket, Restoring};
use crate::search;
use crate::signed_file::SignedFile;
use crate::sqlite;
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{Reader, Store, StoreError, Writer};

/// The log.
pub(super) enum Place {
    Folder(Store),
    Bucket(Box<Restoring>),
}

impl Place {
    pub(super) fn in_folder(folder: &Path, key: &VerifierKey) -> Result<Self, StoreError> {
        sqlite::open(folder, key.name()).map(Self::Folder)
    }

    pub(super) fn in_bucket(
        folder: &Path,
        key: &VerifierKey,
        bucket: Bucket,
        handle: Handle,
    ) -> Result<Self, StoreError> {
        Restoring::open(folder, key, bucket, handle).map(|restoring| Self::Bucket(Box::new(restoring)))
    }

    pub(super) fn writer(&self) -> &dyn Writer {
        match self {
            Self::Folder(store) => &*store.writer,
            Self::Bucket(restoring) => restoring.writer(),
        }
    }

    pub(super) fn writer_mut(&mut self) -> &mut dyn Writer {
        match self {
            Self::Folder(store) => &mut *store.writer,
            Self::Bucket(restoring) => restoring.writer_mut(),
        }
    }

    pub(super) fn reader(&self) -> &dyn Reader {
        match self {
            Self::Folder(store) => &*store.reader,
            Self::Bucket(restoring) => restoring.reader(),
        }
    }

    /// Checkpoints that were published.
    pub(super) fn published(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Folder(store) => {
                Ok(store.reader.published()?.map(|published| published.note).into_iter().collect())
            }
            Self::Bucket(restoring) => Ok(restoring.notes().to_vec()),
        }
    }

    /// The newest head that a bucket remembers to be signed; none for a folder, whose file does.
    pub(super) fn remembered(&self) -> Option<Option<&SignedHead>> {
        match self {
            Self::Folder(_) => None,
            Self::Bucket(restoring) => Some(restoring.remembered()),
        }
    }

    /// What may have leaves by itself.
    pub(super) fn sources(&self) -> Result<Vec<Box<dyn Source>>, StoreError> {
        match self {
            Self::Folder(_) => Ok(Vec::new()),
            Self::Bucket(restoring) => restoring.sources(),
        }
    }

    /// Whether it is written down that the event of that leaf is erased.
    pub(super) fn is_erased(&self, leaf: u64) -> bool {
        match self {
            Self::Folder(_) => false,
            Self::Bucket(restoring) => restoring.is_erased(leaf),
        }
    }

    /// Where the next commit begins that is there already, behind that many leaves.
    pub(super) fn next_boundary(&self, size: u64) -> u64 {
        match self {
            Self::Folder(_) => u64::MAX,
            Self::Bucket(restoring) => restoring.next_boundary(size),
        }
    }

    /// Has all servers of a log in a bucket know what was signed.
    pub(super) fn remember(&mut self, heads: &[SignedHead]) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Bucket(restoring) => restoring.remember(heads),
        }
    }

    /// Takes away what is in the way of leaves that are put back, and is of no use.
    pub(super) fn make_room(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Bucket(restoring) => restoring.remove_damaged(),
        }
    }

    /// Makes the folder one that goes on.
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
                // It is of what was brought back: the server makes it anew.
                sqlite::discard(folder)?;
                search::discard(folder)
            }
        }
    }

    /// Notes that the log is over.
    pub(super) fn end(&self, over: &Over, new: &str) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Bucket(restoring) => restoring.end(over, new),
        }
    }
}
