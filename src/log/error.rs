//! Errors of submissions that a log does not accept.

use core::convert::Infallible;

use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::link::ChainId;
use crate::note::VerifierKey;
use crate::time::Time;
use crate::tolerance;

/// An error in a submission, of which nothing was accepted then.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
#[display("{error}")]
pub struct SubmissionError {
    /// What the emitter can do about it.
    pub kind: Kind,
    /// What is wrong, with the line of the submission.
    pub error: Error,
    /// Whether the key that may not write this, or not yet, signed it: anybody can name a key.
    pub is_signed: bool,
}

/// The kinds of refusal, by what follows from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is malformed, or a signature is invalid or missing: it will never be taken as it is.
    Malformed,
    /// It is larger than the log's limits.
    TooLarge,
    /// It has more chains and key notes than can be proven at one time.
    TooMany,
    /// The key may not sign this: not granted, expired, revoked, or of another log.
    Unauthorized,
    /// Links are missing between what the log has of the chain and this.
    Gap {
        /// The chain.
        chain: ChainId,
        /// The `seq` that the log would take next: 0 where it has not even the open link.
        expected: u64,
        /// The leaf hash of the last link that the log has.
        last: Option<Hash>,
    },
    /// The log has another link for this place.
    Fork(Box<Evidence>),
    /// The link's time is ahead of the log's clock by more than [`EMITTER`](crate::tolerance::EMITTER). It can be taken
    /// later: now it might be of the future of the checkpoint that holds it (`time.future`).
    Early {
        /// What the log's clock shows.
        now: Time,
        /// When the link may be taken: in so many milliseconds.
        wait: u64,
    },
}

/// Two continuations of one chain, each vouched for by the emitter's key: proof that the key was used twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The chain.
    pub chain: ChainId,
    /// The `seq` of the first link that the two do not share.
    pub seq: u64,
    /// The index of the log's link that the refused one contradicts; `None` where one submission brought both.
    pub index: Option<u64>,
    /// The refused links, from that place up to the next signed one: of both continuations, one after the other,
    /// where the log has neither.
    pub refused: Vec<String>,
}

impl SubmissionError {
    pub(super) fn new(kind: Kind, error: Error) -> Self {
        Self { kind, error, is_signed: false }
    }

    pub(super) fn malformed(error: Error) -> Self {
        Self::new(Kind::Malformed, error)
    }

    pub(super) fn unauthorized(message: String, hint: &'static str) -> Self {
        Self::new(Kind::Unauthorized, Error::new(Code::Unauthorized, message).with_hint(hint))
    }

    pub(super) fn ungranted(key: &VerifierKey) -> Self {
        let hint = "submit an issuer's grant before it, or name the key in the log's trust file as emitter";
        Self::unauthorized(format!("the key {key} was not granted before its chain"), hint)
    }

    pub(super) fn early(link: Time, now: Time, wait: u64) -> Self {
        let message = format!(
            "a link is dated {link}: that is more than {} s after the log's clock, which shows {now}",
            tolerance::EMITTER / 1000
        );
        let error = Error::new(Code::Early, message)
            .with_hint("set the emitter's clock, or the log's; it can be sent again when its time has come");
        Self::new(Kind::Early { now, wait }, error)
    }

    /// The same at this line, unless it is known already.
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

/// An error in accepting a submission: the log refuses it, or its storage failed.
#[derive(Debug, derive_more::Display, derive_more::From)]
pub enum AcceptanceError<E> {
    /// The submission is at fault.
    #[from]
    Refused(SubmissionError),
    /// The storage is.
    Storage(E),
}

impl<E: core::error::Error> core::error::Error for AcceptanceError<E> {}

impl<E> AcceptanceError<E> {
    /// The same at this line, unless it is known already.
    pub(super) fn at_line(self, line: Option<u64>) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.at_line(line)),
            Self::Storage(error) => Self::Storage(error),
        }
    }
}

impl AcceptanceError<Infallible> {
    /// The refusal, where storage cannot fail.
    pub fn refusal(self) -> SubmissionError {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Storage(never) => match never {},
        }
    }
}
