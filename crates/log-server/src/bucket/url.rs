//! URLs of buckets.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::location::Bucket;

/// An error in opening a bucket by its URL.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The URL isn't a bucket's.
    #[error("{0}")]
    Url(String),
    /// The folder or the object store's client can't be set up.
    #[error("{0}")]
    Setup(String),
}

impl Bucket {
    /// Opens the bucket at `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, or `file:///FOLDER`,
    /// or in the folder at a path, which is created if needed. Credentials, endpoints, and regions come from the
    /// environment variables that each provider's own tools use.
    ///
    /// # Errors
    /// [`BucketError`].
    pub fn parse(text: &str) -> Result<Self, BucketError> {
        if !text.contains("://") {
            return Self::in_folder(Path::new(text));
        }
        let location = Location::parse(text)?;
        if location.scheme == ObjectStoreScheme::Local {
            let folder = location.url.to_file_path();
            return Self::in_folder(&folder.map_err(|()| invalid("the URL doesn't name a local folder"))?);
        }
        Ok(Self::new(location.store()?, location.path))
    }

    fn in_folder(folder: &Path) -> Result<Self, BucketError> {
        let setup = |error: &dyn std::fmt::Display| {
            BucketError::Setup(format!("the folder {} can't be used: {error}", folder.display()))
        };
        make_folder(folder).map_err(|error| setup(&error))?;
        let folder: PathBuf = fs::canonicalize(folder).map_err(|error| setup(&error))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| setup(&error))?;
        let store = Arc::new(store.with_fsync(true));
        Ok(Self { folder: Some(folder), ..Self::new(store, ObjectPath::default()) })
    }
}

/// A bucket's or an object's URL.
pub(super) struct Location {
    url: Url,
    pub(super) scheme: ObjectStoreScheme,
    pub(super) path: ObjectPath,
}

impl Location {
    pub(super) fn parse(text: &str) -> Result<Self, BucketError> {
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(invalid("set credentials in the environment instead of the URL"));
        }
        let (scheme, path) = ObjectStoreScheme::parse(&url).map_err(|_| unknown_scheme())?;
        Ok(Self { url, scheme, path })
    }

    /// Returns the client of a remote store.
    pub(super) fn store(&self) -> Result<Arc<dyn ObjectStore>, BucketError> {
        let setup = |error: object_store::Error| BucketError::Setup(error.to_string());
        let url = self.url.as_str();
        // For the HTTP clients that the stores create.
        countersign_tls::provider();
        Ok(match self.scheme {
            ObjectStoreScheme::AmazonS3 => {
                let builder = AmazonS3Builder::from_env().with_url(url).with_retry(retries());
                check_endpoint(&builder)?;
                Arc::new(builder.build().map_err(setup)?)
            }
            ObjectStoreScheme::GoogleCloudStorage => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(url).with_retry(retries());
                Arc::new(builder.build().map_err(setup)?)
            }
            ObjectStoreScheme::MicrosoftAzure => {
                let builder = MicrosoftAzureBuilder::from_env().with_url(url).with_retry(retries());
                Arc::new(builder.build().map_err(setup)?)
            }
            _ => return Err(unknown_scheme()),
        })
    }
}

fn invalid(why: &str) -> BucketError {
    BucketError::Url(format!("invalid bucket URL: {why}"))
}

fn unknown_scheme() -> BucketError {
    invalid("use s3://, gs://, az://, file://, or a folder's path")
}

/// Rejects an endpoint without TLS unless it is explicitly allowed. The client would fail each request without saying
/// why.
fn check_endpoint(builder: &AmazonS3Builder) -> Result<(), BucketError> {
    let value = |key| builder.get_config_value(&key).unwrap_or_default();
    let is_allowed = value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp)) == "true";
    if value(AmazonS3ConfigKey::Endpoint).starts_with("http://") && !is_allowed {
        let why =
            "the bucket's endpoint starts with http://; use https://, or set AWS_ALLOW_HTTP=true to allow it";
        return Err(BucketError::Setup(why.into()));
    }
    Ok(())
}

/// Low limits, because [`Objects`](super::objects::Objects) retries too, and it checks the outcome first.
fn retries() -> RetryConfig {
    RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..RetryConfig::default() }
}

/// Creates a folder that only its owner can read, because it will contain events.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_a_folder_by_path_or_url() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a b");
        let path = Bucket::parse(folder.to_str().unwrap()).unwrap();
        let url = Bucket::parse(Url::from_file_path(&folder).unwrap().as_str()).unwrap();
        assert_eq!(path.folder, url.folder);
        assert_eq!(path.folder.unwrap(), fs::canonicalize(folder).unwrap());
    }

    #[test]
    fn rejects_endpoints_without_tls_unless_allowed() {
        let builder = |endpoint: &str| AmazonS3Builder::new().with_endpoint(endpoint);
        let error = check_endpoint(&builder("http://127.0.0.1:9000")).unwrap_err().to_string();
        assert!(error.contains("AWS_ALLOW_HTTP=true"), "{error}");
        check_endpoint(&builder("http://127.0.0.1:9000").with_allow_http(true)).unwrap();
        check_endpoint(&builder("https://s3.example")).unwrap();
        check_endpoint(&AmazonS3Builder::new()).unwrap();
    }

    #[test]
    fn rejects_invalid_urls_without_leaking_secrets() {
        for url in [
            "ftp://host/a",
            "s3://",
            "https://example.com/a",
            "s3://key:secret@bucket/a",
            "s3://b/a?secret=1",
        ] {
            let error = Bucket::parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret@") && !error.contains("=1"), "{url}: {error}");
        }
    }
}
