//! Legal holds: events that aren't erased, regardless of their age and of requests.
//!
//! Holds are set when the server starts, and in the file `holds.txt` in the log's folder, one per line:
//!
//! ```text
//! # case 2026/17
//! tenant=acme
//! actor=u_1
//! chain=da7f84a510cb84b8cbb5b74a63c306ec
//! ```
//!
//! The file is read each time before anything is erased. While it can't be read, nothing is erased.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError, RwLock};

use countersign::link::Link;
use countersign::time::Time;

use crate::control_files::{ControlFileError, ControlFileErrorKind};
use countersign_files::Stamp;
use countersign_log::entry_matcher::EntryMatcher;
use countersign_log::event_filter::EventFilter;
use countersign_log::store::{EntryReader, StoreError};

/// The file's name within the log's folder.
pub const FILE: &str = "holds.txt";

/// A legal hold on the events of a tenant, an actor, or a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold(EventFilter);

impl FromStr for Hold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "write a hold as tenant=acme, actor=u_1, or chain=CHAIN".to_owned();
        let (name, value) = text.split_once('=').ok_or_else(invalid)?;
        if !["tenant", "actor", "chain"].contains(&name) {
            return Err(invalid());
        }
        let mut filter = EventFilter::default();
        // Holds have no relative times, so the reference time doesn't matter.
        filter.set(name, value, Time::MIN).map_err(|error| error.to_string())?;
        Ok(Self(filter))
    }
}

/// The holds in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActiveHolds(Vec<Hold>);

impl ActiveHolds {
    /// True if this event is under a hold.
    ///
    /// # Errors
    /// If the store fails.
    pub fn protect(&self, reader: &dyn EntryReader, link: &Link, event: &str) -> Result<bool, StoreError> {
        let mut matcher = EntryMatcher::without_parsers();
        for Hold(filter) in &self.0 {
            if matcher.matches(reader, filter.query(), link, Some(event))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Maximum size of the file, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// Maximum length of a line, in bytes.
const MAX_LINE_BYTES: usize = 64 << 10;

/// An error in the file of holds. Nothing is erased until it is corrected.
#[derive(Debug, thiserror::Error)]
pub enum HoldsError {
    /// The file can't be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file is malformed.
    #[error("{}: line {line}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The 1-based line.
        line: u64,
        /// The description of the error.
        message: String,
    },
}

impl From<&HoldsError> for ControlFileError {
    fn from(error: &HoldsError) -> Self {
        let kind = match error {
            HoldsError::Io { error, .. } => ControlFileErrorKind::Unreadable(error.kind()),
            HoldsError::Malformed { line, .. } => ControlFileErrorKind::Malformed { line: Some(*line) },
        };
        Self { kind, detail: error.to_string() }
    }
}

/// The holds of a log.
#[derive(Debug)]
pub struct Holds {
    file: PathBuf,
    configured: RwLock<Vec<Hold>>,
    /// The version of the file that was last found valid.
    checked: Mutex<Option<Stamp>>,
}

impl Holds {
    /// Opens the holds of a folder. The file need not exist.
    pub fn new(folder: &Path) -> Self {
        Self { file: folder.join(FILE), configured: RwLock::default(), checked: Mutex::default() }
    }

    /// Adds a hold until the server stops.
    pub fn add(&self, hold: Hold) {
        self.configured.write().unwrap_or_else(PoisonError::into_inner).push(hold);
    }

    /// Returns the holds in force.
    ///
    /// # Errors
    /// If the file can't be read or is malformed.
    pub fn read(&self) -> Result<ActiveHolds, HoldsError> {
        let mut holds = self.configured.read().unwrap_or_else(PoisonError::into_inner).clone();
        let malformed = |line, message| HoldsError::Malformed { path: self.file.clone(), line, message };
        let mut bytes = Vec::new();
        match File::open(&self.file).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(HoldsError::Io { path: self.file.clone(), error }),
        }
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(malformed(1, format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20)));
        }
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            if line.len() > MAX_LINE_BYTES {
                return Err(malformed(
                    number,
                    format!("the line is longer than {} KiB", MAX_LINE_BYTES >> 10),
                ));
            }
            let line =
                str::from_utf8(line).map_err(|_| malformed(number, "the line isn't UTF-8".to_owned()))?;
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                holds.push(line.parse().map_err(|message| malformed(number, message))?);
            }
        }
        Ok(ActiveHolds(holds))
    }

    /// Checks the file if it has changed since it was last valid.
    ///
    /// # Errors
    /// [`HoldsError`]
    pub(crate) fn check(&self) -> Result<(), HoldsError> {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = std::fs::metadata(&self.file).ok().map(|metadata| Stamp::new(&metadata));
        if stamp.is_some() && stamp == *checked {
            return Ok(());
        }
        *checked = None;
        self.read()?;
        *checked = stamp;
        Ok(())
    }
}
