//! Buckets by their URLs.

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

/// Why there is no bucket at a URL.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The URL is none of a bucket.
    #[error("{0}")]
    Url(String),
    /// The folder, or the client of the object store, cannot be set up.
    #[error("{0}")]
    Setup(String),
}

impl Bucket {
    /// The bucket at `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or `file:///FOLDER`, or in a
    /// folder by its path, which is made where it is missing. Credentials, endpoints and regions come from the
    /// environment, as each provider's own tools have them there.
    ///
    /// # Errors
    /// [`BucketError`].
    pub fn parse(text: &str) -> Result<Self, BucketError> {
        if !text.contains("://") {
            return Self::in_folder(Path::new(text));
        }
        let refuse = |why: &str| BucketError::Url(format!("this is no URL of a bucket: {why}"));
        let url = Url::parse(text).map_err(|error| refuse(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(refuse("credentials are given in the environment, not in a URL"));
        }
        let (scheme, prefix) = ObjectStoreScheme::parse(&url)
            .map_err(|_| refuse("it begins with s3://, gs://, az:// or file://, or is a folder's path"))?;
        let setup = |error: object_store::Error| BucketError::Setup(error.to_string());
        let store: Arc<dyn ObjectStore> = match scheme {
            ObjectStoreScheme::Local => {
                let folder = url.to_file_path().map_err(|()| refuse("it names no folder here"))?;
                return Self::in_folder(&folder);
            }
            ObjectStoreScheme::AmazonS3 => {
                let builder = AmazonS3Builder::from_env().with_url(url.as_str()).with_retry(retries());
                check_endpoint(&builder)?;
                Arc::new(builder.build().map_err(setup)?)
            }
            ObjectStoreScheme::GoogleCloudStorage => {
                let builder =
                    GoogleCloudStorageBuilder::from_env().with_url(url.as_str()).with_retry(retries());
                Arc::new(builder.build().map_err(setup)?)
            }
            ObjectStoreScheme::MicrosoftAzure => {
                let builder = MicrosoftAzureBuilder::from_env().with_url(url.as_str()).with_retry(retries());
                Arc::new(builder.build().map_err(setup)?)
            }
            _ => return Err(refuse("it begins with s3://, gs://, az:// or file://, or is a folder's path")),
        };
        Ok(Self::new(store, prefix))
    }

    fn in_folder(folder: &Path) -> Result<Self, BucketError> {
        let setup = |error: &dyn std::fmt::Display| {
            BucketError::Setup(format!("the folder {} is not usable: {error}", folder.display()))
        };
        make_folder(folder).map_err(|error| setup(&error))?;
        let folder: PathBuf = fs::canonicalize(folder).map_err(|error| setup(&error))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| setup(&error))?;
        let store = Arc::new(store.with_fsync(true));
        Ok(Self { folder: Some(folder), ..Self::new(store, ObjectPath::default()) })
    }
}

/// An address without TLS has to be allowed; otherwise each request fails, and none says why.
fn check_endpoint(builder: &AmazonS3Builder) -> Result<(), BucketError> {
    let value = |key| builder.get_config_value(&key).unwrap_or_default();
    let is_allowed = value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp)) == "true";
    if value(AmazonS3ConfigKey::Endpoint).starts_with("http://") && !is_allowed {
        let why = "the bucket's address begins with http://: if that is meant, set AWS_ALLOW_HTTP=true";
        return Err(BucketError::Setup(why.into()));
    }
    Ok(())
}

/// Requests are tried again by [`Objects`](super::objects::Objects) too, which looks what became of them.
fn retries() -> RetryConfig {
    RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..RetryConfig::default() }
}

/// Makes a folder that its owner alone may read: it has events in it.
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
    fn a_folder_is_named_by_path_or_url() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a b");
        let path = Bucket::parse(folder.to_str().unwrap()).unwrap();
        let url = Bucket::parse(Url::from_file_path(&folder).unwrap().as_str()).unwrap();
        assert_eq!(path.folder, url.folder);
        assert_eq!(path.folder.unwrap(), fs::canonicalize(folder).unwrap());
    }

    #[test]
    fn an_address_without_tls_has_to_be_allowed() {
        let builder = |endpoint: &str| AmazonS3Builder::new().with_endpoint(endpoint);
        let refused = check_endpoint(&builder("http://127.0.0.1:9000")).unwrap_err().to_string();
        assert!(refused.contains("AWS_ALLOW_HTTP=true"), "{refused}");
        check_endpoint(&builder("http://127.0.0.1:9000").with_allow_http(true)).unwrap();
        check_endpoint(&builder("https://s3.example")).unwrap();
        check_endpoint(&AmazonS3Builder::new()).unwrap();
    }

    #[test]
    fn what_is_no_bucket_is_refused_and_says_nothing_of_secrets() {
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
