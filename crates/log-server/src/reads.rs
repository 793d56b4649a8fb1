//! Collects reads while they happen, and records them periodically.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use crate::log_server::LogServer;
use countersign_log::reads::{Count, EVERY, PendingReads, ReadRequest, ReadRules, Reader, reader};
use countersign_log::submission::SubmitError;
use countersign_log::tokens::Access;

/// Maximum number of tenant logs in which reads are recorded at the same time. All can share a tick.
const MAX_LOGS_AT_ONCE: usize = 1024;
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
    /// True if the log is among those that have reads to record.
    is_listed: bool,
}

/// The tenant logs of a server that have reads to record. They are kept until these are recorded.
type ReadLogs = Mutex<Vec<Arc<Reads>>>;

/// The reads of a log.
pub(crate) struct Reads {
    rules: ReadRules,
    log_server: LogServer,
    gathered: Mutex<Batches>,
    /// The time of the last record. Held while recording.
    recording: tokio::sync::Mutex<Option<Instant>>,
    /// The tenant logs of this server that have reads to record. A log that isn't a tenant log is never among them.
    listed: Arc<ReadLogs>,
}

impl Reads {
    pub(crate) fn new(rules: ReadRules, log_server: LogServer) -> Arc<Self> {
        Arc::new(Self {
            rules,
            log_server,
            gathered: Mutex::default(),
            recording: tokio::sync::Mutex::default(),
            listed: Arc::default(),
        })
    }

    /// Creates the record of reads of a tenant log, for the record of its root log, which has the same rules.
    pub(crate) fn for_tenant(&self, log_server: LogServer) -> Arc<Self> {
        Arc::new(Self {
            rules: self.rules,
            log_server,
            gathered: Mutex::default(),
            recording: tokio::sync::Mutex::default(),
            listed: self.listed.clone(),
        })
    }

    fn batches(&self) -> MutexGuard<'_, Batches> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the start or the end of a read.
    fn add(self: &Arc<Self>, reader: &Reader, what: &ReadRequest, count: Count) -> u64 {
        let now = self.log_server.now();
        let mut batches = self.batches();
        batches.gathered.add(reader, what, count, now);
        self.list(&mut batches);
        batches.batch
    }

    /// Adds a tenant log to those that have reads to record.
    fn list(self: &Arc<Self>, batches: &mut Batches) {
        if self.log_server.tenant().is_some() && !std::mem::replace(&mut batches.is_listed, true) {
            self.listed.lock().unwrap_or_else(PoisonError::into_inner).push(self.clone());
        }
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
        let batch = self.add(&reader, &what, Count::begun());
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

    /// Records all collected reads, also those of tenant logs if this is their root log.
    ///
    /// # Errors
    /// If not all of them are known to be recorded. They are retried the next time.
    pub(crate) async fn record(self: &Arc<Self>) -> Result<(), SubmitError> {
        let listed = std::mem::take(&mut *self.listed.lock().unwrap_or_else(PoisonError::into_inner));
        if listed.is_empty() {
            return self.record_own().await;
        }
        let record = |log: Arc<Self>| async move {
            let recorded = log.record_own().await;
            recorded.err().map(|error| (error, log.batches().gathered.readers()))
        };
        let mut recording = stream::iter(listed).map(record).buffer_unordered(MAX_LOGS_AT_ONCE);
        let (mut failed, mut readers) = (Ok(()), 0);
        while let Some(recorded) = recording.next().await {
            if let Some((error, unrecorded)) = recorded {
                failed = Err(error);
                readers += unrecorded;
            }
        }
        self.log_server.metrics().reads_unrecorded(readers);
        failed
    }

    /// Drops the reads in tenant logs that couldn't be recorded, when the server stops.
    pub(crate) fn drop_unrecorded(&self) {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Records all collected reads of this log.
    async fn record_own(self: &Arc<Self>) -> Result<(), SubmitError> {
        let mut last = self.recording.lock().await;
        *last = Some(Instant::now());
        self.record_gathered().await
    }

    /// Records all collected reads. The caller holds `recording`.
    async fn record_gathered(self: &Arc<Self>) -> Result<(), SubmitError> {
        let now = self.log_server.now();
        let (mut gathered, batch) = {
            let mut batches = self.batches();
            batches.batch += 1;
            // Reads that are added from now on list the log again.
            batches.is_listed = false;
            (std::mem::take(&mut batches.gathered), batches.batch)
        };
        let mut failed = None;
        while let Some(record) = gathered.record(self.log_server.origin(), now) {
            match self.log_server.record(&record).await {
                // Nothing can be recorded after the last event of a tenant log.
                Ok(()) | Err(SubmitError::Ended { .. }) => gathered.recorded(),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if self.log_server.tenant().is_none() {
            self.log_server.metrics().reads_unrecorded(gathered.readers());
        }
        let Some(error) = failed else {
            self.batches().recorded = batch;
            return Ok(());
        };
        let readers = gathered.readers();
        tracing::error!(%error, readers, "reads couldn't be recorded; retrying");
        let mut batches = self.batches();
        batches.gathered.put_back(gathered);
        self.list(&mut batches);
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
        self.reads.add(&self.reader, &self.what, self.count);
    }
}
