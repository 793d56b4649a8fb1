//! The thread that delivers: again and again, as long as there is something to deliver or more may come.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign::link::ChainId;
use countersign::time::Time;

use crate::errors::CliError;
use crate::io::retry::Waits;
use crate::io::{stop, style};
use countersign_delivery::{BatchLimits, Delivery, LogServer, Step};

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
pub(super) struct Early {
    /// What its clock showed.
    pub(super) now: Time,
    /// All before this is in the log, where it is in the middle of a segment.
    pub(super) from: Option<(ChainId, u64)>,
}

/// How things stand, for both threads.
#[derive(Default)]
pub(super) struct Standing {
    /// Changes whenever there may be something new to send.
    pub(super) recorded: u64,
    /// Values, or parts of texts, that were redacted of what was recorded.
    pub(super) redacted: u64,
    /// Events that are proven to be in the log.
    pub(super) proven: u64,
    /// What the other thread is asked to date anew.
    pub(super) early: Option<Early>,
    /// Whether it did.
    pub(super) dated_anew: bool,
    /// Whether nothing more will be recorded.
    pub(super) ended: bool,
    /// Whether delivering has ended, and why, where not all is delivered.
    pub(super) over: bool,
    pub(super) failure: Option<CliError>,
    /// How much the collector takes at one time.
    pub(super) limits: BatchLimits,
}

/// [`Standing`], and a call to whoever waits for it to change.
#[derive(Default)]
pub(super) struct Shared {
    standing: Mutex<Standing>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.standing());
        self.changed.notify_all();
    }

    /// Waits until it changes, or for so long.
    pub(super) fn wait(&self, longest: Duration) {
        self.wait_with(self.standing(), longest);
    }

    fn wait_with(&self, standing: MutexGuard<'_, Standing>, longest: Duration) {
        drop(self.changed.wait_timeout(standing, longest).unwrap_or_else(PoisonError::into_inner));
    }
}

/// When delivering gives up.
pub(super) struct RetryPolicy {
    /// How long to go on after the last success, once nothing more is recorded.
    pub(super) give_up: Duration,
    /// Whether a refusal may be for now alone: keys are granted and addresses corrected while this goes on.
    pub(super) retry_refusals: bool,
    /// Whether nothing can be recorded while nothing is delivered.
    pub(super) blocks_recording: bool,
}

/// Delivers until all is delivered and nothing more will come, or until it has to give up.
pub(super) fn run(
    mut delivery: Delivery<'_>,
    collector: &mut dyn LogServer<Error = CliError>,
    shared: &Shared,
    policy: &RetryPolicy,
) {
    let mut waits = Waits::up_to(LONGEST_WAIT);
    let mut failing: Option<Instant> = None;
    let mut told = String::new();
    let mut at_once = 0;
    let mut anew = 0;
    let failure = loop {
        let recorded = shared.standing().recorded;
        let mut step = delivery.step(collector);
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
            let message = "the collector keeps asking for other things and accepts nothing";
            step = Step::Later {
                after: None,
                why: CliError::unusable("submit.endless", message, "the collector is at fault"),
            };
        }
        match step {
            Step::Again => shared.change(|standing| standing.limits = delivery.known_limits()),
            Step::Delivered { events } => {
                (waits, failing) = (Waits::up_to(LONGEST_WAIT), None);
                if !std::mem::take(&mut told).is_empty() {
                    style::done("delivering again");
                }
                shared.change(|standing| standing.proven += events);
            }
            Step::Empty => {
                let standing = shared.standing();
                if standing.ended {
                    break None;
                }
                if standing.recorded == recorded {
                    shared.wait_with(standing, LONGEST_WAIT);
                }
            }
            Step::Dead(why) | Step::Early { why, .. } => break Some(why),
            Step::Refused(why) if !policy.retry_refusals => break Some(why),
            Step::Refused(why) => {
                let wait = waits.next(None);
                tell(&mut told, &why, wait);
                let since = *failing.get_or_insert_with(Instant::now);
                if !hold(shared, wait, since, policy) {
                    break Some(why);
                }
            }
            Step::Later { after, why } => {
                let wait = waits.next(after);
                let since = *failing.get_or_insert_with(Instant::now);
                tell(&mut told, &why, wait);
                if !hold(shared, wait, since, policy) {
                    break Some(why);
                }
            }
        }
    };
    shared.change(|standing| {
        standing.over = true;
        standing.failure = failure;
    });
}

/// Has the other thread, which writes the outbox, date anew what the log refused. Whether it did.
fn is_dated_anew(shared: &Shared, early: Early) -> bool {
    shared.change(|standing| (standing.early, standing.dated_anew) = (Some(early), false));
    loop {
        let standing = shared.standing();
        if standing.early.is_none() {
            return standing.dated_anew;
        }
        shared.wait_with(standing, LONGEST_WAIT);
    }
}

/// Says once what is wrong, and again when it is something else.
fn tell(told: &mut String, why: &CliError, wait: Duration) {
    if *told != why.code() {
        why.code().clone_into(told);
        let seconds = wait.as_secs().max(1);
        style::warn(&format!("not delivered, trying again in {seconds} s: {}", why.brief()));
    }
}

/// Waits before the next try. Whether there is to be one.
fn hold(shared: &Shared, wait: Duration, since: Instant, policy: &RetryPolicy) -> bool {
    let until = Instant::now() + wait;
    let mut stopping: Option<Instant> = None;
    loop {
        let now = Instant::now();
        let last_chance = stop::asked() && now >= *stopping.get_or_insert(now + STOPPING);
        let ends = shared.standing().ended || policy.blocks_recording;
        if last_chance || (ends && now >= since + policy.give_up) {
            return false;
        }
        if now >= until {
            return true;
        }
        std::thread::sleep((until - now).min(Duration::from_millis(100)));
    }
}
