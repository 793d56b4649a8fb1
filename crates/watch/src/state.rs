//! What a watch knows, in one file that is replaced in one step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign_analyze::Finding;
use countersign_delivery::{Directory, Store};
use countersign_errors::{EngineError, shown};
use serde::{Deserialize, Serialize};

use crate::item::Item;
use crate::watchlist::Listing;

const MAGIC: &[u8] = b"countersign/watch/v1\n";
const CHECKSUM: usize = 32;
const STATE: &str = "state";
/// How far each receiver has come.
const TAKEN: &str = "taken.json";
/// The most bytes of the file.
const MOST: u64 = 2 << 30;

/// A chain of which something was found, or may be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chain {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) authorized: bool,
    /// The newest time of its links that were looked at, in milliseconds.
    pub(crate) time: i64,
    /// Whether it is not to be trusted any more.
    pub(crate) is_suspect: bool,
}

/// A finding that was reported.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reported {
    /// The finding's id.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// The time of the report, in milliseconds.
    pub time: i64,
    /// The first entry that it was made of.
    pub first: u64,
    /// The last entry that it was made of.
    pub last: u64,
    /// Its chains, by their numbers.
    pub(crate) chains: Vec<u32>,
    /// True if it does not hold any more.
    pub retracted: bool,
    /// The person who answered it, and the entry.
    pub acknowledged: Option<(String, u64)>,
}

/// A watch's knowledge of a log.
#[derive(Default, Serialize, Deserialize)]
pub struct WatchState {
    /// The log's origin.
    pub origin: String,
    /// The newest checkpoint that was good.
    pub pin: Option<String>,
    /// The first leaf that was looked at.
    pub(crate) begun: Option<u64>,
    /// The size of the log up to which all was looked at.
    pub position: u64,
    /// A snapshot.
    pub(crate) analyzer: Vec<u8>,
    pub(crate) chains: Vec<Chain>,
    /// Which chain the leaves are of that rules remember.
    pub(crate) places: BTreeMap<u64, u32>,
    /// The findings that were reported last.
    pub told: VecDeque<Reported>,
    /// What did not verify and was told.
    pub(crate) unverified: BTreeSet<String>,
    /// The items that some receiver has not accepted yet.
    pub waiting: VecDeque<Item>,
    /// The number of the last of them.
    pub(crate) serial: u64,
    pub(crate) scan: Scan,
    pub(crate) listing: Listing,
    /// What is found before this leaf was looked for before, by other rules, and is not told. It stands in the file where
    /// the position is not there yet.
    #[serde(skip)]
    pub(crate) told_before: u64,
}

/// What was found since a scan was last recorded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Scan {
    /// The first leaf.
    pub(crate) from: u64,
    /// When the next one is due, in milliseconds.
    pub(crate) due: i64,
    pub(crate) findings: u64,
    /// SHA-256 over the digest before and the finding's id, for each.
    pub(crate) digest: [u8; 32],
}

impl Scan {
    pub(crate) fn count(&mut self, finding: &Finding) {
        self.findings += 1;
        self.digest = Hash::of(&[&self.digest, finding.id.as_bytes()]).0;
    }
}

impl WatchState {
    /// Reads the state from a directory; none if there is none. `name` is for people.
    ///
    /// # Errors
    /// If it can't be read, or is damaged.
    pub fn load(store: &Directory, name: &str) -> Result<Option<Self>, EngineError> {
        let failed = |error| EngineError::io("read", name, &error);
        if !store.names().map_err(failed)?.iter().any(|file| file == STATE) {
            return Ok(None);
        }
        Self::parse(&store.read(STATE).map_err(failed)?, name).map(Some)
    }

    /// Reads the state from a folder in which another process may be at work.
    ///
    /// # Errors
    /// If it can't be read, or is damaged.
    pub fn read(folder: &Path) -> Result<Self, EngineError> {
        let path = folder.join(STATE);
        let name = shown(&path);
        let failed = |error| EngineError::io("read", &name, &error);
        if std::fs::metadata(&path).map_err(failed)?.len() > MOST {
            return Err(damaged(&name, "it is too long"));
        }
        Self::parse(&std::fs::read(&path).map_err(failed)?, &name)
    }

    fn parse(bytes: &[u8], name: &str) -> Result<Self, EngineError> {
        let (body, checksum) = bytes.split_at(bytes.len().saturating_sub(CHECKSUM));
        if Hash::of(&[body]).0 != *checksum {
            return Err(damaged(name, "it is not what was written"));
        }
        let body = body.strip_prefix(MAGIC).ok_or_else(|| damaged(name, "it is of another version"))?;
        let malformed = || damaged(name, "it is malformed");
        let (mut state, mut rest) = postcard::take_from_bytes::<Self>(body).map_err(|_| malformed())?;
        if !rest.is_empty() {
            (state.told_before, rest) = postcard::take_from_bytes(rest).map_err(|_| malformed())?;
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
            && self.told.iter().all(|told| told.chains.iter().all(is_chain))
            && numbers
    }

    /// Writes the state to a directory, durably. `name` is for people.
    ///
    /// # Errors
    /// If the system can't.
    pub fn save(&self, store: &Directory, name: &str) -> Result<(), EngineError> {
        let mut bytes = postcard::to_extend(self, MAGIC.to_vec()).unwrap_or_default();
        if self.told_before > 0 {
            bytes = postcard::to_extend(&self.told_before, bytes).unwrap_or_default();
        }
        let checksum = Hash::of(&[&bytes]);
        bytes.extend(checksum.0);
        store.put(STATE, &bytes).map_err(|error| EngineError::io("write", name, &error))
    }
}

fn damaged(name: &str, why: &str) -> EngineError {
    let hint = "put the right file in its place; or begin anew with an empty directory: the same log gives the same findings, \
                which receivers know by their ids";
    EngineError::new("state.invalid", format!("it can't be continued: {why}"), hint).within(name)
}

/// How far each receiver has come, in a small file of its own.
pub(crate) struct Taken {
    store: Arc<Directory>,
    name: String,
    by: BTreeMap<String, u64>,
}

impl Taken {
    /// For these receivers. One that is new begins after `serial`.
    pub(crate) fn load(
        store: Arc<Directory>,
        name: &str,
        receivers: &[&'static str],
        serial: u64,
    ) -> Result<Self, EngineError> {
        let failed = |error| EngineError::io("read", name, &error);
        let mut by: BTreeMap<String, u64> = BTreeMap::new();
        if store.names().map_err(failed)?.iter().any(|file| file == TAKEN) {
            let bytes = store.read(TAKEN).map_err(failed)?;
            by = serde_json::from_slice(&bytes).map_err(|_| damaged(name, "taken.json is malformed"))?;
        }
        by.retain(|receiver, _| receivers.contains(&receiver.as_str()));
        for receiver in receivers {
            let through = by.entry((*receiver).to_owned()).or_insert(serial);
            *through = (*through).min(serial);
        }
        let taken = Self { store, name: name.to_owned(), by };
        taken.save()?;
        Ok(taken)
    }

    /// That receiver has all up to that number.
    pub(crate) fn through(&mut self, receiver: &str, serial: u64) -> Result<(), EngineError> {
        self.by.insert(receiver.to_owned(), serial);
        self.save()
    }

    pub(crate) fn of(&self, receiver: &str) -> u64 {
        self.by.get(receiver).copied().unwrap_or_default()
    }

    /// All receivers have what is up to this number.
    pub(crate) fn least(&self) -> Option<u64> {
        self.by.values().min().copied()
    }

    fn save(&self) -> Result<(), EngineError> {
        let text = serde_json::to_vec(&self.by).unwrap_or_default();
        self.store.put(TAKEN, &text).map_err(|error| EngineError::io("write", &self.name, &error))
    }
}
