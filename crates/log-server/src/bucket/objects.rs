//! Reads and writes of objects, retried until their outcome is known.

use std::collections::BTreeSet;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};
use tokio::runtime::Handle;

use super::layout::number;
use countersign_log::store::StoreError;

/// Number of attempts before an operation fails.
const MAX_ATTEMPTS: u32 = 4;
/// Maximum number of concurrent requests.
pub(super) const MAX_CONCURRENT_REQUESTS: usize = 16;
/// Maximum size of an object to read.
const MAX_OBJECT_BYTES: u64 = 4 << 30;

/// An object store, with blocking access for the sequencer's thread.
#[derive(Clone)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    pause: Duration,
    handle: Handle,
}

/// An object's content and version.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) bytes: Bytes,
    pub(super) version: UpdateVersion,
}

/// The outcome of creating an object.
#[derive(Debug)]
pub(super) enum CreateOutcome {
    /// The object exists with the given bytes.
    Ours,
    /// The object exists with other bytes.
    Other(Bytes),
}

/// The outcome of replacing an object.
#[derive(Debug)]
pub(super) enum ReplaceOutcome {
    Yes(UpdateVersion),
    /// The object was changed by another server.
    Changed,
    /// The store doesn't support conditional replacement.
    Unconditional,
}

/// An object that has this many bytes, more than allowed.
pub(super) struct TooLarge(pub(super) u64);

impl Objects {
    pub(super) fn new(store: Arc<dyn ObjectStore>, pause: Duration, handle: Handle) -> Self {
        Self { store, pause, handle }
    }

    /// Blocks the thread until the requests are done.
    pub(super) fn wait<T>(&self, requests: impl Future<Output = T>) -> T {
        self.handle.block_on(requests)
    }

    /// Sends a request until it succeeds, up to [`MAX_ATTEMPTS`] times, and returns the last error otherwise.
    async fn retry<T, R>(&self, doing: &'static str, mut request: impl FnMut() -> R) -> Result<T, StoreError>
    where
        R: Future<Output = Result<T, Error>>,
    {
        let mut attempts = 0;
        loop {
            match request().await {
                Ok(value) => return Ok(value),
                Err(error) if attempts + 1 == MAX_ATTEMPTS || is_final(&error) => {
                    return Err(failed(doing, &error));
                }
                Err(error) => tracing::debug!(
                    error = without_queries(&error),
                    doing,
                    "a request to the bucket failed; retrying"
                ),
            }
            self.back_off(attempts).await;
            attempts += 1;
        }
    }

    async fn back_off(&self, attempts: u32) {
        tokio::time::sleep(self.pause * 2_u32.pow(attempts)).await;
    }

    /// Returns an object, if it exists.
    pub(super) async fn get(&self, path: &Path) -> Result<Option<Object>, StoreError> {
        self.get_at_most(path, MAX_OBJECT_BYTES).await?.transpose().map_err(|TooLarge(bytes)| {
            let why = format!("{path} is too large with {bytes} bytes");
            StoreError::unavailable("reading an object", why)
        })
    }

    /// Returns an object, if it exists and has at most `max_bytes` bytes.
    pub(super) async fn get_at_most(
        &self,
        path: &Path,
        max_bytes: u64,
    ) -> Result<Option<Result<Object, TooLarge>>, StoreError> {
        self.retry("reading an object", || self.get_once(path, max_bytes)).await
    }

    async fn get_once(&self, path: &Path, max_bytes: u64) -> Result<Option<Result<Object, TooLarge>>, Error> {
        let found = match self.store.get(path).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if found.meta.size > max_bytes {
            return Ok(Some(Err(TooLarge(found.meta.size))));
        }
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        Ok(Some(Ok(Object { bytes: found.bytes().await?, version })))
    }

    /// Returns the size and version of an object, if it exists.
    pub(super) async fn head(&self, path: &Path) -> Result<Option<ObjectMeta>, StoreError> {
        let head = || async {
            match self.store.head(path).await {
                Ok(meta) => Ok(Some(meta)),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.retry("looking up an object", head).await
    }

    /// Returns a range of an existing object, and the version that it is of.
    pub(super) async fn get_range(
        &self,
        path: &Path,
        range: Range<u64>,
    ) -> Result<(Bytes, ObjectMeta), StoreError> {
        let get = || async {
            let options = GetOptions { range: Some(range.clone().into()), ..GetOptions::default() };
            let found = self.store.get_opts(path, options).await?;
            let meta = found.meta.clone();
            Ok((found.bytes().await?, meta))
        };
        self.retry("reading an object", get).await
    }

    /// Returns the first `count` bytes of an existing object.
    pub(super) async fn get_first(&self, path: &Path, count: u64) -> Result<Bytes, StoreError> {
        self.retry("reading an object", || self.store.get_range(path, 0..count)).await
    }

    /// Creates an object that may exist already, and returns only once it is known which bytes the object has.
    ///
    /// # Errors
    /// If the outcome is unknown; the object may still be created later.
    pub(super) async fn create(&self, path: &Path, bytes: Vec<u8>) -> Result<CreateOutcome, StoreError> {
        let doing = "creating an object";
        let bytes = Bytes::from(bytes);
        let mut attempts = 0;
        loop {
            let error = match self.put(path, bytes.clone().into(), PutMode::Create).await {
                Ok(_) => return Ok(CreateOutcome::Ours),
                Err(error) if is_final(&error) => return Err(failed(doing, &error)),
                Err(error) => error,
            };
            // "Already exists" may be the effect of an earlier attempt, and after any other error this attempt may
            // have succeeded.
            match self.get_once(path, MAX_OBJECT_BYTES).await {
                Ok(Some(Ok(object))) if object.bytes == bytes => return Ok(CreateOutcome::Ours),
                Ok(Some(Ok(object))) => return Ok(CreateOutcome::Other(object.bytes)),
                Ok(Some(Err(TooLarge(_))) | None) | Err(_) => {
                    let error = without_queries(&error);
                    tracing::debug!(error, %path, "whether the object was created is unknown; retrying");
                }
            }
            if attempts + 1 == MAX_ATTEMPTS {
                return Err(failed(doing, &error));
            }
            self.back_off(attempts).await;
            attempts += 1;
        }
    }

    /// Tries once to create an object. Returns false if it exists, without reading it.
    pub(super) async fn create_once(&self, path: &Path, bytes: Vec<u8>) -> Result<bool, StoreError> {
        match self.put(path, bytes.into(), PutMode::Create).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(failed("creating an object", &error)),
        }
    }

    /// Writes an object, whether or not it exists.
    pub(super) async fn write(&self, path: &Path, bytes: Vec<u8>) -> Result<(), StoreError> {
        let payload = PutPayload::from(bytes);
        let write = || self.put(path, payload.clone(), PutMode::Overwrite);
        self.retry("writing an object", write).await.map(drop)
    }

    /// Replaces an object once if it still has that version, or creates it if `version` is `None`.
    ///
    /// # Errors
    /// If the store fails. It is unknown then whether the object was written.
    pub(super) async fn replace(
        &self,
        path: &Path,
        version: Option<UpdateVersion>,
        bytes: Vec<u8>,
    ) -> Result<ReplaceOutcome, StoreError> {
        let mode = version.map_or(PutMode::Create, PutMode::Update);
        match self.put(path, bytes.into(), mode).await {
            Ok(version) => Ok(ReplaceOutcome::Yes(version)),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) => {
                Ok(ReplaceOutcome::Changed)
            }
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                Ok(ReplaceOutcome::Unconditional)
            }
            Err(error) => Err(failed("replacing an object", &error)),
        }
    }

    async fn put(&self, path: &Path, payload: PutPayload, mode: PutMode) -> Result<UpdateVersion, Error> {
        self.store.put_opts(path, payload, PutOptions::from(mode)).await.map(UpdateVersion::from)
    }

    /// Lists the objects under a prefix, sorted by name, optionally only those after `after`.
    pub(super) async fn list(
        &self,
        prefix: &Path,
        after: Option<&Path>,
    ) -> Result<Vec<ObjectMeta>, StoreError> {
        let list = || {
            let found = match after {
                None => self.store.list(Some(prefix)),
                Some(after) => self.store.list_with_offset(Some(prefix), after),
            };
            found.try_collect::<Vec<_>>()
        };
        let mut found = self.retry("listing objects", list).await?;
        found.sort_unstable_by(|one, other| one.location.cmp(&other.location));
        Ok(found)
    }

    /// Returns, in ascending order, the numbers at the end of the names of all objects after `after`.
    pub(super) async fn numbers(&self, prefix: &Path, after: &Path) -> Result<Vec<u64>, StoreError> {
        let list = || {
            let found = self.store.list_with_offset(Some(prefix), after);
            found.try_filter_map(async |meta| Ok(number(&meta.location))).try_collect::<Vec<_>>()
        };
        let mut found = self.retry("listing objects", list).await?;
        found.sort_unstable();
        Ok(found)
    }

    /// Returns which of the objects with these numbers don't exist. Lists names after `after` until all are found.
    pub(super) async fn missing(
        &self,
        prefix: &Path,
        after: &Path,
        numbers: &[u64],
    ) -> Result<BTreeSet<u64>, StoreError> {
        let list = || async {
            let mut missing: BTreeSet<u64> = numbers.iter().copied().collect();
            let mut found = self.store.list_with_offset(Some(prefix), after);
            while !missing.is_empty()
                && let Some(meta) = found.try_next().await?
            {
                number(&meta.location).map(|number| missing.remove(&number));
            }
            Ok(missing)
        };
        self.retry("listing objects", list).await
    }

    /// Deletes objects, whether or not they exist.
    pub(super) async fn delete(&self, paths: Vec<Path>) -> Result<(), StoreError> {
        let paths = futures_util::stream::iter(paths.into_iter().map(Ok)).boxed();
        let mut deleted = self.store.delete_stream(paths);
        while let Some(result) = deleted.next().await {
            match result {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(failed("deleting objects", &error)),
            }
        }
        Ok(())
    }
}

/// True if a retry would fail with the same error.
fn is_final(error: &Error) -> bool {
    matches!(
        error,
        Error::NotImplemented { .. }
            | Error::NotSupported { .. }
            | Error::InvalidPath { .. }
            | Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::UnknownConfigurationKey { .. }
    )
}

fn failed(doing: &'static str, error: &Error) -> StoreError {
    StoreError::bucket(doing, without_queries(error))
}

/// Formats an error without the queries of URLs, which may contain a request's signature.
fn without_queries(error: &Error) -> String {
    let text = error.to_string();
    let mut parts = text.split('?');
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push('?');
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ')' | '>' | ',');
        shown.push_str(part.find(ends).and_then(|end| part.get(end..)).unwrap_or_default());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_contain_no_url_queries() {
        let error = |text: &str| Error::Generic { store: "test", source: text.to_owned().into() };
        for (text, shown) in [
            ("nothing to hide", "nothing to hide"),
            (
                "why? see (https://host/a?sv=1&sig=secret) twice https://host/b?sig=secret",
                "why? see (https://host/a?) twice https://host/b?",
            ),
        ] {
            assert_eq!(without_queries(&error(text)), format!("Generic test error: {shown}"));
        }
    }
}
