//! Who read what: recorded on the log's own chain as `log.export` (SPEC section 12).
//!
//! Reads are gathered for each token and recorded together, once a minute and when the server stops, so that who asks
//! all the time does not fill the log. A record that fails is tried again with the next one, is told of in the server's
//! logs, and is counted. Where recording is required, a read is answered when the record that it began is durable, and
//! refused when it cannot be; such records are made once a second at most.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use countersign::hash::Hash;
use countersign::time::Time;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::collector::Collector;
use crate::submitting::SubmitError;
use crate::tokens::Access;

/// How often reads are recorded.
const EVERY: Duration = Duration::from_mins(1);
/// How often at most, where each waits for its record.
const AT_MOST: Duration = Duration::from_secs(1);
/// Of so many different kinds of reads one record tells, for each token. Others are counted together.
const DIFFERENT: usize = 16;
/// A value of a condition that is longer, in bytes, is recorded as its hash.
const LONG: usize = 256;

/// Which reads are recorded. The default is none.
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

/// How reads are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadRules {
    /// Which.
    pub record: RecordReads,
    /// Whether a read that cannot be recorded is refused.
    pub required: bool,
}

/// The way of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Export,
    Explain,
    Proof,
    Stream,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Explain => "explain",
            Self::Proof => "proof",
            Self::Stream => "stream",
        }
    }
}

/// What was read: in which way, and what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct What {
    way: Way,
    filter: Vec<(String, String)>,
}

impl What {
    /// Of a request with these parameters.
    pub(crate) fn new(way: Way, filter: Vec<(String, String)>) -> Self {
        let short = |(name, value): (String, String)| {
            let value =
                if value.len() > LONG { format!("sha256:{}", Hash::of(&[value.as_bytes()])) } else { value };
            (name, value)
        };
        Self { way, filter: filter.into_iter().map(short).collect() }
    }
}

/// How often, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    begun: u64,
    ended: u64,
    events: u64,
    bytes: u64,
}

impl Count {
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
type Reader = (String, String, Vec<String>);

#[derive(Debug, Default)]
struct OfReader {
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

#[derive(Default)]
struct Gathered {
    since: Option<Time>,
    readers: BTreeMap<Reader, OfReader>,
    /// How often what was gathered was taken to be recorded.
    batch: u64,
    /// All of the batches before this one are durable.
    recorded: u64,
}

impl Gathered {
    fn add(&mut self, reader: &Reader, what: &What, count: Count, since: Time) {
        self.since = Some(self.since.map_or(since, |earlier| earlier.min(since)));
        self.readers.entry(reader.clone()).or_default().add(what, count);
    }
}

/// The reads of a log.
pub(crate) struct Reads {
    rules: ReadRules,
    collector: Collector,
    gathered: Mutex<Gathered>,
    /// When it was recorded last. Who records holds this.
    recording: tokio::sync::Mutex<Option<Instant>>,
}

impl Reads {
    pub(crate) fn new(rules: ReadRules, collector: Collector) -> Arc<Self> {
        Arc::new(Self {
            rules,
            collector,
            gathered: Mutex::default(),
            recording: tokio::sync::Mutex::default(),
        })
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A read begins. Where that is required it is on record when this returns.
    ///
    /// # Errors
    /// When that is required and not possible.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        access: &Access,
        what: What,
    ) -> Result<Option<Tally>, SubmitError> {
        let is_recorded = match self.rules.record {
            RecordReads::None => false,
            RecordReads::Exports => matches!(what.way, Way::Export | Way::Explain),
            RecordReads::All => true,
        };
        if !is_recorded {
            return Ok(None);
        }
        let scope = access.scope().conditions();
        let scope = scope.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let reader = (access.name().to_owned(), access.credential(), scope);
        let batch = {
            let mut gathered = self.gathered();
            gathered.add(&reader, &what, Count { begun: 1, ..Count::default() }, self.collector.now());
            gathered.batch
        };
        let tally =
            Tally { reads: self.clone(), reader, what, count: Count { ended: 1, ..Count::default() } };
        if self.rules.required {
            let mut last = self.recording.lock().await;
            if self.gathered().recorded <= batch {
                if let Some(last) = *last {
                    tokio::time::sleep_until(last + AT_MOST).await;
                }
                *last = Some(Instant::now());
                self.record_gathered().await?;
            }
        }
        Ok(Some(tally))
    }

    /// Records what was gathered.
    ///
    /// # Errors
    /// When not all of it is known to be recorded. It is tried again the next time.
    pub(crate) async fn record(&self) -> Result<(), SubmitError> {
        let mut last = self.recording.lock().await;
        *last = Some(Instant::now());
        self.record_gathered().await
    }

    /// For those alone who hold `recording`.
    async fn record_gathered(&self) -> Result<(), SubmitError> {
        let now = self.collector.now();
        let (since, mut readers, batch) = {
            let mut gathered = self.gathered();
            gathered.batch += 1;
            (gathered.since.take().unwrap_or(now), std::mem::take(&mut gathered.readers), gathered.batch)
        };
        let mut failed = None;
        while let Some((reader, reads)) = readers.pop_first() {
            let record = record(self.collector.origin(), (since, now), &reader, &reads);
            if let Err(error) = self.collector.record(&record).await {
                readers.insert(reader, reads);
                failed = Some(error);
                break;
            }
        }
        self.collector.metrics().reads_unrecorded(readers.len());
        let Some(error) = failed else {
            self.gathered().recorded = batch;
            return Ok(());
        };
        tracing::error!(%error, readers = readers.len(), "who read what is not recorded, and is tried again");
        let mut gathered = self.gathered();
        for (reader, OfReader { reads, others }) in readers {
            for (what, count) in reads {
                gathered.add(&reader, &what, count, since);
            }
            gathered.readers.entry(reader).or_default().others.add(others);
        }
        Err(error)
    }

    /// Records from time to time, for as long as the log is there.
    pub(crate) async fn keep_recording(this: Weak<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            let Some(reads) = this.upgrade() else { return };
            // What fails is told of there.
            let _ = reads.record().await;
        }
    }
}

/// A read that runs. It has ended when this is dropped.
pub(crate) struct Tally {
    reads: Arc<Reads>,
    reader: Reader,
    what: What,
    count: Count,
}

impl Tally {
    /// So many events were handed out, in a piece of so many bytes.
    pub(crate) fn add(&mut self, events: u64, bytes: usize) {
        self.count.events += events;
        self.count.bytes += bytes as u64;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let now = self.reads.collector.now();
        self.reads.gathered().add(&self.reader, &self.what, self.count, now);
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
