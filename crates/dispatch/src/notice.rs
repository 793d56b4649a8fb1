//! Notices of a dispatch to its user.

use std::fmt;

/// A notice to the user. Its text is a sentence without the final period.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DispatchNotice {
    /// The destination doesn't accept records, so they wait.
    Waiting {
        /// The reason.
        why: String,
    },
    /// The destination accepts records again.
    Accepting,
    /// The destination rejected a record, the first of this run.
    Refused {
        /// The record's id.
        id: String,
        /// The reason.
        why: String,
        /// True if it is saved, and sent again at the next start.
        is_kept: bool,
    },
    /// The destination rejected some records of a batch without saying which.
    Rejected {
        /// The number of records.
        rejected: u64,
        /// The number of records in the batch.
        records: usize,
        /// The reason.
        why: String,
    },
    /// A finding has no checkpoint, so it is not sent.
    NoCheckpoint {
        /// The finding's id.
        id: String,
    },
}

impl fmt::Display for DispatchNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { why } => {
                write!(f, "the destination doesn't accept records, so they wait: {why}")
            }
            Self::Accepting => f.write_str("the destination accepts records again"),
            Self::Refused { id, why, is_kept } => {
                let consequence = if *is_kept {
                    "it is saved, and sent again at the next start"
                } else {
                    "it is lost; use --state to keep rejected records"
                };
                write!(f, "the destination rejected {id}: {why}; {consequence}")
            }
            Self::Rejected { rejected, records, why } => {
                write!(f, "the destination rejected {rejected} of {records} records: {why}")
            }
            Self::NoCheckpoint { id } => write!(f, "{id} was not sent, because it has no checkpoint"),
        }
    }
}

/// The program that runs a dispatch.
pub trait DispatchObserver {
    /// True if the program was asked to stop; waiting records are then abandoned.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Called with each notice to the user.
    fn notice(&self, _notice: &DispatchNotice) {}
}

/// Never stops, and ignores notices.
impl DispatchObserver for () {}
