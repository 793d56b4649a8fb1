//! An object in a bucket that any program may have written, such as an export.

use std::ops::Range;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreScheme};
use tokio::runtime::Handle;

use countersign_log::store::StoreError;

use super::Bucket;
use super::objects::Objects;
use super::url::{BucketError, Location};

/// An error in reading an object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The URL isn't an object's, or the client can't be set up.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// There is no object at the URL.
    #[error("the object doesn't exist")]
    Missing,
    /// Another version of the object replaced the one that was opened.
    #[error("the object was replaced while it was read")]
    Changed,
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One version of an object, read by range requests.
#[derive(Clone)]
pub struct BucketObject {
    objects: Objects,
    path: Path,
    version: ObjectMeta,
}

impl BucketObject {
    /// True if the text begins as an object's URL does: `s3://`, `gs://`, or `az://`.
    pub fn is_url(text: &str) -> bool {
        ["s3://", "gs://", "az://"].iter().any(|scheme| text.starts_with(scheme))
    }

    /// Looks up the object at `s3://BUCKET/PATH`, `gs://BUCKET/PATH`, or `az://CONTAINER/PATH`. Credentials, endpoints,
    /// and regions come from the environment, as with [`Bucket::parse`]. Blocks the thread, which must not be one that
    /// runs async tasks.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn open(url: &str, handle: Handle) -> Result<Self, ObjectError> {
        let location = Location::parse(url)?;
        if location.scheme == ObjectStoreScheme::Local || location.path.as_ref().is_empty() {
            return Err(BucketError::Url("the URL doesn't name an object".into()).into());
        }
        let store = location.store()?;
        Self::at_prefix(Bucket::new(store, location.path), handle)
    }

    /// Looks up the object at a bucket's prefix.
    fn at_prefix(
        Bucket { store, prefix: path, pause, .. }: Bucket,
        handle: Handle,
    ) -> Result<Self, ObjectError> {
        let objects = Objects::new(store, pause, handle);
        let version = objects.wait(objects.head(&path))?.ok_or(ObjectError::Missing)?;
        Ok(Self { objects, path, version })
    }

    /// Returns the size in bytes.
    pub const fn size(&self) -> u64 {
        self.version.size
    }

    /// Reads a range, which must not be empty and must end within the object.
    ///
    /// # Errors
    /// [`ObjectError::Changed`] if the object was replaced since it was opened; [`ObjectError::Store`].
    pub async fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        let length = range.end - range.start;
        let (bytes, version) = self.objects.get_range(&self.path, range).await?;
        let id = |meta: &ObjectMeta| (meta.size, meta.last_modified, meta.e_tag.clone());
        if id(&version) == id(&self.version) && bytes.len() as u64 == length {
            Ok(bytes.into())
        } else {
            Err(ObjectError::Changed)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt as _};
    use tokio::runtime::Runtime;

    use super::*;

    #[test]
    fn reads_ranges_of_one_version_only() {
        let runtime = Runtime::new().unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("exports/audit.ndjson");
        let put = |text: &'static str| runtime.block_on(store.put(&path, text.into())).unwrap();
        let open =
            || BucketObject::at_prefix(Bucket::new(store.clone(), path.clone()), runtime.handle().clone());
        assert!(matches!(open(), Err(ObjectError::Missing)));
        put("0123456789");
        let object = open().unwrap();
        assert_eq!(object.size(), 10);
        assert_eq!(runtime.block_on(object.read(3..7)).unwrap(), b"3456");
        put("9876543210");
        assert!(matches!(runtime.block_on(object.read(3..7)), Err(ObjectError::Changed)));
    }

    #[test]
    fn refuses_urls_that_name_no_object() {
        let runtime = Runtime::new().unwrap();
        for url in
            ["s3://bucket", "s3://bucket/", "file:///tmp/a", "https://host/a", "s3://key:secret@bucket/a"]
        {
            let opened = BucketObject::open(url, runtime.handle().clone());
            assert!(matches!(opened, Err(ObjectError::Bucket(_))), "{url}");
        }
    }
}
