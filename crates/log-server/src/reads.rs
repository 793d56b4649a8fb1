//! Gathering reads beside requests that run, and recording them from time to time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::log_server::LogServer;
use countersign_log::reads::{Count, EVERY, Gathered, ReadRules, Reader, What, reader};
use countersign_log::submitting::SubmitError;
use countersign_log::tokens::Access;

/// How often at most, where each waits for its record.
const AT_MOST: Duration = Duration::from_secs(1);

/// Reads that are not recorded yet, batch by batch.
#[derive(Default)]
struct Batches {
    gathered: Gathered,
    /// How often what was gathered was taken to be recorded.
    batch: u64,
    /// All of the batches before this one are durable.
    recorded: u64,
}

/// The reads of a log.
pub(crate) struct Reads {
    rules: ReadRules,
    log_server: LogServer,
    gathered: Mutex<Batches>,
    /// When it was recorded last. Who records holds this.
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

    /// A read begins. Where that is required it is on record when this returns.
    ///
    /// # Errors
    /// When that is required and not possible.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        access: &Access,
        what: What,
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
        tracing::error!(%error, readers, "who read what is not recorded, and is tried again");
        self.batches().gathered.put_back(gathered);
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
        self.count.hand_out(events, bytes);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let now = self.reads.log_server.now();
        self.reads.batches().gathered.add(&self.reader, &self.what, self.count, now);
    }
}
