//! Delivery: records go out in batches, each again until the receiver has it, and then it is kept how far that is.

use std::time::{Duration, Instant};

use countersign::time::Time;
use countersign_feeds::Record;

use super::progress::Progress;
use super::sink::Sink;
use crate::errors::CliError;
use crate::io::retry::{DestinationError, Waits};
use crate::io::verdict::count;
use crate::io::{stop, style};

/// A batch has no more bytes than this, but for a single record that is longer.
const BYTES: usize = 1 << 20;
/// How long nothing is looked at while a receiver is not asked.
const LOOK: Duration = Duration::from_millis(50);

/// A feed on its way to a receiver.
pub(super) struct Delivery {
    sink: Box<dyn Sink>,
    pub(super) progress: Progress,
    /// With each the leaf of an event; none of a finding.
    batch: Vec<(Option<u64>, Record)>,
    bytes: usize,
    /// How long a receiver may fail, where that ends at all.
    patience: Option<Duration>,
    sent: u64,
    refused: u64,
    /// What was last said of the receiver.
    told: Option<String>,
}

impl Delivery {
    /// Sends first what was refused before.
    pub(super) fn begin(
        sink: Box<dyn Sink>,
        progress: Progress,
        patience: Option<Duration>,
    ) -> Result<Self, CliError> {
        let (batch, told) = (Vec::new(), None);
        let mut delivery = Self { sink, progress, batch, bytes: 0, patience, sent: 0, refused: 0, told };
        delivery.sink.resume(delivery.progress.written())?;
        let again = delivery.progress.take_refused();
        if !again.is_empty() {
            let records: Vec<Record> = again
                .into_iter()
                .filter_map(|one| {
                    Some(Record { id: one.id, time: one.time.parse::<Time>().ok()?, text: one.text })
                })
                .collect();
            // What is kept says so until the receiver was asked once more.
            delivery.send(&records)?;
            delivery.keep()?;
        }
        Ok(delivery)
    }

    /// Takes a record, unless it was sent before.
    pub(super) fn push(&mut self, leaf: Option<u64>, record: Record) -> Result<(), CliError> {
        if self.progress.has(leaf, &record.id) {
            return Ok(());
        }
        if !self.batch.is_empty() && self.bytes + record.text.len() > BYTES {
            self.flush()?;
        }
        self.bytes += record.text.len();
        self.batch.push((leaf, record));
        if self.batch.len() >= self.sink.most() { self.flush() } else { Ok(()) }
    }

    /// Sends what there is, and keeps how far that is.
    pub(super) fn flush(&mut self) -> Result<(), CliError> {
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
    pub(super) fn keep(&mut self) -> Result<(), CliError> {
        self.progress.keep(self.sink.written())
    }

    /// Has the receiver take these, or keeps those that it refuses.
    fn send(&mut self, records: &[Record]) -> Result<(), CliError> {
        let mut waits = Waits::new();
        let begun = Instant::now();
        let mut left: Vec<&Record> = records.iter().collect();
        loop {
            let (why, asked) = match self.sink.send(&left) {
                Ok(answer) => {
                    self.sent += (left.len() - answer.refused.len() - answer.later.len()) as u64;
                    for (nth, why) in answer.refused {
                        self.refuse(left[nth], why);
                    }
                    left = answer.later.into_iter().map(|nth| left[nth]).collect();
                    if left.is_empty() {
                        if self.told.take().is_some() {
                            style::done("the receiver accepts records again");
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
                style::warn(&format!("the receiver doesn't accept records, so they wait: {why}"));
                self.told = Some(why.clone());
            }
            let until = Instant::now() + waits.next(asked);
            while Instant::now() < until {
                let is_over = self.patience.is_some_and(|patience| begun.elapsed() > patience);
                if stop::asked() || is_over {
                    let hint = "run it again once the receiver can be reached; with --state it continues where it was";
                    // How many are still to come, nobody has counted.
                    let message = format!("{} sent, and the rest not: {why}", count(self.sent, "record"));
                    return Err(CliError::unusable("feed.waiting", message, hint));
                }
                std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
            }
        }
    }

    fn refuse(&mut self, record: &Record, why: String) {
        self.refused += 1;
        if self.refused == 1 {
            let kept = if self.progress.is_kept() {
                "it is kept, and sent again at the next start"
            } else {
                "it is lost: --state keeps it"
            };
            style::warn(&format!("the receiver refuses {}: {why}; {kept}", record.id));
        }
        self.progress.refuse(record, why);
    }

    /// Ends in good order, and says what was done.
    pub(super) fn end(mut self) -> Result<(), CliError> {
        self.flush()?;
        self.keep()?;
        let sent = count(self.sent, "record");
        let refused = self.progress.refused().len() as u64;
        if refused == 0 {
            style::done(&format!("{sent} sent"));
            return Ok(());
        }
        let message = format!("{sent} sent, {} refused by the receiver", count(refused, "record"));
        let hint = if self.progress.is_kept() {
            "they are in refused.json in the state directory, with the receiver's reasons, and are sent again at the next start"
        } else {
            "with --state DIR they are kept and sent again"
        };
        Err(CliError::unusable("feed.refused", message, hint))
    }
}

fn records_of(left: &[&Record]) -> (Vec<Record>, Vec<Record>) {
    let (first, second) = left.split_at(left.len() / 2);
    let owned = |records: &[&Record]| records.iter().map(|record| (*record).clone()).collect();
    (owned(first), owned(second))
}
