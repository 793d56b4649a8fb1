//! Delivering an outbox: one submission at a time, and nothing leaves the outbox before the log has proven that it
//! holds it.
//!
//! A step reads no clock and waits for nothing: it sends once and says what follows. Who calls it waits.

mod answer;
mod batch;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign::link::ChainId;
use countersign::time::Time;
use countersign::trust::Trust;

pub(crate) use self::answer::Answer;
use self::answer::{Meaning, Words, prove, prove_note};
pub(crate) use self::batch::BatchLimits;
use self::batch::{Batch, NoBatch, holds};
use crate::errors::Failure;
use crate::io::outbox::Outbox;
use crate::io::verdict::count;

/// Where links are submitted to.
pub(crate) trait Collector {
    /// Submits these lines once.
    ///
    /// # Errors
    /// When there was no whole answer. Whether the collector has the lines is not known then.
    fn submit(&mut self, lines: &str) -> Result<Answer, Failure>;
}

/// What one step came to.
#[derive(Debug)]
pub(crate) enum Step {
    /// There is nothing to deliver.
    Empty,
    /// So many events are proven to be in the log.
    Delivered { events: u64 },
    /// Something is to be sent otherwise, at once.
    Again,
    /// Links are dated ahead of the log's clock, which showed `now`. All before `from` is in the log, where that is in
    /// the middle of a segment.
    Early { now: Time, from: Option<(ChainId, u64)>, after: Option<Duration>, why: Failure },
    /// It did not work, and may work later; not before `after`, where the collector said so.
    Later { after: Option<Duration>, why: Failure },
    /// It will not work as long as nobody does something about it.
    Refused(Failure),
    /// The chain cannot go on.
    Dead(Failure),
}

/// Delivers an outbox.
pub(crate) struct Delivery<'a> {
    outbox: &'a Mutex<Outbox>,
    trust: &'a Trust,
    origin: &'a str,
    limits: BatchLimits,
    /// The link to begin with, where it is not the first one.
    from: Option<(ChainId, u64)>,
    /// Whether nothing was taken since it was decided where to begin.
    moved: bool,
}

impl<'a> Delivery<'a> {
    /// Delivers to the log of that origin, believing proofs that the trust bears out.
    pub(crate) fn new(outbox: &'a Mutex<Outbox>, trust: &'a Trust, origin: &'a str) -> Self {
        Self { outbox, trust, origin, limits: BatchLimits::default(), from: None, moved: false }
    }

    /// The same with these limits.
    #[must_use]
    pub(crate) fn limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    fn outbox(&self) -> MutexGuard<'a, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much the collector takes at one time, as far as it is known.
    pub(crate) fn known_limits(&self) -> BatchLimits {
        self.limits
    }

    /// Sends once, if there is something to send.
    pub(crate) fn step(&mut self, collector: &mut dyn Collector) -> Step {
        let batch = Batch::take(&self.outbox(), self.from, &self.limits);
        let batch = match batch {
            Ok(batch) => batch,
            Err(NoBatch::Empty) if self.from.take().is_some() => return Step::Again,
            Err(NoBatch::Empty) => return Step::Empty,
            Err(NoBatch::TooLarge) => return Step::Refused(self.too_large()),
            Err(NoBatch::Failed(failure)) => return Step::Refused(failure),
        };
        // Nobody waits for the lock while the network is slow.
        let answer = match collector.submit(&batch.body) {
            Ok(answer) => answer,
            Err(why) => return Step::Later { after: None, why },
        };
        match answer.meaning() {
            Meaning::Taken => self.taken(&batch, &answer),
            Meaning::Gap { chain, expected } => self.gap(chain, expected, &answer),
            Meaning::Fork { chain, seq, index } => Step::Dead(forked(&self.outbox(), chain, seq, index)),
            Meaning::TooLarge { bytes, lines } => {
                let sent = (batch.body.len(), batch.links as usize);
                match self.limits.lowered(bytes, lines, sent) {
                    Some(limits) => {
                        self.limits = limits;
                        Step::Again
                    }
                    None => Step::Refused(self.too_large()),
                }
            }
            Meaning::Early { now } => {
                Step::Early { now, from: self.from, after: answer.retry_after, why: said(answer.words()) }
            }
            Meaning::Later => Step::Later { after: answer.retry_after, why: said(answer.words()) },
            Meaning::Refused => Step::Refused(said(answer.words())),
        }
    }

    fn taken(&mut self, batch: &Batch, answer: &Answer) -> Step {
        let receipt = match prove(answer, &batch.last, self.origin, self.trust) {
            Ok(receipt) => receipt,
            Err(error) => return Step::Later { after: answer.retry_after, why: unproven(error) },
        };
        self.moved = false;
        // Of a segment that goes in parts nothing is removed before its last part is proven.
        self.from = None;
        if let Some(last) = batch.last.last() {
            let next = (last.chain, last.seq + 1);
            let within = self
                .outbox()
                .pending()
                .iter()
                .any(|segment| holds(segment, next) && segment.first.seq < next.1);
            self.from = within.then_some(next);
        }
        if let Some(through) = batch.through
            && let Err(why) = self.outbox().proven(through, receipt)
        {
            self.from = None;
            return Step::Later { after: None, why };
        }
        Step::Delivered { events: batch.events }
    }

    /// Begins where the log says that it stands.
    fn gap(&mut self, chain: ChainId, expected: u64, answer: &Answer) -> Step {
        let from = (chain, expected);
        let outbox = self.outbox();
        if !outbox.pending().iter().any(|segment| holds(segment, from)) {
            return Step::Dead(rolled_back(&outbox, chain, expected));
        }
        self.from = Some(from);
        if std::mem::replace(&mut self.moved, true) {
            return Step::Later { after: answer.retry_after, why: said(answer.words()) };
        }
        Step::Again
    }

    fn too_large(&self) -> Failure {
        let BatchLimits { bytes, lines } = self.limits;
        let message = format!(
            "the collector takes at most {bytes} bytes and {} at a time, and there is more between two signed links",
            count(lines as u64, "line")
        );
        Failure::unusable(
            "submit.too_large",
            message,
            "have the collector's limits raised; then record with a smaller --sign-every",
        )
    }
}

/// Submits one key note, and gives its index when it is proven to be in the log of that origin. Doing so again does no
/// harm.
///
/// # Errors
/// What the collector says against it, or that it proves nothing.
pub(crate) fn submit_note(
    collector: &mut dyn Collector,
    line: &str,
    note: &str,
    origin: &str,
    trust: &Trust,
) -> Result<u64, Failure> {
    let answer = collector.submit(line)?;
    match answer.meaning() {
        Meaning::Taken => prove_note(&answer, note, origin, trust).map_err(|error| {
            Failure::broken(error).with_hint(
                "the collector says that it has the statement and does not prove it to the key and quorum given",
            )
        }),
        _ => Err(said(answer.words())),
    }
}

/// What the collector said, as a failure.
fn said(Words { code, message, hint }: Words) -> Failure {
    Failure::unusable(&code, format!("the collector says: {message}"), hint).into_broken()
}

fn unproven(error: countersign::Error) -> Failure {
    Failure::broken(error).with_hint(
        "the collector says that it has the events, and does not prove it to the key and quorum given",
    )
}

/// How events whose chain cannot go on come into another.
const AGAIN: &str = "The events that wait here can be recorded anew: cat DIR/*.ndjson | jq -c '.event // empty' | countersign record …";

fn forked(outbox: &Outbox, chain: Option<String>, seq: Option<u64>, index: Option<u64>) -> Failure {
    let place = match (chain, seq) {
        (Some(chain), Some(seq)) => format!("place {seq} of the chain {chain}"),
        _ => "a place of the chain".into(),
    };
    let index = index.map_or_else(String::new, |index| format!(" (entry {index})"));
    let message = format!("the log has another link for {place}{index}: this chain was continued twice");
    let hint = "someone else signs with this key, or this outbox is an old copy of one that went on elsewhere. Find \
                out which: if the key was taken, have it revoked. What is here stays here as evidence; to go on \
                recording, give another directory, where a new chain begins";
    Failure::unusable("log.fork", message, format!("{hint}. {AGAIN}")).into_broken().within(outbox.name())
}

fn rolled_back(outbox: &Outbox, chain: ChainId, expected: u64) -> Failure {
    if outbox.receipt().is_none() {
        let message = format!("the collector asks for {chain}/{expected}, which is not here");
        let hint = "was this outbox begun with another log's data? Keep it, and give another directory";
        return Failure::unusable("log.gap", message, hint).into_broken().within(outbox.name());
    }
    let message = format!(
        "the log lacks {chain}/{expected} and what follows, though it has proven to hold links after it: it was \
         rolled back or rewritten"
    );
    let hint = "the proof is in position.json, under `receipt`: show it to whoever runs the log and to its \
                monitors. What is here stays here; to go on recording, give another directory";
    Failure::unusable("log.rollback", message, format!("{hint}. {AGAIN}")).into_broken().within(outbox.name())
}
