//! Notices of a dispatch, for people.

use std::fmt;

/// Something that people should know; as text, a sentence without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The destination does not accept records, so they wait.
    Waiting {
        /// The reason.
        why: String,
    },
    /// The destination accepts records again.
    Accepting,
    /// The destination refuses the first record.
    Refused {
        /// The record's id.
        id: String,
        /// The reason.
        why: String,
        /// True if it is kept, and sent again at the next start.
        is_kept: bool,
    },
    /// The destination rejected some records of a batch, and does not say which.
    Rejected {
        /// The number of records.
        rejected: u64,
        /// The number of records in the batch.
        records: usize,
        /// The reason.
        why: String,
    },
    /// A finding has no checkpoint, and is not sent.
    NoCheckpoint {
        /// The finding's id.
        id: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { why } => {
                write!(f, "the receiver doesn't accept records, so they wait: {why}")
            }
            Self::Accepting => f.write_str("the receiver accepts records again"),
            Self::Refused { id, why, is_kept } => {
                let kept = if *is_kept {
                    "it is kept, and sent again at the next start"
                } else {
                    "it is lost: --state keeps it"
                };
                write!(f, "the receiver refuses {id}: {why}; {kept}")
            }
            Self::Rejected { rejected, records, why } => {
                write!(f, "the receiver rejected {rejected} of {records} records: {why}")
            }
            Self::NoCheckpoint { id } => write!(f, "{id} has no checkpoint: not sent"),
        }
    }
}

/// The program around a dispatch.
pub trait DispatchObserver {
    /// True if the program was asked to stop: records that wait are given up then.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Called with what people should know.
    fn notice(&self, _notice: &Notice) {}
}

/// Never stops, and ignores notices.
impl DispatchObserver for () {}
