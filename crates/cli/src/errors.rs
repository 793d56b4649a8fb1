//! The program's error: a diagnostic and the status to exit with.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use countersign::Error;
use countersign_delivery::DeliveryError;
use countersign_errors::EngineError;
use countersign_ingest::IngestError;

pub(crate) use countersign_errors::{explain, shown};

use crate::exit_status::ExitStatus;
use crate::io::style;

/// An error that ends a command.
#[derive(Debug)]
pub(crate) struct CliError {
    error: EngineError,
    /// The status to exit with, if it doesn't follow from the error.
    status: Option<ExitStatus>,
}

impl CliError {
    /// An argument, or a file beside the input, is of no use.
    pub(crate) fn unusable(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        EngineError::new(code, message, hint).into()
    }

    /// Something about this file could not be read or written.
    pub(crate) fn io(doing: &str, name: &str, error: &io::Error) -> Self {
        EngineError::io(doing, name, error).into()
    }

    /// The same of a file that is named later.
    pub(crate) fn system(doing: &str, error: &io::Error) -> Self {
        EngineError::system(doing, error).into()
    }

    /// The input was read, and this is wrong with it.
    pub(crate) fn broken(error: Error) -> Self {
        Self::from(error).into_broken()
    }

    /// The same, as something that is wrong with an input that was read.
    pub(crate) fn into_broken(self) -> Self {
        self.map(EngineError::into_broken)
    }

    /// The same, to exit with this status.
    pub(crate) fn with_status(mut self, status: ExitStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// The same within this file, unless it is about another one.
    pub(crate) fn within(self, name: &str) -> Self {
        self.map(|error| error.within(name))
    }

    /// The same at this line, unless a line or a file is known.
    pub(crate) fn at_line(self, line: u64) -> Self {
        self.map(|error| error.at_line(line))
    }

    /// The same with this hint.
    pub(crate) fn with_hint(self, hint: &str) -> Self {
        self.map(|error| error.with_hint(hint))
    }

    /// The same with this hint, unless there is one.
    pub(crate) fn or_hint(self, hint: &str) -> Self {
        self.map(|error| error.or_hint(hint))
    }

    /// The same, said to be the reason for something.
    pub(crate) fn because(self, what: &str) -> Self {
        self.map(|error| error.because(what))
    }

    fn map(self, change: impl FnOnce(EngineError) -> EngineError) -> Self {
        Self { error: change(self.error), ..self }
    }

    /// The line, if it is known.
    pub(crate) fn line(&self) -> Option<u64> {
        self.error.line()
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &str {
        self.error.code()
    }

    /// What is wrong, on one line.
    pub(crate) fn brief(&self) -> String {
        self.error.to_string()
    }

    /// The same without the place, which may be an address with a secret.
    pub(crate) fn said(&self) -> String {
        self.error.without_place()
    }

    /// The error without the status to exit with.
    pub(crate) fn into_engine_error(self) -> EngineError {
        self.error
    }

    /// The status to exit with.
    pub(crate) fn status(&self) -> ExitStatus {
        let of_error = if self.error.is_broken() { ExitStatus::Broken } else { ExitStatus::Unusable };
        self.status.unwrap_or(of_error)
    }

    /// Tells the person at the terminal.
    pub(crate) fn report(&self) {
        let error = &self.error;
        if error.is_closed_pipe() {
            return;
        }
        let (code, message, file) = (error.code(), error.message(), error.file());
        let (line, member, hint) = (error.line(), error.member(), error.hint());
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

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        Self { error, status: None }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        EngineError::from(error).into()
    }
}

impl From<DeliveryError> for CliError {
    fn from(error: DeliveryError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<IngestError> for CliError {
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
