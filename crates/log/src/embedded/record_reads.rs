//! Counting reads, and recording them on the log's own chain.

use countersign::time::Time;

use super::content::Content;
use super::log_server::EmbeddedLogServer;
use super::reads::Tally;
use crate::api::ApiError;
use crate::reads::{Count, EVERY, What, reader};
use crate::sequencer::Job;
use crate::store::StoreError;
use crate::tokens::Access;

impl EmbeddedLogServer {
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
