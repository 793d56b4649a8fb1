//! Legal holds: what is not erased, whatever its age and whoever asks.
//!
//! They are given when the server starts, and in the file `holds.txt` of the log's folder, one a line:
//!
//! ```text
//! # case 2026/17
//! tenant=acme
//! actor=u_1
//! chain=da7f84a510cb84b8cbb5b74a63c306ec
//! ```
//!
//! The file is read each time before anything is erased. While it cannot be read nothing is erased.

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

/// What is held: a tenant's events, an actor's, or a chain's.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold(Asked);

impl FromStr for Hold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || "write a hold as tenant=acme, actor=u_1 or chain=CHAIN".to_owned();
        let (name, value) = text.split_once('=').ok_or_else(refuse)?;
        if !["tenant", "actor", "chain"].contains(&name) {
            return Err(refuse());
        }
        let mut asked = EventFilter::default();
        // No hold has a length of time, which would count from a moment.
        asked.set(name, value, Time::MIN).map_err(|error| error.to_string())?;
        Ok(Self(asked))
    }
}

/// Holds that were read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActiveHolds(Vec<Hold>);

impl ActiveHolds {
    /// Whether this event is held.
    ///
    /// # Errors
    /// The store's own.
    pub fn hold(&self, reader: &dyn EntryReader, link: &Link, event: &str) -> Result<bool, StoreError> {
        let mut looking = EntryMatcher::without_parsers();
        for Hold(asked) in &self.0 {
            if looking.matches(reader, asked.query(), link, Some(event))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The most bytes of the file.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// The most bytes of a line.
const MAX_LINE_BYTES: usize = 64 << 10;

/// Why the file of holds can't be used. Nothing is erased then.
#[derive(Debug, thiserror::Error)]
pub enum HoldsError {
    /// The system said so.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is malformed.
    #[error("{}: line {line}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The 1-based line.
        line: u64,
        /// What is wrong with it.
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
    given: RwLock<Vec<Hold>>,
    /// The version of the file that was found in order last.
    checked: Mutex<Option<Stamp>>,
}

impl Holds {
    /// Those of the folder's file, which need not be there.
    pub fn new(folder: &Path) -> Self {
        Self { file: folder.join(FILE), given: RwLock::default(), checked: Mutex::default() }
    }

    /// Holds this too, until the server stops.
    pub fn add(&self, hold: Hold) {
        self.given.write().unwrap_or_else(PoisonError::into_inner).push(hold);
    }

    /// The holds as they are now.
    ///
    /// # Errors
    /// When the file cannot be read, and where it is malformed.
    pub fn read(&self) -> Result<ActiveHolds, HoldsError> {
        let mut holds = self.given.read().unwrap_or_else(PoisonError::into_inner).clone();
        let malformed = |line, message| HoldsError::Malformed { path: self.file.clone(), line, message };
        let mut bytes = Vec::new();
        match File::open(&self.file).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(HoldsError::Io { path: self.file.clone(), error }),
        }
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(malformed(1, format!("the file has more than {} MiB", MAX_FILE_BYTES >> 20)));
        }
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            if line.len() > MAX_LINE_BYTES {
                return Err(malformed(
                    number,
                    format!("the line has more than {} KiB", MAX_LINE_BYTES >> 10),
                ));
            }
            let line = str::from_utf8(line).map_err(|_| malformed(number, "it is not UTF-8".to_owned()))?;
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                holds.push(line.parse().map_err(|message| malformed(number, message))?);
            }
        }
        Ok(ActiveHolds(holds))
    }

    /// Reads the file if it has changed since it was in order.
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
