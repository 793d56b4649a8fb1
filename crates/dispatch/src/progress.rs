//! The progress of a feed, in a small file that is replaced atomically, and the records that a destination rejected.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use countersign::pin::Pin;
use countersign_delivery::{Directory, Store as _};
use countersign_errors::{EngineError, shown};
use countersign_feeds::{Record, SyslogHeader};
use serde::{Deserialize, Serialize};

/// The position of the feed.
const POSITION_FILE: &str = "sent.json";
/// The records that the destination rejected.
const REJECTED_FILE: &str = "refused.json";
const VERSION: &str = "countersign/feed/v1";

/// The position of a feed in its log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Position {
    version: String,
    /// The log's origin.
    origin: String,
    /// The signed checkpoint of the export that was fed last.
    pin: Option<String>,
    /// All events before this index were sent.
    leaf: u64,
    /// The ids of sent findings that could still be sent again.
    findings: BTreeSet<String>,
    /// The length in bytes of the file that records are written to.
    written: Option<u64>,
}

/// A feed record that its destination rejected, with the reason.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RejectedRecord {
    pub(crate) id: String,
    pub(crate) why: String,
    pub(crate) time: String,
    pub(crate) text: String,
    /// The severity and the host of its syslog header. Earlier versions didn't store them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) syslog: Option<(u8, String)>,
}

impl RejectedRecord {
    /// Returns the record, if its time is valid.
    fn into_record(self) -> Option<Record> {
        let syslog = self.syslog.map(|(severity, origin)| SyslogHeader { severity, origin });
        Some(Record { id: self.id, time: self.time.parse().ok()?, text: self.text, syslog })
    }
}

/// The position of a feed, and the records that the destination rejected. Saved between runs if it has a folder.
pub struct Progress {
    store: Option<Arc<Directory>>,
    name: String,
    position: Position,
    refused: Vec<RejectedRecord>,
}

impl Progress {
    /// Reads the progress from a folder, which is locked, and created if it is missing.
    ///
    /// # Errors
    /// If the folder can't be used, or its files are invalid.
    pub fn open(folder: Option<&Path>) -> Result<Self, EngineError> {
        let mut progress =
            Self { store: None, name: String::new(), position: Position::default(), refused: Vec::new() };
        let Some(folder) = folder else { return Ok(progress) };
        progress.name = shown(folder);
        let store = Directory::open(folder)?;
        let failed = |error| EngineError::io("read", &progress.name, &error);
        for name in store.names().map_err(failed)? {
            let bytes = || store.read(&name).map_err(failed);
            match name.as_str() {
                POSITION_FILE => {
                    let position: Position = parse(&bytes()?, POSITION_FILE, &progress.name)?;
                    if position.version != VERSION {
                        return Err(invalid(&progress.name, "sent.json was written by another version"));
                    }
                    progress.position = position;
                }
                REJECTED_FILE => progress.refused = parse(&bytes()?, REJECTED_FILE, &progress.name)?,
                _ => {}
            }
        }
        progress.store = Some(Arc::new(store));
        Ok(progress)
    }

    /// Sets the log's origin, unless it is already set.
    ///
    /// # Errors
    /// If the progress belongs to another log.
    pub fn set_origin(&mut self, origin: &str) -> Result<(), EngineError> {
        if self.position.origin.is_empty() {
            origin.clone_into(&mut self.position.origin);
        }
        if self.position.origin == origin {
            return Ok(());
        }
        let hint = "use a separate directory for each log";
        let message = format!("the state belongs to the log {:?}", self.position.origin);
        Err(EngineError::new("state.other_log", message, hint).within(&self.name))
    }

    /// Returns the folder and its name, if any.
    pub fn store(&self) -> Option<(Arc<Directory>, &str)> {
        self.store.clone().map(|store| (store, self.name.as_str()))
    }

    /// True if it is saved between runs.
    pub fn is_saved(&self) -> bool {
        self.store.is_some()
    }

    /// Returns the state that the log must have grown from.
    pub fn pin(&self) -> Option<Pin> {
        Pin::parse(self.position.pin.as_deref()?).ok()
    }

    /// Returns the index before which all events were sent.
    pub fn leaf(&self) -> u64 {
        self.position.leaf
    }

    /// True if an event or a finding was sent before.
    pub(crate) fn has_sent(&self, leaf: Option<u64>, id: &str) -> bool {
        leaf.map_or_else(|| self.position.findings.contains(id), |leaf| leaf < self.position.leaf)
    }

    /// Returns the length of the file when it was last known to contain everything that was sent.
    pub(crate) fn written(&self) -> Option<u64> {
        self.position.written
    }

    /// Marks a record as sent.
    pub(crate) fn mark_sent(&mut self, leaf: Option<u64>, id: &str) {
        match leaf {
            Some(leaf) => self.position.leaf = self.position.leaf.max(leaf + 1),
            None => {
                self.position.findings.insert(id.to_owned());
            }
        }
    }

    /// Records that everything to send before this index was sent.
    pub fn advance(&mut self, leaf: u64, pin: Option<&str>) {
        self.position.leaf = self.position.leaf.max(leaf);
        self.position.pin = pin.map(str::to_owned).or(self.position.pin.take());
    }

    /// Forgets the sent findings. They can't be sent again, because the watcher's own state is past them.
    pub(crate) fn clear_findings(&mut self) {
        self.position.findings.clear();
    }

    /// Stores a record that the destination rejected.
    pub(crate) fn refuse(&mut self, record: &Record, why: String) {
        let Record { id, time, text, syslog } = record.clone();
        let syslog = syslog.map(|SyslogHeader { severity, origin }| (severity, origin));
        self.refused.retain(|refused| refused.id != id);
        self.refused.push(RejectedRecord { id, why, time: time.to_string(), text, syslog });
    }

    /// Returns the rejected records, with the reasons.
    pub(crate) fn refused(&self) -> &[RejectedRecord] {
        &self.refused
    }

    /// Removes and returns the rejected records.
    pub(crate) fn take_refused(&mut self) -> Result<Vec<Record>, EngineError> {
        let records = std::mem::take(&mut self.refused).into_iter().map(RejectedRecord::into_record);
        let records = records.collect::<Option<_>>();
        records.ok_or_else(|| invalid(&self.name, "refused.json has a malformed time"))
    }

    /// Saves the progress durably, if it has a folder.
    pub(crate) fn save(&mut self, written: Option<u64>) -> Result<(), EngineError> {
        VERSION.clone_into(&mut self.position.version);
        self.position.written = written;
        let Some(store) = &self.store else { return Ok(()) };
        let put = |name: &str, text: serde_json::Result<Vec<u8>>| {
            let put = text.map_err(io::Error::from).and_then(|text| store.put(name, &text));
            put.map_err(|error| EngineError::io("write", &self.name, &error))
        };
        // Rejected records first: they would be lost if the position were saved without them.
        if !self.refused.is_empty()
            || store.names().is_ok_and(|names| names.iter().any(|name| name == REJECTED_FILE))
        {
            put(REJECTED_FILE, serde_json::to_vec(&self.refused))?;
        }
        put(POSITION_FILE, serde_json::to_vec(&self.position))
    }
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], file: &str, name: &str) -> Result<T, EngineError> {
    serde_json::from_slice(bytes).map_err(|_| invalid(name, &format!("{file} is malformed")))
}

fn invalid(name: &str, why: &str) -> EngineError {
    let hint =
        "restore the file, or start over in another directory: destinations recognize records by their ids";
    EngineError::new("state.invalid", format!("the feed can't continue from this state: {why}"), hint)
        .within(name)
}
