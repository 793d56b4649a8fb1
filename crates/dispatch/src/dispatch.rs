//! Sends records in batches, with retries until the destination accepts them, and then saves the progress.

use std::time::{Duration, Instant};

use countersign_client::DestinationError;
use countersign_delivery::Backoff;
use countersign_errors::EngineError;
use countersign_feeds::Record;

use crate::destination::Destination;
use crate::notice::{DispatchNotice, DispatchObserver};
use crate::progress::Progress;

/// The maximum size of a batch, in bytes. A single longer record is a batch by itself.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// Time between two checks for a request to stop while waiting for a retry.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Sends records to a destination.
pub struct Dispatch {
    destination: Box<dyn Destination>,
    progress: Progress,
    observer: Box<dyn DispatchObserver>,
    /// The records to send, each with the index of its event; `None` for a finding.
    batch: Vec<(Option<u64>, Record)>,
    bytes: usize,
    /// Maximum time for which a destination may fail; `None` for no limit.
    patience: Option<Duration>,
    sent: u64,
    /// The number of records that the destination rejected without saying which.
    lost: u64,
    /// The reason for waiting that was reported last.
    reported: Option<String>,
}

impl Dispatch {
    /// Creates a dispatch, and first sends the records that were rejected in an earlier run. `patience` is the
    /// maximum time for which a destination may fail; without it, retries continue until the observer stops.
    ///
    /// # Errors
    /// If the destination fails for longer, or the progress can't be saved.
    pub fn begin(
        destination: Box<dyn Destination>,
        progress: Progress,
        patience: Option<Duration>,
        observer: Box<dyn DispatchObserver>,
    ) -> Result<Self, EngineError> {
        let (batch, reported) = (Vec::new(), None);
        let mut dispatch =
            Self { destination, progress, observer, batch, bytes: 0, patience, sent: 0, lost: 0, reported };
        dispatch.destination.resume(dispatch.progress.written())?;
        let records = dispatch.progress.take_refused()?;
        if !records.is_empty() {
            // The saved progress has these records until the destination has been tried again.
            dispatch.send(&records)?;
            dispatch.save()?;
        }
        Ok(dispatch)
    }

    /// Returns the progress.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Returns the progress, mutably.
    pub fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    pub(crate) fn notice(&self, notice: &DispatchNotice) {
        self.observer.notice(notice);
    }

    /// Queues a record, unless it was sent before. `leaf` is the index of an event; `None` for a finding.
    ///
    /// # Errors
    /// If the destination fails for too long, or the progress can't be saved.
    pub fn push(&mut self, leaf: Option<u64>, record: Record) -> Result<(), EngineError> {
        if self.progress.has_sent(leaf, &record.id) {
            return Ok(());
        }
        if !self.batch.is_empty() && self.bytes + record.text.len() > MAX_BATCH_BYTES {
            self.flush()?;
        }
        self.bytes += record.text.len();
        self.batch.push((leaf, record));
        if self.batch.len() >= self.destination.max_records() { self.flush() } else { Ok(()) }
    }

    /// Sends the queued records and saves the progress.
    ///
    /// # Errors
    /// If the destination fails for too long, or the progress can't be saved.
    pub fn flush(&mut self) -> Result<(), EngineError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (leaves, records): (Vec<_>, Vec<_>) = std::mem::take(&mut self.batch).into_iter().unzip();
        self.bytes = 0;
        self.send(&records)?;
        for (leaf, record) in leaves.into_iter().zip(&records) {
            self.progress.mark_sent(leaf, &record.id);
        }
        self.save()
    }

    /// Saves the progress.
    pub(crate) fn save(&mut self) -> Result<(), EngineError> {
        self.progress.save(self.destination.written())
    }

    /// Sends records until all are accepted or rejected; saves the rejected ones.
    fn send(&mut self, records: &[Record]) -> Result<(), EngineError> {
        let mut waits = Backoff::new();
        let begun = Instant::now();
        let mut left: Vec<&Record> = records.iter().collect();
        loop {
            let (why, after) = match self.destination.send(&left) {
                Ok(mut answer) => {
                    let mut rejected = 0;
                    match answer.rejected.take() {
                        Some((number, why)) if number >= left.len() as u64 => {
                            answer.refused = (0..left.len()).map(|nth| (nth, why.clone())).collect();
                        }
                        Some((number, why)) => {
                            rejected = number;
                            let records = left.len();
                            self.observer.notice(&DispatchNotice::Rejected { rejected, records, why });
                        }
                        None => {}
                    }
                    let others = (left.len() - answer.refused.len() - answer.later.len()) as u64;
                    self.sent += others.saturating_sub(rejected);
                    self.lost += rejected;
                    for (nth, why) in answer.refused {
                        self.refuse(left[nth], why);
                    }
                    left = answer.later.into_iter().map(|nth| left[nth]).collect();
                    if left.is_empty() {
                        if self.reported.take().is_some() {
                            self.observer.notice(&DispatchNotice::Accepting);
                        }
                        return Ok(());
                    }
                    ("it doesn't accept all records at the moment".to_owned(), answer.after)
                }
                Err(DestinationError::Refused(why)) if left.len() == 1 => {
                    self.refuse(left[0], why);
                    return Ok(());
                }
                // Halving the batch finds the records that it rejects.
                Err(DestinationError::Refused(_)) => {
                    let (first, second) = records_of(&left);
                    self.send(&first)?;
                    return self.send(&second);
                }
                Err(DestinationError::Later { why, after }) => (why, after),
            };
            if self.reported.as_ref() != Some(&why) {
                self.observer.notice(&DispatchNotice::Waiting { why: why.clone() });
                self.reported = Some(why.clone());
            }
            let until = Instant::now() + waits.next(after);
            while Instant::now() < until {
                let is_over = self.patience.is_some_and(|patience| begun.elapsed() > patience);
                if self.observer.is_stopped() || is_over {
                    let hint = "run it again when the destination can be reached; with --state it continues where it stopped";
                    // The number of remaining records is unknown.
                    let message = format!("{} sent, the rest not: {why}", count(self.sent));
                    return Err(EngineError::new("feed.waiting", message, hint));
                }
                std::thread::sleep(POLL_INTERVAL.min(until.saturating_duration_since(Instant::now())));
            }
        }
    }

    fn refuse(&mut self, record: &Record, why: String) {
        if self.progress.refused().is_empty() {
            let is_kept = self.progress.is_saved();
            self.observer.notice(&DispatchNotice::Refused {
                id: record.id.clone(),
                why: why.clone(),
                is_kept,
            });
        }
        self.progress.refuse(record, why);
    }

    /// Shuts down cleanly. Returns the number of records that were sent.
    ///
    /// # Errors
    /// If the destination rejected records, or not all were sent.
    pub fn end(mut self) -> Result<u64, EngineError> {
        self.flush()?;
        self.save()?;
        let refused = self.progress.refused().len() as u64;
        if refused + self.lost == 0 {
            return Ok(self.sent);
        }
        let rejected = count(refused + self.lost);
        let message = format!("{} sent, {rejected} rejected by the destination", count(self.sent));
        let hint = if self.lost > 0 {
            "the destination did not say which records it rejected, so they can't be sent again; its logs have the reasons. To export them from the log, use `countersign export`"
        } else if self.progress.is_saved() {
            "see refused.json in the state directory for the reasons; the records are sent again at the next start"
        } else {
            "use --state DIR to keep rejected records and send them again"
        };
        Err(EngineError::new("feed.refused", message, hint))
    }
}

fn count(number: u64) -> String {
    if number == 1 { "1 record".into() } else { format!("{number} records") }
}

fn records_of(left: &[&Record]) -> (Vec<Record>, Vec<Record>) {
    let (first, second) = left.split_at(left.len() / 2);
    let owned = |records: &[&Record]| records.iter().map(|record| (*record).clone()).collect();
    (owned(first), owned(second))
}
