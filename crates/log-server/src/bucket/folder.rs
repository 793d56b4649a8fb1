//! A folder of a bucket, read as it was published, such as the public files of a log.

use object_store::path::Path;
use tokio::runtime::Handle;

use countersign_log::store::StoreError;

use super::Bucket;
use super::objects::{Objects, TooLarge};
use super::url::{BucketError, Location};

/// A folder of a bucket.
pub struct BucketFolder {
    objects: Objects,
    prefix: Path,
}

impl BucketFolder {
    /// Uses the folder at `s3://BUCKET/PATH`, `gs://BUCKET/PATH`, or `az://CONTAINER/PATH`. Credentials, endpoints, and
    /// regions come from the environment, as with [`Bucket::parse`]. Reads nothing yet.
    ///
    /// # Errors
    /// [`BucketError`].
    pub fn open(url: &str, handle: Handle) -> Result<Self, BucketError> {
        let location = Location::parse(url)?;
        Ok(Self::in_bucket(Bucket::new(location.store()?, location.path), handle))
    }

    fn in_bucket(Bucket { store, prefix, pause, .. }: Bucket, handle: Handle) -> Self {
        Self { objects: Objects::new(store, pause, handle), prefix }
    }

    /// Reads the object at a path below the folder; `None` if there is none. Blocks the thread, which must not be one
    /// that runs async tasks.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn read(&self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, FolderError> {
        let path: Path = self.prefix.parts().chain(Path::from(path).parts()).collect();
        match self.objects.wait(self.objects.get_at_most(&path, max_bytes)).map_err(FolderError::Store)? {
            Some(Ok(object)) => Ok(Some(object.bytes.into())),
            Some(Err(TooLarge(bytes))) => Err(FolderError::TooLarge(bytes)),
            None => Ok(None),
        }
    }
}

/// An object of a folder that can't be read.
#[derive(Debug)]
pub enum FolderError {
    /// The object store fails.
    Store(StoreError),
    /// The object has this many bytes, more than allowed.
    TooLarge(u64),
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt as _};
    use tokio::runtime::Runtime;

    use super::*;

    #[test]
    fn reads_small_objects_below_the_folder() {
        let runtime = Runtime::new().unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        runtime.block_on(store.put(&Path::from("logs/a/tile/0/x001/234.p/5"), "tile".into())).unwrap();
        let bucket = Bucket::new(store, Path::from("logs/a"));
        let folder = BucketFolder::in_bucket(bucket, runtime.handle().clone());
        let path = "tile/0/x001/234.p/5";
        assert_eq!(folder.read(path, 4).unwrap(), Some(b"tile".to_vec()));
        assert_eq!(folder.read("checkpoint", 4).unwrap(), None);
        assert!(matches!(folder.read(path, 3), Err(FolderError::TooLarge(4))));
    }
}
