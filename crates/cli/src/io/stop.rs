//! Requests to stop: the first ends the command cleanly, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};

/// True if this command handles the first request to stop itself.
static GRACEFUL: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Makes the first signal only a request, reported by [`is_requested`]; the second one ends the process.
pub(crate) fn enable_graceful() {
    GRACEFUL.store(true, Ordering::SeqCst);
}

/// True if the process was asked to stop.
pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Handles a signal. Returns true if the command will stop on its own.
#[cfg(unix)]
pub(crate) fn request() -> bool {
    GRACEFUL.load(Ordering::SeqCst) && !REQUESTED.swap(true, Ordering::SeqCst)
}
