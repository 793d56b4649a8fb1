//! Counts reads, and records them on the log's own chain.

use countersign::time::Time;

use super::content::Content;
use super::log_server::EmbeddedLogServer;
use super::pending::JobAnswer;
use super::reads::Tally;
use crate::api::ApiError;
use crate::reads::{Count, EVERY, ReadRequest, reader};
use crate::sequencer::Job;
use crate::store::StoreError;
use crate::tokens::Access;

impl EmbeddedLogServer {
    /// Stores the start of a read, if reads of this kind are recorded. If that fails, the read is rejected.
    pub(super) fn begin_read(
        &mut self,
        access: &Access,
        read: ReadRequest,
    ) -> Result<Option<Tally>, ApiError> {
        if !self.reads.record.has(read.way) {
            return Ok(None);
        }
        let (reader, now) = (reader(access), self.now());
        self.reads.gathered.add(&reader, &read, Count::begun(), now);
        self.reads.keep()?;
        Ok(Some(Tally { reader, read, count: Count::ended() }))
    }

    /// Counts the end of a response that the client stopped reading.
    pub fn ended(&mut self, content: &mut Content) {
        let tally = match content {
            Content::Export(sending) => sending.tally.take(),
            Content::Live(live) => live.tally.take(),
            Content::Search(Some(search)) => Self::tally(search),
            _ => None,
        };
        self.end_read(tally, 0, 0);
    }

    /// Counts the end of a read, after the events and bytes sent last.
    pub(super) fn end_read(&mut self, tally: Option<Tally>, events: u64, bytes: usize) {
        let Some(Tally { reader, read, mut count }) = tally else { return };
        count.hand_out(events, bytes);
        let now = self.now();
        self.reads.gathered.add(&reader, &read, count, now);
        if let Err(error) = self.reads.keep() {
            tracing::error!(%error, "failed to store the end of a read");
        }
    }

    /// Returns the time at which reads must be recorded, if there are any.
    pub fn reads_due(&self) -> Option<Time> {
        self.reads
            .gathered
            .since()
            .and_then(|since| Time::from_millis(since.millis() + EVERY.as_millis() as i64))
    }

    /// Submits the record of one reader's reads, if it is time. The sequencer answers at the next tick: then call
    /// [`end_record`](Self::end_record), before more reads are added.
    pub(super) fn submit_record(&mut self) -> Option<JobAnswer> {
        let now = self.now();
        self.reads_due().filter(|due| *due <= now)?;
        let record = self.reads.gathered.record(&self.origin, now)?;
        Some(JobAnswer::new(self.queue(|reply| Job::Record { event: record.to_string(), reply })))
    }

    /// Ends a record of reads. Unless it is done, the reads are recorded later.
    pub(super) fn end_record(&mut self, is_done: bool) {
        if !is_done {
            return tracing::error!("reads of a tenant log were not recorded");
        }
        self.reads.gathered.recorded();
        if let Err(error) = self.reads.keep() {
            tracing::error!(%error, "failed to store that reads were recorded");
        }
    }

    /// Records the reads so far, if it is time.
    ///
    /// # Errors
    /// [`StoreError`] if some reads could not be recorded. In this case, call it again.
    pub fn record_reads(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        if self.reads_due().is_none_or(|due| now < due) {
            return Ok(());
        }
        let mut recorded = Ok(());
        while let Some(record) = self.reads.gathered.record(&self.origin, now) {
            let done = self.work(|reply| Job::Record { event: record.to_string(), reply })?;
            if let Err(error) = done {
                recorded = Err(StoreError::unavailable("recording reads", error));
                break;
            }
            self.reads.gathered.recorded();
        }
        self.shared.metrics.reads_unrecorded(self.reads.gathered.readers());
        self.reads.keep()?;
        recorded
    }
}
