//! Being asked to stop: once, to end in good order; twice, at once.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this command ends in good order by itself when it is asked to.
static GRACEFUL: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);

/// From here on the first signal is told by [`asked`], and only the second one ends the process.
pub(crate) fn gracefully() {
    GRACEFUL.store(true, Ordering::SeqCst);
}

/// Whether the process was asked to stop.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// A signal came. Whether the command sees to it.
#[cfg(unix)]
pub(crate) fn ask() -> bool {
    GRACEFUL.load(Ordering::SeqCst) && !ASKED.swap(true, Ordering::SeqCst)
}
