//! Regeneration of derived objects in a bucket: its public part, and what an erasure leaves.

use countersign::note::{KeyType, VerifierKey};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::layout::Layout;
use super::layout::in_object;
use super::location::Bucket;
use super::objects::Objects;
use super::put_back::repair_checkpoint;
use super::writer::BucketWriter;
use countersign_log::store::StoreError;

/// A bucket's writer with a temporary index.
pub(crate) struct BucketRepair {
    writer: BucketWriter,
    index: TempDir,
}

impl BucketRepair {
    /// Opens the bucket and follows everything in it.
    ///
    /// # Errors
    /// If an object can't be followed.
    pub(crate) fn begin(bucket: Bucket, handle: Handle) -> Result<Self, StoreError> {
        let failed = |error| StoreError::disk("creating an index", error);
        let index = tempfile::tempdir().map_err(failed)?;
        let objects = Objects::new(bucket.store.clone(), bucket.pause, handle.clone());
        let layout = Layout::new(bucket.prefix.clone());
        let key = read_key(&objects, &layout)?;
        repair_checkpoint(&objects, &layout)?;
        let writer = BucketWriter::open(index.path(), &key, bucket, handle)?;
        Ok(Self { writer, index })
    }

    /// Returns the folder of the temporary index, and closes the index.
    pub(crate) fn into_index(self) -> TempDir {
        self.index
    }

    /// Writes all tiles and entry bundles again.
    pub(crate) fn publish_again(&self) -> Result<(), StoreError> {
        let published = self.writer.reader().published()?;
        published.map_or(Ok(()), |published| self.writer.public.write_tiles(0, published.size))
    }

    /// Applies all recorded erasures again.
    pub(crate) fn erase_again(&self) -> Result<(), StoreError> {
        for number in 0.. {
            let Some(erasure) = self.writer.erasures.read(number)? else { break };
            self.writer.scrub(&erasure.leaves)?;
        }
        Ok(())
    }
}

/// Returns the key with which the servers of the log in a bucket sign.
pub(crate) fn read_key_of(bucket: &Bucket, handle: &Handle) -> Result<VerifierKey, StoreError> {
    let objects = Objects::new(bucket.store.clone(), bucket.pause, handle.clone());
    read_key(&objects, &Layout::new(bucket.prefix.clone()))
}

/// Returns the key with which the log's servers sign.
pub(super) fn read_key(objects: &Objects, layout: &Layout) -> Result<VerifierKey, StoreError> {
    let path = layout.key();
    let object = objects.wait(objects.get(&path))?;
    let object =
        object.ok_or_else(|| in_object(&path)(StoreError::Damaged("the object is missing".into())))?;
    let text = String::from_utf8_lossy(&object.bytes);
    let damaged = |error: countersign::Error| in_object(&path)(StoreError::Damaged(error.into_message()));
    VerifierKey::parse(text.trim_end(), KeyType::Ed25519).map_err(damaged)
}
