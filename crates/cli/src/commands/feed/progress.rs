//! How far a feed has come, in a small file that is replaced in one step; and what a receiver refused.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign_feeds::Record;
use serde::{Deserialize, Serialize};

use crate::errors::{CliError, shown};
use countersign_delivery::{Directory, Store as _};

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
pub(super) struct RefusedRecord {
    pub(super) id: String,
    pub(super) why: String,
    pub(super) time: String,
    pub(super) text: String,
}

/// What is remembered of a feed; nothing outlives the run where there is no folder for it.
pub(super) struct Progress {
    store: Option<Arc<Directory>>,
    name: String,
    sent: Sent,
    refused: Vec<RefusedRecord>,
}

impl Progress {
    pub(super) fn open(folder: Option<&Path>) -> Result<Self, CliError> {
        let mut progress =
            Self { store: None, name: String::new(), sent: Sent::default(), refused: Vec::new() };
        let Some(folder) = folder else { return Ok(progress) };
        progress.name = shown(folder);
        let store = Directory::open(folder)?;
        let failed = |error| CliError::io("read", &progress.name, &error);
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

    /// Whether something of this log was sent before. Another log's is refused.
    pub(super) fn begin(&mut self, origin: &str) -> Result<(), CliError> {
        if self.sent.origin.is_empty() {
            origin.clone_into(&mut self.sent.origin);
        }
        if self.sent.origin == origin {
            return Ok(());
        }
        let hint = "give each log a directory of its own";
        let message = format!("it is of the log {:?}", self.sent.origin);
        Err(CliError::unusable("state.other_log", message, hint).within(&self.name))
    }

    /// The folder and its name, where there is one.
    pub(super) fn store(&self) -> Option<(Arc<Directory>, &str)> {
        self.store.clone().map(|store| (store, self.name.as_str()))
    }

    pub(super) fn is_kept(&self) -> bool {
        self.store.is_some()
    }

    /// The checkpoint that the log must have grown from.
    pub(super) fn pin(&self) -> Option<SignedCheckpoint> {
        SignedCheckpoint::parse_extended(self.sent.pin.as_deref()?).ok()
    }

    /// All events before this leaf were sent.
    pub(super) fn leaf(&self) -> u64 {
        self.sent.leaf
    }

    /// Whether an event or a finding was sent before.
    pub(super) fn has(&self, leaf: Option<u64>, id: &str) -> bool {
        leaf.map_or_else(|| self.sent.findings.contains(id), |leaf| leaf < self.sent.leaf)
    }

    /// How long the file was when it was last known to hold all that was sent.
    pub(super) fn written(&self) -> Option<u64> {
        self.sent.written
    }

    /// This was sent.
    pub(super) fn sent(&mut self, leaf: Option<u64>, id: &str) {
        match leaf {
            Some(leaf) => self.sent.leaf = self.sent.leaf.max(leaf + 1),
            None => {
                self.sent.findings.insert(id.to_owned());
            }
        }
    }

    /// All before this leaf was looked at, and what was to be sent of it was.
    pub(super) fn through(&mut self, leaf: u64, pin: Option<&str>) {
        self.sent.leaf = self.sent.leaf.max(leaf);
        self.sent.pin = pin.map(str::to_owned).or(self.sent.pin.take());
    }

    /// What was sent of findings cannot come again: how far these are is kept elsewhere.
    pub(super) fn forget_findings(&mut self) {
        self.sent.findings.clear();
    }

    /// A receiver does not want this.
    pub(super) fn refuse(&mut self, record: &Record, why: String) {
        let Record { id, time, text } = record.clone();
        self.refused.retain(|refused| refused.id != id);
        self.refused.push(RefusedRecord { id, why, time: time.to_string(), text });
    }

    /// What was refused so far.
    pub(super) fn refused(&self) -> &[RefusedRecord] {
        &self.refused
    }

    /// What was refused so far, to be sent again.
    pub(super) fn take_refused(&mut self) -> Vec<RefusedRecord> {
        std::mem::take(&mut self.refused)
    }

    /// Keeps it, durably.
    pub(super) fn keep(&mut self, written: Option<u64>) -> Result<(), CliError> {
        VERSION.clone_into(&mut self.sent.version);
        self.sent.written = written;
        let Some(store) = &self.store else { return Ok(()) };
        let put = |name: &str, text: &[u8]| {
            store.put(name, text).map_err(|error| CliError::io("write", &self.name, &error))
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

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], file: &str, name: &str) -> Result<T, CliError> {
    serde_json::from_slice(bytes).map_err(|_| damaged(name, &format!("{file} is malformed")))
}

fn damaged(name: &str, why: &str) -> CliError {
    let hint = "put the right file in its place, or start over in another directory: receivers recognise records by their ids";
    CliError::unusable("state.invalid", format!("it can't be continued: {why}"), hint).within(name)
}
