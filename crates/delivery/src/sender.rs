//! The thread that delivers: again and again, as long as there is something to deliver or more may come.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign::link::ChainId;
use countersign::time::Time;
use countersign_errors::EngineError;

use crate::backoff::Backoff;
use crate::batch::BatchLimits;
use crate::delivery::{Delivery, LogServer, Step};

/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// How long a stop may be held up.
const STOPPING: Duration = Duration::from_secs(10);
/// So many times in a row something may be sent otherwise at once.
const AT_ONCE: u32 = 20;

/// So many times in a row what a log refuses as early is dated anew at once.
const DATED_ANEW: u32 = 3;

/// What a log refused as dated ahead of its clock.
#[derive(Clone, Copy, Debug)]
pub struct Early {
    /// The time that its clock showed.
    pub now: Time,
    /// All before this link is in the log, if it is in the middle of a segment.
    pub from: Option<(ChainId, u64)>,
}

/// The progress of recording and delivering.
#[derive(Default)]
pub struct SenderStatus {
    /// The number of events that were recorded. It changes whenever there may be something new to send.
    pub recorded: u64,
    /// The number of values, or parts of texts, that were redacted of what was recorded.
    pub redacted: u64,
    /// The number of events that are proven to be in the log.
    pub proven: u64,
    /// Links that the recording thread is asked to date again ([`redate`](fn@crate::redate)).
    pub early: Option<Early>,
    /// True if it did.
    pub dated_anew: bool,
    /// True if nothing more will be recorded.
    pub ended: bool,
    /// True if delivering has ended.
    pub over: bool,
    /// Why it has ended, if not all is delivered.
    pub failure: Option<EngineError>,
    /// The most that the log server accepts at a time.
    pub limits: BatchLimits,
}

/// A [`SenderStatus`] that the recording and the delivering thread share.
#[derive(Default)]
pub struct SharedStatus {
    status: Mutex<SenderStatus>,
    changed: Condvar,
}

impl SharedStatus {
    /// Locks the status.
    pub fn status(&self) -> MutexGuard<'_, SenderStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the status, and wakes whoever waits for that.
    pub fn change(&self, change: impl FnOnce(&mut SenderStatus)) {
        change(&mut self.status());
        self.changed.notify_all();
    }

    /// Waits until the status changes, or for so long.
    pub fn wait(&self, longest: Duration) {
        self.wait_with(self.status(), longest);
    }

    fn wait_with(&self, signer_trust: MutexGuard<'_, SenderStatus>, longest: Duration) {
        drop(self.changed.wait_timeout(signer_trust, longest).unwrap_or_else(PoisonError::into_inner));
    }
}

/// When delivering gives up.
pub struct RetryPolicy {
    /// The time to continue after the last success, once nothing more is recorded.
    pub give_up: Duration,
    /// True if a refusal may be for now alone: keys are granted and addresses corrected while this goes on.
    pub retry_refusals: bool,
    /// True if nothing can be recorded while nothing is delivered.
    pub blocks_recording: bool,
}

/// The program around a sender.
pub trait SenderObserver {
    /// True if the program was asked to stop: delivering ends soon then.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Called when delivering fails for another reason than before. It is tried again after `wait`.
    fn failed(&self, _why: &EngineError, _wait: Duration) {}

    /// Called when delivering works again.
    fn recovered(&self) {}
}

/// Never stops, and ignores failures.
impl SenderObserver for () {}

/// Delivers until all is delivered and nothing more will come, or until it has to give up. It is for a thread of its own.
pub fn send(
    mut delivery: Delivery<'_>,
    server: &mut dyn LogServer<Error = EngineError>,
    shared: &SharedStatus,
    policy: &RetryPolicy,
    observer: &dyn SenderObserver,
) {
    let mut waits = Backoff::up_to(LONGEST_WAIT);
    let mut failing: Option<Instant> = None;
    let mut told = String::new();
    let mut at_once = 0;
    let mut anew = 0;
    let failure = loop {
        let recorded = shared.status().recorded;
        let mut step = delivery.step(server);
        if let Step::Early { now, from, after, why } = step {
            anew += 1;
            if anew <= DATED_ANEW && is_dated_anew(shared, Early { now, from }) {
                continue;
            }
            step = Step::Later { after, why };
        } else if matches!(step, Step::Delivered { .. }) {
            anew = 0;
        }
        at_once = if matches!(step, Step::Again) { at_once + 1 } else { 0 };
        if at_once > AT_ONCE {
            let message = "the log server keeps asking for other things and accepts nothing";
            step = Step::Later {
                after: None,
                why: EngineError::new("submit.endless", message, "the log server is at fault"),
            };
        }
        match step {
            Step::Again => shared.change(|signer_trust| signer_trust.limits = delivery.known_limits()),
            Step::Delivered { events } => {
                (waits, failing) = (Backoff::up_to(LONGEST_WAIT), None);
                if !std::mem::take(&mut told).is_empty() {
                    observer.recovered();
                }
                shared.change(|signer_trust| signer_trust.proven += events);
            }
            Step::Empty => {
                let signer_trust = shared.status();
                if signer_trust.ended {
                    break None;
                }
                if signer_trust.recorded == recorded {
                    shared.wait_with(signer_trust, LONGEST_WAIT);
                }
            }
            Step::Dead(why) | Step::Early { why, .. } => break Some(why),
            Step::Refused(why) if !policy.retry_refusals => break Some(why),
            Step::Refused(why) => {
                let wait = waits.next(None);
                tell(&mut told, &why, wait, observer);
                let since = *failing.get_or_insert_with(Instant::now);
                if !hold(shared, wait, since, policy, observer) {
                    break Some(why);
                }
            }
            Step::Later { after, why } => {
                let wait = waits.next(after);
                let since = *failing.get_or_insert_with(Instant::now);
                tell(&mut told, &why, wait, observer);
                if !hold(shared, wait, since, policy, observer) {
                    break Some(why);
                }
            }
        }
    };
    shared.change(|signer_trust| {
        signer_trust.over = true;
        signer_trust.failure = failure;
    });
}

/// Has the other thread, which writes the outbox, date anew what the log refused. Whether it did.
fn is_dated_anew(shared: &SharedStatus, early: Early) -> bool {
    shared.change(|signer_trust| (signer_trust.early, signer_trust.dated_anew) = (Some(early), false));
    loop {
        let signer_trust = shared.status();
        if signer_trust.early.is_none() {
            return signer_trust.dated_anew;
        }
        shared.wait_with(signer_trust, LONGEST_WAIT);
    }
}

/// Says once what is wrong, and again when it is something else.
fn tell(told: &mut String, why: &EngineError, wait: Duration, observer: &dyn SenderObserver) {
    if *told != why.code() {
        why.code().clone_into(told);
        observer.failed(why, wait);
    }
}

/// Waits before the next try. Whether there is to be one.
fn hold(
    shared: &SharedStatus,
    wait: Duration,
    since: Instant,
    policy: &RetryPolicy,
    observer: &dyn SenderObserver,
) -> bool {
    let until = Instant::now() + wait;
    let mut stopping: Option<Instant> = None;
    loop {
        let now = Instant::now();
        let last_chance = observer.is_stopped() && now >= *stopping.get_or_insert(now + STOPPING);
        let ends = shared.status().ended || policy.blocks_recording;
        if last_chance || (ends && now >= since + policy.give_up) {
            return false;
        }
        if now >= until {
            return true;
        }
        std::thread::sleep((until - now).min(Duration::from_millis(100)));
    }
}
