//! The crate's error.

use std::fmt;

use countersign::{Code, Error};

/// An error in a delivery, with its line and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestError(Error);

impl IngestError {
    pub(crate) fn new(message: impl Into<String>, hint: &'static str) -> Self {
        Self(Error::new(Code::Event, message).with_hint(hint))
    }

    /// Returns the stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Returns the error message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the 1-based line of the input, if the error is about one.
    pub fn line(&self) -> Option<u64> {
        self.0.line
    }

    /// Returns what to do about the error.
    pub fn hint(&self) -> Option<&'static str> {
        self.0.hint
    }
}

impl fmt::Display for IngestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for IngestError {}

impl From<IngestError> for Error {
    fn from(error: IngestError) -> Self {
        error.0
    }
}

pub(crate) fn fault(why: &str, hint: &'static str, line: u64) -> IngestError {
    let IngestError(error) = IngestError::new(why, hint);
    IngestError(error.at_line(line))
}
