//! The state of a watch, in one file that is replaced atomically.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign_analyze::Finding;
use countersign_delivery::{Directory, Store};
use countersign_errors::{EngineError, shown};
use serde::{Deserialize, Serialize};

use crate::item::Item;
use crate::watchlist::WatchlistState;

const MAGIC: &[u8] = b"countersign/watch/v1\n";
const CHECKSUM: usize = 32;
const STATE: &str = "state";
/// The progress of each destination.
const PROGRESS: &str = "taken.json";
/// The largest state file that is read.
const MAX_STATE_BYTES: u64 = 2 << 30;

/// A chain with events that a reported or a possible finding is based on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chain {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) authorized: bool,
    /// The time of its newest link that was examined, in milliseconds since the epoch.
    pub(crate) time: i64,
    /// True if its signer is no longer trusted.
    pub(crate) is_suspect: bool,
}

/// A finding that was reported.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reported {
    /// The finding's id.
    pub id: String,
    /// A human-readable one-line title.
    pub title: String,
    /// The time of the report, in milliseconds since the epoch.
    pub time: i64,
    /// The first entry that the finding is based on.
    pub first: u64,
    /// The last entry that the finding is based on.
    pub last: u64,
    /// The chains that it is based on, as indexes into [`WatchState::chains`].
    pub(crate) chains: Vec<u32>,
    /// True if it was retracted, or never needs to be.
    pub retracted: bool,
    /// The user who acknowledged it, and the entry of the acknowledgment.
    pub acknowledged: Option<(String, u64)>,
}

/// A watch's knowledge of a log.
#[derive(Default, Serialize, Deserialize)]
pub struct WatchState {
    /// The log's origin.
    pub origin: String,
    /// The newest valid checkpoint.
    pub pin: Option<String>,
    /// The first entry that was examined.
    pub(crate) begun: Option<u64>,
    /// The size of the log up to which all entries were examined.
    pub position: u64,
    /// A snapshot of the analyzer.
    pub(crate) analyzer: Vec<u8>,
    pub(crate) chains: Vec<Chain>,
    /// The chains of the entries that rules still remember, as indexes into [`Self::chains`].
    pub(crate) places: BTreeMap<u64, u32>,
    /// The findings that were reported most recently.
    pub reported: VecDeque<Reported>,
    /// The ids of reported verification problems.
    pub(crate) unverified: BTreeSet<String>,
    /// The items that some destination has not accepted yet.
    pub waiting: VecDeque<Item>,
    /// The number of the newest item.
    pub(crate) serial: u64,
    pub(crate) scan: Scan,
    pub(crate) watchlist: WatchlistState,
    /// Findings before this entry were already searched for by other rules, and are not reported. Stored in the file
    /// only while the position is below it.
    #[serde(skip)]
    pub(crate) findings_from: u64,
}

/// The findings since the last scan was recorded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Scan {
    /// The first entry.
    pub(crate) from: u64,
    /// When the next scan is due, in milliseconds since the epoch.
    pub(crate) due: i64,
    pub(crate) findings: u64,
    /// A running SHA-256 over the previous digest and each finding's id.
    pub(crate) digest: [u8; 32],
}

impl Scan {
    pub(crate) fn count(&mut self, finding: &Finding) {
        self.findings += 1;
        self.digest = Hash::digest(&[&self.digest, finding.id.as_bytes()]).0;
    }
}

impl WatchState {
    /// Reads the state from a directory; returns `None` if there is none. `name` names the directory in messages.
    ///
    /// # Errors
    /// If it can't be read, or is invalid.
    pub fn load(store: &Directory, name: &str) -> Result<Option<Self>, EngineError> {
        let failed = |error| EngineError::io("read", name, &error);
        if !store.names().map_err(failed)?.iter().any(|file| file == STATE) {
            return Ok(None);
        }
        Self::parse(&store.read(STATE).map_err(failed)?, name).map(Some)
    }

    /// Reads the state from a folder that another process may be using.
    ///
    /// # Errors
    /// If it can't be read, or is invalid.
    pub fn read(folder: &Path) -> Result<Self, EngineError> {
        let path = folder.join(STATE);
        let name = shown(&path);
        let failed = |error| EngineError::io("read", &name, &error);
        if std::fs::metadata(&path).map_err(failed)?.len() > MAX_STATE_BYTES {
            return Err(invalid(&name, "it is too large"));
        }
        Self::parse(&std::fs::read(&path).map_err(failed)?, &name)
    }

    fn parse(bytes: &[u8], name: &str) -> Result<Self, EngineError> {
        let (body, checksum) = bytes.split_at(bytes.len().saturating_sub(CHECKSUM));
        if Hash::digest(&[body]).0 != *checksum {
            return Err(invalid(name, "its checksum doesn't match"));
        }
        let body =
            body.strip_prefix(MAGIC).ok_or_else(|| invalid(name, "it was written by another version"))?;
        let malformed = || invalid(name, "it is malformed");
        let (mut state, mut rest) = postcard::take_from_bytes::<Self>(body).map_err(|_| malformed())?;
        if !rest.is_empty() {
            (state.findings_from, rest) = postcard::take_from_bytes(rest).map_err(|_| malformed())?;
        }
        if rest.is_empty() && state.is_consistent() { Ok(state) } else { Err(malformed()) }
    }

    fn is_consistent(&self) -> bool {
        let is_chain = |number: &u32| (*number as usize) < self.chains.len();
        let first = self.serial.checked_sub(self.waiting.len() as u64);
        let numbers = first.is_some_and(|first| {
            self.waiting.iter().zip(first + 1..).all(|(item, serial)| item.serial == serial)
        });
        self.places.values().all(is_chain)
            && self.reported.iter().all(|reported| reported.chains.iter().all(is_chain))
            && numbers
    }

    /// Writes the state to a directory, durably. `name` names the directory in messages.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn save(&self, store: &Directory, name: &str) -> Result<(), EngineError> {
        let put = self.to_bytes().map_err(io::Error::other).and_then(|bytes| store.put(STATE, &bytes));
        put.map_err(|error| EngineError::io("write", name, &error))
    }

    fn to_bytes(&self) -> postcard::Result<Vec<u8>> {
        let mut bytes = postcard::to_extend(self, MAGIC.to_vec())?;
        if self.findings_from > 0 {
            bytes = postcard::to_extend(&self.findings_from, bytes)?;
        }
        let checksum = Hash::digest(&[&bytes]);
        bytes.extend(checksum.0);
        Ok(bytes)
    }
}

fn invalid(name: &str, why: &str) -> EngineError {
    let hint = "restore the file, or start over with an empty directory: the same log produces the same findings, \
                which destinations recognize by their ids";
    EngineError::new("state.invalid", format!("the watch can't continue from this state: {why}"), hint)
        .within(name)
}

/// The progress of each destination, in a small separate file.
pub(crate) struct DeliveryProgress {
    store: Arc<Directory>,
    name: String,
    serials: BTreeMap<String, u64>,
}

impl DeliveryProgress {
    /// Loads the progress of these destinations. A new one starts after `serial`.
    pub(crate) fn load(
        store: Arc<Directory>,
        name: &str,
        destinations: &[&'static str],
        serial: u64,
    ) -> Result<Self, EngineError> {
        let failed = |error| EngineError::io("read", name, &error);
        let mut serials: BTreeMap<String, u64> = BTreeMap::new();
        if store.names().map_err(failed)?.iter().any(|file| file == PROGRESS) {
            let bytes = store.read(PROGRESS).map_err(failed)?;
            serials = serde_json::from_slice(&bytes).map_err(|_| invalid(name, "taken.json is malformed"))?;
        }
        serials.retain(|destination, _| destinations.contains(&destination.as_str()));
        for destination in destinations {
            let through = serials.entry((*destination).to_owned()).or_insert(serial);
            *through = (*through).min(serial);
        }
        let progress = Self { store, name: name.to_owned(), serials };
        progress.save()?;
        Ok(progress)
    }

    /// Saves that a destination has all items up to `serial`.
    pub(crate) fn advance(&mut self, destination: &str, serial: u64) -> Result<(), EngineError> {
        self.serials.insert(destination.to_owned(), serial);
        self.save()
    }

    pub(crate) fn serial(&self, destination: &str) -> u64 {
        self.serials.get(destination).copied().unwrap_or_default()
    }

    /// Returns the number up to which all destinations have the items.
    pub(crate) fn min_serial(&self) -> Option<u64> {
        self.serials.values().min().copied()
    }

    fn save(&self) -> Result<(), EngineError> {
        let text = serde_json::to_vec(&self.serials).map_err(io::Error::from);
        text.and_then(|text| self.store.put(PROGRESS, &text))
            .map_err(|error| EngineError::io("write", &self.name, &error))
    }
}
