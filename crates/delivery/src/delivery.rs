//! Delivers an outbox, one submission at a time. A link leaves the outbox only after the log has proven that it
//! contains it.
//!
//! A step reads no clock and doesn't wait: it sends once, and returns what to do next. The caller waits.

#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign::Code;
use countersign::link::ChainId;
use countersign::tenant::{NewestHead, Since};
use countersign::time::Time;
use countersign::trust::Trust;

use crate::answer::{Answer, ErrorText, Meaning, Proven, RefusedProof, prove, prove_note};
use crate::batch::{Batch, BatchLimits, NoBatch, contains};
use crate::comparison::no_head;
use crate::error::DeliveryError;
use crate::outbox::Outbox;

/// The number of times that a log server must reject a chain before it is considered dead, because the rejection isn't
/// signed.
const DENIALS_UNTIL_DEAD: u32 = 3;

/// The log server that links are submitted to.
pub trait LogServer {
    /// The caller's error type.
    type Error: From<DeliveryError>;

    /// Submits lines once. `since` is the newest head of a tenant log, for the query of the request.
    ///
    /// # Errors
    /// If there was no complete response. In this case, the log may or may not contain the lines.
    fn submit(&mut self, lines: &str, since: Option<Since>) -> Result<Answer, Self::Error>;
}

/// The result of one step.
#[derive(Debug)]
pub enum Step<E> {
    /// The outbox has nothing to deliver.
    Empty,
    /// The log has proven that it contains links.
    Delivered {
        /// The number of events among them.
        events: u64,
    },
    /// Call again at once: the next submission will be different.
    Again,
    /// Links are dated ahead of the log's clock.
    Early {
        /// The time that the log's clock showed.
        now: Time,
        /// The first link of a segment that the log doesn't contain yet, if it contains earlier ones of that segment.
        from: Option<(ChainId, u64)>,
        /// The first of these links, if the log server named it. The links before it are proven, except unsigned ones
        /// directly before it.
        refused: Option<(ChainId, u64)>,
        /// The wait that the log server asked for, if any.
        after: Option<Duration>,
        /// The error of the log server.
        why: E,
    },
    /// A failure that may pass.
    Later {
        /// The wait that the log server asked for, if any.
        after: Option<Duration>,
        /// The reason for the failure.
        why: E,
    },
    /// A failure that lasts until someone changes something.
    Refused(E),
    /// The chain can't continue. Unless signed statements show that, the log server has said so three times, with no
    /// delivery in between.
    Dead(E),
}

/// The delivery of an outbox to one log.
pub struct Delivery<'a> {
    outbox: &'a Mutex<Outbox>,
    trust: &'a Trust,
    origin: &'a str,
    limits: BatchLimits,
    /// The link to start with, if it isn't the first one.
    from: Option<(ChainId, u64)>,
    /// True if nothing was accepted since `from` was set after a gap.
    moved: bool,
    /// The maximum number of lines of the next submission: those before a link that is dated ahead of the log's clock.
    before_early: Option<usize>,
    /// The number of consecutive rejections for the same reason.
    denials: Option<Denials>,
}

/// Consecutive rejections of a chain with the same code.
struct Denials {
    code: String,
    times: u32,
}

impl<'a> Delivery<'a> {
    /// Creates a delivery to the log with this origin, whose proofs are verified against `trust`.
    pub fn new(outbox: &'a Mutex<Outbox>, trust: &'a Trust, origin: &'a str) -> Self {
        Self {
            outbox,
            trust,
            origin,
            limits: BatchLimits::default(),
            from: None,
            moved: false,
            before_early: None,
            denials: None,
        }
    }

    /// Sets the limits of one submission.
    #[must_use]
    pub fn limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    fn outbox(&self) -> MutexGuard<'a, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the limits of one submission, lowered to those of the log server, if they are known.
    pub fn known_limits(&self) -> BatchLimits {
        self.limits
    }

    /// Sends once, if there is something to send.
    pub fn step<E: From<DeliveryError>>(&mut self, server: &mut dyn LogServer<Error = E>) -> Step<E> {
        if let Some(dead) = self.contradiction() {
            return Step::Dead(dead.into());
        }
        let lines = self.before_early.take().map_or(self.limits.lines, |lines| lines.min(self.limits.lines));
        let batch = Batch::collect(&self.outbox(), self.from, &BatchLimits { lines, ..self.limits });
        let batch = match batch {
            Ok(batch) => batch,
            Err(NoBatch::Empty) if self.from.take().is_some() => return Step::Again,
            Err(NoBatch::Empty) => return Step::Empty,
            Err(NoBatch::TooLarge) => return Step::Refused(self.too_large().into()),
            Err(NoBatch::Failed(error)) => return Step::Refused(error.into()),
        };
        // The outbox is not locked during the request, which may be slow.
        let newest = self.newest_head();
        let answer = match server.submit(&batch.body, newest.map(|newest| newest.since())) {
            Ok(answer) => answer,
            Err(why) => return Step::Later { after: None, why },
        };
        match answer.meaning() {
            Meaning::Taken => self.accept(&batch, &answer, newest.as_ref()),
            Meaning::Gap { chain, expected } => self.gap(chain, expected, &answer),
            Meaning::Fork { chain, seq, index } => {
                let error = forked(&self.outbox(), chain, seq, index);
                self.deny(error, &answer)
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
            Meaning::Early { now, line } => {
                // The log may already contain the links before that line, and then redating would repeat their events.
                // Sent without the rest, they are proven and keep their times.
                self.before_early = line.and_then(|line| batch.signed_before(line));
                if self.before_early.is_some() {
                    return Step::Again;
                }
                Step::Early {
                    now,
                    from: self.from,
                    refused: line.and_then(|line| batch.place(line)),
                    after: answer.retry_after,
                    why: server_error(&answer).into(),
                }
            }
            Meaning::Later => Step::Later { after: answer.retry_after, why: server_error(&answer).into() },
            // No chain can continue in it. Logs of other tenants are not affected.
            Meaning::Ended => self.deny(server_error(&answer), &answer),
            Meaning::Refused => Step::Refused(server_error(&answer).into()),
        }
    }

    /// Returns the error if the log server has shown two histories.
    fn contradiction(&self) -> Option<DeliveryError> {
        let outbox = self.outbox();
        outbox.contradiction().map(|contradiction| rewritten(&contradiction.message, &outbox))
    }

    /// Returns the newest head of a tenant log that the outbox has seen.
    fn newest_head(&self) -> Option<NewestHead> {
        let none = no_head(self.origin, self.trust)?;
        Some(self.outbox().newest_head().map_or(none, NewestHead::from))
    }

    fn accept<E: From<DeliveryError>>(
        &mut self,
        batch: &Batch,
        answer: &Answer,
        newest: Option<&NewestHead>,
    ) -> Step<E> {
        let Proven { receipt, head } = match prove(answer, &batch.last, self.origin, self.trust, newest) {
            Ok(proven) => proven,
            Err(RefusedProof { error, .. }) if error.code == Code::Rewritten => {
                let (mut outbox, message) = (self.outbox(), error.into_message());
                outbox.keep_contradiction(&message, &answer.body);
                return Step::Dead(rewritten(&message, &outbox).into());
            }
            Err(RefusedProof { error, has_signed_head }) => {
                if has_signed_head {
                    self.outbox().keep_unproven(&error.message, &answer.body);
                }
                return Step::Later { after: answer.retry_after, why: unproven(error).into() };
            }
        };
        self.outbox().forget_unproven();
        self.moved = false;
        self.denials = None;
        // A segment that is sent in parts is removed only after its last part is proven.
        self.from = None;
        if let Some(last) = batch.last.last() {
            let next = (last.chain, last.seq + 1);
            let within = self
                .outbox()
                .pending()
                .iter()
                .any(|segment| contains(segment, next) && segment.first.seq < next.1);
            self.from = within.then_some(next);
        }
        let stored = match batch.through {
            Some(through) => self.outbox().proven(through, receipt, head),
            None => head.map_or(Ok(()), |head| self.outbox().keep_newest_head(head)),
        };
        if let Err(why) = stored {
            self.from = None;
            return Step::Later { after: None, why: why.into() };
        }
        Step::Delivered { events: batch.events }
    }

    /// Continues with the link that the log expects.
    fn gap<E: From<DeliveryError>>(&mut self, chain: ChainId, expected: u64, answer: &Answer) -> Step<E> {
        let from = (chain, expected);
        let is_pending = self.outbox().pending().iter().any(|segment| contains(segment, from));
        if !is_pending {
            let error = rolled_back(&self.outbox(), chain, expected);
            return self.deny(error, answer);
        }
        self.from = Some(from);
        if std::mem::replace(&mut self.moved, true) {
            return Step::Later { after: answer.retry_after, why: server_error(answer).into() };
        }
        Step::Again
    }

    /// Counts a rejection that says that the chain can't continue.
    fn deny<E: From<DeliveryError>>(&mut self, error: DeliveryError, answer: &Answer) -> Step<E> {
        let before = self.denials.take().filter(|before| before.code == error.code());
        let times = before.map_or(1, |before| before.times + 1);
        self.denials = Some(Denials { code: error.code().to_owned(), times });
        if times >= DENIALS_UNTIL_DEAD {
            return Step::Dead(error.into());
        }
        Step::Later { after: answer.retry_after, why: error.into() }
    }

    fn too_large(&self) -> DeliveryError {
        let BatchLimits { bytes, lines } = self.limits;
        let lines = if lines == 1 { "1 line".into() } else { format!("{lines} lines") };
        let message = format!(
            "the log server accepts at most {bytes} bytes and {lines} per submission, and the links between two signed ones exceed that"
        );
        let hint =
            "ask the log operator to raise the log server's limits, then record with a smaller --sign-every";
        DeliveryError::TooLarge { message, hint }
    }
}

/// Submits one key note. Returns its index once it is proven to be in the log with this origin. Repeating it is
/// harmless.
///
/// # Errors
///
/// If the log server rejects it, or doesn't prove that the log contains it.
pub fn submit_note<E: From<DeliveryError>>(
    server: &mut dyn LogServer<Error = E>,
    line: &str,
    note: &str,
    origin: &str,
    trust: &Trust,
) -> Result<u64, E> {
    let newest = no_head(origin, trust);
    let answer = server.submit(line, newest.map(|newest| newest.since()))?;
    match answer.meaning() {
        Meaning::Taken => prove_note(&answer, note, origin, trust, newest.as_ref()).map_err(|RefusedProof { error, .. }| {
            let hint = "check the log's public key and the quorum; the log server claims to have the statement, but its proof doesn't verify";
            DeliveryError::Unproven { error, hint }.into()
        }),
        _ => Err(server_error(&answer).into()),
    }
}

/// Returns the error text of a response as an error.
pub(crate) fn server_error(answer: &Answer) -> DeliveryError {
    let ErrorText { code, message, hint } = answer.error_text();
    DeliveryError::Answer { code, message, hint }
}

fn unproven(error: countersign::Error) -> DeliveryError {
    let hint = "check the log's public key and the quorum; the log server claims to have the events, but its proof doesn't verify";
    DeliveryError::Unproven { hint: error.hint.unwrap_or(hint), error }
}

/// The hint for recording events in a new chain if their own chain can't continue.
const RECORD_AGAIN: &str = "To record the pending events again, run cat DIR/*.ndjson | jq -c '.event // empty' | countersign record …";

fn forked(outbox: &Outbox, chain: Option<String>, seq: Option<u64>, index: Option<u64>) -> DeliveryError {
    let place = match (chain, seq) {
        (Some(chain), Some(seq)) => format!("number {seq} of the chain {chain}"),
        _ => "a position of the chain".into(),
    };
    let index = index.map_or_else(String::new, |index| format!(" (entry {index})"));
    let message =
        format!("the log has a different link for {place}{index}, so this chain was continued twice");
    let hint = "find out if someone else signs with this key, or if this outbox is an old copy of one that is used \
                elsewhere. If the key was stolen, have it revoked. Keep this outbox as evidence; to continue \
                recording, use another directory, where a new chain starts";
    contradiction("log.fork", message, format!("{hint}. {RECORD_AGAIN}"), outbox)
}

fn rolled_back(outbox: &Outbox, chain: ChainId, expected: u64) -> DeliveryError {
    if outbox.receipt().is_none() {
        let message = format!("the log server expects {chain}/{expected}, which is not in the outbox");
        let hint = "keep this outbox, which may belong to other data of the log, and use another directory";
        return contradiction("log.gap", message, hint.into(), outbox);
    }
    let message = format!(
        "the log lacks {chain}/{expected} and later links, although it proved earlier that it contains them: it was \
         rolled back or rewritten"
    );
    let hint = "show the proof in position.json, under `receipt`, to the log operator and the log's \
                monitors. Keep this outbox; to continue recording, use another directory";
    contradiction("log.rollback", message, format!("{hint}. {RECORD_AGAIN}"), outbox)
}

fn rewritten(message: &str, outbox: &Outbox) -> DeliveryError {
    let hint = "show contradiction.json in the outbox, which has both, to the log operator and the log's readers. Keep \
                this outbox; to continue recording, use another directory";
    contradiction("log.rewritten", message.to_owned(), format!("{hint}. {RECORD_AGAIN}"), outbox)
}

fn contradiction(code: &'static str, message: String, hint: String, outbox: &Outbox) -> DeliveryError {
    DeliveryError::Contradiction { code, message, hint, place: outbox.name().into() }
}
