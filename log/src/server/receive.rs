//! `POST /submit`: receives a body, bounded in size, memory and time, and answers when the log has published it.

use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use countersign::export::Compression;
use countersign::log::{Limits, Submission};
use futures_util::StreamExt as _;

use super::budget::Share;
use super::{AppState, Bounds, Problem};
use crate::api;
use crate::collector::{Collector, SubmitError};
use crate::metrics::Outcome;

/// A body of at least so many bytes is read on a thread that may be busy for a while.
const LARGE: usize = 64 << 10;
/// So many proofs are made where the request came in; more on a thread that may be busy for a while.
const FEW: usize = 16;
/// Of a body that is refused, so many times the limit is still taken and thrown away: a client that is cut off in the
/// middle of sending never reads why.
const THROWN_AWAY: usize = 4;

pub(super) async fn submit(
    State(AppState { collector, budget, bounds, .. }): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut share = budget.share();
    let bytes = receive(&headers, body, collector.limits(), &bounds, &mut share).await?;
    // The share is held until the answer.
    let (submission, _share) = read(&collector, bytes, share).await?;
    let answered = match submission {
        Ok(submission) => collector.submit(submission).await,
        Err(error) => Err(error),
    };
    collector.metrics().submission(Outcome::of(answered.as_ref().map(drop)));
    let committed = answered.map_err(|error| Problem::of_submission(&error, collector.limits()))?;
    let proofs = committed.taken.chains.len() + committed.taken.notes.len();
    let answer = if proofs <= FEW && committed.taken.repeated == 0 {
        api::submit::taken(&committed, &**collector.reader())
    } else {
        aside(move || api::submit::taken(&committed, &**collector.reader())).await?
    };
    Ok(answer?.map(Body::from))
}

/// Reads a body. What is wrong with its outside is a problem; with its inside, a refusal.
async fn read(
    collector: &Collector,
    bytes: Vec<u8>,
    mut share: Share,
) -> Result<(Result<Submission, SubmitError>, Share), Problem> {
    if bytes.len() < LARGE && Compression::detect(&bytes).is_none() {
        return Ok((collector.read(&bytes), share));
    }
    let collector = collector.clone();
    aside(move || {
        let bytes = api::body::unpack(&bytes, collector.limits(), &mut |bytes| share.grow_to(bytes))?;
        Ok((collector.read(&bytes), share))
    })
    .await?
}

/// Works on a thread that may be busy for a while, so that other requests go on.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::unavailable(&error))
}

/// Reads a body whole, as it was sent. `share` holds the memory that it takes.
async fn receive(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
    bounds: &Bounds,
    share: &mut Share,
) -> Result<Vec<u8>, Problem> {
    let mut stream = body.into_data_stream();
    let whole = match api::body::check(headers, limits) {
        // Who asks before sending does not send now.
        Err(problem) if headers.contains_key(header::EXPECT) => return Err(problem),
        Err(problem) => Err(problem),
        Ok(()) => tokio::time::timeout(bounds.body, collect(&mut stream, limits, share))
            .await
            .unwrap_or_else(|_| Err(api::body::too_slow())),
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
        let chunk = chunk.map_err(|_| api::body::too_slow())?;
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
