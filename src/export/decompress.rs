//! gzip and zstd streams, decompressed as they come and in bounded memory.
//!
//! An export may be compressed (SPEC section 7). Concatenated gzip members, and concatenated zstd frames,
//! are one stream; skippable frames are skipped. Whatever else a stream holds, and whatever of it is missing
//! or fails a checksum, makes it not whole, and a zstd frame may need more than a reader gives: then nothing of it
//! counts (SPEC section 9).
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

/// How an export is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// What the first bytes of a file say. Its first four tell all there is to tell; fewer only where it has
    /// no more.
    pub fn detect(first: &[u8]) -> Option<Self> {
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Why a compressed stream cannot be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
#[non_exhaustive]
pub enum DecompressError {
    /// It ends too early.
    #[display("{}", phrases::STREAM_CUT)]
    Cut,
    /// It is damaged, as this says.
    Damaged(&'static str),
    /// Something else stands after its end.
    #[display("{}", phrases::STREAM_FOLLOWED)]
    Followed,
    /// A zstd frame needs a window above 8 MiB to be decompressed.
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
    /// What to do about it, for people.
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

/// Decompresses one stream, however it is cut into pieces.
///
/// It holds at most a window and a block of what it decompresses, for zstd some 17 MiB.
pub struct Decompressor {
    format: Format,
    failed: Option<DecompressError>,
    started: bool,
}

/// What gets the pieces that a stream decompresses to.
type Sink<'a> = &'a mut dyn FnMut(&[u8]);

enum Format {
    Gzip(gzip::Members),
    Zstd(zstd::Frames),
}

impl Decompressor {
    /// A decompressor at the beginning of a stream.
    #[must_use]
    pub fn new(compression: Compression) -> Self {
        let format = match compression {
            Compression::Gzip => Format::Gzip(gzip::Members::new()),
            Compression::Zstd => Format::Zstd(zstd::Frames::new()),
        };
        Self { format, failed: None, started: false }
    }

    /// Takes the next bytes of the stream. `sink` gets what they decompress to, piece by piece; none of it is
    /// to be relied on before [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// Where the stream cannot be read on; every later call then gives the same error.
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

    /// How many gzip members, or zstd frames, have begun. Each costs something, also where there is nothing in it.
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
    /// Where the stream could not be read, or more is due.
    pub fn finish(&mut self) -> Result<(), DecompressError> {
        match (self.failed, &self.format) {
            (Some(failure), _) => Err(failure),
            (None, _) if !self.started => Err(DecompressError::Cut),
            (None, Format::Gzip(members)) => members.finish(),
            (None, Format::Zstd(frames)) => frames.finish(),
        }
    }
}

/// Takes at most `most` bytes off the front of `input`.
fn take<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(most.min(input.len()));
    *input = rest;
    taken
}

/// Moves bytes from the front of `input` to `held`, until that holds `wanted`. Says whether it does.
fn gather(held: &mut Vec<u8>, input: &mut &[u8], wanted: usize) -> bool {
    held.extend_from_slice(take(input, wanted.saturating_sub(held.len())));
    held.len() >= wanted
}
