//! `POST /submit`.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use countersign::export::Compression;
use countersign::log::Submission;

use super::budget::Share;
use super::{AppState, Problem, body};
use crate::collector::{Collector, SubmitError};
use crate::interface;
use crate::metrics::Outcome;

/// A body of at least so many bytes is read on a thread that may be busy for a while.
const LARGE: usize = 64 << 10;
/// So many proofs are made where the request came in; more on a thread that may be busy for a while.
const FEW: usize = 16;

pub(super) async fn submit(
    State(AppState { collector, budget, bounds, .. }): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut share = budget.share();
    let bytes = body::read(&headers, body, collector.limits(), &bounds, &mut share).await?;
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
        interface::taken(&committed, &**collector.reader())
    } else {
        aside(move || interface::taken(&committed, &**collector.reader())).await?
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
        let bytes = interface::unpack(&bytes, collector.limits(), &mut |bytes| share.grow_to(bytes))?;
        Ok((collector.read(&bytes), share))
    })
    .await?
}

/// Works on a thread that may be busy for a while, so that other requests go on.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::unavailable(&error))
}
