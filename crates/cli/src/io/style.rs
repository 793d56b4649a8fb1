//! The style of the program's messages: an icon and a word, with color as a supplement only.
//!
//! Colors are always written, and removed by the stream if it is not a terminal or `NO_COLOR` is set.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use clap::builder::Styles;

use countersign_errors::shown;

use crate::invocation::runnable;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
const LABEL: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

fn painted(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Formats a positive result.
pub(crate) fn good(text: impl Display) -> String {
    painted(GOOD, text)
}

/// Formats an error.
pub(crate) fn bad(text: impl Display) -> String {
    painted(BAD, text)
}

/// Formats something uncertain.
pub(crate) fn doubt(text: impl Display) -> String {
    painted(DOUBT, text)
}

/// Writes to standard output, without colors if it is not a terminal. Text without colors is written unchanged: the
/// color filter would also remove control characters, which events may contain.
pub(crate) fn write(text: &str) -> io::Result<()> {
    if text.contains('\u{1b}') {
        anstream::stdout().lock().write_all(text.as_bytes())
    } else {
        io::stdout().lock().write_all(text.as_bytes())
    }
}

/// Returns the text without colors, for a file.
pub(crate) fn without_colors(text: &str) -> Cow<'_, str> {
    if text.contains('\u{1b}') {
        Cow::Owned(anstream::adapter::strip_str(text).to_string())
    } else {
        Cow::Borrowed(text)
    }
}

/// Formats a label.
pub(crate) fn label(text: impl Display) -> String {
    painted(LABEL, text)
}

/// Formats something secondary or missing.
pub(crate) fn faint(text: impl Display) -> String {
    painted(FAINT, text)
}

/// Removes everything from untrusted text that could move a terminal's cursor or change what it shows.
pub(crate) fn plain(text: &str) -> String {
    countersign_errors::plain_lines(text)
}

/// Formats untrusted text on one line of at most `width` characters.
pub(crate) fn line(text: &str, width: usize) -> String {
    let text = plain(text).replace('\n', "\\n");
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// The styles of the help pages.
pub(crate) fn help() -> Styles {
    Styles::styled().header(LABEL).usage(LABEL).literal(AnsiColor::Cyan.on_default()).placeholder(FAINT)
}

/// True if messages are written as JSON log messages instead of plain text.
static STRUCTURED: AtomicBool = AtomicBool::new(false);

/// The target of these log messages, which the filter always lets through.
pub(crate) const TARGET: &str = "serve";

/// Switches all later messages to JSON log messages.
pub(crate) fn write_json() {
    STRUCTURED.store(true, Ordering::Relaxed);
}

/// True if messages are written as JSON log messages.
pub(crate) fn is_json() -> bool {
    STRUCTURED.load(Ordering::Relaxed)
}

/// Prints a warning to standard error.
pub(crate) fn warn(text: &str) {
    if is_json() {
        tracing::warn!(target: TARGET, "{text}");
    } else {
        let _ = writeln!(anstream::stderr().lock(), "{} {}", doubt("! warning:"), runnable(text));
    }
}

/// Prints a result to standard error, so that it is not part of the output.
pub(crate) fn done(text: &str) {
    if is_json() {
        tracing::info!(target: TARGET, "{text}");
    } else {
        let _ = writeln!(anstream::stderr().lock(), "{} {}", good("✓ done:"), runnable(text));
    }
}

/// A labeled detail of the message before, on the standard error stream.
pub(crate) fn detail(name: &str, text: &str) {
    if is_json() {
        tracing::info!(target: TARGET, "{name} {text}");
    } else {
        let _ = writeln!(anstream::stderr().lock(), "  {} {}", label(name), runnable(text));
    }
}

/// Prints a result with the name of the file that it was written to; standard output has no name.
pub(crate) fn wrote(file: Option<&Path>, what: &str) {
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => done(&format!("{}: {what}", shown(file))),
        None => done(what),
    }
}
