//! The error type.

use std::fmt;
use std::io;

use countersign::{Diagnostic, Error};

use crate::plain::plain_lines;
use crate::system::{explain, in_full};

/// A [`Diagnostic`] of an engine, with two facts that determine a program's exit: whether an input is broken,
/// and whether the reader of an output closed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineError(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    diagnostic: Diagnostic,
    is_broken: bool,
    is_closed_pipe: bool,
}

impl EngineError {
    /// Creates an error with a stable code such as `io.not_found`, a message that says what is wrong, and a hint that
    /// says what to do.
    pub fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let diagnostic = Diagnostic::new(code.to_owned().into(), message);
        Self::from_diagnostic(Diagnostic { hint: Some(hint.into().into()), ..diagnostic })
    }

    fn from_diagnostic(diagnostic: Diagnostic) -> Self {
        Self(Box::new(Details { diagnostic, is_broken: false, is_closed_pipe: false }))
    }

    /// Creates an error from a system error. `doing` is the operation that failed, such as `read`. `name` is
    /// the file's name.
    pub fn io(doing: &str, name: &str, error: &io::Error) -> Self {
        Self::system(doing, error).within(name)
    }

    /// Creates an error from a system error without a file. A core error within it is returned unchanged.
    pub fn system(doing: &str, error: &io::Error) -> Self {
        if let Some(own) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            return own.clone().into();
        }
        let (code, hint) = explain(doing, error);
        let mut failed = Self::new(code, format!("cannot {doing}: {}", in_full(error)), hint);
        failed.0.is_closed_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        failed
    }

    /// Marks the error as meaning that an input is altered or broken.
    #[must_use]
    pub fn into_broken(mut self) -> Self {
        self.0.is_broken = true;
        self
    }

    /// Names the file, unless one is named already.
    #[must_use]
    pub fn within(mut self, name: &str) -> Self {
        self.0.diagnostic.file.get_or_insert_with(|| name.into());
        self
    }

    /// Sets the 1-based line, unless a line or a file is known.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        if self.0.diagnostic.file.is_none() {
            self.0.diagnostic.line.get_or_insert(line);
        }
        self
    }

    /// Replaces the hint.
    #[must_use]
    pub fn with_hint(mut self, hint: &str) -> Self {
        self.0.diagnostic.hint = Some(hint.to_owned().into());
        self
    }

    /// Sets the hint, unless there is one.
    #[must_use]
    pub fn or_hint(mut self, hint: &str) -> Self {
        self.0.diagnostic.hint.get_or_insert_with(|| hint.to_owned().into());
        self
    }

    /// Prefixes the message with what failed, so that the previous message becomes the reason.
    #[must_use]
    pub fn because(mut self, what: &str) -> Self {
        let message = &mut self.0.diagnostic.message;
        *message = format!("{what}: {message}");
        self
    }

    /// Returns the stable code.
    pub fn code(&self) -> &str {
        &self.0.diagnostic.code
    }

    /// Returns the message without sanitizing it. It may contain untrusted text.
    pub fn message(&self) -> &str {
        &self.0.diagnostic.message
    }

    /// Returns the file, or another place such as an address.
    pub fn file(&self) -> Option<&str> {
        self.0.diagnostic.file.as_deref()
    }

    /// Returns the 1-based line.
    pub fn line(&self) -> Option<u64> {
        self.0.diagnostic.line
    }

    /// Returns the name of the JSON member in question.
    pub fn member(&self) -> Option<&str> {
        self.0.diagnostic.member.as_deref()
    }

    /// Returns the hint.
    pub fn hint(&self) -> Option<&str> {
        self.0.diagnostic.hint.as_deref()
    }

    /// True if an input that was read is altered or broken.
    pub fn is_broken(&self) -> bool {
        self.0.is_broken
    }

    /// True if the reader of an output closed it.
    pub fn is_closed_pipe(&self) -> bool {
        self.0.is_closed_pipe
    }

    /// Returns the message and the code, sanitized, without the place: that may be an address with a secret.
    pub fn without_place(&self) -> String {
        format!("{} [{}]", plain_lines(&self.0.diagnostic.message), self.0.diagnostic.code)
    }
}

/// Writes the place, the message, and the code, sanitized.
impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.0.diagnostic.file {
            write!(f, "{file}: ")?;
        }
        f.write_str(&self.without_place())
    }
}

impl std::error::Error for EngineError {}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        Self::from_diagnostic(Diagnostic::from(error).into_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(&'static str, io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.1)
        }
    }

    #[test]
    fn chained_messages_are_neither_lost_nor_repeated() {
        let text = |error: &io::Error| EngineError::io("read", "x", error).without_place();
        let inner =
            || io::Error::new(io::ErrorKind::TimedOut, Outer("too slow", io::Error::other("no answer")));
        assert_eq!(text(&io::Error::other("why")), "cannot read: why [io.failed]");
        assert_eq!(text(&inner()), "cannot read: too slow: no answer [io.failed]");
        let outer = io::Error::other(Outer("part 3", inner()));
        assert_eq!(text(&outer), "cannot read: part 3: too slow: no answer [io.failed]");
        let repeats = io::Error::other(Outer("part 3: too slow", inner()));
        assert_eq!(text(&repeats), "cannot read: part 3: too slow: no answer [io.failed]");
        let missing = io::Error::from_raw_os_error(2);
        assert_eq!(text(&missing), "cannot read: No such file or directory (os error 2) [io.not_found]");
        let read_only = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        assert!(text(&read_only).ends_with(" [io.read_only]"), "{}", text(&read_only));
    }

    #[test]
    fn first_place_is_kept() {
        let error =
            EngineError::new("a.b", "wrong\u{1b}[2J", "correct it").at_line(3).within("inner").at_line(4);
        let error = error.within("outer");
        assert_eq!((error.file(), error.line()), (Some("inner"), Some(3)));
        assert_eq!(error.to_string(), "inner: wrong\\u{1b}[2J [a.b]");
    }
}
