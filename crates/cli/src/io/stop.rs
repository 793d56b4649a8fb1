//! Signals. A request to stop (SIGINT, SIGTERM) ends the command cleanly, and a repeated one ends it immediately. A
//! hangup (SIGHUP) makes a service read its files again, and ends other commands: see [`enable_service`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(unix)]
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[cfg(unix)]
use rustix::process::{Pid, Signal, getpgid, getpgrp, kill_process};
#[cfg(unix)]
use signal_hook::iterator::exfiltrator::origin::Origin;

/// True if this command handles the first request to stop itself.
static GRACEFUL: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicBool = AtomicBool::new(false);
/// True if this command is a service, which a hangup doesn't end.
static SERVICE: AtomicBool = AtomicBool::new(false);
/// The number of hangups of a service.
static HANGUPS: AtomicU64 = AtomicU64::new(0);
/// The signals that asked this command to stop.
#[cfg(unix)]
static SIGNALS: Mutex<Signals> = Mutex::new(Signals { first: None, patience: Duration::ZERO });
/// The time after which a request is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Makes the first signal only a request, reported by [`is_requested`]; the second one ends the process.
pub(crate) fn enable_graceful() {
    GRACEFUL.store(true, Ordering::SeqCst);
}

/// Makes the first signal only a request, for a command that runs until it is stopped. A hangup doesn't end it: it reads
/// its files again, as far as it reads them while it runs. Log rotation and habits send hangups, and so does a terminal
/// that is closed, which must not stop a service that was started from it.
pub(crate) fn enable_service() {
    SERVICE.store(true, Ordering::SeqCst);
    enable_graceful();
}

/// Returns the number of hangups so far. After each, files that are watched for changes are read again.
pub(crate) fn hangups() -> u64 {
    HANGUPS.load(Ordering::SeqCst)
}

/// Makes the first signal only a request, and ignores repeats for this time. A later one ends the process.
#[cfg_attr(not(unix), allow(unused_variables, reason = "there are no signals"))]
pub(crate) fn enable_patient(patience: Duration) {
    #[cfg(unix)]
    {
        signals().patience = patience;
    }
    enable_graceful();
}

#[cfg(unix)]
struct Signals {
    /// The time of the first one.
    first: Option<Instant>,
    /// The time for which repeats are ignored.
    patience: Duration,
}

#[cfg(unix)]
impl Signals {
    /// True if this signal ends the process.
    fn is_final(&mut self, now: Instant) -> bool {
        let Some(first) = self.first else {
            self.first = Some(now);
            return false;
        };
        now.saturating_duration_since(first) >= self.patience
    }
}

#[cfg(unix)]
fn signals() -> MutexGuard<'static, Signals> {
    SIGNALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True if the process was asked to stop.
pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Waits for this time, or until the process is asked to stop. Returns true if it was asked.
pub(crate) fn sleep(time: Duration) -> bool {
    let end = Instant::now() + time;
    while !is_requested() {
        let rest = end.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return false;
        }
        std::thread::sleep(rest.min(POLL_INTERVAL));
    }
    true
}

/// The child process that gets the signals instead of this command.
#[cfg(unix)]
static CHILD: Mutex<Option<Pid>> = Mutex::new(None);

#[cfg(unix)]
fn child() -> MutexGuard<'static, Option<Pid>> {
    CHILD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes signals on to a child process, until [`stop`].
#[cfg_attr(not(unix), allow(unused_variables, reason = "there are no signals"))]
pub(crate) fn delegate(process: u32) {
    #[cfg(unix)]
    {
        *child() = i32::try_from(process).ok().and_then(Pid::from_raw);
    }
}

/// Asks the child process that gets the signals to end, at most once. Does nothing if it has ended.
pub(crate) fn end_child() {
    #[cfg(unix)]
    if let Some(child) = child().take() {
        // It fails if the child has just ended.
        let _ = kill_process(child, Signal::TERM);
    }
}

/// Asks this command to stop, as a signal does.
pub(crate) fn stop() {
    #[cfg(unix)]
    {
        *child() = None;
    }
    REQUESTED.store(true, Ordering::SeqCst);
}

/// Handles a signal. Returns true if the command will stop on its own.
#[cfg(unix)]
pub(crate) fn request(origin: &Origin) -> bool {
    let is_hangup = origin.signal == signal_hook::consts::SIGHUP;
    if is_hangup && SERVICE.load(Ordering::SeqCst) {
        HANGUPS.fetch_add(1, Ordering::SeqCst);
        return true;
    }
    if let Some(child) = *child() {
        if let Some(signal) = Signal::from_named_raw(origin.signal).filter(|_| !has_reached(child, origin)) {
            // It fails if the child has ended, which stops this command.
            let _ = kill_process(child, signal);
        }
        return true;
    }
    if !GRACEFUL.load(Ordering::SeqCst) {
        return false;
    }
    REQUESTED.store(true, Ordering::SeqCst);
    let mut signals = signals();
    let is_final = signals.is_final(Instant::now());
    if is_final && !signals.patience.is_zero() {
        let patience = signals.patience.as_secs();
        tracing::warn!(
            "forced to end by a signal {patience} seconds or more after the first one; work in progress was aborted"
        );
    }
    !is_final
}

/// True if the child got this signal, too. A terminal sends Ctrl-C to its whole foreground process group; such a signal
/// comes from the system, not from a process.
#[cfg(unix)]
fn has_reached(child: Pid, origin: &Origin) -> bool {
    origin.process.is_none() && getpgid(Some(child)).is_ok_and(|group| group == getpgrp())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn repeated_signals_are_ignored_for_the_given_time() {
        let begin = Instant::now();
        let mut signals = Signals { first: None, patience: Duration::from_secs(10) };
        for (second, is_final) in [(0, false), (1, false), (9, false), (10, true), (11, true)] {
            assert_eq!(signals.is_final(begin + Duration::from_secs(second)), is_final, "{second}");
        }
        let mut signals = Signals { first: None, patience: Duration::ZERO };
        assert!(!signals.is_final(begin) && signals.is_final(begin));
    }
}
