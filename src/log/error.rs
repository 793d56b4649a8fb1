//! Errors of rejected submissions.

use core::convert::Infallible;

use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::link::ChainId;
use crate::note::VerifierKey;
use crate::time::Time;
use crate::tolerance;

/// A rejected submission, with the reason. Nothing of it was accepted.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[display("{error}")]
pub struct SubmissionError {
    /// The consequence for the emitter.
    pub kind: RefusalKind,
    /// The error, with the line of the submission.
    pub error: Error,
    /// For an unauthorized key, an early link, or a gap: true if the key signed what was rejected. Anyone can name a key
    /// or a chain without holding its key.
    pub is_signed: bool,
}

/// Refusals by their consequence for the emitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The submission is malformed, or a signature is invalid or missing. Retrying cannot help.
    Malformed,
    /// The submission exceeds the log's size limits.
    TooLarge,
    /// The submission has more chains and key notes than one response can prove.
    TooMany,
    /// The key is not granted, expired, revoked, or of another log.
    Unauthorized,
    /// Links are missing between the log's last link of the chain and this one.
    Gap {
        /// The chain.
        chain: ChainId,
        /// The `seq` that the log expects next; 0 if it does not have the open link either.
        expected: u64,
        /// The leaf hash of the last link that the log has.
        last: Option<Hash>,
    },
    /// The log has a different link at this position of the chain.
    Fork(Box<Evidence>),
    /// The link's time is ahead of the log's clock by more than [`EMITTER`](crate::tolerance::EMITTER). It
    /// may be accepted later. If it were accepted now, its time might be later than the checkpoint that
    /// covers it allows (`time.future`).
    Early {
        /// The time on the log's clock.
        now: Time,
        /// The time until the link may be accepted, in milliseconds.
        wait: u64,
    },
}

/// Two continuations of one chain, each vouched for by the emitter's key: proof that the key was used twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The chain.
    pub chain: ChainId,
    /// The `seq` of the first link where the two differ.
    pub seq: u64,
    /// The index of the log's link that the rejected one contradicts; `None` if one submission contained both.
    pub index: Option<u64>,
    /// The rejected links, from the point of divergence up to the next signed one. If the log has neither
    /// continuation, the links of both, one continuation after the other.
    pub refused: Vec<String>,
}

impl SubmissionError {
    pub(super) fn new(kind: RefusalKind, error: Error) -> Self {
        Self { kind, error, is_signed: false }
    }

    /// Marks the refusal of something that the key signed.
    pub(super) fn signed(self) -> Self {
        Self { is_signed: true, ..self }
    }

    pub(super) fn malformed(error: Error) -> Self {
        Self::new(RefusalKind::Malformed, error)
    }

    pub(super) fn unauthorized(message: String, hint: &'static str) -> Self {
        Self::new(RefusalKind::Unauthorized, Error::new(Code::Unauthorized, message).with_hint(hint))
    }

    pub(super) fn ungranted(key: &VerifierKey) -> Self {
        let hint = "submit an issuer's grant first, or name the key as an emitter in the log's trust file";
        Self::unauthorized(format!("key {key} was not granted before its chain"), hint)
    }

    pub(super) fn early(link: Time, now: Time, wait: u64) -> Self {
        let message = format!(
            "a link is dated {link}, more than {} s ahead of the log's clock ({now})",
            tolerance::EMITTER / 1000
        );
        let error = Error::new(Code::Early, message).with_hint(
            "correct the emitter's or the log's clock, or resend the link once its time has passed",
        );
        Self::new(RefusalKind::Early { now, wait }, error)
    }

    /// Adds the line, unless the error has one.
    pub(super) fn at_line(mut self, line: Option<u64>) -> Self {
        if let (None, Some(line)) = (self.error.line, line) {
            self.error = self.error.at_line(line);
        }
        self
    }
}

impl core::error::Error for SubmissionError {}

impl From<SubmissionError> for Error {
    fn from(refusal: SubmissionError) -> Self {
        refusal.error
    }
}

/// An error in accepting a submission: a refusal, or a failure of the log's storage.
#[derive(Debug, derive_more::Display, derive_more::From)]
pub enum AcceptanceError<E> {
    /// The log rejected the submission.
    #[from]
    Refused(SubmissionError),
    /// The storage failed.
    Storage(E),
}

impl<E: core::error::Error> core::error::Error for AcceptanceError<E> {}

impl<E> AcceptanceError<E> {
    /// Adds the line to a refusal, unless it has one.
    pub(super) fn at_line(self, line: Option<u64>) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.at_line(line)),
            Self::Storage(error) => Self::Storage(error),
        }
    }
}

impl AcceptanceError<Infallible> {
    /// Returns the refusal, for storage that cannot fail.
    pub fn refusal(self) -> SubmissionError {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Storage(never) => match never {},
        }
    }
}
