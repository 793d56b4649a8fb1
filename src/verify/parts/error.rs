//! Errors of summarizing parts and of verifying from summaries.

use std::ops::RangeInclusive;
use std::{fmt, io};

use crate::verify::undecidable::Undecidable;

/// An error in summarizing a file in parts or in verifying from summaries.
#[derive(Debug)]
#[non_exhaustive]
pub enum PartsError {
    /// Reading or writing failed.
    Io(io::Error),
    /// The export is compressed, so its line starts cannot be located without reading it from the beginning.
    Compressed,
    /// The export's header ends too late in the file.
    Header,
    /// The file changed while it was read.
    Changed,
    /// The file is not a summary, or an inconsistent one.
    Invalid,
    /// The file is not a piece.
    NotPiece,
    /// Another version of countersign wrote the summary.
    Version(String),
    /// The summary file is truncated.
    Truncated,
    /// The summary file was changed after it was written.
    Altered,
    /// The summary is of a different file than the first summary, or of the same file at a different size.
    OtherFile,
    /// The summary is of a log at a different checkpoint than the first summary.
    OtherCheckpoint,
    /// The summary is of a check that began with a different entry than the first summary's.
    OtherBegin,
    /// The summary's file was cut into a different number of parts than the first one's.
    OtherCut(u64),
    /// Two summaries of this part were passed.
    Twice(u64),
    /// No summaries of these parts were passed.
    Missing(Vec<RangeInclusive<u64>>),
    /// The part does not begin where the part before it ends.
    Apart,
    /// The summary was merged to begin at another entry than it does.
    FirstEntry {
        /// The index that the summary was merged for.
        stated: u64,
        /// The index of its first entry.
        found: u64,
    },
    /// Merging dropped the hashes that tell the root of the log at this size.
    Pin(u64),
    /// A chain's links overlap with those of an earlier summary, and merging dropped their hashes.
    Fork,
    /// The summary is of several parts, where one part is wanted.
    Merged,
}

impl PartsError {
    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "summary.io",
            Self::Compressed => "summary.compressed",
            Self::Header => "summary.header",
            Self::Changed => "summary.changed",
            Self::Invalid => "summary.invalid",
            Self::NotPiece => "piece.invalid",
            Self::Version(_) => "summary.version",
            Self::Truncated => "summary.truncated",
            Self::Altered => "summary.altered",
            Self::OtherFile => "summary.other_file",
            Self::OtherCheckpoint => "summary.other_checkpoint",
            Self::OtherBegin => "summary.other_begin",
            Self::OtherCut(_) => "summary.other_cut",
            Self::Twice(_) => "summary.twice",
            Self::Missing(_) => "summary.missing",
            Self::Apart => "summary.apart",
            Self::FirstEntry { .. } => "summary.first_entry",
            Self::Pin(_) => "summary.pin",
            Self::Fork => "summary.fork",
            Self::Merged => "summary.merged",
        }
    }

    /// Returns the hint: what to do about the error.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Io(_) => "fix the reported system error and try again",
            Self::Compressed => {
                "decompress it to a place that every worker can read, or verify the whole file with `countersign verify`, which reads compressed files"
            }
            Self::Header => {
                "run `countersign verify` to see what is wrong with the file: no log writes such a header"
            }
            Self::Changed => "use a copy that is not being written to",
            Self::Invalid => {
                "pass the files that `countersign summarize` wrote to `countersign verify`, and those of `countersign check --part` to `countersign check`"
            }
            Self::NotPiece => "pass the files that the same command wrote with --part",
            Self::Version(_) => "use the same version of countersign for all steps",
            Self::Truncated => "copy it again, or make it again",
            Self::Altered => "get the original, or make it again",
            Self::OtherFile | Self::OtherCut(_) => "pass only the summaries of one file from one run",
            Self::OtherCheckpoint => {
                "pass only summaries of one log that were made with one file for --checkpoint"
            }
            Self::OtherBegin => {
                "check every part with the same --from, which is also needed if the log was pruned between two parts"
            }
            Self::Twice(_) => "pass each part once",
            Self::Missing(_) => "pass the files of all parts, and make those that are missing",
            Self::Apart => "make it again from the same file as the others",
            Self::FirstEntry { .. } => {
                "merge the summaries of these parts again, with the right `--first-entry` or without it"
            }
            Self::Pin(_) => {
                "merge the summaries again with `--pin` or `--keep-size`, or pass those that were merged"
            }
            Self::Fork => "merge the summaries of these parts again without `--first-entry`",
            Self::Merged => "pass the summary of each part, as it was before merging",
        }
    }
}

impl fmt::Display for PartsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read: {error}"),
            Self::Compressed => {
                f.write_str("the file is compressed, and only a plain file can be cut into parts")
            }
            Self::Header => f.write_str("the file's header ends after more than 2 MiB"),
            Self::Changed => f.write_str("the file changed while it was read"),
            Self::Invalid => f.write_str("this is not a summary of a part for this command"),
            Self::NotPiece => f.write_str("this is not a piece of an export"),
            Self::Version(by) => {
                write!(
                    f,
                    "the summary was written by countersign {by:?}, but this is {}",
                    env!("CARGO_PKG_VERSION")
                )
            }
            Self::Truncated => f.write_str("the summary is truncated"),
            Self::Altered => f.write_str("the summary was changed after it was written"),
            Self::OtherFile => f.write_str("the summary is for a different file than the ones before it"),
            Self::OtherCheckpoint => {
                f.write_str("the summary is of a log at a different checkpoint than the ones before it")
            }
            Self::OtherBegin => f.write_str(
                "the summary is of a check that began with a different entry than the ones before it",
            ),
            Self::OtherCut(of) => {
                write!(f, "the summary is of a file that was cut into {of} parts, unlike the ones before it")
            }
            Self::Twice(number) => write!(f, "there are two summaries of part {number}"),
            Self::Missing(parts) => missing(parts, f),
            Self::FirstEntry { stated, found } => {
                write!(f, "the summary was merged to begin at entry {stated}, but it begins at entry {found}")
            }
            Self::Pin(size) => {
                write!(f, "the summary does not show the first {size} entries of the log, which the pin is about")
            }
            Self::Fork => f.write_str(
                "a chain has links of the same position in this summary and before it, whose hashes were dropped",
            ),
            Self::Merged => f.write_str("the summary is of several parts, so it does not say which part has an event"),
            Self::Apart => f.write_str("the part does not begin where the part before it ends"),
        }
    }
}

/// Lists only the first missing parts: a hostile summary may claim very many.
fn missing(parts: &[RangeInclusive<u64>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const MAX_LISTED: usize = 20;
    let is_one = matches!(parts, [one] if one.start() == one.end());
    f.write_str(if is_one { "part " } else { "parts " })?;
    for (nth, part) in parts.iter().take(MAX_LISTED).enumerate() {
        f.write_str(if nth == 0 { "" } else { ", " })?;
        match part.clone().into_inner() {
            (first, last) if first == last => write!(f, "{first}")?,
            (first, last) => write!(f, "{first} to {last}")?,
        }
    }
    let more = if parts.len() > MAX_LISTED { " and more" } else { "" };
    write!(f, "{more} {} missing", if is_one { "is" } else { "are" })
}

impl std::error::Error for PartsError {}

impl From<Undecidable> for PartsError {
    fn from(why: Undecidable) -> Self {
        match why {
            Undecidable::Position { stated, found } => Self::FirstEntry { stated, found },
            Undecidable::Pin(size) => Self::Pin(size),
            Undecidable::Fork => Self::Fork,
        }
    }
}

impl From<io::Error> for PartsError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An error in one of the summaries, or in all of them together.
#[derive(Debug)]
pub struct SummaryError {
    /// The index of the summary among those passed; `None` if the error is about all of them.
    pub place: Option<usize>,
    /// The error.
    pub why: PartsError,
}

impl From<PartsError> for SummaryError {
    fn from(why: PartsError) -> Self {
        Self { place: None, why }
    }
}

pub(super) fn at<T>(place: usize) -> impl FnOnce(T) -> SummaryError
where
    PartsError: From<T>,
{
    move |why| SummaryError { place: Some(place), why: why.into() }
}
