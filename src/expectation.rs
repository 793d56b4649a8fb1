//! The log that a reader expects a proof or an export to be of (SPEC section 8).

use crate::error::{Code, Error, Quoted};
use crate::trust::{ExpectedOrigin, Trust};

/// The log that a reader names, and those that the `origin` lines of the trust file name. Every proof is checked against
/// both, whatever its form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expectation<'t> {
    named: Option<&'t str>,
    lines: &'t [ExpectedOrigin],
}

impl<'t> Expectation<'t> {
    pub(crate) fn new(named: Option<&'t str>, trust: &'t Trust) -> Self {
        Self { named, lines: trust.origins() }
    }

    /// True if neither the reader nor the trust file names a log.
    pub(crate) fn is_empty(self) -> bool {
        self.named.is_none() && self.lines.is_empty()
    }

    /// Returns true if this is the log that the reader named; `None` if the reader named none.
    #[cfg(feature = "verify")]
    pub(crate) fn is_named(self, origin: &str) -> Option<bool> {
        self.named.map(|named| named == origin)
    }

    /// Returns true if an `origin` line names this log; `None` if the trust file has no such lines.
    pub(crate) fn has_line(self, origin: &str) -> Option<bool> {
        (!self.lines.is_empty()).then(|| self.lines.iter().any(|line| line.origin == origin))
    }

    /// Checks that a receipt of this log is one that the reader expects.
    pub(crate) fn check(self, origin: &str) -> Result<(), Error> {
        let found = Quoted(origin);
        if let Some(named) = self.named.filter(|named| *named != origin) {
            let why = format!("the receipt is for the log {found}, not for {}", Quoted(named));
            return Err(Error::new(Code::Proof, why));
        }
        if self.has_line(origin) == Some(false) {
            let why = format!("the trust file has no origin line for the log {found}");
            return Err(Error::new(Code::Proof, why));
        }
        Ok(())
    }
}
