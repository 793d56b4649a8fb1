//! Progress bars on standard error, if it is a terminal.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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
