//! Reading a submission's body: bounded in size, before and after decompression, and in time.

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use countersign::export::{Compression, Decompressor};
use countersign::log::Limits;
use futures_util::StreamExt as _;

use super::budget::Share;
use super::{Bounds, Problem};

/// Of a body that is refused, so many times the limit is still taken and thrown away: a client that is cut off in the
/// middle of sending never reads why.
const THROWN_AWAY: usize = 4;

/// Reads a body whole, as it was sent. `share` holds the memory that it takes.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
    bounds: &Bounds,
    share: &mut Share,
) -> Result<Vec<u8>, Problem> {
    let mut stream = body.into_data_stream();
    let whole = match check(headers, limits) {
        // Who asks before sending does not send now.
        Err(problem) if headers.contains_key(header::EXPECT) => return Err(problem),
        Err(problem) => Err(problem),
        Ok(()) => tokio::time::timeout(bounds.body, collect(&mut stream, limits, share))
            .await
            .unwrap_or_else(|_| Err(too_slow())),
    };
    if whole.is_err() {
        share.release();
        let most = limits.bytes.saturating_mul(THROWN_AWAY);
        let _ = tokio::time::timeout(bounds.silence, throw_away(&mut stream, most)).await;
    }
    whole
}

/// What can be told before a byte is read.
fn check(headers: &HeaderMap, limits: &Limits) -> Result<(), Problem> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > limits.bytes as u64) {
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

async fn collect(
    stream: &mut BodyDataStream,
    limits: &Limits,
    share: &mut Share,
) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| too_slow())?;
        if chunk.len() > limits.bytes - bytes.len() {
            return Err(Problem::too_large(limits));
        }
        share.grow_to(bytes.len() + chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn throw_away(stream: &mut BodyDataStream, most: usize) {
    let mut thrown = 0;
    while let Some(Ok(chunk)) = stream.next().await {
        thrown += chunk.len();
        if thrown > most {
            return;
        }
    }
}

fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "server.timeout", "the body did not arrive whole in time")
}

/// Decompresses a body, if it is compressed. It may take a while.
pub(super) fn unpack(bytes: Vec<u8>, limits: &Limits, share: &mut Share) -> Result<Vec<u8>, Problem> {
    let Some(compression) = Compression::detect(&bytes) else { return Ok(bytes) };
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
        share.grow_to(bytes.len() + out.len())?;
    }
    decompressor.finish().map_err(|_| not_whole())?;
    Ok(out)
}
