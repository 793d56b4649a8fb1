//! The thread that delivers until everything is delivered and nothing more will be recorded.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign::link::ChainId;
use countersign::time::Time;
use countersign_errors::EngineError;

use crate::backoff::Backoff;
use crate::batch::BatchLimits;
use crate::delivery::{Delivery, LogServer, Step};

/// The maximum wait after a failure.
const MAX_WAIT: Duration = Duration::from_mins(1);
/// The time for which pending deliveries may delay a stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of consecutive submissions that are changed and sent again at once.
const MAX_IMMEDIATE_RETRIES: u32 = 20;

/// The maximum number of consecutive times that rejected links are redated at once.
const MAX_REDATES: u32 = 3;

/// A rejection of links that are dated ahead of a log's clock.
#[derive(Clone, Copy, Debug)]
pub struct Early {
    /// The time that the log's clock showed.
    pub now: Time,
    /// The first link of a segment that the log doesn't contain yet, if it contains earlier ones of that segment.
    pub from: Option<(ChainId, u64)>,
    /// The first of these links, if the log server named it. The links before it are proven, except unsigned ones
    /// directly before it.
    pub refused: Option<(ChainId, u64)>,
}

/// The progress of recording and delivering.
#[derive(Default)]
pub struct SenderStatus {
    /// The number of recorded events. It changes whenever there may be something new to send.
    pub recorded: u64,
    /// The number of values or parts of strings that were redacted before recording.
    pub redacted: u64,
    /// The number of events that are proven to be in the log.
    pub proven: u64,
    /// A request to the recording thread to date links again ([`redate`](fn@crate::redate)).
    pub early: Option<Early>,
    /// True if the recording thread did.
    pub redated: bool,
    /// True if nothing more will be recorded.
    pub ended: bool,
    /// True if delivery has ended.
    pub over: bool,
    /// The reason for the end, if not everything is delivered.
    pub failure: Option<EngineError>,
    /// The limits of one submission, lowered to the log server's.
    pub limits: BatchLimits,
}

/// A [`SenderStatus`] that the recording thread and the delivering thread share.
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

    /// Changes the status, and wakes all threads that wait for that.
    pub fn change(&self, change: impl FnOnce(&mut SenderStatus)) {
        change(&mut self.status());
        self.changed.notify_all();
    }

    /// Waits until the status changes, at most for `max`.
    pub fn wait(&self, max: Duration) {
        self.wait_with(self.status(), max);
    }

    fn wait_with(&self, status: MutexGuard<'_, SenderStatus>, max: Duration) {
        drop(self.changed.wait_timeout(status, max).unwrap_or_else(PoisonError::into_inner));
    }
}

/// The conditions for giving up delivery.
pub struct RetryPolicy {
    /// The time after the last success for which delivery continues, once nothing more is recorded.
    pub give_up: Duration,
    /// True if refusals are retried, because keys may be granted and addresses corrected in the meantime.
    pub retry_refusals: bool,
    /// True if nothing can be recorded until something is delivered.
    pub blocks_recording: bool,
}

/// The program around a sender.
pub trait SenderObserver {
    /// True if the program was asked to stop. Delivery then ends soon.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Called when delivery fails for another reason than before. It is retried after `wait`.
    fn failed(&self, _why: &EngineError, _wait: Duration) {}

    /// Called when delivery works again.
    fn recovered(&self) {}

    /// Dates rejected links again ([`redate`](fn@crate::redate)), if recording and delivering share a thread. Returns
    /// true if it did; `None` leaves it to the recording thread.
    fn redate(&self, _early: Early) -> Option<bool> {
        None
    }
}

/// Never stops, and ignores failures.
impl SenderObserver for () {}

/// Delivers until everything is delivered and nothing more will come, or until it has to give up. Call it on its own
/// thread, or after `ended` was set and with an observer that dates links again.
pub fn send(
    mut delivery: Delivery<'_>,
    server: &mut dyn LogServer<Error = EngineError>,
    shared: &SharedStatus,
    policy: &RetryPolicy,
    observer: &dyn SenderObserver,
) {
    let mut waits = Backoff::up_to(MAX_WAIT);
    let mut failing: Option<Instant> = None;
    let mut reported = String::new();
    let mut at_once = 0;
    let mut redates = 0;
    let failure = loop {
        let recorded = shared.status().recorded;
        let mut step = delivery.step(server);
        if let Step::Early { now, from, refused, after, why } = step {
            redates += 1;
            let early = Early { now, from, refused };
            let redate = || observer.redate(early).unwrap_or_else(|| request_redate(shared, early));
            if redates <= MAX_REDATES && redate() {
                continue;
            }
            step = Step::Later { after, why };
        } else if matches!(step, Step::Delivered { .. }) {
            redates = 0;
        }
        at_once = if matches!(step, Step::Again) { at_once + 1 } else { 0 };
        if at_once > MAX_IMMEDIATE_RETRIES {
            let message = "the log server keeps requesting different links but accepts none";
            step = Step::Later {
                after: None,
                why: EngineError::new(
                    "submit.endless",
                    message,
                    "report this to the log operator; the log server is faulty",
                ),
            };
        }
        match step {
            Step::Again => shared.change(|status| status.limits = delivery.known_limits()),
            Step::Delivered { events } => {
                (waits, failing) = (Backoff::up_to(MAX_WAIT), None);
                if !std::mem::take(&mut reported).is_empty() {
                    observer.recovered();
                }
                shared.change(|status| status.proven += events);
            }
            Step::Empty => {
                let status = shared.status();
                if status.ended {
                    break None;
                }
                if status.recorded == recorded {
                    shared.wait_with(status, MAX_WAIT);
                }
            }
            Step::Dead(why) | Step::Early { why, .. } => break Some(why),
            Step::Refused(why) if !policy.retry_refusals => break Some(why),
            Step::Refused(why) => {
                let wait = waits.next(None);
                report(&mut reported, &why, wait, observer);
                let since = *failing.get_or_insert_with(Instant::now);
                if !wait_to_retry(shared, wait, since, policy, observer) {
                    break Some(why);
                }
            }
            Step::Later { after, why } => {
                let wait = waits.next(after);
                let since = *failing.get_or_insert_with(Instant::now);
                report(&mut reported, &why, wait, observer);
                if !wait_to_retry(shared, wait, since, policy, observer) {
                    break Some(why);
                }
            }
        }
    };
    shared.change(|status| {
        status.over = true;
        status.failure = failure;
    });
}

/// Makes the recording thread, which writes the outbox, redate the links that the log rejected. Returns true
/// if it did.
fn request_redate(shared: &SharedStatus, early: Early) -> bool {
    shared.change(|status| (status.early, status.redated) = (Some(early), false));
    loop {
        let status = shared.status();
        if status.early.is_none() {
            return status.redated;
        }
        shared.wait_with(status, MAX_WAIT);
    }
}

/// Reports a failure, unless the last one reported has the same code.
fn report(reported: &mut String, why: &EngineError, wait: Duration, observer: &dyn SenderObserver) {
    if *reported != why.code() {
        why.code().clone_into(reported);
        observer.failed(why, wait);
    }
}

/// Waits before the next attempt. Returns false if delivery must end instead.
fn wait_to_retry(
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
        let last_chance = observer.is_stopped() && now >= *stopping.get_or_insert(now + STOP_TIMEOUT);
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
