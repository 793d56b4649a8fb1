//! Incremental decompression of gzip and zstd streams, in bounded memory.
//!
//! An export may be compressed (SPEC section 7). Concatenated gzip members or zstd frames form one stream;
//! skippable frames are skipped. A stream with other content, with missing parts, or with a wrong checksum is
//! invalid, and a zstd frame may exceed the decompressor's limits. In these cases none of the data counts
//! (SPEC section 9).
//!
//! ```
//! use countersign::export::{Compression, Decompressor};
//!
//! let input = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xcb\xc8\xe4\x02\x00\x7a\x7a\x6f\xed\x03\x00\x00\x00";
//! let mut decompressor = Decompressor::new(Compression::detect(input).unwrap());
//! let mut text = Vec::new();
//! for byte in input {
//!     decompressor.push(&[*byte], &mut |piece| text.extend_from_slice(piece))?;
//! }
//! decompressor.finish()?;
//! assert_eq!(text, b"hi\n");
//! # Ok::<(), countersign::export::DecompressError>(())
//! ```

mod crc32;
mod gzip;
mod zstd;

use crate::phrases;

/// A compression format of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// Detects the format from the first four bytes of a file. Pass fewer only if the file is shorter.
    pub fn detect(first: &[u8]) -> Option<Self> {
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// The error of a stream that cannot be decompressed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
#[non_exhaustive]
pub enum DecompressError {
    /// The stream is truncated.
    #[display("{}", phrases::STREAM_CUT)]
    Cut,
    /// The stream is corrupt; the text says how.
    Damaged(&'static str),
    /// Other data follows the end of the stream.
    #[display("{}", phrases::STREAM_FOLLOWED)]
    Followed,
    /// A zstd frame needs a window larger than 8 MiB.
    #[display("{}", phrases::STREAM_WINDOW)]
    Window,
    /// A zstd frame was compressed with a dictionary.
    #[display("{}", phrases::STREAM_DICTIONARY)]
    Dictionary,
}

const CHECKSUM: DecompressError = DecompressError::Damaged(phrases::STREAM_CHECKSUM);
const CORRUPT: DecompressError = DecompressError::Damaged(phrases::STREAM_CORRUPT);
const LENGTH: DecompressError = DecompressError::Damaged(phrases::STREAM_LENGTH);
const UNKNOWN: DecompressError = DecompressError::Damaged(phrases::STREAM_UNKNOWN);

impl DecompressError {
    /// Returns a human-readable suggested action.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Cut => phrases::HINT_STREAM_CUT,
            Self::Damaged(_) => phrases::HINT_STREAM_DAMAGED,
            Self::Followed => phrases::HINT_STREAM_FOLLOWED,
            Self::Window => phrases::HINT_STREAM_WINDOW,
            Self::Dictionary => phrases::HINT_STREAM_DICTIONARY,
        }
    }
}

impl core::error::Error for DecompressError {}

/// A decompressor for one stream in pieces of any size.
///
/// Memory is limited to a window and a block of decompressed data; for zstd that is about 17 MiB.
pub struct Decompressor {
    format: Format,
    failed: Option<DecompressError>,
    started: bool,
}

/// A callback for pieces of decompressed data.
type Sink<'a> = &'a mut dyn FnMut(&[u8]);

enum Format {
    Gzip(gzip::Members),
    Zstd(zstd::Frames),
}

impl Decompressor {
    /// Creates a decompressor at the beginning of a stream.
    #[must_use]
    pub fn new(compression: Compression) -> Self {
        let format = match compression {
            Compression::Gzip => Format::Gzip(gzip::Members::new()),
            Compression::Zstd => Format::Zstd(zstd::Frames::new()),
        };
        Self { format, failed: None, started: false }
    }

    /// Decompresses the next bytes of the stream and passes the result to `sink` piece by piece. Don't rely on any of
    /// it before [`finish`](Self::finish) succeeds.
    ///
    /// # Errors
    ///
    /// An error if the stream is invalid. Every later call then returns the same error.
    pub fn push(&mut self, input: &[u8], sink: Sink<'_>) -> Result<(), DecompressError> {
        if let Some(failure) = self.failed {
            return Err(failure);
        }
        self.started |= !input.is_empty();
        let result = match &mut self.format {
            Format::Gzip(members) => members.push(input, sink),
            Format::Zstd(frames) => frames.push(input, sink),
        };
        self.failed = result.err();
        result
    }

    /// Returns the number of gzip members or zstd frames that began. Even empty ones have a cost.
    pub fn parts(&self) -> u64 {
        match &self.format {
            Format::Gzip(members) => members.begun,
            Format::Zstd(frames) => frames.begun,
        }
    }

    /// Ends the stream.
    ///
    /// # Errors
    ///
    /// An error if the stream was invalid or is incomplete.
    pub fn finish(&mut self) -> Result<(), DecompressError> {
        match (self.failed, &self.format) {
            (Some(failure), _) => Err(failure),
            (None, _) if !self.started => Err(DecompressError::Cut),
            (None, Format::Gzip(members)) => members.finish(),
            (None, Format::Zstd(frames)) => frames.finish(),
        }
    }
}

/// Splits at most `limit` bytes off the front of `input`.
fn take<'a>(input: &mut &'a [u8], limit: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(limit.min(input.len()));
    *input = rest;
    taken
}

/// Moves bytes from the front of `input` to `held` until that has `wanted` bytes. Returns true if it does.
fn gather(held: &mut Vec<u8>, input: &mut &[u8], wanted: usize) -> bool {
    held.extend_from_slice(take(input, wanted.saturating_sub(held.len())));
    held.len() >= wanted
}
