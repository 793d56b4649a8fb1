//! An object store whose requests fail as a schedule has it: before they do anything, after they did it, and, of
//! writes, long before they do it.

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

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    FailedBefore,
    FailedAfter,
    /// It fails, and is done after so many further requests.
    Late(u64),
}

/// A write that did not land yet.
struct Late {
    due: u64,
    path: Path,
    payload: PutPayload,
    options: PutOptions,
}

/// One server's way to a store: another server has another, and the store behind is the same.
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    random: Mutex<Random>,
    /// Of 1000 requests so many fail.
    rate: AtomicU32,
    /// When to fail for good, by the number of writes until then.
    writes_left: AtomicU64,
    requests: AtomicU64,
    /// Whether it creates what is there.
    careless: AtomicBool,
    late: Mutex<Vec<Late>>,
    /// Writes of objects with this in their names wait.
    held: watch::Sender<Option<&'static str>>,
    waiting: AtomicU64,
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
    /// A way that has no faults so far.
    pub fn new(inner: Arc<dyn ObjectStore>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            inner,
            random: Mutex::new(Random::new(seed)),
            rate: AtomicU32::new(0),
            writes_left: AtomicU64::new(u64::MAX),
            requests: AtomicU64::new(0),
            careless: AtomicBool::new(false),
            late: Mutex::default(),
            held: watch::Sender::default(),
            waiting: AtomicU64::new(0),
        })
    }

    pub fn fail(&self, of_thousand: u32) {
        self.rate.store(of_thousand, Ordering::SeqCst);
    }

    /// Fails for good after so many writes, as if the server was killed then.
    pub fn end_after(&self, writes: u64) {
        self.writes_left.store(writes, Ordering::SeqCst);
    }

    /// Creates objects that are there already, as some object stores do.
    pub fn be_careless(&self) {
        self.careless.store(true, Ordering::SeqCst);
    }

    pub fn has_ended(&self) -> bool {
        self.writes_left.load(Ordering::SeqCst) == 0
    }

    /// Has writes wait of objects with this in their names, until it is said again, of none.
    pub fn hold(&self, names_with: Option<&'static str>) {
        self.held.send_replace(names_with);
    }

    /// How many writes had to wait so far.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::SeqCst)
    }

    async fn wait_for_release(&self, path: &Path) {
        let may_go = |held: Option<&str>| held.is_none_or(|part| !path.as_ref().contains(part));
        let mut held = self.held.subscribe();
        if !may_go(*held.borrow()) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
        }
        held.wait_for(|held| may_go(*held)).await.expect("the sender is here");
    }

    /// Has no faults any more; writes that are late land now.
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

    /// Counts a request: what is due lands before it.
    async fn begin(&self) -> Result<u64> {
        if self.has_ended() {
            return Err(failure("this server is no more"));
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

    /// Whether this write is still one before the end.
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
            return Err(failure("this server is no more"));
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
        unreachable!("a log writes its objects whole")
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.begin().await?;
        match self.fate(false) {
            Fate::Done => self.inner.get_opts(path, options).await,
            _ => Err(failure("reading failed")),
        }
    }

    async fn get_ranges(&self, _: &Path, _: &[Range<u64>]) -> Result<Vec<Bytes>> {
        unreachable!("a log reads no ranges together")
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.fate(false) {
            _ if self.has_ended() => stream::once(async { Err(failure("this server is no more")) }).boxed(),
            Fate::Done => self.inner.delete_stream(paths),
            Fate::FailedAfter => {
                let failed = stream::once(async { Err(failure("deleting failed")) });
                self.inner.delete_stream(paths.take(1).boxed()).chain(failed).boxed()
            }
            _ => stream::once(async { Err(failure("deleting failed")) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        unreachable!("a log lists all below a prefix")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unreachable!("a log copies nothing")
    }
}

impl Faulty {
    fn listed(&self, list: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.fate(false) {
            _ if self.has_ended() => stream::once(async { Err(failure("this server is no more")) }).boxed(),
            Fate::Done => list,
            // The first page came, and the next did not.
            Fate::FailedAfter => {
                list.take(1).chain(stream::once(async { Err(failure("listing failed")) })).boxed()
            }
            _ => stream::once(async { Err(failure("listing failed")) }).boxed(),
        }
    }
}
