//! Records go out in batches, each again until the receiver has it, and then it is kept how far that is.

use std::time::{Duration, Instant};

use countersign_client::DestinationError;
use countersign_delivery::Backoff;
use countersign_errors::EngineError;
use countersign_feeds::Record;

use crate::destination::Destination;
use crate::notice::{DispatchObserver, Notice};
use crate::progress::Progress;

/// A batch has no more bytes than this, but for a single record that is longer.
const BYTES: usize = 1 << 20;
/// How long nothing is looked at while a receiver is not asked.
const LOOK: Duration = Duration::from_millis(50);

/// Sends records to a destination.
pub struct Dispatch {
    destination: Box<dyn Destination>,
    progress: Progress,
    observer: Box<dyn DispatchObserver>,
    /// With each the leaf of an event; none of a finding.
    batch: Vec<(Option<u64>, Record)>,
    bytes: usize,
    /// How long a receiver may fail, where that ends at all.
    patience: Option<Duration>,
    sent: u64,
    /// What was last said of the receiver.
    told: Option<String>,
}

impl Dispatch {
    /// Begins with what was refused before, and is kept. `patience` is how long a destination may fail; without it, it is tried
    /// again until the observer stops.
    ///
    /// # Errors
    /// If the destination fails for so long, or the progress can't be kept.
    pub fn begin(
        destination: Box<dyn Destination>,
        progress: Progress,
        patience: Option<Duration>,
        observer: Box<dyn DispatchObserver>,
    ) -> Result<Self, EngineError> {
        let (batch, told) = (Vec::new(), None);
        let mut dispatch = Self { destination, progress, observer, batch, bytes: 0, patience, sent: 0, told };
        dispatch.destination.resume(dispatch.progress.written())?;
        let records = dispatch.progress.take_refused()?;
        if !records.is_empty() {
            // What is kept says so until the receiver was asked once more.
            dispatch.send(&records)?;
            dispatch.keep()?;
        }
        Ok(dispatch)
    }

    /// Returns how far it is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Returns how far it is, to be changed.
    pub fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    pub(crate) fn notice(&self, notice: &Notice) {
        self.observer.notice(notice);
    }

    /// Takes a record, unless it was sent before. `leaf` is that of an event; a finding has none.
    ///
    /// # Errors
    /// If the destination fails for too long, or the progress can't be kept.
    pub fn push(&mut self, leaf: Option<u64>, record: Record) -> Result<(), EngineError> {
        if self.progress.has(leaf, &record.id) {
            return Ok(());
        }
        if !self.batch.is_empty() && self.bytes + record.text.len() > BYTES {
            self.flush()?;
        }
        self.bytes += record.text.len();
        self.batch.push((leaf, record));
        if self.batch.len() >= self.destination.max_records() { self.flush() } else { Ok(()) }
    }

    /// Sends what there is, and keeps how far that is.
    ///
    /// # Errors
    /// If the destination fails for too long, or the progress can't be kept.
    pub fn flush(&mut self) -> Result<(), EngineError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (leaves, records): (Vec<_>, Vec<_>) = std::mem::take(&mut self.batch).into_iter().unzip();
        self.bytes = 0;
        self.send(&records)?;
        for (leaf, record) in leaves.into_iter().zip(&records) {
            self.progress.sent(leaf, &record.id);
        }
        self.keep()
    }

    /// Keeps how far it is.
    pub(crate) fn keep(&mut self) -> Result<(), EngineError> {
        self.progress.keep(self.destination.written())
    }

    /// Has the receiver take these, or keeps those that it refuses.
    fn send(&mut self, records: &[Record]) -> Result<(), EngineError> {
        let mut waits = Backoff::new();
        let begun = Instant::now();
        let mut left: Vec<&Record> = records.iter().collect();
        loop {
            let (why, asked) = match self.destination.send(&left) {
                Ok(answer) => {
                    if let Some((rejected, why)) = answer.rejected {
                        let records = left.len();
                        self.observer.notice(&Notice::Rejected { rejected, records, why });
                    }
                    self.sent += (left.len() - answer.refused.len() - answer.later.len()) as u64;
                    for (nth, why) in answer.refused {
                        self.refuse(left[nth], why);
                    }
                    left = answer.later.into_iter().map(|nth| left[nth]).collect();
                    if left.is_empty() {
                        if self.told.take().is_some() {
                            self.observer.notice(&Notice::Accepting);
                        }
                        return Ok(());
                    }
                    ("it doesn't accept all of them at the moment".to_owned(), answer.after)
                }
                Err(DestinationError::Refused(why)) if left.len() == 1 => {
                    self.refuse(left[0], why);
                    return Ok(());
                }
                // Which of them it does not want is found by halves.
                Err(DestinationError::Refused(_)) => {
                    let (first, second) = records_of(&left);
                    self.send(&first)?;
                    return self.send(&second);
                }
                Err(DestinationError::Later { why, after }) => (why, after),
            };
            if self.told.as_ref() != Some(&why) {
                self.observer.notice(&Notice::Waiting { why: why.clone() });
                self.told = Some(why.clone());
            }
            let until = Instant::now() + waits.next(asked);
            while Instant::now() < until {
                let is_over = self.patience.is_some_and(|patience| begun.elapsed() > patience);
                if self.observer.is_stopped() || is_over {
                    let hint = "run it again once the receiver can be reached; with --state it continues where it was";
                    // How many are still to come, nobody has counted.
                    let message = format!("{} sent, and the rest not: {why}", count(self.sent));
                    return Err(EngineError::new("feed.waiting", message, hint));
                }
                std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
            }
        }
    }

    fn refuse(&mut self, record: &Record, why: String) {
        if self.progress.refused().is_empty() {
            let is_kept = self.progress.is_kept();
            self.observer.notice(&Notice::Refused { id: record.id.clone(), why: why.clone(), is_kept });
        }
        self.progress.refuse(record, why);
    }

    /// Ends in good order. Returns the number of records that were sent.
    ///
    /// # Errors
    /// If the destination refused records, or not all were sent.
    pub fn end(mut self) -> Result<u64, EngineError> {
        self.flush()?;
        self.keep()?;
        let refused = self.progress.refused().len() as u64;
        if refused == 0 {
            return Ok(self.sent);
        }
        let message = format!("{} sent, {} refused by the receiver", count(self.sent), count(refused));
        let hint = if self.progress.is_kept() {
            "they are in refused.json in the state directory, with the receiver's reasons, and are sent again at the next start"
        } else {
            "with --state DIR they are kept and sent again"
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
