//! Reads an object in a bucket by range requests, as a file.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic;
use std::path::Path;
use std::sync::OnceLock;

use countersign_log_server::bucket::{BucketError, BucketObject, ObjectError};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::errors::CliError;

/// The size of the first request after a seek. Each further one doubles, up to [`MAX_REQUEST_BYTES`].
const MIN_REQUEST_BYTES: u64 = 64 << 10;
const MAX_REQUEST_BYTES: u64 = 4 << 20;

/// An object in a bucket, with the position of the next read. While a range is read, the next one is requested.
pub(crate) struct ObjectFile {
    object: BucketObject,
    runtime: &'static Runtime,
    position: u64,
    /// The bytes at `begin`.
    window: Vec<u8>,
    begin: u64,
    next: Option<Request>,
    /// The size of the next request.
    request_bytes: u64,
}

/// A request for the range after the window.
struct Request {
    range: Range<u64>,
    answer: JoinHandle<Result<Vec<u8>, ObjectError>>,
}

impl ObjectFile {
    /// Looks up an object by its URL.
    pub(crate) fn open(url: &str) -> Result<Self, CliError> {
        let runtime = runtime()?;
        let object =
            BucketObject::open(url, runtime.handle().clone()).map_err(|error| explain(error, url))?;
        Ok(Self::new(object, runtime))
    }

    fn new(object: BucketObject, runtime: &'static Runtime) -> Self {
        let request_bytes = MIN_REQUEST_BYTES;
        Self { object, runtime, position: 0, window: Vec::new(), begin: 0, next: None, request_bytes }
    }

    /// Returns another reader of the same version, at its beginning.
    pub(crate) fn reopen(&self) -> Self {
        Self::new(self.object.clone(), self.runtime)
    }

    /// Returns the size in bytes.
    pub(crate) const fn size(&self) -> u64 {
        self.object.size()
    }

    /// Returns the bytes of the window from the position on.
    fn rest(&self) -> &[u8] {
        let offset = self.position.checked_sub(self.begin).and_then(|offset| usize::try_from(offset).ok());
        offset.and_then(|offset| self.window.get(offset..)).unwrap_or_default()
    }

    /// Makes the window begin at the position, and requests the range after it.
    fn fill(&mut self) -> Result<(), ObjectError> {
        let expected = self.next.take().filter(|next| next.range.start == self.position);
        let request = if let Some(request) = expected {
            request
        } else {
            self.request_bytes = MIN_REQUEST_BYTES;
            self.request(self.position)
        };
        let is_sequential = request.range.start == self.begin + self.window.len() as u64;
        let answer = self.runtime.block_on(request.answer);
        self.window = answer.unwrap_or_else(|failure| panic::resume_unwind(failure.into_panic()))?;
        self.begin = request.range.start;
        let end = request.range.end;
        if is_sequential && end < self.size() {
            self.request_bytes = (self.request_bytes * 2).min(MAX_REQUEST_BYTES);
            self.next = Some(self.request(end));
        }
        Ok(())
    }

    fn request(&self, begin: u64) -> Request {
        let range = begin..begin.saturating_add(self.request_bytes).min(self.size());
        let (object, wanted) = (self.object.clone(), range.clone());
        Request { range, answer: self.runtime.spawn(async move { object.read(wanted).await }) }
    }
}

impl Read for ObjectFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size() || buffer.is_empty() {
            return Ok(0);
        }
        if self.rest().is_empty() {
            self.fill().map_err(io::Error::other)?;
        }
        let read = self.rest().read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for ObjectFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Returns the path if it is the URL of an object.
pub(crate) fn object_url(path: &Path) -> Option<&str> {
    path.to_str().filter(|path| BucketObject::is_url(path))
}

/// Returns the runtime that sends all requests to buckets.
pub(crate) fn runtime() -> Result<&'static Runtime, CliError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| CliError::system("start reading from a bucket", &error))?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

fn explain(error: ObjectError, url: &str) -> CliError {
    match error {
        ObjectError::Bucket(error) => explain_bucket(&error, "use s3://BUCKET/PATH, gs://… or az://…"),
        ObjectError::Missing => CliError::system("read", &io::ErrorKind::NotFound.into()),
        ObjectError::Changed | ObjectError::Store(_) => {
            let hint = "check the bucket, the credentials in the environment, and their permissions";
            CliError::unusable("store.failed", error.to_string(), hint)
        }
    }
    .within(url)
}

/// Explains why a bucket or an object can't be opened. `form` is the hint for an invalid URL.
pub(crate) fn explain_bucket(error: &BucketError, form: &str) -> CliError {
    let (code, hint) = match error {
        BucketError::Url(_) => ("arguments.invalid", form),
        BucketError::Setup(_) => (
            "store.failed",
            "set the credentials, region, and endpoint in the environment, as for the provider's tools",
        ),
    };
    CliError::unusable(code, error.to_string(), hint)
}
