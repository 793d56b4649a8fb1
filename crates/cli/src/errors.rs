//! The program's error: a diagnostic and the status to exit with.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use countersign::{Diagnostic, Error};
use countersign_delivery::DeliveryError;
use countersign_ingest::IngestError;

use crate::exit_status::ExitStatus;
use crate::io::style;

/// An error that ends a command.
#[derive(Debug)]
pub(crate) struct CliError(Box<Details>);

#[derive(Debug)]
struct Details {
    diagnostic: Diagnostic,
    status: ExitStatus,
    /// Nobody listens any more.
    silent: bool,
}

impl CliError {
    /// An argument, or a file beside the input, is of no use.
    pub(crate) fn unusable(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let diagnostic = Diagnostic::new(code.to_owned().into(), message);
        Self::from_diagnostic(Diagnostic { hint: Some(hint.into().into()), ..diagnostic })
    }

    fn from_diagnostic(diagnostic: Diagnostic) -> Self {
        Self(Box::new(Details { diagnostic, status: ExitStatus::Unusable, silent: false }))
    }

    /// Something about this file could not be read or written.
    pub(crate) fn io(doing: &str, name: &str, error: &io::Error) -> Self {
        Self::system(doing, error).within(name)
    }

    /// The same of a file that is named later.
    pub(crate) fn system(doing: &str, error: &io::Error) -> Self {
        if let Some(own) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            return own.clone().into();
        }
        let (code, hint) = explain(doing, error);
        let mut failure = Self::unusable(code, format!("cannot {doing}: {}", in_full(error)), hint);
        failure.0.silent = error.kind() == io::ErrorKind::BrokenPipe;
        failure
    }

    /// The input was read, and this is wrong with it.
    pub(crate) fn broken(error: Error) -> Self {
        Self::from(error).into_broken()
    }

    /// The same, as something that is wrong with an input that was read.
    pub(crate) fn into_broken(self) -> Self {
        self.with_status(ExitStatus::Broken)
    }

    /// The same, to exit with this status.
    pub(crate) fn with_status(mut self, status: ExitStatus) -> Self {
        self.0.status = status;
        self
    }

    /// The same within this file, unless it is about another one.
    pub(crate) fn within(mut self, name: &str) -> Self {
        self.0.diagnostic.file.get_or_insert_with(|| name.into());
        self
    }

    /// The same at this line, unless a line or a file is known.
    pub(crate) fn at_line(mut self, line: u64) -> Self {
        if self.0.diagnostic.file.is_none() {
            self.0.diagnostic.line.get_or_insert(line);
        }
        self
    }

    /// The same with this hint.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.0.diagnostic.hint = Some(hint.to_owned().into());
        self
    }

    /// The same with this hint, unless there is one.
    pub(crate) fn or_hint(mut self, hint: &str) -> Self {
        self.0.diagnostic.hint.get_or_insert_with(|| hint.to_owned().into());
        self
    }

    /// The same, said to be the reason for something.
    pub(crate) fn because(mut self, what: &str) -> Self {
        self.0.diagnostic.message = format!("{what}: {}", self.0.diagnostic.message);
        self
    }

    /// The line, if it is known.
    pub(crate) fn line(&self) -> Option<u64> {
        self.0.diagnostic.line
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &str {
        &self.0.diagnostic.code
    }

    /// What is wrong, on one line.
    pub(crate) fn brief(&self) -> String {
        let place = self.0.diagnostic.file.as_ref().map_or_else(String::new, |file| format!("{file}: "));
        format!("{place}{}", self.said())
    }

    /// The same without the place, which may be an address with a secret.
    pub(crate) fn said(&self) -> String {
        let Diagnostic { code, message, .. } = &self.0.diagnostic;
        format!("{} [{code}]", style::plain(message))
    }

    /// The status to exit with.
    pub(crate) fn status(&self) -> ExitStatus {
        self.0.status
    }

    /// Tells the person at the terminal.
    pub(crate) fn report(&self) {
        if self.0.silent {
            return;
        }
        let Diagnostic { code, message, file, line, member, hint, .. } = &self.0.diagnostic;
        let (code, hint) = (code.as_ref(), hint.as_deref());
        if style::is_json() {
            let (message, file) = (without_keys(message), file.as_deref().map(without_keys));
            tracing::error!(target: style::TARGET, code, file, line, member, hint, "{message}");
            return;
        }
        let mut text = format!("{} ", style::bad(format_args!("✗ error[{code}]:")));
        if let Some(file) = file {
            let _ = write!(text, "{file}: ");
        }
        if let Some(line) = line {
            let _ = write!(text, "line {line}: ");
        }
        if let Some(member) = member {
            let _ = write!(text, "member {member:?}: ");
        }
        text.push_str(&style::plain(message));
        if let Some(hint) = hint {
            let _ = write!(text, "\n  {} {hint}", style::label("hint:"));
        }
        let _ = writeln!(anstream::stderr().lock(), "{}", without_keys(&text));
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        Self::from_diagnostic(Diagnostic::from(error).into_text())
    }
}

impl From<DeliveryError> for CliError {
    fn from(error: DeliveryError) -> Self {
        use style::plain;
        match error {
            DeliveryError::Io { doing, place, error } => Self::io(doing, &plain(&place), &error),
            DeliveryError::Outbox { code, message, hint, place } => {
                Self::unusable(code, message, hint).within(&plain(&place))
            }
            DeliveryError::TooLarge { message, hint } => Self::unusable("submit.too_large", message, hint),
            DeliveryError::Contradiction { code, message, hint, place } => {
                Self::unusable(code, message, hint).into_broken().within(&plain(&place))
            }
            DeliveryError::Answer { code, message, hint } => {
                let message = format!("the collector says: {}", plain(&message));
                Self::unusable(&plain(&code), message, plain(&hint)).into_broken()
            }
            DeliveryError::Unproven { error, hint } => Self::broken(error).with_hint(hint),
            error => Self::unusable(error.code(), error.to_string(), "run it again"),
        }
    }
}

impl From<IngestError> for CliError {
    fn from(error: IngestError) -> Self {
        Self::broken(error.into())
    }
}

/// An error's own words, and those of its reasons that it does not repeat.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut reason = error.source();
    while let Some(inner) = reason {
        let words = inner.to_string();
        if !text.contains(&words) {
            let _ = write!(text, ": {words}");
        }
        reason = inner.source();
    }
    text
}

/// The text without signer keys: one may have been given in the place of a path, and paths are shown.
fn without_keys(text: &str) -> String {
    const KEY: &str = "PRIVATE+KEY+";
    let mut parts = text.split(KEY);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // A key's text has no white space.
        let end = part.find(char::is_whitespace).unwrap_or(part.len());
        shown.push_str(KEY);
        shown.push('…');
        shown.push_str(&part[end..]);
    }
    shown
}

/// The code of an error of the system, and what to do.
pub(crate) fn explain(doing: &str, error: &io::Error) -> (&'static str, &'static str) {
    match error.kind() {
        io::ErrorKind::NotFound if doing == "write" => {
            ("io.not_found", "check the path: the folder that it is to be in must be there")
        }
        io::ErrorKind::NotFound => ("io.not_found", "check the path"),
        io::ErrorKind::PermissionDenied => ("io.permission", "check who may read or write it"),
        io::ErrorKind::IsADirectory => ("io.is_directory", "give a file, not a directory"),
        io::ErrorKind::NotADirectory => {
            ("io.not_directory", "check the path: a part of it is not a directory")
        }
        io::ErrorKind::AlreadyExists if doing == "make" => {
            ("io.exists", "a folder is to be there, and something else is: give another path")
        }
        io::ErrorKind::AlreadyExists => ("io.exists", "choose another name, or remove it first"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ("io.full", "free some space, then run it again: no partial file was left behind")
        }
        io::ErrorKind::FileTooLarge => {
            ("io.too_large", "files of this size are not allowed here; no partial file was left behind")
        }
        io::ErrorKind::ReadOnlyFilesystem => (
            "io.read_only",
            "its file system can't be written to: mount it so that it can, or give another path",
        ),
        _ => ("io.failed", "the system gave no other reason"),
    }
}

/// A path as it is shown to people.
pub(crate) fn shown(path: &Path) -> String {
    style::plain(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(&'static str, io::Error);

    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.1)
        }
    }

    #[test]
    fn no_words_of_an_error_are_lost_or_said_twice() {
        let said = |error: &io::Error| CliError::io("read", "x", error).said();
        let inner =
            || io::Error::new(io::ErrorKind::TimedOut, Outer("too slow", io::Error::other("no answer")));
        assert_eq!(said(&io::Error::other("why")), "cannot read: why [io.failed]");
        assert_eq!(said(&inner()), "cannot read: too slow: no answer [io.failed]");
        let outer = io::Error::other(Outer("part 3", inner()));
        assert_eq!(said(&outer), "cannot read: part 3: too slow: no answer [io.failed]");
        let repeats = io::Error::other(Outer("part 3: too slow", inner()));
        assert_eq!(said(&repeats), "cannot read: part 3: too slow: no answer [io.failed]");
        let missing = io::Error::from_raw_os_error(2);
        assert_eq!(said(&missing), "cannot read: No such file or directory (os error 2) [io.not_found]");
        let read_only = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        assert!(said(&read_only).ends_with(" [io.read_only]"), "{}", said(&read_only));
    }

    #[test]
    fn the_words_of_a_log_server_are_fit_for_a_terminal() {
        let answer = DeliveryError::Answer {
            code: "a\u{1b}[2J".into(),
            message: "b\u{202e}".into(),
            hint: "c\u{7}".into(),
        };
        let CliError(details) = CliError::from(answer);
        assert_eq!(details.diagnostic.code, "a\\u{1b}[2J");
        assert_eq!(details.diagnostic.message, "the collector says: b\\u{202e}");
        assert_eq!(details.diagnostic.hint.as_deref(), Some("c\\u{7}"));
        assert_eq!(details.status, ExitStatus::Broken);
    }
}
