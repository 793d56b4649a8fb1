//! Errors in summarizing parts and in verifying summaries.

use std::ops::RangeInclusive;
use std::{fmt, io};

/// An error in summarizing a file in parts, or in verifying summaries.
#[derive(Debug)]
#[non_exhaustive]
pub enum PartsError {
    /// Reading or writing met this.
    Io(io::Error),
    /// The export is compressed: where its lines begin cannot be told without reading all before.
    Compressed,
    /// The export's header ends too far behind.
    Header,
    /// The file changed while it was read.
    Changed,
    /// This is no summary, or one that nothing could have written so.
    Invalid,
    /// Another version made it.
    Version(String),
    /// The summary was cut off.
    Truncated,
    /// The summary is not what was written.
    Altered,
    /// The summary is of another file than the first one, or of the same one when it had another size.
    OtherFile,
    /// The file was cut into another number of parts for the first one.
    OtherCut(u64),
    /// This part is there twice.
    Twice(u64),
    /// These parts are not there.
    Missing(Vec<RangeInclusive<u64>>),
    /// The part and the one before it do not meet.
    Apart,
}

impl PartsError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "summary.io",
            Self::Compressed => "summary.compressed",
            Self::Header => "summary.header",
            Self::Changed => "summary.changed",
            Self::Invalid => "summary.invalid",
            Self::Version(_) => "summary.version",
            Self::Truncated => "summary.truncated",
            Self::Altered => "summary.altered",
            Self::OtherFile => "summary.other_file",
            Self::OtherCut(_) => "summary.other_cut",
            Self::Twice(_) => "summary.twice",
            Self::Missing(_) => "summary.missing",
            Self::Apart => "summary.apart",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Io(_) => "see what the system says",
            Self::Compressed => {
                "decompress it where every worker can read it, or verify it whole: `countersign verify` takes it as it is"
            }
            Self::Header => "no log writes such a file: `countersign verify` says what is wrong with it",
            Self::Changed => "summarize a copy that nobody writes to",
            Self::Invalid => "give the files that `countersign summarize` wrote",
            Self::Version(_) => "summarize and verify with one version of countersign",
            Self::Truncated => "copy it again, or summarize the part again",
            Self::Altered => "it was damaged on its way or changed: summarize the part again",
            Self::OtherFile | Self::OtherCut(_) => {
                "give the summaries of one file that was cut once: was one left over from before?"
            }
            Self::Twice(_) => "give each part once",
            Self::Missing(_) => "give every part, and summarize those that are missing",
            Self::Apart => "summarize the part again, of the same file",
        }
    }
}

impl fmt::Display for PartsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read: {error}"),
            Self::Compressed => f.write_str("it is compressed, and only a plain file can be cut into parts"),
            Self::Header => f.write_str("its first line that is not blank ends after more than 2 MiB"),
            Self::Changed => f.write_str("it changed while it was read"),
            Self::Invalid => f.write_str("this is not a summary of a part of an export"),
            Self::Version(by) => {
                write!(f, "it was made by countersign {by:?}, and this is {}", env!("CARGO_PKG_VERSION"))
            }
            Self::Truncated => f.write_str("the summary was cut off"),
            Self::Altered => f.write_str("the summary is not as it was written"),
            Self::OtherFile => f.write_str("it is of another file than the summaries before it"),
            Self::OtherCut(of) => {
                write!(f, "it is of a file that was cut into {of} parts, unlike those before")
            }
            Self::Twice(number) => write!(f, "part {number} is there twice"),
            Self::Missing(parts) => missing(parts, f),
            Self::Apart => f.write_str("it does not begin where the part before it ends"),
        }
    }
}

/// The first of them, as a hostile summary may be one of very many parts.
fn missing(parts: &[RangeInclusive<u64>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const MOST: usize = 20;
    let is_one = matches!(parts, [one] if one.start() == one.end());
    f.write_str(if is_one { "part " } else { "parts " })?;
    for (nth, part) in parts.iter().take(MOST).enumerate() {
        f.write_str(if nth == 0 { "" } else { ", " })?;
        match part.clone().into_inner() {
            (first, last) if first == last => write!(f, "{first}")?,
            (first, last) => write!(f, "{first} to {last}")?,
        }
    }
    let more = if parts.len() > MOST { " and more" } else { "" };
    write!(f, "{more} {} missing", if is_one { "is" } else { "are" })
}

impl std::error::Error for PartsError {}

impl From<io::Error> for PartsError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An error in one of the summaries that were given, or in all of them together.
#[derive(Debug)]
pub struct SummaryError {
    /// Its place among those that were given.
    pub place: Option<usize>,
    /// What is wrong.
    pub why: PartsError,
}

pub(super) fn at<T>(place: usize) -> impl FnOnce(T) -> SummaryError
where
    PartsError: From<T>,
{
    move |why| SummaryError { place: Some(place), why: why.into() }
}
