//! The check of a bucket with tenant logs. It reads all commits into a temporary index, as a server does, which verifies
//! each of them, and then compares the bucket's other objects with the index.

use std::sync::Arc;

use countersign::note::VerifierKey;
use countersign::tenant::{MIN_DEPTH, required_anchors};
use countersign_log::hashes::root_at;
use countersign_log::store::{Reader, StoreError};
use countersign_log::tenants::store::TenantReaders;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::{TenantBucketWriter, entry_name};
use crate::bucket::claim::{self, LogKind};
use crate::bucket::layout::Layout;
use crate::bucket::location::Bucket;
use crate::bucket::objects::Objects;
use crate::bucket::repair::read_key;

/// A bucket with tenant logs, read into a temporary index.
pub(crate) struct TenantBucketCheck {
    writer: TenantBucketWriter,
    key: VerifierKey,
    _index: TempDir,
}

/// A problem of an object.
pub(crate) struct ObjectMismatch {
    /// The object's name.
    pub(crate) place: String,
    pub(crate) why: &'static str,
}

impl TenantBucketCheck {
    /// Opens the bucket if it contains a root log with tenant logs. Reads nothing but the log's name and key.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn open(bucket: &Bucket, handle: &Handle) -> Result<Option<Self>, StoreError> {
        let objects = Objects::new(bucket.store.clone(), bucket.pause, handle.clone());
        let layout = Layout::new(bucket.prefix.clone());
        let named = objects.wait(objects.get(&layout.log()))?;
        if !named.is_some_and(|named| matches!(claim::parse(&named.bytes), Some((LogKind::Root, _)))) {
            return Ok(None);
        }
        let key = read_key(&objects, &layout)?;
        let index = tempfile::tempdir().map_err(|error| StoreError::disk("creating an index", error))?;
        let mut writer =
            TenantBucketWriter::new(index.path(), &key, MIN_DEPTH, bucket.clone(), handle.clone())?;
        writer.is_check = true;
        Ok(Some(Self { writer, key, _index: index }))
    }

    pub(crate) fn origin(&self) -> &str {
        self.key.name()
    }

    pub(crate) fn readers(&self) -> &Arc<dyn TenantReaders> {
        &self.writer.index.readers
    }

    /// Reads all commits, erasures, checkpoints, and evidence, and compares the windows with the commits.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] at the first object that can't be followed, which the message names.
    pub(crate) fn read(&mut self) -> Result<(), StoreError> {
        self.writer.follow()?;
        self.writer.follow_checkpoints()?;
        self.writer.follow_evidence()?;
        if let Some(head) = self.writer.public.read_head()? {
            self.writer.public.check(head.note())?;
        }
        Ok(())
    }

    /// Returns the number of recorded erasures that may be incomplete.
    pub(crate) fn unfinished_erasures(&self) -> usize {
        self.writer.erasures.unfinished()
    }

    /// Returns the public objects that differ from the commits, or are missing.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn public_mismatches(&self) -> Result<Vec<ObjectMismatch>, StoreError> {
        let (objects, public) = (&self.writer.objects, &self.writer.public);
        let Some(published) = self.readers().root().published()? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for object in public.objects_of(0, published.size) {
            let (path, expected) = object?;
            let path = self.writer.layout.public(&path);
            let why = match objects.wait(objects.get(&path))? {
                Some(object) if object.bytes == expected => continue,
                Some(_) => "the object differs from the commits",
                // A server may have published more since, and replaced a partial tile.
                None if path.as_ref().contains(".p/") => continue,
                None => "the object is missing",
            };
            found.push(ObjectMismatch { place: path.to_string(), why });
        }
        Ok(found)
    }

    /// Returns the secrets of anchors that are missing although the newest head requires them.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn missing_anchors(&self) -> Result<Vec<ObjectMismatch>, StoreError> {
        let Some(newest) = self.writer.index.size().checked_sub(1) else { return Ok(Vec::new()) };
        let (objects, root) = (&self.writer.objects, self.readers().root());
        let mut found = Vec::new();
        for tick in required_anchors(newest) {
            let entry = root.leaves(tick..tick + 1)?.pop().unwrap_or_default();
            let path = self.writer.layout.anchor(tick, &entry_name(&entry));
            if objects.wait(objects.get(&path))?.is_none() {
                let why = "the secret of an anchor is missing, so exports lack the anchor";
                found.push(ObjectMismatch { place: path.to_string(), why });
            }
        }
        Ok(found)
    }

    /// True if the ticks of a server's index are those of the bucket, as far as both have them.
    ///
    /// # Errors
    /// If one of the indexes fails.
    pub(crate) fn is_same_log(&self, index: &dyn Reader) -> Result<bool, StoreError> {
        let root = self.readers().root();
        let size = index.size()?.min(root.size()?);
        Ok(size == 0 || root_at(index, size)? == root_at(&*root, size)?)
    }

    /// Writes all tiles and entry bundles of the root log again.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn publish_again(&self) -> Result<(), StoreError> {
        let published = self.readers().root().published()?;
        published.map_or(Ok(()), |published| self.writer.public.write_tiles(0, published.size))
    }
}
