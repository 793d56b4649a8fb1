//! How far a feed has come, in a small file that is replaced in one step; and what a receiver refused.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign_delivery::{Directory, Store as _};
use countersign_errors::{EngineError, shown};
use countersign_feeds::Record;
use serde::{Deserialize, Serialize};

/// How far the feed is.
const SENT: &str = "sent.json";
/// What receivers refused.
const REFUSED: &str = "refused.json";
const VERSION: &str = "countersign/feed/v1";

/// How far a feed has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Sent {
    version: String,
    /// The log.
    origin: String,
    /// The checkpoint of the export that was fed last, as it was signed.
    pin: Option<String>,
    /// All events before this leaf were sent.
    leaf: u64,
    /// The findings that were sent, and may come again.
    findings: BTreeSet<String>,
    /// How long the file is that is written to.
    written: Option<u64>,
}

/// A feed record that its destination refused, with the reason.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) id: String,
    pub(crate) why: String,
    pub(crate) time: String,
    pub(crate) text: String,
}

impl Refused {
    /// Returns the record, if its time is one.
    fn into_record(self) -> Option<Record> {
        Some(Record { id: self.id, time: self.time.parse().ok()?, text: self.text })
    }
}

/// The position of a feed, and the records that a destination refused. It outlives the run if it has a folder.
pub struct Progress {
    store: Option<Arc<Directory>>,
    name: String,
    sent: Sent,
    refused: Vec<Refused>,
}

impl Progress {
    /// Reads what is kept in a folder, which is locked, and created if it is missing.
    ///
    /// # Errors
    /// If the folder can't be used, or its files are damaged.
    pub fn open(folder: Option<&Path>) -> Result<Self, EngineError> {
        let mut progress =
            Self { store: None, name: String::new(), sent: Sent::default(), refused: Vec::new() };
        let Some(folder) = folder else { return Ok(progress) };
        progress.name = shown(folder);
        let store = Directory::open(folder)?;
        let failed = |error| EngineError::io("read", &progress.name, &error);
        for name in store.names().map_err(failed)? {
            let bytes = || store.read(&name).map_err(failed);
            match name.as_str() {
                SENT => {
                    let sent: Sent = parse(&bytes()?, SENT, &progress.name)?;
                    if sent.version != VERSION {
                        return Err(damaged(&progress.name, "sent.json is of another version"));
                    }
                    progress.sent = sent;
                }
                REFUSED => progress.refused = parse(&bytes()?, REFUSED, &progress.name)?,
                _ => {}
            }
        }
        progress.store = Some(Arc::new(store));
        Ok(progress)
    }

    /// Sets the log's origin, unless it is known.
    ///
    /// # Errors
    /// If it is another log's.
    pub fn begin(&mut self, origin: &str) -> Result<(), EngineError> {
        if self.sent.origin.is_empty() {
            origin.clone_into(&mut self.sent.origin);
        }
        if self.sent.origin == origin {
            return Ok(());
        }
        let hint = "give each log a directory of its own";
        let message = format!("it is of the log {:?}", self.sent.origin);
        Err(EngineError::new("state.other_log", message, hint).within(&self.name))
    }

    /// Returns the folder and its name, if there is one.
    pub fn store(&self) -> Option<(Arc<Directory>, &str)> {
        self.store.clone().map(|store| (store, self.name.as_str()))
    }

    /// True if it outlives the run.
    pub fn is_kept(&self) -> bool {
        self.store.is_some()
    }

    /// Returns the checkpoint that the log must have grown from.
    pub fn pin(&self) -> Option<SignedCheckpoint> {
        SignedCheckpoint::parse_extended(self.sent.pin.as_deref()?).ok()
    }

    /// Returns the leaf before which all events were sent.
    pub fn leaf(&self) -> u64 {
        self.sent.leaf
    }

    /// True if an event or a finding was sent before.
    pub(crate) fn has(&self, leaf: Option<u64>, id: &str) -> bool {
        leaf.map_or_else(|| self.sent.findings.contains(id), |leaf| leaf < self.sent.leaf)
    }

    /// How long the file was when it was last known to hold all that was sent.
    pub(crate) fn written(&self) -> Option<u64> {
        self.sent.written
    }

    /// Marks a record as sent.
    pub(crate) fn sent(&mut self, leaf: Option<u64>, id: &str) {
        match leaf {
            Some(leaf) => self.sent.leaf = self.sent.leaf.max(leaf + 1),
            None => {
                self.sent.findings.insert(id.to_owned());
            }
        }
    }

    /// Remembers that all before this leaf was looked at, and what was to be sent of it was.
    pub fn through(&mut self, leaf: u64, pin: Option<&str>) {
        self.sent.leaf = self.sent.leaf.max(leaf);
        self.sent.pin = pin.map(str::to_owned).or(self.sent.pin.take());
    }

    /// What was sent of findings cannot come again: how far these are is kept elsewhere.
    pub(crate) fn forget_findings(&mut self) {
        self.sent.findings.clear();
    }

    /// Keeps a record that the destination refused.
    pub(crate) fn refuse(&mut self, record: &Record, why: String) {
        let Record { id, time, text } = record.clone();
        self.refused.retain(|refused| refused.id != id);
        self.refused.push(Refused { id, why, time: time.to_string(), text });
    }

    /// Returns the refused records, with the reasons.
    pub(crate) fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Removes and returns the refused records.
    pub(crate) fn take_refused(&mut self) -> Result<Vec<Record>, EngineError> {
        let records = std::mem::take(&mut self.refused).into_iter().map(Refused::into_record);
        let records = records.collect::<Option<_>>();
        records.ok_or_else(|| damaged(&self.name, "refused.json has a malformed time"))
    }

    /// Keeps it, durably.
    pub(crate) fn keep(&mut self, written: Option<u64>) -> Result<(), EngineError> {
        VERSION.clone_into(&mut self.sent.version);
        self.sent.written = written;
        let Some(store) = &self.store else { return Ok(()) };
        let put = |name: &str, text: &[u8]| {
            store.put(name, text).map_err(|error| EngineError::io("write", &self.name, &error))
        };
        // First what was refused, which would be lost else.
        if !self.refused.is_empty()
            || store.names().is_ok_and(|names| names.iter().any(|name| name == REFUSED))
        {
            put(REFUSED, &serde_json::to_vec(&self.refused).unwrap_or_default())?;
        }
        put(SENT, &serde_json::to_vec(&self.sent).unwrap_or_default())
    }
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], file: &str, name: &str) -> Result<T, EngineError> {
    serde_json::from_slice(bytes).map_err(|_| damaged(name, &format!("{file} is malformed")))
}

fn damaged(name: &str, why: &str) -> EngineError {
    let hint = "put the right file in its place, or start over in another directory: receivers recognize records by their ids";
    EngineError::new("state.invalid", format!("it can't be continued: {why}"), hint).within(name)
}
