//! The program's error: a diagnostic and the status to exit with.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use countersign::Error;
use countersign_delivery::DeliveryError;
use countersign_errors::EngineError;
use countersign_ingest::IngestError;

#[cfg(feature = "native")]
pub(crate) use countersign_errors::explain;
pub(crate) use countersign_errors::shown;

use crate::exit_status::ExitStatus;
use crate::invocation::runnable;
use crate::io::hashing::FileChanged;
use crate::io::style;

/// An error that ends a command.
#[derive(Debug)]
pub(crate) struct CliError {
    error: EngineError,
    /// The status to exit with, if it doesn't follow from the error.
    status: Option<ExitStatus>,
}

impl CliError {
    /// Creates an error about an argument or an auxiliary file that can't be used.
    pub(crate) fn unusable(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        EngineError::new(code, message, hint).into()
    }

    /// Creates an error about reading or writing a file.
    pub(crate) fn io(doing: &str, name: &str, error: &io::Error) -> Self {
        if let Some(inner) = error.get_ref()
            && inner.is::<FileChanged>()
        {
            let hint = "run the command again, on a copy that nothing writes to";
            return Self::unusable("io.changed", "the file changed while it was read", hint).within(name);
        }
        EngineError::io(doing, name, error).into()
    }

    /// Creates an error about a file whose name is added later.
    pub(crate) fn system(doing: &str, error: &io::Error) -> Self {
        EngineError::system(doing, error).into()
    }

    /// Creates an error about invalid input.
    pub(crate) fn broken(error: Error) -> Self {
        Self::from(error).into_broken()
    }

    /// Turns the error into one about invalid input.
    pub(crate) fn into_broken(self) -> Self {
        self.map(EngineError::into_broken)
    }

    /// Sets the exit status.
    pub(crate) fn with_status(mut self, status: ExitStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the file of the error, unless it has one.
    pub(crate) fn within(self, name: &str) -> Self {
        self.map(|error| error.within(name))
    }

    /// Sets the line of the error, unless it has a line or a file.
    pub(crate) fn at_line(self, line: u64) -> Self {
        self.map(|error| error.at_line(line))
    }

    /// Sets the hint.
    pub(crate) fn with_hint(self, hint: &str) -> Self {
        self.map(|error| error.with_hint(hint))
    }

    /// Sets the hint, unless there is one.
    pub(crate) fn or_hint(self, hint: &str) -> Self {
        self.map(|error| error.or_hint(hint))
    }

    /// Prefixes the message with what it explains.
    pub(crate) fn because(self, what: &str) -> Self {
        self.map(|error| error.because(what))
    }

    fn map(self, change: impl FnOnce(EngineError) -> EngineError) -> Self {
        Self { error: change(self.error), ..self }
    }

    /// Returns the line, if it is known.
    pub(crate) fn line(&self) -> Option<u64> {
        self.error.line()
    }

    /// Returns the stable error code.
    pub(crate) fn code(&self) -> &str {
        self.error.code()
    }

    /// Returns the error on one line.
    pub(crate) fn brief(&self) -> String {
        self.error.to_string()
    }

    /// Returns the error without its place, which may be an address with a secret.
    pub(crate) fn without_place(&self) -> String {
        self.error.without_place()
    }

    /// Returns the error without an exit status.
    pub(crate) fn into_engine_error(self) -> EngineError {
        self.error
    }

    /// Returns the exit status.
    pub(crate) fn status(&self) -> ExitStatus {
        let default_status = if self.error.is_broken() { ExitStatus::Broken } else { ExitStatus::Unusable };
        self.status.unwrap_or(default_status)
    }

    /// Prints the error to standard error, or logs it.
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
            let _ = write!(text, "field {member:?}: ");
        }
        text.push_str(&style::plain(message));
        if let Some(hint) = hint {
            let _ = write!(text, "\n  {} {}", style::label("hint:"), runnable(hint));
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

/// Returns the error for something that this build of the program can't do.
#[cfg(not(feature = "native"))]
pub(crate) fn needs_native(what: &str) -> CliError {
    CliError::unusable(
        "program.not_native",
        format!("{what} needs the native program"),
        "this is the build for npm; install the native one with `cargo install --locked --path crates/cli --profile quick`",
    )
}

/// Removes private keys from the text: one may have been passed as a path, and errors show paths.
fn without_keys(text: &str) -> String {
    const KEY: &str = "PRIVATE+KEY+";
    let mut parts = text.split(KEY);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // The text of a key contains no white space.
        let end = part.find(char::is_whitespace).unwrap_or(part.len());
        shown.push_str(KEY);
        shown.push('…');
        shown.push_str(&part[end..]);
    }
    shown
}
