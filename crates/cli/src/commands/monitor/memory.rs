//! What a monitor remembers from look to look, and from run to run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::merkle::CompactRange;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chains::Chains;
use super::tree::{read_edge, write_edge};
use crate::errors::{CliError, shown};
use crate::io::input;
use crate::io::output::Output;

const VERSION: &str = "monitor/v1";
/// How many findings wait for a webhook that does not answer; then the oldest are dropped, and it is said.
pub(super) const WAITING: usize = 1_000;
/// How many pieces of evidence are kept.
const EVIDENCE: usize = 100;

/// What is known of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// The newest checkpoint that was found good.
    pub(super) pin: Option<SignedCheckpoint>,
    /// The leaves up to the edge were read; the pin's tree begins with them.
    pub(super) edge: CompactRange,
    pub(super) chains: Chains,
    /// When monitoring began, by the clock here, in milliseconds.
    pub(super) watched_since: Option<i64>,
    /// When the log was seen to grow, by the clock here, in milliseconds.
    pub(super) grown_at: Option<i64>,
    /// What lasts and was told.
    pub(super) lasting: BTreeSet<String>,
    /// What waits for the webhook.
    pub(super) unsent: Vec<Value>,
    /// The newest checkpoints that were seen in other places, and not yet compared.
    pub(super) others: BTreeMap<String, String>,
    /// Findings with the checkpoints that show them.
    pub(super) evidence: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    countersign: String,
    origin: String,
    pin: Option<String>,
    edge: Vec<String>,
    /// The entries that were read, if these aren't all of the pin's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read: Option<ReadEntries>,
    chains: Chains,
    #[serde(default)]
    watched_since: Option<i64>,
    grown_at: Option<i64>,
    #[serde(default)]
    lasting: BTreeSet<String>,
    #[serde(default)]
    unsent: Vec<Value>,
    #[serde(default)]
    others: BTreeMap<String, String>,
    #[serde(default)]
    evidence: Vec<Value>,
}

/// The beginning of a log's tree that was read.
#[derive(Serialize, Deserialize)]
struct ReadEntries {
    size: u64,
    root: String,
}

impl ReadEntries {
    fn new(edge: &CompactRange, pin: Option<&SignedCheckpoint>) -> Option<Self> {
        let root = edge.root()?.to_string();
        pin.filter(|pin| pin.checkpoint.size != edge.end()).map(|_| Self { size: edge.end(), root })
    }

    fn edge(&self, hashes: &[String], pin: &SignedCheckpoint) -> Option<CompactRange> {
        let root = Hash::from_base64(&self.root)?;
        read_edge(hashes, self.size, &root).filter(|_| self.size < pin.checkpoint.size)
    }
}

/// Where it is kept.
pub(super) enum Keep {
    /// Everything, in this file.
    State(PathBuf),
    /// The checkpoint alone, in this file.
    Pin(PathBuf),
    /// Nothing outlives the run.
    Nothing,
}

impl Memory {
    pub(super) fn add_evidence(&mut self, finding: Value) {
        self.evidence.push(finding);
        if self.evidence.len() > EVIDENCE {
            self.evidence.remove(0);
        }
    }

    /// Accepts what a look found; what was told meanwhile is kept.
    pub(super) fn accept(&mut self, looked: Self) {
        let Self { lasting, unsent, evidence, .. } = std::mem::take(self);
        *self = Self { lasting, unsent, evidence, ..looked };
    }

    fn parse(text: &str, origin: &str) -> Result<Self, &'static str> {
        let stored: Stored = serde_json::from_str(text).map_err(|_| "it is malformed")?;
        if stored.countersign != VERSION {
            return Err("it is not a monitor's");
        }
        if stored.origin != origin {
            return Err("it is of another log");
        }
        let pin = stored.pin.map(|pin| SignedCheckpoint::parse_extended(&pin)).transpose();
        let pin = pin.map_err(|_| "its checkpoint is malformed")?;
        let edge = match (&pin, &stored.read) {
            (None, _) => Some(CompactRange::new()),
            (Some(pin), Some(read)) => read.edge(&stored.edge, pin),
            (Some(SignedCheckpoint { checkpoint, .. }), None) => {
                read_edge(&stored.edge, checkpoint.size, &checkpoint.root)
            }
        };
        Ok(Self {
            pin,
            edge: edge.ok_or("its tree is not that of its checkpoint")?,
            chains: stored.chains,
            watched_since: stored.watched_since,
            grown_at: stored.grown_at,
            lasting: stored.lasting,
            unsent: stored.unsent,
            others: stored.others,
            evidence: stored.evidence,
        })
    }

    fn to_text(&self, origin: &str) -> String {
        let stored = Stored {
            countersign: VERSION.into(),
            origin: origin.into(),
            pin: self.pin.as_ref().map(ToString::to_string),
            edge: write_edge(&self.edge),
            read: ReadEntries::new(&self.edge, self.pin.as_ref()),
            chains: self.chains.clone(),
            watched_since: self.watched_since,
            grown_at: self.grown_at,
            lasting: self.lasting.clone(),
            unsent: self.unsent.clone(),
            others: self.others.clone(),
            evidence: self.evidence.clone(),
        };
        serde_json::to_string(&stored).unwrap_or_default() + "\n"
    }
}

impl Keep {
    /// What was kept, or nothing where there is no file yet.
    pub(super) fn load(&self, origin: &str) -> Result<Memory, CliError> {
        let (Self::State(path) | Self::Pin(path)) = self else { return Ok(Memory::default()) };
        if !path.try_exists().map_err(|error| CliError::io("read", &shown(path), &error))? {
            return Ok(Memory::default());
        }
        let damaged = |why: &str| {
            let hint = "put the right file in its place. Without it, the log is read from its beginning, and what was seen before is forgotten";
            CliError::unusable("state.invalid", format!("it can't be continued: {why}"), hint)
                .within(&shown(path))
        };
        if let Self::State(_) = self {
            let text = read(path)?;
            return Memory::parse(&text, origin).map_err(damaged);
        }
        let pin = SignedCheckpoint::parse_extended(&input::small_text(path)?);
        let pin = pin.map_err(|_| damaged("a pin is a signed checkpoint"))?;
        if pin.checkpoint.origin != origin {
            return Err(damaged("it is of another log"));
        }
        Ok(Memory { pin: Some(pin), ..Memory::default() })
    }

    /// Whether it can be kept: who monitors a log for weeks wants to know before the first look.
    pub(super) fn try_writing(&self) -> Result<(), CliError> {
        match self {
            Self::State(path) | Self::Pin(path) => Output::create(Some(path)).map(drop),
            Self::Nothing => Ok(()),
        }
    }

    /// Keeps it, durably and in one step, unless it is what was `kept` last.
    pub(super) fn save(&self, memory: &Memory, origin: &str, kept: &mut String) -> Result<(), CliError> {
        let (path, text) = match (self, &memory.pin) {
            (Self::State(path), _) => (path, memory.to_text(origin)),
            (Self::Pin(path), Some(pin)) => (path, pin.to_string()),
            _ => return Ok(()),
        };
        if text == *kept {
            return Ok(());
        }
        let mut output = Output::create(Some(path))?;
        output.write(text.as_bytes())?;
        output.finish()?;
        *kept = text;
        Ok(())
    }
}

/// A state file grows with the chains that are open.
fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::io("read", &shown(path), &error))
}
