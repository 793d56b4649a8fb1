//! Input that cannot be read at all: without a header, or not decompressible.

use core::convert::Infallible;

use super::FindingCode;
use super::finding::{Findings, Place};
use super::report::{Check, Checks, Counts, Report};
use super::verdict;
#[cfg(feature = "compress")]
use crate::export::DecompressError;
use crate::phrases::{self, say};
use crate::{Code, Error};

/// The error of an export that cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[display("{}", self.to_error())]
pub struct InputError {
    code: FindingCode,
    line: u64,
    /// The number of lines read that are not blank.
    lines: u64,
    message: String,
    hint: &'static str,
}

impl InputError {
    /// The first line that is not blank is not a header.
    pub(super) fn header(line: u64, error: Error) -> Self {
        let code = FindingCode::FormatHeader;
        let hint = error.hint.unwrap_or(code.hint());
        Self { code, line, lines: 1, message: error.into_message(), hint }
    }

    /// All lines are blank, or there are none.
    pub(super) fn empty() -> Self {
        let hint = phrases::HINT_HEADER_EMPTY;
        Self {
            code: FindingCode::FormatHeader,
            line: 1,
            lines: 0,
            message: phrases::HEADER_NO_LINE.into(),
            hint,
        }
    }

    /// The stream cannot be decompressed.
    #[cfg(feature = "compress")]
    pub(super) fn stream(error: DecompressError) -> Self {
        let code = match error {
            DecompressError::Window | DecompressError::Dictionary => FindingCode::FormatCompression,
            DecompressError::Cut | DecompressError::Damaged(_) | DecompressError::Followed => {
                FindingCode::FormatTruncated
            }
        };
        Self { code, line: 1, lines: 0, message: error.to_string(), hint: error.hint() }
    }

    /// Converts to the crate's error, for operations that don't produce a report.
    pub fn to_error(&self) -> Error {
        Error::new(Code::Export, self.message.clone()).at_line(self.line).with_hint(self.hint)
    }

    /// Returns the report for unreadable input.
    pub(super) fn report(self) -> Report {
        let not_checked = |_| Ok::<_, Infallible>(Check::new(0, 0, Some(phrases::REASON_UNREAD)));
        let Ok(mut checks) = Checks::collect(not_checked);
        let mut findings = Findings::default();
        findings.add_with_hint(self.code, Place::line(self.line), self.hint, say!(self.message));
        if self.code == FindingCode::FormatTruncated {
            checks.format = Check::new(1, 1, None);
        }
        let counts = Counts { lines: self.lines, ..Counts::default() };
        Report::new(verdict::for_unreadable(self.code), checks, counts, findings)
    }
}

impl core::error::Error for InputError {}

impl From<InputError> for Error {
    fn from(error: InputError) -> Self {
        error.to_error()
    }
}
