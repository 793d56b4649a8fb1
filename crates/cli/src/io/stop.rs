//! Requests to stop: the first ends the command cleanly, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// True if this command handles the first request to stop itself.
static GRACEFUL: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicBool = AtomicBool::new(false);
/// The time after which a request is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Makes the first signal only a request, reported by [`is_requested`]; the second one ends the process.
pub(crate) fn enable_graceful() {
    GRACEFUL.store(true, Ordering::SeqCst);
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

/// Handles a signal. Returns true if the command will stop on its own.
#[cfg(unix)]
pub(crate) fn request() -> bool {
    GRACEFUL.load(Ordering::SeqCst) && !REQUESTED.swap(true, Ordering::SeqCst)
}
