//! Reading a submission's body: bounded in size and in time.

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use countersign::log::Limits;
use futures_util::StreamExt as _;

use super::budget::Share;
use super::{Bounds, Problem};
use crate::interface::{check_body, too_slow};

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
    let whole = match check_body(headers, limits) {
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
