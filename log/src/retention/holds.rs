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

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use countersign::link::Link;
use countersign::time::Time;

use crate::asked::{Asked, Looking};
use crate::store::{Reader, StoreError};

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
        let mut asked = Asked::default();
        // No hold has a length of time, which would count from a moment.
        asked.set(name, value, Time::MIN).map_err(|error| error.message)?;
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
    pub fn hold(&self, reader: &dyn Reader, link: &Link, event: &str) -> Result<bool, StoreError> {
        let mut looking = Looking::at_members();
        for Hold(asked) in &self.0 {
            if looking.matches(reader, asked.query(), link, Some(event))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The holds of a log.
#[derive(Debug)]
pub struct Holds {
    file: PathBuf,
    given: RwLock<Vec<Hold>>,
}

impl Holds {
    /// Those of the folder's file, which need not be there.
    pub fn new(folder: &Path) -> Self {
        Self { file: folder.join(FILE), given: RwLock::default() }
    }

    /// Holds this too, until the server stops.
    pub fn add(&self, hold: Hold) {
        self.given.write().unwrap_or_else(PoisonError::into_inner).push(hold);
    }

    /// The holds as they are now.
    ///
    /// # Errors
    /// When the file cannot be read, and where it is malformed.
    pub fn read(&self) -> Result<ActiveHolds, String> {
        let mut holds = self.given.read().unwrap_or_else(PoisonError::into_inner).clone();
        let name = self.file.display();
        let text = match std::fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{name}: {error}")),
        };
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                holds.push(line.parse().map_err(|error| format!("{name}: line {number}: {error}"))?);
            }
        }
        Ok(ActiveHolds(holds))
    }
}
