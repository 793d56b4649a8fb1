//! Reads a submission's body: bounded in size and effort, before and after decompression.

use countersign::export::{Compression, Decompressor};
use countersign::log::{AcceptanceError, Intake, Leaf, Limits};

/// A body may unpack to so many bytes, however small it is.
const UNPACKED: usize = 1 << 20;
/// Beyond that, it may unpack to so many times its size: what is signed and hashed is not repeated so often.
const RATIO: usize = 100;

/// When a line is refused, so much more is unpacked to see whether the body was damaged on its way: nothing that it says is
/// to be relied on then.
const LOOKED_OVER: usize = 64 << 10;

/// So many bytes more may be packed than they unpack to, a block that is not whole yet among them: what is packed for nothing
/// is work for nothing.
const WASTED: usize = 256 << 10;

/// The most gzip members or zstd frames.
const PARTS: u64 = 1_024;

/// So many bytes are unpacked at a time: they give a thousand times as much at most in gzip, and in zstd what is soon
/// written.
const PIECE: usize = 128;

/// An error of the body itself, whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It unpacks to more than the log takes at one time.
    #[error("the submission is larger than this log takes at one time")]
    TooLarge,
    /// It has so many parts, or so many bytes that unpack to nothing, that unpacking it would be work for nothing.
    #[error("the body is packed in too many parts, or for nothing")]
    Wasteful,
    /// It doesn't unpack to its end.
    #[error("the body does not decompress whole")]
    Incomplete,
    /// There is no memory for what it unpacks to.
    #[error("too many submissions are being read already")]
    NoRoom,
}

/// Why a body was not read.
pub enum IntakeError<E> {
    /// It can't be unpacked.
    Body(BodyError),
    /// The log refuses the submission, or the store failed.
    Refused(AcceptanceError<E>),
    /// As `Refused`, before any entry was admitted.
    Stranger(AcceptanceError<E>),
}

/// The extent to which a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Until the first of it is admitted. There may be more to come.
    Beginning,
}

/// Reads a body, decompressed where it is compressed, line by line. It may take a while. `hold` is told how many
/// bytes are held in all, and returns false if there is no room for them; `admit` is given the first leaf of each chain, and each key note.
///
/// # Errors
/// [`IntakeError`].
pub fn read<E>(
    bytes: &[u8],
    limits: &Limits,
    extent: Extent,
    hold: &mut dyn FnMut(usize) -> bool,
    admit: &mut dyn FnMut(&Leaf) -> Result<(), AcceptanceError<E>>,
) -> Result<Intake, IntakeError<E>> {
    let mut intake = Intake::new(*limits);
    let Some(compression) = Compression::detect(bytes) else {
        if extent == Extent::Whole {
            make_room(bytes.len().saturating_mul(2), hold)?;
        }
        let pushed = intake.push(bytes, admit);
        return pushed.map_err(|stop| stopped(&intake, stop)).map(|()| intake);
    };
    let most = UNPACKED.saturating_add(bytes.len().saturating_mul(RATIO)).min(limits.bytes);
    let mut decompressor = Decompressor::new(compression);
    let (mut unpacked, mut refused): (usize, Option<(IntakeError<E>, usize)>) = (0, None);
    for (piece, packed) in bytes.chunks(PIECE).zip((0..).step_by(PIECE)) {
        let pushed = decompressor.push(piece, &mut |text| {
            unpacked += text.len();
            let done = extent == Extent::Beginning && intake.has_admitted();
            if refused.is_none() && unpacked <= most && !done {
                let stop = intake.push(text, admit).err();
                refused = stop.map(|stop| (stopped(&intake, stop), unpacked));
            }
        });
        pushed.map_err(|_| IntakeError::Body(BodyError::Incomplete))?;
        match refused {
            Some((unread, at)) if unpacked - at > LOOKED_OVER => return Err(unread),
            Some(_) => {}
            None if extent == Extent::Beginning && intake.has_admitted() => return Ok(intake),
            None if unpacked > most => return Err(IntakeError::Body(BodyError::TooLarge)),
            None if packed > unpacked + WASTED || decompressor.parts() > PARTS => {
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

/// What was refused, and whether by then anything was admitted.
fn stopped<E>(intake: &Intake, stop: AcceptanceError<E>) -> IntakeError<E> {
    if intake.has_admitted() { IntakeError::Refused(stop) } else { IntakeError::Stranger(stop) }
}

fn make_room<E>(bytes: usize, hold: &mut dyn FnMut(usize) -> bool) -> Result<(), IntakeError<E>> {
    if hold(bytes) { Ok(()) } else { Err(IntakeError::Body(BodyError::NoRoom)) }
}
