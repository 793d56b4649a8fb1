//! Tiled logs, on a server or in a folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use countersign::check::Resource;
use countersign::checkpoint::SignedCheckpoint;
use countersign::tenant::{HeadProof, Since};
use countersign_delivery::{ProvenHead, is_transient};
use countersign_errors::{EngineError, shown};
use reqwest::Url;

use crate::http::{Answer, Client, Deadline, Prefix, Redirects};
use crate::token::Token;

/// The maximum size of a checkpoint in bytes. One with 64 signature lines of any kind is smaller.
pub const MAX_CHECKPOINT_BYTES: usize = 1 << 18;
/// The maximum size of a tenant log's head with 32 anchors and their consistency proofs, in bytes.
const MAX_HEAD_BYTES: usize = 1 << 20;
/// Maximum number of attempts to reach a server that is busy or unreachable.
const MAX_ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest delay that a server may request.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// The error codes of files that are longer than allowed.
const TOO_LARGE: [&str; 2] = ["io.too_large", "http.too_large"];

/// A source of a log's checkpoint, tiles, and entry bundles.
pub trait Source: Send + Sync {
    /// Returns the source's name, for messages.
    fn name(&self) -> String;

    /// Returns the number of concurrent reads that are useful.
    fn readers(&self) -> usize;

    /// Sets the time by which all reads end, including those in progress. Folders ignore it.
    fn set_deadline(&self, _deadline: Option<Instant>) {}

    /// Reads the file at `path`, of at most `max_bytes`; `None` if there is none.
    ///
    /// # Errors
    /// If it can't be read, or is longer.
    fn read(&self, path: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, EngineError>;

    /// Reads a tile or an entry bundle. A partial one that the log has replaced is cut from the full one. If it is longer
    /// than any tile, the result is malformed.
    ///
    /// # Errors
    /// If it can't be read.
    fn get(&self, resource: Resource) -> Result<Option<Vec<u8>>, EngineError> {
        let read = |resource: Resource| {
            let max_bytes = resource.max_bytes();
            match self.read(&resource.path(), max_bytes) {
                // No tile is this long. The check then reports that it is malformed, as it does for any other length.
                Err(failure) if TOO_LARGE.contains(&failure.code()) => Ok(Some(vec![0; max_bytes + 1])),
                result => result,
            }
        };
        if let Some(bytes) = read(resource)? {
            return Ok(Some(bytes));
        }
        let Some(full) = resource.full() else { return Ok(None) };
        let is_too_long = |bytes: &[u8]| bytes.len() > full.max_bytes();
        Ok(read(full)?.map(|bytes| if is_too_long(&bytes) { bytes } else { resource.cut(&bytes).to_vec() }))
    }

    /// Reads the log's newest checkpoint.
    ///
    /// # Errors
    /// If it can't be read, or there is none.
    fn checkpoint(&self) -> Result<SignedCheckpoint, EngineError> {
        let within = |failure: EngineError| failure.within(&format!("{}checkpoint", self.name()));
        let bytes = self.read("checkpoint", MAX_CHECKPOINT_BYTES)?.ok_or_else(|| {
            let hint =
                "check the URL or the folder: a log has a file named checkpoint next to a folder named tile. A tenant log has none: export and verify it";
            within(EngineError::new("log.no_checkpoint", "the log has no checkpoint", hint))
        })?;
        let hint = "check the URL or the folder: a checkpoint is a signed note";
        let text = String::from_utf8(bytes).map_err(|_| {
            within(EngineError::new("checkpoint.invalid", "the checkpoint is not UTF-8 text", hint))
        })?;
        SignedCheckpoint::parse_extended(&text)
            .map_err(|error| within(EngineError::from(error).or_hint(hint)))
    }

    /// Reads a server's answer to a request with a query, of at most `max_bytes`; `None` if there is none, as in a folder.
    ///
    /// # Errors
    /// If it can't be read, or is longer.
    fn ask(
        &self,
        _path: &str,
        _query: &[(&str, &str)],
        _max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(None)
    }

    /// Reads a tenant log's newest head.
    ///
    /// # Errors
    /// If it can't be read, or there is none.
    fn head(&self) -> Result<HeadProof, EngineError> {
        let bytes = self.read("head", MAX_CHECKPOINT_BYTES)?.ok_or_else(|| no_head(&self.name()))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| invalid_head(&self.name(), "the head is not UTF-8 text".into()))?;
        HeadProof::parse(&text).map_err(|error| invalid_head(&self.name(), error.into_message()))
    }

    /// Reads a tenant log's newest head, and how the log grew since the head that the reader has.
    ///
    /// # Errors
    /// If it can't be read, or there is none.
    fn head_since(&self, since: Since) -> Result<ProvenHead, EngineError> {
        let since = since.to_string();
        let bytes = self.ask("head", &[("since", &since)], MAX_HEAD_BYTES)?;
        let bytes = bytes.ok_or_else(|| no_head(&self.name()))?;
        ProvenHead::parse(&bytes).map_err(|error| invalid_head(&self.name(), error.into_message()))
    }
}

fn no_head(name: &str) -> EngineError {
    let hint = "check the URL: that of a tenant log ends in /t/ and its ID; and check the token";
    EngineError::new("log.no_checkpoint", "the tenant log has no head", hint).within(&format!("{name}head"))
}

fn invalid_head(name: &str, why: String) -> EngineError {
    let hint = "check the URL: that of a tenant log ends in /t/ and its ID";
    EngineError::new("checkpoint.invalid", why, hint).within(&format!("{name}head"))
}

/// Returns the error for a folder that can't be read, with a hint that a URL works, too.
pub fn unreadable_folder(name: &str, error: &io::Error) -> EngineError {
    let failure = EngineError::io("read", name, error);
    if error.kind() == io::ErrorKind::NotFound {
        return failure.with_hint("check the path; a URL starts with https:// or http://");
    }
    failure
}

/// Opens the log at a URL or in a folder.
///
/// # Errors
/// If it is neither a usable URL nor a folder.
pub fn open(place: &str) -> Result<Box<dyn Source>, EngineError> {
    open_with_token(place, None)
}

/// Opens the log at a URL, which a server shows to readers with a token, or in a folder, which needs none.
///
/// # Errors
/// If it is neither a usable URL nor a folder.
pub fn open_with_token(place: &str, token: Option<Token>) -> Result<Box<dyn Source>, EngineError> {
    if Prefix::is_url(place) {
        let prefix = Prefix::parse(place).map_err(|why| {
            EngineError::new("http.url", why, "use a URL such as https://log.example").within("the URL")
        })?;
        return Ok(Box::new(Server::with_token(prefix, token)?));
    }
    Ok(Box::new(Folder::open(Path::new(place))?))
}

/// A log that is served over HTTP.
pub struct Server {
    prefix: Prefix,
    client: Client,
    token: Option<Token>,
    deadline: Deadline,
}

impl Server {
    /// Creates the source of the log at `prefix`. Reads nothing yet.
    ///
    /// # Errors
    /// If the system's certificates or proxy settings can't be used.
    pub fn new(prefix: Prefix) -> Result<Self, EngineError> {
        Self::with_token(prefix, None)
    }

    /// Creates the source of the log at `prefix`, for the reader with this token. Reads nothing yet.
    ///
    /// # Errors
    /// If the system's certificates or proxy settings can't be used.
    pub fn with_token(prefix: Prefix, token: Option<Token>) -> Result<Self, EngineError> {
        let redirects = if token.is_some() { Redirects::SameHost } else { Redirects::Anywhere };
        Ok(Self { prefix, client: Client::new(redirects)?, token, deadline: Deadline::default() })
    }

    fn get_once(&self, url: &Url, max_bytes: usize) -> Result<Answer, EngineError> {
        match &self.token {
            Some(token) => self.client.get_with_token(url, token.as_str(), max_bytes, &self.deadline),
            None => self.client.get(url, max_bytes, &self.deadline),
        }
    }
}

impl Source for Server {
    fn name(&self) -> String {
        self.prefix.to_string()
    }

    fn readers(&self) -> usize {
        8
    }

    fn set_deadline(&self, deadline: Option<Instant>) {
        self.deadline.set(deadline);
    }

    fn read(&self, path: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, EngineError> {
        self.ask(path, &[], max_bytes)
    }

    fn ask(
        &self,
        path: &str,
        query: &[(&str, &str)],
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let url = self.prefix.join(path, query);
        let mut attempt = 1;
        loop {
            let pause = FIRST_PAUSE * 2_u32.pow(attempt - 1);
            let (pause, failure) = match self.get_once(&url, max_bytes) {
                Ok(answer) => match answer.status {
                    200 => return Ok(Some(answer.body)),
                    404 | 410 => return Ok(None),
                    status => {
                        let failure = refused(status).within(url.as_str());
                        if !is_transient(status) {
                            return Err(failure);
                        }
                        (answer.retry_after.unwrap_or(pause).min(MAX_PAUSE), failure)
                    }
                },
                Err(failure) if is_retryable(&failure) => (pause, failure),
                Err(failure) => return Err(failure),
            };
            if attempt == MAX_ATTEMPTS || self.deadline.remaining().is_some_and(|left| left <= pause) {
                return Err(failure);
            }
            attempt += 1;
            thread::sleep(pause);
        }
    }
}

fn is_retryable(failure: &EngineError) -> bool {
    matches!(failure.code(), "http.timeout" | "http.interrupted" | "http.failed")
}

fn refused(status: u16) -> EngineError {
    let hint = match status {
        401 | 403 => {
            "pass a reader's token with --token-file if this is a tenant log; the checkpoint and tiles of other logs must be public"
        }
        429 | 500..=599 => "try again later; the server is busy or faulty",
        _ => "check the URL",
    };
    EngineError::new("http.status", format!("the server answered with status {status}"), hint)
}

/// A log in a folder with `checkpoint` and `tile/`.
pub struct Folder {
    root: PathBuf,
    name: String,
}

impl Folder {
    /// Opens the log in that folder.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let name = shown(path);
        let failed = |error: io::Error| unreadable_folder(&name, &error);
        let root = fs::canonicalize(path).map_err(failed)?;
        if !root.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into())
                .with_hint("use the folder that contains checkpoint and tile"));
        }
        let name = if name.ends_with('/') { name } else { name + "/" };
        Ok(Self { root, name })
    }
}

impl Source for Folder {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn readers(&self) -> usize {
        1
    }

    fn read(&self, path: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, EngineError> {
        let name = format!("{}{path}", self.name);
        let failed = |error: io::Error| EngineError::io("read", &name, &error);
        let file = match fs::canonicalize(self.root.join(path)) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        if !file.starts_with(&self.root) {
            let hint = "replace the symbolic link with the file";
            return Err(EngineError::new(
                "io.outside",
                "the symbolic link leads out of the log's folder",
                hint,
            )
            .within(&name));
        }
        // Reading a pipe or device may never end.
        if !fs::metadata(&file).map_err(failed)?.is_file() {
            let hint = "check that this is the log's folder";
            return Err(EngineError::new("io.not_file", "the path is not a file", hint).within(&name));
        }
        let mut bytes = Vec::new();
        File::open(&file)
            .and_then(|file| file.take(max_bytes as u64 + 1).read_to_end(&mut bytes))
            .map_err(failed)?;
        if bytes.len() > max_bytes {
            let message = format!("the file is larger than {max_bytes} bytes");
            return Err(EngineError::new("io.too_large", message, "check that this is the log's folder")
                .within(&name));
        }
        Ok(Some(bytes))
    }
}
