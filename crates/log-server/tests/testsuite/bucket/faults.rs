//! An object store whose requests fail randomly: before they have an effect, after it, or, for writes, long before it.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::watch;

use crate::common::random::Random;

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    FailedBefore,
    FailedAfter,
    /// Fails now, and takes effect after this many further requests.
    Late(u64),
}

/// A write that hasn't taken effect yet.
struct Late {
    due: u64,
    path: Path,
    payload: PutPayload,
    options: PutOptions,
}

/// A server's access to the store that all servers share.
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    random: Mutex<Random>,
    /// Number of failures per 1,000 requests.
    rate: AtomicU32,
    /// Number of writes before every request fails.
    writes_left: AtomicU64,
    requests: AtomicU64,
    /// True if the store overwrites existing objects on creation.
    careless: AtomicBool,
    late: Mutex<Vec<Late>>,
    /// Writes of objects with this in their names are blocked.
    blocked: watch::Sender<Option<&'static str>>,
    /// Lists of objects with this in their prefixes are blocked.
    blocked_lists: watch::Sender<Option<&'static str>>,
    waiting: Arc<AtomicU64>,
    /// Reads and lists don't show the object with this name, as a cache with an older state.
    hidden: Arc<Mutex<Option<String>>>,
    /// The number of reads and lists that didn't show it.
    misses: Arc<AtomicU64>,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({})", self.inner)
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

fn failure(what: &str) -> Error {
    Error::Generic { store: "faulty", source: what.to_owned().into() }
}

impl Faulty {
    /// Creates access without faults.
    pub fn new(inner: Arc<dyn ObjectStore>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            inner,
            random: Mutex::new(Random::new(seed)),
            rate: AtomicU32::new(0),
            writes_left: AtomicU64::new(u64::MAX),
            requests: AtomicU64::new(0),
            careless: AtomicBool::new(false),
            late: Mutex::default(),
            blocked: watch::Sender::default(),
            blocked_lists: watch::Sender::default(),
            waiting: Arc::default(),
            hidden: Arc::default(),
            misses: Arc::default(),
        })
    }

    pub fn fail(&self, of_thousand: u32) {
        self.rate.store(of_thousand, Ordering::SeqCst);
    }

    /// Makes every request fail after this many writes, as if the server were killed.
    pub fn end_after(&self, writes: u64) {
        self.writes_left.store(writes, Ordering::SeqCst);
    }

    /// Overwrites existing objects on creation, as some object stores do.
    pub fn be_careless(&self) {
        self.careless.store(true, Ordering::SeqCst);
    }

    pub fn has_ended(&self) -> bool {
        self.writes_left.load(Ordering::SeqCst) == 0
    }

    /// Blocks writes of objects with this in their names; `None` releases them.
    pub fn block(&self, names_with: Option<&'static str>) {
        self.blocked.send_replace(names_with);
    }

    /// Blocks lists of objects with this in their prefixes; `None` releases them.
    pub fn block_lists(&self, prefixes_with: Option<&'static str>) {
        self.blocked_lists.send_replace(prefixes_with);
    }

    /// Makes reads and lists not show the object with this name. Writes know that it exists.
    pub fn hide(&self, name: Option<&str>) {
        *self.hidden.lock().unwrap() = name.map(str::to_owned);
    }

    /// Returns the number of reads and lists that didn't show the hidden object.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::SeqCst)
    }

    /// Returns the number of reads and writes so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Returns the number of requests that were blocked so far.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::SeqCst)
    }

    async fn wait_for_release(&self, path: &Path) {
        let may_proceed = |blocked: Option<&str>| blocked.is_none_or(|part| !path.as_ref().contains(part));
        let mut blocked = self.blocked.subscribe();
        if !may_proceed(*blocked.borrow()) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
        }
        blocked.wait_for(|blocked| may_proceed(*blocked)).await.expect("the sender exists");
    }

    /// Turns faults off, and completes all delayed writes.
    pub async fn settle(&self) {
        self.fail(0);
        let late: Vec<Late> = self.late.lock().unwrap().drain(..).collect();
        for late in late {
            self.land(late).await;
        }
    }

    fn fate(&self, is_write: bool) -> Fate {
        let mut random = self.random();
        if random.below(1000) >= u64::from(self.rate.load(Ordering::SeqCst)) {
            return Fate::Done;
        }
        match random.below(if is_write { 4 } else { 2 }) {
            0 => Fate::FailedBefore,
            1 => Fate::FailedAfter,
            _ => Fate::Late(random.below(60)),
        }
    }

    fn random(&self) -> MutexGuard<'_, Random> {
        self.random.lock().unwrap()
    }

    /// Counts a request, and completes the delayed writes that are due.
    async fn begin(&self) -> Result<u64> {
        if self.has_ended() {
            return Err(failure("the server was killed"));
        }
        let now = self.requests.fetch_add(1, Ordering::SeqCst);
        loop {
            let next = {
                let mut late = self.late.lock().unwrap();
                late.iter().position(|late| late.due <= now).map(|place| late.remove(place))
            };
            match next {
                Some(late) => self.land(late).await,
                None => return Ok(now),
            }
        }
    }

    async fn land(&self, late: Late) {
        let _ = self.inner.put_opts(&late.path, late.payload, late.options).await;
    }

    /// True if this write is within the limit of [`Self::end_after`].
    fn may_write(&self) -> bool {
        let count = |left: u64| (left != u64::MAX).then(|| left.saturating_sub(1));
        let before = self.writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count);
        before.is_err() || before != Ok(0)
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let now = self.begin().await?;
        self.wait_for_release(path).await;
        let mut options = options;
        if self.careless.load(Ordering::SeqCst) {
            options.mode = PutMode::Overwrite;
        }
        if !self.may_write() {
            return Err(failure("the server was killed"));
        }
        match self.fate(true) {
            Fate::Done => self.inner.put_opts(path, payload, options).await,
            Fate::FailedBefore => Err(failure("failed before")),
            Fate::FailedAfter => {
                let _ = self.inner.put_opts(path, payload, options).await;
                Err(failure("failed after"))
            }
            Fate::Late(after) => {
                self.late.lock().unwrap().push(Late {
                    due: now + after,
                    path: path.clone(),
                    payload,
                    options,
                });
                Err(failure("timed out"))
            }
        }
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        unreachable!("a log doesn't use multipart uploads")
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.begin().await?;
        if self.hidden.lock().unwrap().as_deref() == Some(path.as_ref()) {
            self.misses.fetch_add(1, Ordering::SeqCst);
            return Err(Error::NotFound { path: path.to_string(), source: "an older state".into() });
        }
        match self.fate(false) {
            Fate::Done => self.inner.get_opts(path, options).await,
            _ => Err(failure("reading failed")),
        }
    }

    async fn get_ranges(&self, _: &Path, _: &[Range<u64>]) -> Result<Vec<Bytes>> {
        unreachable!("a log doesn't read several ranges at once")
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.fate(false) {
            _ if self.has_ended() => stream::once(async { Err(failure("the server was killed")) }).boxed(),
            Fate::Done => self.inner.delete_stream(paths),
            Fate::FailedAfter => {
                let failed = stream::once(async { Err(failure("deleting failed")) });
                self.inner.delete_stream(paths.take(1).boxed()).chain(failed).boxed()
            }
            _ => stream::once(async { Err(failure("deleting failed")) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, prefix, waiting) = (self.inner.clone(), prefix.cloned(), self.waiting.clone());
        let mut blocked = self.blocked_lists.subscribe();
        let listing = async move {
            let name = prefix.as_ref().map_or("", |prefix| prefix.as_ref());
            let may_proceed = |blocked: Option<&str>| blocked.is_none_or(|part| !name.contains(part));
            if !may_proceed(*blocked.borrow()) {
                waiting.fetch_add(1, Ordering::SeqCst);
            }
            blocked.wait_for(|blocked| may_proceed(*blocked)).await.expect("the sender exists");
            inner.list(prefix.as_ref())
        };
        self.with_faults(stream::once(listing).flatten().boxed())
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.with_faults(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        unreachable!("a log lists everything under a prefix")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unreachable!("a log doesn't copy objects")
    }
}

impl Faulty {
    fn with_faults(
        &self,
        list: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (hidden, misses) = (self.hidden.clone(), self.misses.clone());
        let is_shown = move |meta: &Result<ObjectMeta>| {
            let hidden = hidden.lock().unwrap();
            let is_hidden = meta.as_ref().is_ok_and(|meta| hidden.as_deref() == Some(meta.location.as_ref()));
            misses.fetch_add(u64::from(is_hidden), Ordering::SeqCst);
            !is_hidden
        };
        let list = list.filter(move |meta| std::future::ready(is_shown(meta))).boxed();
        match self.fate(false) {
            _ if self.has_ended() => stream::once(async { Err(failure("the server was killed")) }).boxed(),
            Fate::Done => list,
            // The first page arrives, the next one doesn't.
            Fate::FailedAfter => {
                list.take(1).chain(stream::once(async { Err(failure("listing failed")) })).boxed()
            }
            _ => stream::once(async { Err(failure("listing failed")) }).boxed(),
        }
    }
}
