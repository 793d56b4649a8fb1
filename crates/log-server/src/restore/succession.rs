//! The end of a log, and the log that continues it in the same folder.
//!
//! The remaining steps are recorded in a file first, so that the next server started in the folder can complete them:
//!
//! | step | a rerun after a crash there |
//! | --- | --- |
//! | 1. write `ending.json` | moves the files |
//! | 2. move the old log's files to `ended/N`, and copy the files that both logs use | moves the rest |
//! | 3. create the new log's key, and with tenants its database ([`tenant_succession`](super::tenant_succession)) | creates what is missing |
//! | 4. serve the new log, whose first event names the old one; with tenants, that of each tenant log does | serves it |
//! | 5. move `ending.json` to `ended/N/ended.json` | finds nothing to do |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use countersign::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::end_reason::EndReason;
use super::remembered_logs::RememberedLog;
use countersign_files::{replace, sync_folder};

/// The file that records the remaining steps.
const FILE: &str = "ending.json";
/// The name of the file in the ended log's folder, once nothing remains to do. A server of that folder must not find
/// anything to complete.
const ARCHIVED_FILE: &str = "ended.json";
/// The folder of ended logs.
const ENDED: &str = "ended";
const VERSION: &str = "ending/v1";

/// The files of the ended log that are moved along with it.
const FILES: [&str; 20] = [
    "log.sqlite",
    "log.sqlite-wal",
    "log.sqlite-shm",
    "search.sqlite",
    "search.sqlite-wal",
    "search.sqlite-shm",
    "search.key",
    "journal.sqlite",
    "journal.sqlite-wal",
    "journal.sqlite-shm",
    "signed.txt",
    "keys.txt",
    "own-entries.ndjson",
    "heads.bin",
    "root-entries",
    "erasures.ndjson",
    "accepted-losses.ndjson",
    "evidence.ndjson",
    "backup.txt",
    "log.key",
];

/// The files that both logs use. The archive gets copies as of the end.
const SHARED_FILES: [&str; 3] = ["trust.txt", "readers.txt", "holds.txt"];

/// The end of a log and the log that continues it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succession {
    countersign: String,
    /// The origin of the ended log.
    pub old: String,
    /// The origin of the log that continues it.
    pub new: String,
    /// The bucket of the log that continues, if it is in one.
    #[serde(default)]
    pub store: Option<String>,
    vkey: String,
    checkpoint: Option<String>,
    code: String,
    why: String,
    at: String,
    /// The number of the ended log's folder under `ended`.
    number: u32,
    /// True if the move is complete.
    moved: bool,
    /// True for a root log with tenant logs.
    #[serde(default)]
    has_tenants: bool,
}

/// A log that ended in a folder.
pub(crate) struct Archive {
    /// Its folder.
    pub(crate) folder: PathBuf,
    pub(crate) succession: Succession,
}

impl Succession {
    /// Records that a log has ended and which log continues it.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn begin(
        folder: &Path,
        old_vkey: &str,
        (new, store): (&str, Option<&str>),
        has_tenants: bool,
        over: &EndReason,
        at: Time,
    ) -> io::Result<Self> {
        let number = (1..u32::MAX).find(|number| !ended_folder(folder, *number).exists()).unwrap_or(u32::MAX);
        let succession = Self {
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
            has_tenants,
        };
        succession.write(folder)?;
        Ok(succession)
    }

    /// Returns the incomplete succession in a folder, if there is one.
    ///
    /// # Errors
    /// If the file can't be read; [`io::ErrorKind::InvalidData`] if it has another format.
    pub fn pending(folder: &Path) -> io::Result<Option<Self>> {
        Self::read(&folder.join(FILE))
    }

    /// Returns the logs that ended in a folder, the newest first. Those that an earlier version archived have no record.
    pub(crate) fn archives(folder: &Path) -> io::Result<Vec<Archive>> {
        let mut archives = Vec::new();
        for number in 1..u32::MAX {
            let folder = ended_folder(folder, number);
            if !folder.exists() {
                break;
            }
            let succession = Self::read(&folder.join(ARCHIVED_FILE))?;
            archives.extend(succession.map(|succession| Archive { folder, succession }));
        }
        archives.reverse();
        Ok(archives)
    }

    fn read(path: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let succession: Self = serde_json::from_str(&text).map_err(io::Error::other)?;
        if succession.countersign != VERSION {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "ending.json has another version"));
        }
        Ok(Some(succession))
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        replace(&folder.join(FILE), &serde_json::to_vec(self).map_err(io::Error::other)?)
    }

    /// Moves the ended log aside, where it can still be read.
    ///
    /// # Errors
    /// If a file can't be moved. The next call continues from there.
    pub fn archive(&mut self, folder: &Path) -> io::Result<()> {
        if self.moved {
            return Ok(());
        }
        let target = self.archive_folder(folder);
        fs::create_dir_all(&target)?;
        for name in FILES {
            match fs::rename(folder.join(name), target.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        for name in SHARED_FILES.iter().filter(|name| folder.join(name).exists()) {
            fs::copy(folder.join(name), target.join(name))?;
        }
        sync_folder(&target)?;
        sync_folder(&folder.join(ENDED))?;
        sync_folder(folder)?;
        self.moved = true;
        self.write(folder)
    }

    /// Returns the folder of the ended log.
    pub fn archive_folder(&self, folder: &Path) -> PathBuf {
        ended_folder(folder, self.number)
    }

    /// Returns the first event of the new log, signed with its key: `log.continues` (SPEC section 12).
    pub fn statement(&self) -> Value {
        json!({
            "action": "log.continues",
            "actor": { "type": "service", "id": self.new },
            "target": { "type": "log", "id": self.old },
            "reason": self.why,
            "metadata": { "vkey": self.vkey, "checkpoint": self.checkpoint, "code": self.code, "ended": self.at },
        })
    }

    /// True for a root log with tenant logs.
    pub const fn has_tenants(&self) -> bool {
        self.has_tenants
    }

    /// Returns the public key of the ended log.
    pub fn vkey(&self) -> &str {
        &self.vkey
    }

    /// Returns the last checkpoint that the ended log is known to have signed.
    pub fn checkpoint(&self) -> Option<&str> {
        self.checkpoint.as_deref()
    }

    /// Returns the first event of a tenant log that continues this one of the ended root log (SPEC section 12).
    pub(crate) fn tenant_statement(&self, log: &RememberedLog) -> Value {
        log.statement(&self.new, &self.vkey, &self.why, &self.code, &self.at)
    }

    /// Marks the succession as complete, and keeps its record with the ended log.
    ///
    /// # Errors
    /// If the file can't be moved.
    pub fn finish(self, folder: &Path) -> io::Result<()> {
        let archive = self.archive_folder(folder);
        fs::rename(folder.join(FILE), archive.join(ARCHIVED_FILE))?;
        sync_folder(&archive)?;
        sync_folder(folder)
    }
}

fn ended_folder(folder: &Path, number: u32) -> PathBuf {
    folder.join(ENDED).join(number.to_string())
}
