//! Who read what: kept where the log is until it is recorded on the log's own chain.

use countersign::time::Time;

use super::{Content, EmbeddedCollector};
use crate::api::ApiError;
use crate::reads::{Count, EVERY, Gathered, Reader, RecordReads, What, reader};
use crate::sequencer::Job;
use crate::store::StoreError;
use crate::tokens::Access;

/// Keeps reads that are not recorded yet: a host may end at any time.
pub trait Unrecorded {
    /// What was kept, if anything.
    ///
    /// # Errors
    /// The store's own, as for all of these.
    fn kept(&self) -> Result<Option<String>, StoreError>;

    /// Keeps this in its place, or nothing.
    ///
    /// # Errors
    /// The store's own.
    fn keep(&self, text: Option<&str>) -> Result<(), StoreError>;
}

/// Reads that are not recorded yet.
pub(super) struct Reads {
    which: RecordReads,
    kept: Box<dyn Unrecorded>,
    gathered: Gathered,
}

impl Reads {
    pub(super) fn open(which: RecordReads, kept: Box<dyn Unrecorded>) -> Result<Self, StoreError> {
        let damaged =
            |error: serde_json::Error| StoreError::Damaged(format!("reads that are not recorded: {error}"));
        let gathered = kept.kept()?.map(|text| serde_json::from_str(&text).map_err(damaged)).transpose()?;
        Ok(Self { which, kept, gathered: gathered.unwrap_or_default() })
    }

    fn keep(&self) -> Result<(), StoreError> {
        let text = serde_json::to_string(&self.gathered);
        let text = text.map_err(|error| StoreError::unavailable("keeping who read what", error))?;
        self.kept.keep((self.gathered.readers() > 0).then_some(&text))
    }
}

/// A read that runs.
pub(super) struct Tally {
    reader: Reader,
    what: What,
    count: Count,
}

impl Tally {
    /// So many events were handed out, in a piece of so many bytes.
    pub(super) fn add(&mut self, events: u64, bytes: usize) {
        self.count.hand_out(events, bytes);
    }
}

impl EmbeddedCollector {
    /// Keeps that a read begins, where reads of this way are recorded. Where it cannot be kept there is no read.
    pub(super) fn begin_read(&mut self, access: &Access, what: What) -> Result<Option<Tally>, ApiError> {
        if !self.reads.which.has(what.way) {
            return Ok(None);
        }
        let (reader, now) = (reader(access), self.now());
        self.reads.gathered.add(&reader, &what, Count::begun(), now);
        self.reads.keep()?;
        Ok(Some(Tally { reader, what, count: Count::ended() }))
    }

    /// Nobody reads any further.
    pub fn ended(&mut self, content: &mut Content) {
        let tally = match content {
            Content::Export(sending) => sending.tally.take(),
            Content::Live(live) => live.tally.take(),
            Content::Looking(Some(looking)) => Self::tally(looking),
            _ => None,
        };
        self.end_read(tally, 0, 0);
    }

    /// A read ends, with so many more events and bytes handed out.
    pub(super) fn end_read(&mut self, tally: Option<Tally>, events: u64, bytes: usize) {
        let Some(Tally { reader, what, mut count }) = tally else { return };
        count.hand_out(events, bytes);
        let now = self.now();
        self.reads.gathered.add(&reader, &what, count, now);
        if let Err(error) = self.reads.keep() {
            tracing::error!(%error, "the end of a read is not kept yet");
        }
    }

    /// When reads are to be recorded, if there are any.
    pub fn reads_due(&self) -> Option<Time> {
        self.reads
            .gathered
            .since()
            .and_then(|since| Time::from_millis(since.millis() + EVERY.as_millis() as i64))
    }

    /// Records who read what so far, when it is time.
    ///
    /// # Errors
    /// When not all of it is recorded. It is to be tried again.
    pub fn record_reads(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        if self.reads_due().is_none_or(|due| now < due) {
            return Ok(());
        }
        let mut recorded = Ok(());
        while let Some(record) = self.reads.gathered.record(&self.origin, now) {
            let done = self.work(|reply| Job::Record { event: record.to_string(), reply })?;
            if let Err(error) = done {
                recorded = Err(StoreError::unavailable("recording who read what", error));
                break;
            }
            self.reads.gathered.recorded();
        }
        self.metrics.reads_unrecorded(self.reads.gathered.readers());
        self.reads.keep()?;
        recorded
    }
}
