//! Collects reads while they happen, and records them periodically.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::log_server::LogServer;
use countersign_log::reads::{Count, EVERY, PendingReads, ReadRequest, ReadRules, Reader, reader};
use countersign_log::submission::SubmitError;
use countersign_log::tokens::Access;

/// Minimum interval between records if each read must wait for its record.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Reads that aren't recorded yet, in batches.
#[derive(Default)]
struct Batches {
    gathered: PendingReads,
    /// The number of batches taken to be recorded.
    batch: u64,
    /// All batches before this one are durable.
    recorded: u64,
}

/// The reads of a log.
pub(crate) struct Reads {
    rules: ReadRules,
    log_server: LogServer,
    gathered: Mutex<Batches>,
    /// The time of the last record. Held while recording.
    recording: tokio::sync::Mutex<Option<Instant>>,
}

impl Reads {
    pub(crate) fn new(rules: ReadRules, log_server: LogServer) -> Arc<Self> {
        Arc::new(Self {
            rules,
            log_server,
            gathered: Mutex::default(),
            recording: tokio::sync::Mutex::default(),
        })
    }

    fn batches(&self) -> MutexGuard<'_, Batches> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a read. If the rules require it, the read is durably recorded when this returns.
    ///
    /// # Errors
    /// If the read must be recorded first and that fails.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        access: &Access,
        what: ReadRequest,
    ) -> Result<Option<Tally>, SubmitError> {
        if !self.rules.record.has(what.way) {
            return Ok(None);
        }
        let reader = reader(access);
        let batch = {
            let mut batches = self.batches();
            batches.gathered.add(&reader, &what, Count::begun(), self.log_server.now());
            batches.batch
        };
        let tally = Tally { reads: self.clone(), reader, what, count: Count::ended() };
        if self.rules.required {
            let mut last = self.recording.lock().await;
            if self.batches().recorded <= batch {
                if let Some(last) = *last {
                    tokio::time::sleep_until(last + MIN_INTERVAL).await;
                }
                *last = Some(Instant::now());
                self.record_gathered().await?;
            }
        }
        Ok(Some(tally))
    }

    /// Records all collected reads.
    ///
    /// # Errors
    /// If not all of them are known to be recorded. They are retried the next time.
    pub(crate) async fn record(&self) -> Result<(), SubmitError> {
        let mut last = self.recording.lock().await;
        *last = Some(Instant::now());
        self.record_gathered().await
    }

    /// Records all collected reads. The caller holds `recording`.
    async fn record_gathered(&self) -> Result<(), SubmitError> {
        let now = self.log_server.now();
        let (mut gathered, batch) = {
            let mut batches = self.batches();
            batches.batch += 1;
            (std::mem::take(&mut batches.gathered), batches.batch)
        };
        let mut failed = None;
        while let Some(record) = gathered.record(self.log_server.origin(), now) {
            if let Err(error) = self.log_server.record(&record).await {
                failed = Some(error);
                break;
            }
            gathered.recorded();
        }
        self.log_server.metrics().reads_unrecorded(gathered.readers());
        let Some(error) = failed else {
            self.batches().recorded = batch;
            return Ok(());
        };
        let readers = gathered.readers();
        tracing::error!(%error, readers, "reads couldn't be recorded; retrying");
        self.batches().gathered.put_back(gathered);
        Err(error)
    }

    /// Records reads periodically, until the log is dropped.
    pub(crate) async fn keep_recording(this: Weak<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            let Some(reads) = this.upgrade() else { return };
            // Errors are logged by `record`.
            let _ = reads.record().await;
        }
    }
}

/// The count of a running read. Dropping it ends the read.
pub(crate) struct Tally {
    reads: Arc<Reads>,
    reader: Reader,
    what: ReadRequest,
    count: Count,
}

impl Tally {
    /// Counts a piece of `bytes` with `events` sent to the reader.
    pub(crate) fn add(&mut self, events: u64, bytes: usize) {
        self.count.hand_out(events, bytes);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let now = self.reads.log_server.now();
        self.reads.batches().gathered.add(&self.reader, &self.what, self.count, now);
    }
}
