//! Delivers an outbox: one submission at a time, and nothing leaves the outbox before the log has proven that it
//! holds it.
//!
//! A step reads no clock and waits for nothing: it sends once and says what follows. The caller waits.

#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign::link::ChainId;
use countersign::time::Time;
use countersign::trust::Trust;

use crate::answer::{Answer, Meaning, Words, prove, prove_note};
use crate::batch::{Batch, BatchLimits, NoBatch, holds};
use crate::error::DeliveryError;
use crate::outbox::Outbox;

/// The log server that links are submitted to.
pub trait LogServer {
    /// The caller's error.
    type Error: From<DeliveryError>;

    /// Submits these lines once.
    ///
    /// # Errors
    /// If there was no whole answer. It is not known then whether the log server has the lines.
    fn submit(&mut self, lines: &str) -> Result<Answer, Self::Error>;
}

/// The result of one step.
#[derive(Debug)]
pub enum Step<E> {
    /// There is nothing to deliver.
    Empty,
    /// The log has proven to hold links.
    Delivered {
        /// The number of events among them.
        events: u64,
    },
    /// Something is to be sent otherwise, at once.
    Again,
    /// Links are dated ahead of the log's clock.
    Early {
        /// The time that the log's clock showed.
        now: Time,
        /// All before this link is in the log, if it is in the middle of a segment.
        from: Option<(ChainId, u64)>,
        /// The wait that the log server asked for, if any.
        after: Option<Duration>,
        /// The log server's words.
        why: E,
    },
    /// It did not work, and may work later.
    Later {
        /// The wait that the log server asked for, if any.
        after: Option<Duration>,
        /// The error.
        why: E,
    },
    /// It will not work until someone changes something.
    Refused(E),
    /// The chain can't go on.
    Dead(E),
}

/// Delivers an outbox.
pub struct Delivery<'a> {
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
    /// Creates a delivery to the log of that origin, whose proofs are verified against `trust`.
    pub fn new(outbox: &'a Mutex<Outbox>, trust: &'a Trust, origin: &'a str) -> Self {
        Self { outbox, trust, origin, limits: BatchLimits::default(), from: None, moved: false }
    }

    /// Sets how much is submitted at a time.
    #[must_use]
    pub fn limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    fn outbox(&self) -> MutexGuard<'a, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how much the log server accepts at a time, as far as that is known.
    pub fn known_limits(&self) -> BatchLimits {
        self.limits
    }

    /// Sends once, if there is something to send.
    pub fn step<E: From<DeliveryError>>(&mut self, server: &mut dyn LogServer<Error = E>) -> Step<E> {
        let batch = Batch::take(&self.outbox(), self.from, &self.limits);
        let batch = match batch {
            Ok(batch) => batch,
            Err(NoBatch::Empty) if self.from.take().is_some() => return Step::Again,
            Err(NoBatch::Empty) => return Step::Empty,
            Err(NoBatch::TooLarge) => return Step::Refused(self.too_large().into()),
            Err(NoBatch::Failed(error)) => return Step::Refused(error.into()),
        };
        // Nobody waits for the lock while the network is slow.
        let answer = match server.submit(&batch.body) {
            Ok(answer) => answer,
            Err(why) => return Step::Later { after: None, why },
        };
        match answer.meaning() {
            Meaning::Taken => self.taken(&batch, &answer),
            Meaning::Gap { chain, expected } => self.gap(chain, expected, &answer),
            Meaning::Fork { chain, seq, index } => {
                Step::Dead(forked(&self.outbox(), chain, seq, index).into())
            }
            Meaning::TooLarge { bytes, lines } => {
                let sent = (batch.body.len(), batch.links as usize);
                match self.limits.lowered(bytes, lines, sent) {
                    Some(limits) => {
                        self.limits = limits;
                        Step::Again
                    }
                    None => Step::Refused(self.too_large().into()),
                }
            }
            Meaning::Early { now } => {
                Step::Early { now, from: self.from, after: answer.retry_after, why: answered(&answer).into() }
            }
            Meaning::Later => Step::Later { after: answer.retry_after, why: answered(&answer).into() },
            Meaning::Refused => Step::Refused(answered(&answer).into()),
        }
    }

    fn taken<E: From<DeliveryError>>(&mut self, batch: &Batch, answer: &Answer) -> Step<E> {
        let receipt = match prove(answer, &batch.last, self.origin, self.trust) {
            Ok(receipt) => receipt,
            Err(error) => return Step::Later { after: answer.retry_after, why: unproven(error).into() },
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
            return Step::Later { after: None, why: why.into() };
        }
        Step::Delivered { events: batch.events }
    }

    /// Begins where the log says that it stands.
    fn gap<E: From<DeliveryError>>(&mut self, chain: ChainId, expected: u64, answer: &Answer) -> Step<E> {
        let from = (chain, expected);
        let outbox = self.outbox();
        if !outbox.pending().iter().any(|segment| holds(segment, from)) {
            return Step::Dead(rolled_back(&outbox, chain, expected).into());
        }
        self.from = Some(from);
        if std::mem::replace(&mut self.moved, true) {
            return Step::Later { after: answer.retry_after, why: answered(answer).into() };
        }
        Step::Again
    }

    fn too_large(&self) -> DeliveryError {
        let BatchLimits { bytes, lines } = self.limits;
        let lines = if lines == 1 { "1 line".into() } else { format!("{lines} lines") };
        let message = format!(
            "the log server takes at most {bytes} bytes and {lines} at a time, and there is more between two signed links"
        );
        let hint = "have the log server's limits raised; then record with a smaller --sign-every";
        DeliveryError::TooLarge { message, hint }
    }
}

/// Submits one key note, and returns its index once it is proven to be in the log of that origin. Doing so again does no
/// harm.
///
/// # Errors
/// If the log server refuses it, or does not prove that the log holds it.
pub fn submit_note<E: From<DeliveryError>>(
    server: &mut dyn LogServer<Error = E>,
    line: &str,
    note: &str,
    origin: &str,
    trust: &Trust,
) -> Result<u64, E> {
    let answer = server.submit(line)?;
    match answer.meaning() {
        Meaning::Taken => prove_note(&answer, note, origin, trust).map_err(|error| {
            let hint = "the log server says that it has the statement and does not prove it to the key and quorum given";
            DeliveryError::Unproven { error, hint }.into()
        }),
        _ => Err(answered(&answer).into()),
    }
}

/// Returns the log server's words as an error.
fn answered(answer: &Answer) -> DeliveryError {
    let Words { code, message, hint } = answer.words();
    DeliveryError::Answer { code, message, hint }
}

fn unproven(error: countersign::Error) -> DeliveryError {
    let hint =
        "the log server says that it has the events, and does not prove it to the key and quorum given";
    DeliveryError::Unproven { error, hint }
}

/// How events whose chain cannot go on come into another.
const AGAIN: &str = "The events that wait here can be recorded anew: cat DIR/*.ndjson | jq -c '.event // empty' | countersign record …";

fn forked(outbox: &Outbox, chain: Option<String>, seq: Option<u64>, index: Option<u64>) -> DeliveryError {
    let place = match (chain, seq) {
        (Some(chain), Some(seq)) => format!("place {seq} of the chain {chain}"),
        _ => "a place of the chain".into(),
    };
    let index = index.map_or_else(String::new, |index| format!(" (entry {index})"));
    let message = format!("the log has another link for {place}{index}: this chain was continued twice");
    let hint = "someone else signs with this key, or this outbox is an old copy of one that went on elsewhere. Find \
                out which: if the key was taken, have it revoked. What is here stays here as evidence; to go on \
                recording, give another directory, where a new chain begins";
    contradiction("log.fork", message, format!("{hint}. {AGAIN}"), outbox)
}

fn rolled_back(outbox: &Outbox, chain: ChainId, expected: u64) -> DeliveryError {
    if outbox.receipt().is_none() {
        let message = format!("the log server asks for {chain}/{expected}, which is not here");
        let hint = "was this outbox begun with another log's data? Keep it, and give another directory";
        return contradiction("log.gap", message, hint.into(), outbox);
    }
    let message = format!(
        "the log lacks {chain}/{expected} and what follows, though it has proven to hold links after it: it was \
         rolled back or rewritten"
    );
    let hint = "the proof is in position.json, under `receipt`: show it to whoever runs the log and to its \
                monitors. What is here stays here; to go on recording, give another directory";
    contradiction("log.rollback", message, format!("{hint}. {AGAIN}"), outbox)
}

fn contradiction(code: &'static str, message: String, hint: String, outbox: &Outbox) -> DeliveryError {
    DeliveryError::Contradiction { code, message, hint, place: outbox.name().into() }
}
