//! A log that is over, and the one that goes on from it in the same folder.
//!
//! What is to be done is written down first, and then done step by step. Whoever starts a server in the folder
//! finishes what is left.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use countersign::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::over::Over;
use countersign_files::{replace, sync_folder};

/// The file that says what is to be done.
const FILE: &str = "ending.json";
/// The folder of logs that are over.
const ENDED: &str = "ended";
const VERSION: &str = "ending/v1";

/// What belongs to a log, and goes with it.
const FILES: [&str; 11] = [
    "log.sqlite",
    "log.sqlite-wal",
    "log.sqlite-shm",
    "search.sqlite",
    "search.sqlite-wal",
    "search.sqlite-shm",
    "search.key",
    "signed.txt",
    "own-entries.ndjson",
    "evidence.ndjson",
    "log.key",
];

/// The end of a log, and the beginning of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    countersign: String,
    /// The origin of the log that is over.
    pub old: String,
    /// The origin of the one that goes on.
    pub new: String,
    /// The bucket of the one that goes on, where it is in one.
    #[serde(default)]
    pub store: Option<String>,
    vkey: String,
    checkpoint: Option<String>,
    code: String,
    why: String,
    at: String,
    /// The folder that the old one goes to, below `ended`.
    number: u32,
    /// Whether all of it is there.
    moved: bool,
}

impl Ending {
    /// Writes down that a log is over, and which one goes on.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(
        folder: &Path,
        old_vkey: &str,
        (new, store): (&str, Option<&str>),
        over: &Over,
        at: Time,
    ) -> io::Result<Self> {
        let number = (1..u32::MAX).find(|number| !place(folder, *number).exists()).unwrap_or(u32::MAX);
        let ending = Self {
            countersign: VERSION.into(),
            old: old_vkey.split('+').next().unwrap_or_default().to_owned(),
            new: new.to_owned(),
            store: store.map(str::to_owned),
            vkey: old_vkey.to_owned(),
            checkpoint: over.checkpoint.clone(),
            code: over.code.to_owned(),
            why: over.why.clone(),
            at: at.to_string(),
            number,
            moved: false,
        };
        ending.write(folder)?;
        Ok(ending)
    }

    /// What is left to do in a folder, if anything is.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidData`] where the file is none of these.
    pub fn left(folder: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(folder.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let ending: Self = serde_json::from_str(&text).map_err(io::Error::other)?;
        if ending.countersign != VERSION {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "ending.json is of another version"));
        }
        Ok(Some(ending))
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        replace(&folder.join(FILE), &serde_json::to_vec(self).map_err(io::Error::other)?)
    }

    /// Puts the log that is over aside, whole: it is read there as before.
    ///
    /// # Errors
    /// What the system says. It goes on from there the next time.
    pub fn put_aside(&mut self, folder: &Path) -> io::Result<()> {
        if self.moved {
            return Ok(());
        }
        let aside = self.aside(folder);
        fs::create_dir_all(&aside)?;
        for name in FILES {
            match fs::rename(folder.join(name), aside.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if folder.join("trust.txt").exists() {
            fs::copy(folder.join("trust.txt"), aside.join("trust.txt"))?;
        }
        sync_folder(&aside)?;
        sync_folder(&folder.join(ENDED))?;
        sync_folder(folder)?;
        self.moved = true;
        self.write(folder)
    }

    /// Where the log that is over is.
    pub fn aside(&self, folder: &Path) -> PathBuf {
        place(folder, self.number)
    }

    /// What the log that goes on says first, signed with its key: the event `log.continues` (SPEC section 12).
    pub fn statement(&self) -> Value {
        json!({
            "action": "log.continues",
            "actor": { "type": "service", "id": self.new },
            "target": { "type": "log", "id": self.old },
            "reason": self.why,
            "metadata": { "vkey": self.vkey, "checkpoint": self.checkpoint, "code": self.code, "ended": self.at },
        })
    }

    /// Nothing is left to do.
    ///
    /// # Errors
    /// What the system says.
    pub fn done(self, folder: &Path) -> io::Result<()> {
        fs::remove_file(folder.join(FILE))?;
        sync_folder(folder)
    }
}

fn place(folder: &Path, number: u32) -> PathBuf {
    folder.join(ENDED).join(number.to_string())
}
