//! Failures: one clear error with a code, a place and a hint, and the status to exit with.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use countersign::Error;
use countersign_delivery::DeliveryError;
use countersign_diagnostic::Diagnostic;
use countersign_ingest::IngestError;

pub(crate) use countersign_diagnostic::{explain, shown};

use crate::exit_status::ExitStatus;
use crate::io::style;

/// Why a command ends without having done its work.
#[derive(Debug)]
pub(crate) struct Failure {
    diagnostic: Diagnostic,
    status: ExitStatus,
}

impl Failure {
    /// An argument, or a file beside the input, is of no use.
    pub(crate) fn unusable(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Diagnostic::new(code, message, hint).into()
    }

    /// Something about this file could not be read or written.
    pub(crate) fn io(doing: &str, name: &str, error: &io::Error) -> Self {
        Diagnostic::io(doing, name, error).into()
    }

    /// The same of a file that is named later.
    pub(crate) fn system(doing: &str, error: &io::Error) -> Self {
        Diagnostic::system(doing, error).into()
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
        self.status = status;
        self
    }

    /// The same within this file, unless it is about another one.
    pub(crate) fn within(self, name: &str) -> Self {
        self.map(|diagnostic| diagnostic.within(name))
    }

    /// The same at this line, unless a line or a file is known.
    pub(crate) fn at_line(self, line: u64) -> Self {
        self.map(|diagnostic| diagnostic.at_line(line))
    }

    /// The same with this hint.
    pub(crate) fn with_hint(self, hint: &str) -> Self {
        self.map(|diagnostic| diagnostic.with_hint(hint))
    }

    /// The same with this hint, unless there is one.
    pub(crate) fn or_hint(self, hint: &str) -> Self {
        self.map(|diagnostic| diagnostic.or_hint(hint))
    }

    /// The same, said to be the reason for something.
    pub(crate) fn because(self, what: &str) -> Self {
        self.map(|diagnostic| diagnostic.because(what))
    }

    fn map(self, change: impl FnOnce(Diagnostic) -> Diagnostic) -> Self {
        Self { diagnostic: change(self.diagnostic), ..self }
    }

    /// The line, if it is known.
    pub(crate) fn line(&self) -> Option<u64> {
        self.diagnostic.line()
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &str {
        self.diagnostic.code()
    }

    /// What is wrong, on one line.
    pub(crate) fn brief(&self) -> String {
        self.diagnostic.to_string()
    }

    /// The same without the place, which may be an address with a secret.
    pub(crate) fn said(&self) -> String {
        self.diagnostic.without_place()
    }

    /// The error without the status to exit with.
    pub(crate) fn into_diagnostic(self) -> Diagnostic {
        let is_broken = self.status == ExitStatus::Broken;
        if is_broken { self.diagnostic.into_broken() } else { self.diagnostic }
    }

    /// The status to exit with.
    pub(crate) fn status(&self) -> ExitStatus {
        self.status
    }

    /// Tells the person at the terminal.
    pub(crate) fn report(&self) {
        let diagnostic = &self.diagnostic;
        if diagnostic.is_closed_pipe() {
            return;
        }
        let (code, message, file) = (diagnostic.code(), diagnostic.message(), diagnostic.file());
        let (line, member, hint) = (diagnostic.line(), diagnostic.member(), diagnostic.hint());
        if style::is_json() {
            let (message, file) = (without_keys(message), file.map(without_keys));
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

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        let status = if diagnostic.is_broken() { ExitStatus::Broken } else { ExitStatus::Unusable };
        Self { diagnostic, status }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Diagnostic::from(error).into()
    }
}

impl From<DeliveryError> for Failure {
    fn from(error: DeliveryError) -> Self {
        Diagnostic::from(error).into()
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        Self::broken(error.into())
    }
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
