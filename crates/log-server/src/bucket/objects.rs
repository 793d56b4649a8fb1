//! Objects, read and written until it is known what became of them.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
};
use tokio::runtime::Handle;

use super::layout::number;
use countersign_log::store::StoreError;

/// How often something that failed is tried before it is given up.
const TRIES: u32 = 4;
/// How many requests are under way at one time.
pub(super) const AT_ONCE: usize = 16;
/// The largest object that is read.
const MOST_BYTES: u64 = 4 << 30;

/// An object store, and the thread's way to wait for it.
#[derive(Clone)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    pause: Duration,
    handle: Handle,
}

/// An object that was read.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) bytes: Bytes,
    pub(super) version: UpdateVersion,
}

/// What became of an object's creation.
#[derive(Debug)]
pub(super) enum Created {
    /// It is there with the bytes that it was to have.
    Ours,
    /// It is there with others.
    Other(Bytes),
}

/// What became of an object's replacement.
#[derive(Debug)]
pub(super) enum Replaced {
    Yes(UpdateVersion),
    /// It is another by now.
    Changed,
    /// The store cannot tell: it replaces without conditions alone.
    Unconditional,
}

impl Objects {
    pub(super) fn new(store: Arc<dyn ObjectStore>, pause: Duration, handle: Handle) -> Self {
        Self { store, pause, handle }
    }

    /// Waits for requests. For threads that may wait.
    pub(super) fn wait<T>(&self, requests: impl Future<Output = T>) -> T {
        self.handle.block_on(requests)
    }

    /// What the request gives, or what it failed with last.
    async fn insist<T, R>(&self, doing: &'static str, mut request: impl FnMut() -> R) -> Result<T, StoreError>
    where
        R: Future<Output = Result<T, Error>>,
    {
        let mut tried = 0;
        loop {
            match request().await {
                Ok(value) => return Ok(value),
                Err(error) if tried + 1 == TRIES || is_final(&error) => return Err(failed(doing, &error)),
                Err(error) => tracing::debug!(error = without_queries(&error), doing, "trying again"),
            }
            self.rest(tried).await;
            tried += 1;
        }
    }

    async fn rest(&self, tried: u32) {
        tokio::time::sleep(self.pause * 2_u32.pow(tried)).await;
    }

    /// An object, if it is there.
    pub(super) async fn get(&self, path: &Path) -> Result<Option<Object>, StoreError> {
        self.insist("reading an object", || self.get_once(path)).await
    }

    async fn get_once(&self, path: &Path) -> Result<Option<Object>, Error> {
        let found = match self.store.get(path).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if found.meta.size > MOST_BYTES {
            let source = format!("{path} has {} bytes, which is too much", found.meta.size).into();
            return Err(Error::NotSupported { source });
        }
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        Ok(Some(Object { bytes: found.bytes().await?, version }))
    }

    /// The first bytes of an object that is there.
    pub(super) async fn get_first(&self, path: &Path, count: u64) -> Result<Bytes, StoreError> {
        self.insist("reading an object", || self.store.get_range(path, 0..count)).await
    }

    /// Creates an object that may be there already, and does not return before it is known which bytes it has.
    ///
    /// # Errors
    /// When it stays unknown: then it may be created yet, some time.
    pub(super) async fn create(&self, path: &Path, bytes: Vec<u8>) -> Result<Created, StoreError> {
        let doing = "creating an object";
        let bytes = Bytes::from(bytes);
        let mut tried = 0;
        loop {
            let error = match self.put(path, bytes.clone().into(), PutMode::Create).await {
                Ok(_) => return Ok(Created::Ours),
                Err(error) if is_final(&error) => return Err(failed(doing, &error)),
                Err(error) => error,
            };
            // That it is there may mean that an earlier try was done after all; and any other error, that this one was.
            match self.get_once(path).await {
                Ok(Some(object)) if object.bytes == bytes => return Ok(Created::Ours),
                Ok(Some(object)) => return Ok(Created::Other(object.bytes)),
                Ok(None) | Err(_) => {
                    let error = without_queries(&error);
                    tracing::debug!(error, %path, "it is not known whether it was created");
                }
            }
            if tried + 1 == TRIES {
                return Err(failed(doing, &error));
            }
            self.rest(tried).await;
            tried += 1;
        }
    }

    /// Creates an object, or learns that it was there: asked once, without a look at what is there.
    pub(super) async fn create_once(&self, path: &Path, bytes: Vec<u8>) -> Result<bool, StoreError> {
        match self.put(path, bytes.into(), PutMode::Create).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(failed("creating an object", &error)),
        }
    }

    /// Writes an object, whatever is there.
    pub(super) async fn write(&self, path: &Path, bytes: Vec<u8>) -> Result<(), StoreError> {
        let payload = PutPayload::from(bytes);
        let write = || self.put(path, payload.clone(), PutMode::Overwrite);
        self.insist("writing an object", write).await.map(drop)
    }

    /// Writes an object once if it is still of that version; creates it where there is no version.
    ///
    /// # Errors
    /// The store's own. Whether it was written is not known then.
    pub(super) async fn replace(
        &self,
        path: &Path,
        version: Option<UpdateVersion>,
        bytes: Vec<u8>,
    ) -> Result<Replaced, StoreError> {
        let mode = version.map_or(PutMode::Create, PutMode::Update);
        match self.put(path, bytes.into(), mode).await {
            Ok(version) => Ok(Replaced::Yes(version)),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) => {
                Ok(Replaced::Changed)
            }
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => Ok(Replaced::Unconditional),
            Err(error) => Err(failed("replacing an object", &error)),
        }
    }

    async fn put(&self, path: &Path, payload: PutPayload, mode: PutMode) -> Result<UpdateVersion, Error> {
        self.store.put_opts(path, payload, PutOptions::from(mode)).await.map(UpdateVersion::from)
    }

    /// The objects below a prefix, by name; those after one of them where it is given.
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
        let mut found = self.insist("listing objects", list).await?;
        found.sort_unstable_by(|one, other| one.location.cmp(&other.location));
        Ok(found)
    }

    /// The numbers that the names of the objects after that one end with, ascending.
    pub(super) async fn numbers(&self, prefix: &Path, after: &Path) -> Result<Vec<u64>, StoreError> {
        let list = || {
            let found = self.store.list_with_offset(Some(prefix), after);
            found.try_filter_map(async |meta| Ok(number(&meta.location))).try_collect::<Vec<_>>()
        };
        let mut found = self.insist("listing objects", list).await?;
        found.sort_unstable();
        Ok(found)
    }

    /// Of the objects whose names end with these numbers, those that are not there. Lists what is after a name, and no
    /// more of that than it takes to find all.
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
        self.insist("listing objects", list).await
    }

    /// Deletes objects that may be gone already.
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

/// Whether asking again gives the same answer.
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
    StoreError::unavailable(doing, without_queries(error))
}

/// What an error says, without the queries of URLs: they may hold what a request is signed with.
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
    fn errors_show_no_queries() {
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
