//! A progress bar on the standard error stream, where that is a terminal.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that counts things, of which there are `total`.
pub(crate) fn count(doing: &'static str, total: u64) -> ProgressBar {
    drawn(ProgressBar::new(total), "{msg} {wide_bar} {human_pos}/{human_len} {eta}", doing)
}

/// A bar that counts bytes; `total` is known for files alone.
pub(crate) fn bar(doing: &'static str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
        }
        None => (ProgressBar::no_length(), "{msg} {spinner} {bytes} {bytes_per_sec}"),
    };
    drawn(bar, template, doing)
}

/// What is going on, in words that change.
pub(crate) fn status() -> ProgressBar {
    drawn(ProgressBar::no_length(), "{spinner} {msg}", "")
}

fn drawn(bar: ProgressBar, template: &str, doing: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(doing)
}
