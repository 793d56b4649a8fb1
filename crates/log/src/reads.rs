//! Who read what: recorded on the log's own chain as `log.export` (SPEC section 12).
//!
//! Reads are gathered for each token and recorded together, once a minute and when the server stops, so that who asks
//! all the time does not fill the log. A record that fails is tried again with the next one, is told of in the server's
//! logs, and is counted. Where recording is required, a read is answered when the record that it began is durable, and
//! refused when it cannot be; such records are made once a second at most.

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

/// How often reads are recorded.
pub const EVERY: Duration = Duration::from_mins(1);
/// Of so many different kinds of reads one record tells, for each token. Others are counted together.
const DIFFERENT: usize = 16;
/// A value of a condition that is longer, in bytes, is recorded as its hash.
const LONG: usize = 256;

/// Which reads are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordReads {
    /// None.
    #[default]
    None,
    /// Exports, with conditions (searches) and without, and explanations of searches.
    Exports,
    /// Proofs and live views too.
    All,
}

impl FromStr for RecordReads {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "exports" => Ok(Self::Exports),
            "all" => Ok(Self::All),
            _ => Err("reads are recorded for none, exports or all"),
        }
    }
}

impl RecordReads {
    /// What is recorded where nobody says: exports, if whoever goes by this trust file knows the log's own key, which signs the
    /// records. The exports of others would be `untrusted` by them.
    pub fn by_default(trust: &Trust, log: &VerifierKey) -> Self {
        let known = trust.emitters().contains(log) && trust.revoked_since(log).is_none();
        if known { Self::Exports } else { Self::None }
    }

    /// Whether reads of that way are.
    pub fn has(self, way: Way) -> bool {
        match self {
            Self::None => false,
            Self::Exports => matches!(way, Way::Export | Way::Explain),
            Self::All => true,
        }
    }
}

/// How reads are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadRules {
    /// Which.
    pub record: RecordReads,
    /// Whether a read that cannot be recorded is refused.
    pub required: bool,
}

/// The way of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Way {
    /// `GET /export`.
    Export,
    /// `GET /explain`.
    Explain,
    /// `GET /proof`.
    Proof,
    /// `GET /stream`.
    Stream,
}

impl Way {
    fn name(self) -> &'static str {
        self.into()
    }
}

/// What was read: in which way, and what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct What {
    /// The way of reading.
    pub way: Way,
    filter: Vec<(String, String)>,
}

impl What {
    /// Of a request with these parameters.
    pub fn new(way: Way, filter: Vec<(String, String)>) -> Self {
        let short = |(name, value): (String, String)| {
            let value =
                if value.len() > LONG { format!("sha256:{}", Hash::of(&[value.as_bytes()])) } else { value };
            (name, value)
        };
        Self { way, filter: filter.into_iter().map(short).collect() }
    }

    /// Of a request for a proof at that address.
    pub fn of_proof(path: &str) -> Self {
        let place = path.trim_start_matches("/proof/").to_owned();
        Self::new(Way::Proof, vec![("event".into(), place)])
    }
}

/// How often, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    begun: u64,
    ended: u64,
    events: u64,
    bytes: u64,
}

impl Count {
    /// Of a read that begins.
    pub fn begun() -> Self {
        Self { begun: 1, ..Self::default() }
    }

    /// Of one that has ended, once all is added that was handed out.
    pub fn ended() -> Self {
        Self { ended: 1, ..Self::default() }
    }

    /// So many events were handed out, in a piece of so many bytes.
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

/// A reader: the name, the token, and what it is bound to.
pub type Reader = (String, String, Vec<String>);

/// Who reads.
pub fn reader(access: &Access) -> Reader {
    let scope = access.scope().conditions();
    let scope = scope.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    (access.name().to_owned(), access.credential(), scope)
}

/// What one reader read.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OfReader {
    reads: Vec<(What, Count)>,
    others: Count,
}

impl OfReader {
    fn add(&mut self, what: &What, count: Count) {
        if let Some((_, all)) = self.reads.iter_mut().find(|(other, _)| other == what) {
            all.add(count);
        } else if self.reads.len() < DIFFERENT {
            self.reads.push((what.clone(), count));
        } else {
            self.others.add(count);
        }
    }
}

/// Reads that are not recorded yet.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// When the first of them was, in milliseconds from the epoch.
    since: Option<i64>,
    /// In their order.
    readers: Vec<(Reader, OfReader)>,
}

impl Gathered {
    /// Adds a read, or its end.
    pub fn add(&mut self, reader: &Reader, what: &What, count: Count, at: Time) {
        self.note(at.millis());
        self.of(reader).add(what, count);
    }

    /// Adds what was gathered before.
    pub fn put_back(&mut self, before: Self) {
        if let Some(since) = before.since {
            self.note(since);
        }
        for (reader, OfReader { reads, others }) in before.readers {
            let all = self.of(&reader);
            for (what, count) in reads {
                all.add(&what, count);
            }
            all.others.add(others);
        }
    }

    fn note(&mut self, at: i64) {
        self.since = Some(self.since.map_or(at, |earlier| earlier.min(at)));
    }

    fn of(&mut self, reader: &Reader) -> &mut OfReader {
        let place = self.readers.binary_search_by(|(other, _)| other.cmp(reader)).unwrap_or_else(|place| {
            self.readers.insert(place, (reader.clone(), OfReader::default()));
            place
        });
        &mut self.readers[place].1
    }

    /// When the first of them was.
    pub(crate) fn since(&self) -> Option<Time> {
        self.since.and_then(Time::from_millis)
    }

    /// How many readers they are of.
    pub fn readers(&self) -> usize {
        self.readers.len()
    }

    /// The event that tells of the first reader, by now.
    pub fn record(&self, origin: &str, now: Time) -> Option<Value> {
        let (reader, reads) = self.readers.first()?;
        let since = self.since().unwrap_or(now);
        Some(record(origin, (since, now), reader, reads))
    }

    /// That was recorded.
    pub fn recorded(&mut self) {
        if !self.readers.is_empty() {
            self.readers.remove(0);
        }
        if self.readers.is_empty() {
            self.since = None;
        }
    }
}

/// The event that tells of it.
fn record(
    origin: &str,
    (since, until): (Time, Time),
    (name, credential, scope): &Reader,
    of_reader: &OfReader,
) -> Value {
    let read = |(what, count): &(What, Count)| {
        let mut members = Map::new();
        members.insert("way".into(), what.way.name().into());
        if !what.filter.is_empty() {
            let filter = what.filter.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
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
    metadata.insert("reads".into(), of_reader.reads.iter().map(read).collect());
    if of_reader.others != Count::default() {
        metadata.insert("others".into(), of_reader.others.to_members().into());
    }
    json!({
        "action": "log.export",
        "actor": { "type": "user", "id": name, "credential": credential },
        "target": { "type": "log", "id": origin },
        "metadata": metadata,
    })
}
