//! A submission's body: bounded in size, before and after decompression.

use std::borrow::Cow;

use countersign::export::{Compression, Decompressor};
use countersign::log::Limits;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::Problem;

/// Whether a body says that it has more bytes than that.
pub(crate) fn is_larger(headers: &HeaderMap, bytes: usize) -> bool {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    declared.is_some_and(|length: u64| length > bytes as u64)
}

/// What can be told before a byte is read.
pub(crate) fn check(headers: &HeaderMap, limits: &Limits) -> Result<(), Problem> {
    if is_larger(headers, limits.bytes) {
        return Err(Problem::too_large(limits));
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
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "submit.encoding", message)
        .with_hint("send gzip, zstd or plain lines"))
}

/// The body did not come.
pub(crate) fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "server.timeout", "the body did not arrive whole in time")
}

/// There is no room for the body.
pub(crate) fn busy() -> Problem {
    let message = "too many submissions are being read already";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", message)
        .with_hint("send it again later: nothing was taken")
}

/// Decompresses a body, if it is compressed. It may take a while. `hold` is told how many bytes are held in all, and may
/// refuse.
pub(crate) fn unpack<'b>(
    bytes: &'b [u8],
    limits: &Limits,
    hold: &mut dyn FnMut(usize) -> Result<(), Problem>,
) -> Result<Cow<'b, [u8]>, Problem> {
    let Some(compression) = Compression::detect(bytes) else { return Ok(bytes.into()) };
    let not_whole = || {
        Problem::new(StatusCode::BAD_REQUEST, "submit.encoding", "the body does not decompress whole")
            .with_hint("it was cut off, or damaged on its way")
    };
    let mut out = Vec::new();
    let mut over = false;
    let mut decompressor = Decompressor::new(compression);
    // Small pieces, so that a body that unpacks to very much is stopped soon.
    for piece in bytes.chunks(1 << 12) {
        let pushed = decompressor.push(piece, &mut |unpacked| {
            over |= unpacked.len() > limits.bytes - out.len();
            if !over {
                out.extend_from_slice(unpacked);
            }
        });
        pushed.map_err(|_| not_whole())?;
        if over {
            return Err(Problem::too_large(limits));
        }
        hold(bytes.len() + out.len())?;
    }
    decompressor.finish().map_err(|_| not_whole())?;
    Ok(out.into())
}
