//! `POST /erase`.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::{AppState, Problem, access};
use crate::erase::erase;
use crate::interface::{self, AskedErasure, Chosen, MAX_ERASURE};
use crate::tokens::Right;

pub(super) async fn erase_events(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let name = access::admit(&state.reading, &headers, Right::Erase)?;
    interface::read_query(uri.query(), &[])?;
    let body = axum::body::to_bytes(body, MAX_ERASURE).await.ok();
    let AskedErasure { chosen, cause } = AskedErasure::read(body.as_deref(), name)?;
    let leaves = match chosen {
        Chosen::Places(places) => state.reading.glance(move |exporter| exporter.find(&places)).await?,
        Chosen::Matching(request) => state.reading.plan(*request).await?.shown().clone(),
    };
    // Once begun it is brought to its end, also when the client goes away.
    let reading = state.reading.clone();
    let erased = tokio::spawn(async move { erase(&reading, leaves, &cause).await }).await;
    let erased = erased.map_err(|error| Problem::unavailable(&error))?;
    let erased = erased.map_err(|error| Problem::of_erasure(&error, state.collector.limits()))?;
    Ok(interface::erased(erased).map(Body::from))
}
