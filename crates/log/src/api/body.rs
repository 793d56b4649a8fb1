//! A submission's body: bounded in size, before and after decompression.

use countersign::export::{Compression, Decompressor};
use countersign::log::{AcceptanceError, Intake, Leaf, Limits};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::ApiError;

/// Whether a body says that it has more bytes than that.
pub(crate) fn is_larger(headers: &HeaderMap, bytes: usize) -> bool {
    declared(headers).is_some_and(|length| length > bytes as u64)
}

/// How many bytes a body says that it has.
pub fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What can be told before a byte is read.
///
/// # Errors
/// [`ApiError`].
pub fn check(headers: &HeaderMap, limits: &Limits) -> Result<(), ApiError> {
    if is_larger(headers, limits.bytes) {
        return Err(ApiError::too_large(limits));
    }
    let known = |encoding: &HeaderValue| {
        [&b"gzip"[..], b"x-gzip", b"zstd", b"identity"]
            .iter()
            .any(|name| encoding.as_bytes().eq_ignore_ascii_case(name))
    };
    if headers.get(header::CONTENT_ENCODING).is_none_or(known) {
        return Ok(());
    }
    let message = "the log does not know this content encoding";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "submit.encoding", message)
        .with_hint("send gzip, zstd or plain lines"))
}

/// The body did not come.
pub fn too_slow() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "server.timeout", "the body did not arrive whole in time")
}

/// The body's pieces are not told from each other as HTTP does it.
pub fn malformed() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "submit.encoding", "the body's chunks are malformed")
        .with_hint("tell the body's length, or let an HTTP client make the chunks")
}

/// The body came in so many pieces that reading them is more work than reading what is in them.
pub fn in_too_small_pieces() -> ApiError {
    let message = "the body comes in too many pieces that are too small";
    ApiError::new(StatusCode::BAD_REQUEST, "submit.encoding", message)
        .with_hint("tell its length, or send larger chunks")
}

/// There is no room for the body.
pub fn busy() -> ApiError {
    let message = "too many submissions are being read already";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", message)
        .with_hint("send it again later: nothing was taken")
}

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

/// So many gzip members or zstd frames there may be.
const PARTS: u64 = 1_024;

/// So many bytes are unpacked at a time: they give a thousand times as much at most in gzip, and in zstd what is soon
/// written.
const PIECE: usize = 128;

/// An error in the body of a submission.
pub enum BodyError<E> {
    /// The body doesn't decompress, or there is no room for it.
    Invalid(ApiError),
    /// The log refuses it, or the store failed.
    Refused(AcceptanceError<E>),
    /// The same before anything of it was admitted.
    Stranger(AcceptanceError<E>),
}

/// How far a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Until the first of it is admitted. There may be more to come.
    Beginning,
}

/// Reads a body, decompressed where it is compressed, line by line. It may take a while. `hold` is told how many
/// bytes are held in all, and may refuse; `admit` is given the first leaf of each chain, and each key note.
///
/// # Errors
/// [`BodyError`].
pub fn read<E>(
    bytes: &[u8],
    limits: &Limits,
    extent: Extent,
    hold: &mut dyn FnMut(usize) -> Result<(), ApiError>,
    admit: &mut dyn FnMut(&Leaf) -> Result<(), AcceptanceError<E>>,
) -> Result<Intake, BodyError<E>> {
    let mut intake = Intake::new(*limits);
    let Some(compression) = Compression::detect(bytes) else {
        if extent == Extent::Whole {
            hold(bytes.len().saturating_mul(2)).map_err(BodyError::Invalid)?;
        }
        let pushed = intake.push(bytes, admit);
        return pushed.map_err(|stop| stopped(&intake, stop)).map(|()| intake);
    };
    let most = UNPACKED.saturating_add(bytes.len().saturating_mul(RATIO)).min(limits.bytes);
    let mut decompressor = Decompressor::new(compression);
    let (mut unpacked, mut refused): (usize, Option<(BodyError<E>, usize)>) = (0, None);
    for (piece, packed) in bytes.chunks(PIECE).zip((0..).step_by(PIECE)) {
        let pushed = decompressor.push(piece, &mut |text| {
            unpacked += text.len();
            let done = extent == Extent::Beginning && intake.has_admitted();
            if refused.is_none() && unpacked <= most && !done {
                let stop = intake.push(text, admit).err();
                refused = stop.map(|stop| (stopped(&intake, stop), unpacked));
            }
        });
        pushed.map_err(|_| BodyError::Invalid(not_whole()))?;
        match refused {
            Some((unread, at)) if unpacked - at > LOOKED_OVER => return Err(unread),
            Some(_) => {}
            None if extent == Extent::Beginning && intake.has_admitted() => return Ok(intake),
            None if unpacked > most => return Err(BodyError::Invalid(ApiError::too_large(limits))),
            None if packed > unpacked + WASTED || decompressor.parts() > PARTS => {
                return Err(BodyError::Invalid(wasteful()));
            }
            None => hold(bytes.len() + unpacked).map_err(BodyError::Invalid)?,
        }
    }
    match refused {
        Some((unread, _)) if extent == Extent::Beginning => Err(unread),
        refused => {
            if extent == Extent::Whole {
                decompressor.finish().map_err(|_| BodyError::Invalid(not_whole()))?;
            }
            refused.map_or(Ok(intake), |(unread, _)| Err(unread))
        }
    }
}

/// What was refused, and whether by then anything was admitted.
pub(crate) fn stopped<E>(intake: &Intake, stop: AcceptanceError<E>) -> BodyError<E> {
    if intake.has_admitted() { BodyError::Refused(stop) } else { BodyError::Stranger(stop) }
}

fn wasteful() -> ApiError {
    let message = "the body is packed in too many parts, or for nothing";
    ApiError::new(StatusCode::BAD_REQUEST, "submit.encoding", message)
        .with_hint("compress it as one: its parts are 1,024 at most, and not larger than what they hold")
}

fn not_whole() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "submit.encoding", "the body does not decompress whole")
        .with_hint("it was cut off, or damaged on its way")
}
