//! The state of a monitor between checks and between runs.

use std::collections::{BTreeMap, BTreeSet};

use countersign::hash::Hash;
use countersign::merkle::CompactRange;
use countersign::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chains::Chains;
use crate::finding::{Finding, Findings};
use crate::log_state::LogState;
use crate::tree::{read_edge, write_edge};

const VERSION: &str = "monitor/v1";
/// The maximum number of findings that wait for the webhook. Beyond that, the oldest are dropped, with a
/// notice.
pub(crate) const MAX_WAITING: usize = 1_000;
/// The maximum number of findings whose evidence is kept.
const MAX_EVIDENCE: usize = 100;

/// The codes of findings that prove two histories, each signed by the log.
const TWO_HISTORIES: [&str; 3] = ["append_only.split_view", "head.order", "head.split"];

/// A monitor's state for a log.
#[derive(Clone, Debug, Default)]
pub struct MonitorState {
    /// The newest valid checkpoint, or head of a tenant log.
    pub(crate) pin: Option<LogState>,
    /// The right edge of the tree of the entries that were read; the pin's tree starts with them.
    pub(crate) edge: CompactRange,
    pub(crate) chains: Chains,
    /// When monitoring began, by the local clock, in milliseconds since the epoch.
    pub(crate) watched_since: Option<i64>,
    /// When the log last grew, by the local clock, in milliseconds since the epoch.
    pub(crate) grown_at: Option<i64>,
    /// The names of lasting findings that were reported.
    pub(crate) lasting: BTreeSet<String>,
    /// Findings that wait for the webhook.
    pub(crate) unsent: Vec<Value>,
    /// The newest checkpoints of other places that are not compared yet.
    pub(crate) others: BTreeMap<String, String>,
    /// Findings with the checkpoints that prove them.
    pub(crate) evidence: Vec<Value>,
    /// When a person last examined the evidence.
    examined_at: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StateFile {
    countersign: String,
    origin: String,
    pin: Option<String>,
    edge: Vec<String>,
    /// The entries that were read, if fewer than the pin's.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    examined_at: Option<String>,
}

/// The part of a log's tree that was read.
#[derive(Serialize, Deserialize)]
struct ReadEntries {
    size: u64,
    root: String,
}

impl ReadEntries {
    fn new(edge: &CompactRange, pin: Option<&LogState>) -> Option<Self> {
        let root = edge.root()?.to_string();
        pin.filter(|pin| pin.checkpoint.size != edge.end()).map(|_| Self { size: edge.end(), root })
    }

    fn edge(&self, hashes: &[String], pin: &LogState) -> Option<CompactRange> {
        let root = Hash::from_base64(&self.root)?;
        read_edge(hashes, self.size, &root).filter(|_| self.size < pin.checkpoint.size)
    }
}

/// The findings to report after a check.
#[derive(Debug)]
pub struct Changes<'f> {
    /// Findings that were not reported before.
    pub new: Vec<&'f Finding>,
    /// The names of findings that have ended.
    pub over: Vec<String>,
}

impl MonitorState {
    fn add_evidence(&mut self, finding: Value) {
        self.evidence.push(finding);
        if self.evidence.len() > MAX_EVIDENCE {
            self.evidence.remove(0);
        }
    }

    /// Returns the finding that proved two histories of the log, each signed by it, unless a person has
    /// [examined](Self::examine) it. What the log shows later doesn't refute it.
    pub fn two_histories(&self) -> Option<&Value> {
        self.evidence.iter().rev().find(|finding| {
            let (code, time) = (finding["code"].as_str(), finding["time"].as_str());
            code.is_some_and(|code| TWO_HISTORIES.contains(&code)) && time > self.examined_at.as_deref()
        })
    }

    /// Records that a person has examined the evidence so far. The evidence is kept.
    pub fn examine(&mut self, now: Time) {
        self.examined_at = Some(now.to_string());
    }

    /// Returns the newest valid checkpoint, or head of a tenant log.
    pub fn pin(&self) -> Option<&LogState> {
        self.pin.as_ref()
    }

    /// Returns the number of entries that were read.
    pub fn read_entries(&self) -> u64 {
        self.edge.end()
    }

    /// Returns the number of chains that are open.
    pub fn open_chains(&self) -> usize {
        self.chains.open()
    }

    /// Returns the number of findings that wait for the webhook.
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Sets when monitoring began, unless that is already set.
    pub fn set_begin(&mut self, now: Time) {
        self.watched_since.get_or_insert(now.millis());
    }

    /// True if the finding lasts and was reported.
    pub(crate) fn is_known(&self, finding: &Finding) -> bool {
        self.lasting.contains(&finding.name())
    }

    /// Records the findings of a check, and returns those to report. If `has_webhook`, new findings wait for the
    /// webhook.
    pub fn update<'f>(
        &mut self,
        findings: &'f Findings,
        origin: &str,
        now: Time,
        has_webhook: bool,
    ) -> Changes<'f> {
        let mut new = Vec::new();
        let mut lasting = BTreeSet::new();
        for finding in findings.list() {
            let known = finding.lasting && !lasting.insert(finding.name());
            if known || (finding.lasting && self.is_known(finding)) {
                continue;
            }
            let value = finding.to_json(origin, &now.to_string());
            if !finding.evidence.is_empty() {
                self.add_evidence(value.clone());
            }
            if has_webhook {
                self.unsent.push(value);
            }
            new.push(finding);
        }
        if findings.is_incomplete() {
            // Findings of an earlier check can't be declared over by an incomplete one.
            lasting.extend(self.lasting.iter().cloned());
        }
        let over = self.lasting.difference(&lasting).cloned().collect();
        self.lasting = lasting;
        Changes { new, over }
    }

    /// Accepts the state after a check, but keeps what was reported in the meantime.
    pub(crate) fn accept(&mut self, checked: Self) {
        let Self { lasting, unsent, evidence, examined_at, .. } = std::mem::take(self);
        *self = Self { lasting, unsent, evidence, examined_at, ..checked };
    }

    /// Creates the monitor's state of a log for which only this checkpoint or head is known.
    pub fn from_pin(pin: LogState) -> Self {
        Self { pin: Some(pin), ..Self::default() }
    }

    /// Parses the output of [`Self::to_text`] for the log `origin`.
    ///
    /// # Errors
    /// The reason why the text can't be used.
    pub fn parse(text: &str, origin: &str) -> Result<Self, &'static str> {
        let stored: StateFile = serde_json::from_str(text).map_err(|_| "it is malformed")?;
        if stored.countersign != VERSION {
            return Err("it is not a monitor's state");
        }
        if stored.origin != origin {
            return Err("it belongs to another log");
        }
        let pin = stored.pin.map(|pin| LogState::parse(&pin)).transpose();
        let pin = pin.map_err(|_| "its checkpoint is malformed")?;
        let edge = match (&pin, &stored.read) {
            (None, _) => Some(CompactRange::new()),
            (Some(pin), Some(read)) => read.edge(&stored.edge, pin),
            (Some(LogState { checkpoint, .. }), None) => {
                read_edge(&stored.edge, checkpoint.size, &checkpoint.root)
            }
        };
        Ok(Self {
            pin,
            edge: edge.ok_or("its tree doesn't match its checkpoint")?,
            chains: stored.chains,
            watched_since: stored.watched_since,
            grown_at: stored.grown_at,
            lasting: stored.lasting,
            unsent: stored.unsent,
            others: stored.others,
            evidence: stored.evidence,
            examined_at: stored.examined_at,
        })
    }

    /// Returns the state as text, for a file.
    ///
    /// # Errors
    /// If it can't be written as JSON.
    pub fn to_text(&self, origin: &str) -> serde_json::Result<String> {
        let stored = StateFile {
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
            examined_at: self.examined_at.clone(),
        };
        Ok(serde_json::to_string(&stored)? + "\n")
    }
}
