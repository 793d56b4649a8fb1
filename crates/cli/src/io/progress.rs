//! Progress bars on standard error, if it is a terminal.

use std::io::IsTerminal as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that counts items. It appears with the first count, and threads can share it.
pub(crate) struct SharedCount {
    doing: &'static str,
    bar: Mutex<Option<ProgressBar>>,
}

impl SharedCount {
    pub(crate) const fn new(doing: &'static str) -> Self {
        Self { doing, bar: Mutex::new(None) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows that `done` of `total` items are done.
    pub(crate) fn show(&self, done: u64, total: u64) {
        self.lock().get_or_insert_with(|| count(self.doing, total)).set_position(done);
    }

    /// Removes the bar. The next count shows a new one.
    pub(crate) fn clear(&self) {
        if let Some(bar) = self.lock().take() {
            bar.finish_and_clear();
        }
    }
}

/// Returns a bar that counts up to `total` items.
pub(crate) fn count(doing: &'static str, total: u64) -> ProgressBar {
    with_template(ProgressBar::new(total), "{msg} {wide_bar} {human_pos}/{human_len} {eta}", doing)
}

/// Returns a bar that counts bytes. The total is known only for files.
pub(crate) fn bar(doing: &'static str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
        }
        None => (ProgressBar::no_length(), "{msg} {spinner} {bytes} {bytes_per_sec}"),
    };
    with_template(bar, template, doing)
}

/// Returns a spinner with a message that can change.
pub(crate) fn status() -> ProgressBar {
    with_template(ProgressBar::no_length(), "{spinner} {msg}", "")
}

fn with_template(bar: ProgressBar, template: &str, doing: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(doing)
}
