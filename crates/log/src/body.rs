//! Parses a submission's body, with bounds on size and effort before and after decompression.

use countersign::export::{Compression, Decompressor};
use countersign::log::{AcceptanceError, Entry, Intake, Limits};

/// The number of bytes that any body may decompress to, even a tiny one.
const MIN_UNPACKED_BYTES: usize = 1 << 20;
/// The factor by which a body may grow in decompression, in addition to [`MIN_UNPACKED_BYTES`]. Signatures
/// and hashes compress badly, so honest submissions stay below it.
const MAX_RATIO: usize = 100;

/// The number of bytes that are still decompressed after a line was rejected. If they are corrupt, that error
/// is reported instead.
const MAX_BYTES_AFTER_REFUSAL: usize = 64 << 10;

/// The number of bytes by which the compressed size may exceed the decompressed size, including a block that is not
/// complete yet. Beyond it, decompression is wasted work.
const MAX_WASTED_BYTES: usize = 256 << 10;

/// The maximum number of gzip members or zstd frames.
const MAX_PARTS: u64 = 1_024;

/// The number of bytes that are decompressed at a time. In gzip, they yield at most a thousand times as many.
const PIECE_BYTES: usize = 128;

/// An error of the compressed body, regardless of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body decompresses to more than the log accepts at once.
    #[error("the submission is larger than this log accepts at once")]
    TooLarge,
    /// The body has so many parts, or so many bytes without content, that decompressing it would be wasted work.
    #[error("the body has too many compressed parts, or compressed data without content")]
    Wasteful,
    /// The body can't be decompressed to its end.
    #[error("the compressed body is truncated or corrupt")]
    Incomplete,
    /// No memory is left for its content.
    #[error("the log is reading too many submissions")]
    NoRoom,
}

/// The reason why a body was not parsed.
pub enum IntakeError<E> {
    /// The body can't be decompressed.
    Body(BodyError),
    /// The log rejects the submission, or the store failed.
    Refused(AcceptanceError<E>),
    /// Like `Refused`, before any entry was admitted.
    UnknownSigner(AcceptanceError<E>),
}

/// The part of a body to parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The whole body, to its end.
    Whole,
    /// The body up to the first entry that is admitted. It may be incomplete.
    Beginning,
}

/// Parses a body line by line, decompressing it if necessary. It may take a while. `hold` receives the total number of
/// bytes held, and returns false if there is no memory for them. `admit` receives the first entry of each chain, and
/// each key note.
///
/// # Errors
/// [`IntakeError`].
pub fn read<E>(
    bytes: &[u8],
    limits: &Limits,
    extent: Extent,
    hold: &mut dyn FnMut(usize) -> bool,
    admit: &mut dyn FnMut(&mut Entry) -> Result<(), AcceptanceError<E>>,
) -> Result<Intake, IntakeError<E>> {
    let mut intake = Intake::new(*limits);
    let Some(compression) = Compression::detect(bytes) else {
        if extent == Extent::Whole {
            make_room(bytes.len().saturating_mul(2), hold)?;
        }
        let pushed = intake.push(bytes, admit);
        return pushed.map_err(|stop| stopped(&intake, stop)).map(|()| intake);
    };
    let max_unpacked =
        MIN_UNPACKED_BYTES.saturating_add(bytes.len().saturating_mul(MAX_RATIO)).min(limits.bytes);
    let mut decompressor = Decompressor::new(compression);
    let (mut unpacked, mut refused): (usize, Option<(IntakeError<E>, usize)>) = (0, None);
    for (piece, packed) in bytes.chunks(PIECE_BYTES).zip((0..).step_by(PIECE_BYTES)) {
        let pushed = decompressor.push(piece, &mut |text| {
            unpacked += text.len();
            let done = extent == Extent::Beginning && intake.has_admitted();
            if refused.is_none() && unpacked <= max_unpacked && !done {
                let stop = intake.push(text, admit).err();
                refused = stop.map(|stop| (stopped(&intake, stop), unpacked));
            }
        });
        pushed.map_err(|_| IntakeError::Body(BodyError::Incomplete))?;
        match refused {
            Some((unread, at)) if unpacked - at > MAX_BYTES_AFTER_REFUSAL => return Err(unread),
            Some(_) => {}
            None if extent == Extent::Beginning && intake.has_admitted() => return Ok(intake),
            None if unpacked > max_unpacked => return Err(IntakeError::Body(BodyError::TooLarge)),
            None if packed > unpacked + MAX_WASTED_BYTES || decompressor.parts() > MAX_PARTS => {
                return Err(IntakeError::Body(BodyError::Wasteful));
            }
            None => make_room(bytes.len() + unpacked, hold)?,
        }
    }
    match refused {
        Some((unread, _)) if extent == Extent::Beginning => Err(unread),
        refused => {
            if extent == Extent::Whole {
                decompressor.finish().map_err(|_| IntakeError::Body(BodyError::Incomplete))?;
            }
            refused.map_or(Ok(intake), |(unread, _)| Err(unread))
        }
    }
}

/// Wraps a refusal according to whether anything was admitted before.
fn stopped<E>(intake: &Intake, stop: AcceptanceError<E>) -> IntakeError<E> {
    if intake.has_admitted() { IntakeError::Refused(stop) } else { IntakeError::UnknownSigner(stop) }
}

fn make_room<E>(bytes: usize, hold: &mut dyn FnMut(usize) -> bool) -> Result<(), IntakeError<E>> {
    if hold(bytes) { Ok(()) } else { Err(IntakeError::Body(BodyError::NoRoom)) }
}
