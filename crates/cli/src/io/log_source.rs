//! Opens a tiled log at a URL, in a folder, or in a bucket.

use countersign_client::Source;
use countersign_errors::EngineError;
use countersign_log_server::bucket::{BucketFolder, BucketObject, FolderError};

use crate::errors::CliError;
use crate::io::object::{explain_bucket, runtime};

/// The number of concurrent requests to a bucket.
const READERS: usize = 16;

/// Opens the log at a URL, in a folder, or in a bucket's folder.
pub(crate) fn open(place: &str) -> Result<Box<dyn Source>, CliError> {
    if !BucketObject::is_url(place) {
        return Ok(countersign_client::open(place)?);
    }
    let form = "use s3://BUCKET/FOLDER, gs://… or az://…, with the folder that contains checkpoint and tile";
    let folder = BucketFolder::open(place, runtime()?.handle().clone())
        .map_err(|error| explain_bucket(&error, form).within("the URL"))?;
    Ok(Box::new(BucketLog { folder, name: format!("{}/", place.trim_end_matches('/')) }))
}

/// A log in a bucket's folder with `checkpoint` and `tile/`.
struct BucketLog {
    folder: BucketFolder,
    name: String,
}

impl Source for BucketLog {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn readers(&self) -> usize {
        READERS
    }

    fn read(&self, path: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, EngineError> {
        self.folder.read(path, max_bytes as u64).map_err(|error| {
            let error = match error {
                FolderError::TooLarge(_) => {
                    let message = format!("the object is larger than {max_bytes} bytes");
                    EngineError::new("io.too_large", message, "check that this is the log's folder")
                }
                FolderError::Store(error) => {
                    let hint = "check the bucket, the credentials in the environment, and their permissions";
                    EngineError::new("store.failed", error.to_string(), hint)
                }
            };
            error.within(&format!("{}{path}", self.name))
        })
    }
}
