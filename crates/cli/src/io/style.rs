//! How the program speaks: an icon and a word, and color beside them, never alone.
//!
//! Colors are written always and taken out by the stream where they do not belong: where it is no terminal, and
//! where `NO_COLOR` is set.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use clap::builder::Styles;

use countersign_errors::shown;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
const LABEL: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

fn painted(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// As it should be.
pub(crate) fn good(text: impl Display) -> String {
    painted(GOOD, text)
}

/// Not as it should be.
pub(crate) fn bad(text: impl Display) -> String {
    painted(BAD, text)
}

/// Not known.
pub(crate) fn doubt(text: impl Display) -> String {
    painted(DOUBT, text)
}

/// Writes to standard output, without its colors where they do not belong. What has none goes out byte for byte: with
/// colors, characters that a terminal does not show are taken out too, which an event may have.
pub(crate) fn write(text: &str) -> io::Result<()> {
    if text.contains('\u{1b}') {
        anstream::stdout().lock().write_all(text.as_bytes())
    } else {
        io::stdout().lock().write_all(text.as_bytes())
    }
}

/// The text for a file: colors are for terminals.
pub(crate) fn uncolored(text: &str) -> Cow<'_, str> {
    if text.contains('\u{1b}') {
        Cow::Owned(anstream::adapter::strip_str(text).to_string())
    } else {
        Cow::Borrowed(text)
    }
}

/// What names something.
pub(crate) fn label(text: impl Display) -> String {
    painted(LABEL, text)
}

/// Beside the point, or not there.
pub(crate) fn faint(text: impl Display) -> String {
    painted(FAINT, text)
}

/// Text that comes from a file, without what could move a terminal's cursor or change what it shows.
pub(crate) fn plain(text: &str) -> String {
    countersign_errors::plain_lines(text)
}

/// The same on one line of at most so many characters.
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

/// True if messages are log messages in JSON instead of text for people.
static STRUCTURED: AtomicBool = AtomicBool::new(false);

/// The target of these log messages, which the filter always lets through.
pub(crate) const TARGET: &str = "serve";

/// Has all further messages written as log messages in JSON.
pub(crate) fn write_json() {
    STRUCTURED.store(true, Ordering::Relaxed);
}

/// True if messages are log messages in JSON.
pub(crate) fn is_json() -> bool {
    STRUCTURED.load(Ordering::Relaxed)
}

/// A warning on the standard error stream.
pub(crate) fn warn(text: &str) {
    if is_json() {
        tracing::warn!(target: TARGET, "{text}");
    } else {
        let _ = writeln!(anstream::stderr().lock(), "{} {text}", doubt("! warning:"));
    }
}

/// What was done, on the standard error stream, so that it is no part of the output.
pub(crate) fn done(text: &str) {
    if is_json() {
        tracing::info!(target: TARGET, "{text}");
    } else {
        let _ = writeln!(anstream::stderr().lock(), "{} {text}", good("✓ done:"));
    }
}

/// A labeled detail of the message before, on the standard error stream.
pub(crate) fn detail(name: &str, text: &str) {
    if is_json() {
        tracing::info!(target: TARGET, "{name} {text}");
    } else {
        let _ = writeln!(anstream::stderr().lock(), "  {} {text}", label(name));
    }
}

/// The same of what was written, which names the file that it is in; the standard output stream has no name.
pub(crate) fn wrote(file: Option<&Path>, what: &str) {
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => done(&format!("{}: {what}", shown(file))),
        None => done(what),
    }
}
