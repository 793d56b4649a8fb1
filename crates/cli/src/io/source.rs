//! A tiled log, wherever it is: on a server or in a folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use countersign::check::Resource;
use countersign::checkpoint::SignedCheckpoint;
use countersign_delivery::is_transient;

use crate::errors::{CliError, shown};
use crate::io::http::{Client, Deadline, Prefix, Redirects};

/// More than any checkpoint is, with 64 signature lines of any kind.
const MAX_CHECKPOINT: usize = 1 << 18;
/// How often a server that is busy, or cannot be reached, is asked for the same.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Where a log's checkpoint, tiles and entry bundles are read from.
pub(crate) trait Source: Send + Sync {
    /// Where that is, for people.
    fn name(&self) -> String;

    /// How many reads at once make it faster.
    fn readers(&self) -> usize;

    /// Ends all reads at that time, those that are under way too. A folder's reads are left alone.
    fn set_deadline(&self, _deadline: Option<Instant>) {}

    /// What is at that path, of at most `most` bytes; `None` when there is nothing.
    fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, CliError>;

    /// A tile or an entry bundle. Where the log has replaced a partial one, it is the beginning of the full one.
    fn get(&self, resource: Resource) -> Result<Option<Vec<u8>>, CliError> {
        if let Some(bytes) = self.read(&resource.path(), resource.most_bytes())? {
            return Ok(Some(bytes));
        }
        let Some(full) = resource.full() else { return Ok(None) };
        let bytes = self.read(&full.path(), full.most_bytes())?;
        Ok(bytes.map(|bytes| resource.cut(&bytes).to_vec()))
    }

    /// The log's last checkpoint.
    fn checkpoint(&self) -> Result<SignedCheckpoint, CliError> {
        let within = |failure: CliError| failure.within(&format!("{}checkpoint", self.name()));
        let bytes = self.read("checkpoint", MAX_CHECKPOINT)?.ok_or_else(|| {
            let hint = "a log has a checkpoint beside its folder tile: check the URL or the folder";
            within(CliError::unusable("log.no_checkpoint", "there is no checkpoint", hint))
        })?;
        let hint = "a checkpoint is a signed note: check the URL or the folder";
        let text = String::from_utf8(bytes)
            .map_err(|_| within(CliError::unusable("checkpoint.invalid", "it is not UTF-8 text", hint)))?;
        SignedCheckpoint::parse_extended(&text).map_err(|error| within(CliError::from(error).or_hint(hint)))
    }
}

/// A folder that cannot be read, where a URL could have been given.
pub(crate) fn no_folder(name: &str, error: &io::Error) -> CliError {
    let failure = CliError::io("read", name, error);
    if error.kind() == io::ErrorKind::NotFound {
        return failure.with_hint("check the path; a URL begins with https:// or http://");
    }
    failure
}

/// The log at that URL or in that folder.
pub(crate) fn open(place: &str) -> Result<Box<dyn Source>, CliError> {
    if Prefix::is_meant(place) {
        let prefix = Prefix::parse(place).map_err(|why| {
            CliError::unusable("http.url", why, "write it as https://log.example/audit").within("the URL")
        })?;
        return Ok(Box::new(Server::new(prefix)?));
    }
    Ok(Box::new(Folder::open(Path::new(place))?))
}

/// A log that is served over HTTP.
pub(crate) struct Server {
    prefix: Prefix,
    client: Client,
    deadline: Deadline,
}

impl Server {
    /// The log below that URL.
    pub(crate) fn new(prefix: Prefix) -> Result<Self, CliError> {
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

    fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, CliError> {
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

fn is_passing(failure: &CliError) -> bool {
    matches!(failure.code(), "http.timeout" | "http.interrupted" | "http.failed")
}

fn refused(status: u16) -> CliError {
    let hint = match status {
        401 | 403 => "a log's checkpoint and tiles are public: ask its operator",
        429 | 500..=599 => "the server is busy or faulty: try again later",
        _ => "check the URL",
    };
    CliError::unusable("http.status", format!("the server answered with status {status}"), hint)
}

/// A log in a folder that holds `checkpoint` and `tile/`.
pub(crate) struct Folder {
    root: PathBuf,
    name: String,
}

impl Folder {
    /// The log in that folder.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        let name = shown(path);
        let failed = |error: io::Error| no_folder(&name, &error);
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

    fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, CliError> {
        let name = format!("{}{path}", self.name);
        let failed = |error: io::Error| CliError::io("read", &name, &error);
        let found = match fs::canonicalize(self.root.join(path)) {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        if !found.starts_with(&self.root) {
            let hint = "a log's files are in its own folder: replace the link by the file";
            return Err(CliError::unusable("io.outside", "it leads out of the folder", hint).within(&name));
        }
        // What is no file, such as a pipe, may never end.
        if !fs::metadata(&found).map_err(failed)?.is_file() {
            let hint = "was the right folder given?";
            return Err(CliError::unusable("io.not_file", "it is not a file", hint).within(&name));
        }
        let mut bytes = Vec::new();
        File::open(&found)
            .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
            .map_err(failed)?;
        if bytes.len() > most {
            let message = format!("it is above {most} bytes");
            return Err(
                CliError::unusable("io.too_large", message, "was the right folder given?").within(&name)
            );
        }
        Ok(Some(bytes))
    }
}
