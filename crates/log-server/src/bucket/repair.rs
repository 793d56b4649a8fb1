//! Making anew what is derived in a bucket: its public part, and what an erasure leaves.

use countersign::note::{KeyType, VerifierKey};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::layout::Layout;
use super::location::Bucket;
use super::objects::Objects;
use super::publish::is_head;
use super::writer::{BucketWriter, at};
use countersign_log::store::StoreError;

/// A server's half of a bucket, with an index of its own that is gone afterwards.
pub(crate) struct BucketRepair {
    writer: BucketWriter,
    _index: TempDir,
}

impl BucketRepair {
    /// Follows all that is in the bucket.
    ///
    /// # Errors
    /// What cannot be followed.
    pub(crate) fn begin(bucket: Bucket, handle: Handle) -> Result<Self, StoreError> {
        let failed = |error| StoreError::unavailable("making an index", error);
        let index = tempfile::tempdir().map_err(failed)?;
        let objects = Objects::new(bucket.store.clone(), bucket.pause, handle.clone());
        let layout = Layout::new(bucket.prefix.clone());
        let key = read_key(&objects, &layout)?;
        let path = layout.checkpoint();
        if let Some(head) = objects.wait(objects.get(&path))?
            && !is_head(&head.bytes)
        {
            // The newest one is kept among the private objects.
            objects.wait(objects.delete(vec![path]))?;
        }
        let writer = BucketWriter::open(index.path(), &key, bucket, handle)?;
        Ok(Self { writer, _index: index })
    }

    /// Writes all tiles and entry bundles.
    pub(crate) fn publish_again(&self) -> Result<(), StoreError> {
        let published = self.writer.reader().published()?;
        published.map_or(Ok(()), |published| self.writer.write_tiles(0, published.size))
    }

    /// Does all erasures again that are written down.
    pub(crate) fn erase_again(&self) -> Result<(), StoreError> {
        for number in 0.. {
            let Some(erasure) = self.writer.read_erasure(number)? else { break };
            self.writer.scrub(&erasure.leaves)?;
        }
        Ok(())
    }
}

/// The key with which the servers of that log sign.
pub(super) fn read_key(objects: &Objects, layout: &Layout) -> Result<VerifierKey, StoreError> {
    let path = layout.key();
    let object = objects.wait(objects.get(&path))?;
    let object = object.ok_or_else(|| at(&path)(StoreError::Damaged("it is missing".into())))?;
    let text = String::from_utf8_lossy(&object.bytes);
    let damaged = |error: countersign::Error| at(&path)(StoreError::Damaged(error.into_message()));
    VerifierKey::parse(text.trim_end(), KeyType::Ed25519).map_err(damaged)
}
