//! A tiled log, wherever it is: on a server or in a folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use countersign::check::Resource;
use countersign::checkpoint::SignedCheckpoint;
use countersign_delivery::is_transient;
use countersign_errors::{EngineError, shown};

use crate::http::{Client, Deadline, Prefix, Redirects};

/// The most bytes of a checkpoint: more than any has, with 64 signature lines of any kind.
pub const MAX_CHECKPOINT_BYTES: usize = 1 << 18;
/// How often a server that is busy, or cannot be reached, is asked for the same.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A place that a log's checkpoint, tiles and entry bundles are read from.
pub trait Source: Send + Sync {
    /// Returns the place's name, for people.
    fn name(&self) -> String;

    /// Returns how many reads at once make it faster.
    fn readers(&self) -> usize;

    /// Ends all reads at that time, those that are under way too. A folder's reads are left alone.
    fn set_deadline(&self, _deadline: Option<Instant>) {}

    /// Reads what is at that path, of at most `most` bytes; `None` if there is nothing.
    ///
    /// # Errors
    /// If it can't be read, or is longer.
    fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, EngineError>;

    /// Reads a tile or an entry bundle. If the log has replaced a partial one, it is the beginning of the full one.
    ///
    /// # Errors
    /// If it can't be read.
    fn get(&self, resource: Resource) -> Result<Option<Vec<u8>>, EngineError> {
        if let Some(bytes) = self.read(&resource.path(), resource.max_bytes())? {
            return Ok(Some(bytes));
        }
        let Some(full) = resource.full() else { return Ok(None) };
        let bytes = self.read(&full.path(), full.max_bytes())?;
        Ok(bytes.map(|bytes| resource.cut(&bytes).to_vec()))
    }

    /// Reads the log's last checkpoint.
    ///
    /// # Errors
    /// If it can't be read, or there is none.
    fn checkpoint(&self) -> Result<SignedCheckpoint, EngineError> {
        let within = |failure: EngineError| failure.within(&format!("{}checkpoint", self.name()));
        let bytes = self.read("checkpoint", MAX_CHECKPOINT_BYTES)?.ok_or_else(|| {
            let hint = "a log has a checkpoint beside its folder tile: check the URL or the folder";
            within(EngineError::new("log.no_checkpoint", "there is no checkpoint", hint))
        })?;
        let hint = "a checkpoint is a signed note: check the URL or the folder";
        let text = String::from_utf8(bytes)
            .map_err(|_| within(EngineError::new("checkpoint.invalid", "it is not UTF-8 text", hint)))?;
        SignedCheckpoint::parse_extended(&text)
            .map_err(|error| within(EngineError::from(error).or_hint(hint)))
    }
}

/// Returns the error of a folder that can't be read, in whose place a URL could have been given.
pub fn unreadable_folder(name: &str, error: &io::Error) -> EngineError {
    let failure = EngineError::io("read", name, error);
    if error.kind() == io::ErrorKind::NotFound {
        return failure.with_hint("check the path; a URL begins with https:// or http://");
    }
    failure
}

/// Opens the log at that URL or in that folder.
///
/// # Errors
/// If it is neither a URL nor a folder.
pub fn open(place: &str) -> Result<Box<dyn Source>, EngineError> {
    if Prefix::is_meant(place) {
        let prefix = Prefix::parse(place).map_err(|why| {
            EngineError::new("http.url", why, "write it as https://log.example/audit").within("the URL")
        })?;
        return Ok(Box::new(Server::new(prefix)?));
    }
    Ok(Box::new(Folder::open(Path::new(place))?))
}

/// A log that is served over HTTP.
pub struct Server {
    prefix: Prefix,
    client: Client,
    deadline: Deadline,
}

impl Server {
    /// Creates the source of the log below that URL. Nothing is read yet.
    ///
    /// # Errors
    /// If the system's certificates or proxy settings can't be used.
    pub fn new(prefix: Prefix) -> Result<Self, EngineError> {
        Ok(Self { prefix, client: Client::new(Redirects::Anywhere)?, deadline: Deadline::default() })
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

    fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, EngineError> {
        let url = self.prefix.join(path, &[]);
        let mut attempt = 1;
        loop {
            let pause = PAUSE * 2_u32.pow(attempt - 1);
            let (pause, failure) = match self.client.get(&url, most, &self.deadline) {
                Ok(answer) => match answer.status {
                    200 => return Ok(Some(answer.body)),
                    404 | 410 => return Ok(None),
                    status => {
                        let failure = refused(status).within(url.as_str());
                        if !is_transient(status) {
                            return Err(failure);
                        }
                        (answer.retry_after.unwrap_or(pause).min(LONGEST_PAUSE), failure)
                    }
                },
                Err(failure) if is_passing(&failure) => (pause, failure),
                Err(failure) => return Err(failure),
            };
            if attempt == ATTEMPTS || self.deadline.remaining().is_some_and(|left| left <= pause) {
                return Err(failure);
            }
            attempt += 1;
            thread::sleep(pause);
        }
    }
}

fn is_passing(failure: &EngineError) -> bool {
    matches!(failure.code(), "http.timeout" | "http.interrupted" | "http.failed")
}

fn refused(status: u16) -> EngineError {
    let hint = match status {
        401 | 403 => "a log's checkpoint and tiles are public: ask its operator",
        429 | 500..=599 => "the server is busy or faulty: try again later",
        _ => "check the URL",
    };
    EngineError::new("http.status", format!("the server answered with status {status}"), hint)
}

/// A log in a folder that holds `checkpoint` and `tile/`.
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
                .with_hint("give the folder that holds checkpoint and tile"));
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

    fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, EngineError> {
        let name = format!("{}{path}", self.name);
        let failed = |error: io::Error| EngineError::io("read", &name, &error);
        let found = match fs::canonicalize(self.root.join(path)) {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        if !found.starts_with(&self.root) {
            let hint = "a log's files are in its own folder: replace the link by the file";
            return Err(EngineError::new("io.outside", "it leads out of the folder", hint).within(&name));
        }
        // What is no file, such as a pipe, may never end.
        if !fs::metadata(&found).map_err(failed)?.is_file() {
            let hint = "was the right folder given?";
            return Err(EngineError::new("io.not_file", "it is not a file", hint).within(&name));
        }
        let mut bytes = Vec::new();
        File::open(&found)
            .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
            .map_err(failed)?;
        if bytes.len() > most {
            let message = format!("it is above {most} bytes");
            return Err(
                EngineError::new("io.too_large", message, "was the right folder given?").within(&name)
            );
        }
        Ok(Some(bytes))
    }
}
