//! Records of who read what, on the log's own chain as `log.export` (SPEC section 12).
//!
//! Reads are collected for each token and recorded together, once a minute and when the server stops, so
//! frequent reads don't fill the log. A record that fails is retried with the next one, logged by the server,
//! and counted. If recording is required, a read is answered once the record of its start is durable, and
//! rejected if that fails. Such records are made at most once a second.

use std::str::FromStr;
use std::time::Duration;

use countersign::hash::Hash;
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign::trust::Trust;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use strum::IntoStaticStr;

use crate::tokens::Access;

/// The interval at which reads are recorded.
pub const EVERY: Duration = Duration::from_mins(1);
/// The maximum number of distinct reads in one record. Further ones are only counted.
const MAX_DISTINCT_READS: usize = 16;
/// The maximum length in bytes of a recorded parameter. A longer one is recorded as its hash.
const MAX_VALUE_BYTES: usize = 256;

/// The reads to record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordReads {
    /// No reads.
    #[default]
    None,
    /// Exports, including searches, explanations of searches, and findings.
    Exports,
    /// All, including proofs and live views.
    All,
}

impl FromStr for RecordReads {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "exports" => Ok(Self::Exports),
            "all" => Ok(Self::All),
            _ => Err("the reads to record must be none, exports, or all"),
        }
    }
}

impl RecordReads {
    /// Returns the default: exports, if this trust file trusts the log's own key, which signs the records. Otherwise
    /// verifiers with this trust file would find the records untrusted.
    pub fn by_default(trust: &Trust, log: &VerifierKey) -> Self {
        let trusted = trust.emitters().contains(log) && trust.revoked_since(log).is_none();
        if trusted { Self::Exports } else { Self::None }
    }

    /// True if reads of this kind are recorded.
    pub fn has(self, way: ReadKind) -> bool {
        match self {
            Self::None => false,
            Self::Exports => matches!(way, ReadKind::Export | ReadKind::Explain | ReadKind::Findings),
            Self::All => true,
        }
    }
}

/// The rules for recording reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadRules {
    /// The reads to record.
    pub record: RecordReads,
    /// True if a read that can't be recorded is rejected.
    pub required: bool,
}

/// A kind of read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum ReadKind {
    /// An export or search, by `GET /export`.
    Export,
    /// An explanation of a search, by `GET /explain`.
    Explain,
    /// A proof of an event, by `GET /proof`.
    Proof,
    /// A live view, by `GET /stream`.
    Stream,
    /// The findings of a log that watches itself, by `GET /findings`.
    Findings,
}

impl ReadKind {
    fn name(self) -> &'static str {
        self.into()
    }
}

/// A read: its kind and its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadRequest {
    /// The kind of read.
    pub way: ReadKind,
    filter: Vec<(String, String)>,
}

impl ReadRequest {
    /// Creates a read with these parameters.
    pub fn new(way: ReadKind, filter: Vec<(String, String)>) -> Self {
        let short = |(name, value): (String, String)| {
            let value = if value.len() > MAX_VALUE_BYTES {
                format!("sha256:{}", Hash::digest(&[value.as_bytes()]))
            } else {
                value
            };
            (name, value)
        };
        Self { way, filter: filter.into_iter().map(short).collect() }
    }

    /// Creates a read of a proof at this path.
    pub fn for_proof(path: &str) -> Self {
        let place = path.trim_start_matches("/proof/").to_owned();
        Self::new(ReadKind::Proof, vec![("event".into(), place)])
    }
}

/// The number of reads, and the events and bytes sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    begun: u64,
    ended: u64,
    events: u64,
    bytes: u64,
}

impl Count {
    /// Counts the start of a read.
    pub fn begun() -> Self {
        Self { begun: 1, ..Self::default() }
    }

    /// Counts the end of a read. Add what was sent with [`Self::hand_out`].
    pub fn ended() -> Self {
        Self { ended: 1, ..Self::default() }
    }

    /// Adds events that were sent, in a piece of `bytes` bytes.
    pub fn hand_out(&mut self, events: u64, bytes: usize) {
        self.events += events;
        self.bytes += bytes as u64;
    }

    fn add(&mut self, other: Self) {
        self.begun += other.begun;
        self.ended += other.ended;
        self.events += other.events;
        self.bytes += other.bytes;
    }

    fn to_members(self) -> Map<String, Value> {
        let members =
            [("begun", self.begun), ("ended", self.ended), ("events", self.events), ("bytes", self.bytes)];
        members.into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect()
    }
}

/// A reader: the name, the token's credential, and the conditions of its scope.
pub type Reader = (String, String, Vec<String>);

/// Returns the reader that a token belongs to.
pub fn reader(access: &Access) -> Reader {
    let scope = access.scope().conditions();
    let scope = scope.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    (access.name().to_owned(), access.credential(), scope)
}

/// The reads of one reader.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReaderReads {
    reads: Vec<(ReadRequest, Count)>,
    others: Count,
}

impl ReaderReads {
    fn add(&mut self, read: &ReadRequest, count: Count) {
        if let Some((_, all)) = self.reads.iter_mut().find(|(other, _)| other == read) {
            all.add(count);
        } else if self.reads.len() < MAX_DISTINCT_READS {
            self.reads.push((read.clone(), count));
        } else {
            self.others.add(count);
        }
    }
}

/// Reads that are not recorded yet.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingReads {
    /// The time of the first one, in milliseconds from the epoch.
    since: Option<i64>,
    /// The reads by reader, sorted.
    readers: Vec<(Reader, ReaderReads)>,
}

impl PendingReads {
    /// Adds the start or the end of a read.
    pub fn add(&mut self, reader: &Reader, read: &ReadRequest, count: Count, at: Time) {
        self.include_time(at.millis());
        self.entry(reader).add(read, count);
    }

    /// Adds earlier reads whose recording failed.
    pub fn put_back(&mut self, before: Self) {
        if let Some(since) = before.since {
            self.include_time(since);
        }
        for (reader, ReaderReads { reads, others }) in before.readers {
            let all = self.entry(&reader);
            for (read, count) in reads {
                all.add(&read, count);
            }
            all.others.add(others);
        }
    }

    fn include_time(&mut self, at: i64) {
        self.since = Some(self.since.map_or(at, |earlier| earlier.min(at)));
    }

    fn entry(&mut self, reader: &Reader) -> &mut ReaderReads {
        let place = self.readers.binary_search_by(|(other, _)| other.cmp(reader)).unwrap_or_else(|place| {
            self.readers.insert(place, (reader.clone(), ReaderReads::default()));
            place
        });
        &mut self.readers[place].1
    }

    /// Returns the time of the first read.
    pub(crate) fn since(&self) -> Option<Time> {
        self.since.and_then(Time::from_millis)
    }

    /// Returns the number of readers.
    pub fn readers(&self) -> usize {
        self.readers.len()
    }

    /// Returns the event that records the reads of the first reader until `now`.
    pub fn record(&self, origin: &str, now: Time) -> Option<Value> {
        let (reader, reads) = self.readers.first()?;
        let since = self.since().unwrap_or(now);
        Some(record(origin, (since, now), reader, reads))
    }

    /// Removes the reads of the first reader, once they are recorded.
    pub fn recorded(&mut self) {
        if !self.readers.is_empty() {
            self.readers.remove(0);
        }
        if self.readers.is_empty() {
            self.since = None;
        }
    }
}

/// Returns the event that records one reader's reads.
fn record(
    origin: &str,
    (since, until): (Time, Time),
    (name, credential, scope): &Reader,
    reads: &ReaderReads,
) -> Value {
    let members_of = |(request, count): &(ReadRequest, Count)| {
        let mut members = Map::new();
        members.insert("way".into(), request.way.name().into());
        if !request.filter.is_empty() {
            let filter =
                request.filter.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
            members.insert("filter".into(), filter.collect::<Map<_, _>>().into());
        }
        members.extend(count.to_members());
        Value::from(members)
    };
    let mut metadata = Map::new();
    metadata.insert("since".into(), since.to_string().into());
    metadata.insert("until".into(), until.to_string().into());
    if !scope.is_empty() {
        metadata.insert("scope".into(), scope.clone().into());
    }
    metadata.insert("reads".into(), reads.reads.iter().map(members_of).collect());
    if reads.others != Count::default() {
        metadata.insert("others".into(), reads.others.to_members().into());
    }
    json!({
        "action": "log.export",
        "actor": { "type": "user", "id": name, "credential": credential },
        "target": { "type": "log", "id": origin },
        "metadata": metadata,
    })
}
