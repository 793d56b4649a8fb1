//! What each address answers but `/`, `/submit` and `/stream`.

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::stream;

use super::{AppState, Problem};
use crate::api;
use crate::api::erase::{Chosen, ErasureRequest};
use crate::api::export::ExportRequest;
use crate::erase::erase;
use crate::export::Lines;
use crate::reading::Reading;
use crate::store::StoreError;
use crate::tokens::Right;

/// The name of the reader whose token a request brings, if it has the right.
pub(super) fn admit(reading: &Reading, headers: &HeaderMap, right: Right) -> Result<String, Problem> {
    Ok(reading.tokens().admit(api::bearer::token(headers), right, reading.collector().now())?)
}

pub(super) async fn checkpoint(
    State(AppState { collector, .. }): State<AppState>,
) -> Result<Response, Problem> {
    let published = collector.published().borrow().clone();
    Ok(api::tiles::checkpoint(published.as_deref())?.map(Body::from))
}

pub(super) async fn tile(
    State(AppState { collector, .. }): State<AppState>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let size = collector.published().borrow().as_ref().map_or(0, |published| published.size);
    let reader = collector.reader().clone();
    let found = tokio::task::spawn_blocking(move || api::tiles::tile(&*reader, size, uri.path())).await;
    Ok(found.map_err(|error| Problem::unavailable(&error))??.map(Body::from))
}

/// Whether the log can be read and written: 200 or 503, and what is so.
pub(super) async fn healthz(State(AppState { collector, .. }): State<AppState>) -> Response {
    let published = collector.published().borrow().clone();
    let reader = collector.reader().clone();
    let size = tokio::task::spawn_blocking(move || reader.size()).await.ok().and_then(Result::ok);
    api::health::health(collector.origin(), size, published.as_deref(), collector.is_stopping())
        .map(Body::from)
}

pub(super) async fn metrics(State(AppState { collector, .. }): State<AppState>) -> Response {
    api::health::metrics(collector.metrics()).map(Body::from)
}

pub(super) async fn export(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    admit(&state.reading, &headers, Right::Read)?;
    send(&state, api::export::read(uri.query())?).await
}

pub(super) async fn proof(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    admit(&state.reading, &headers, Right::Read)?;
    send(&state, api::export::read_proof(uri.path(), uri.query())?).await
}

async fn send(state: &AppState, asked: ExportRequest) -> Result<Response, Problem> {
    let lines = state.reading.plan(asked.request).await?.lines();
    let head = api::export::head(state.collector.origin(), &asked.name)?;
    // A piece is made when the one before was taken: a slow client makes no memory grow.
    let pieces = stream::try_unfold(lines, piece);
    Ok(head.map(|()| Body::from_stream(pieces)))
}

async fn piece(mut lines: Lines) -> Result<Option<(Bytes, Lines)>, StoreError> {
    let made = tokio::task::spawn_blocking(move || lines.next_piece().map(|piece| (piece, lines))).await;
    let made = made.map_err(|error| StoreError::unavailable("writing an export", error)).flatten();
    match made {
        Ok((piece, lines)) => Ok(piece.map(|piece| (piece.into(), lines))),
        Err(error) => {
            // The client sees that the answer was cut.
            tracing::error!(%error, "an export ended early");
            Err(error)
        }
    }
}

pub(super) async fn erase_events(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let name = admit(&state.reading, &headers, Right::Erase)?;
    api::query::read(uri.query(), &[])?;
    let body = axum::body::to_bytes(body, api::erase::MAX_BODY).await.ok();
    let ErasureRequest { chosen, cause } = ErasureRequest::read(body.as_deref(), name)?;
    let leaves = match chosen {
        Chosen::Places(places) => state.reading.glance(move |exporter| exporter.find(&places)).await?,
        Chosen::Matching(request) => state.reading.plan(*request).await?.shown().clone(),
    };
    // Once begun it is brought to its end, also when the client goes away.
    let reading = state.reading.clone();
    let erased = tokio::spawn(async move { erase(&reading, leaves, &cause).await }).await;
    let erased = erased.map_err(|error| Problem::unavailable(&error))?;
    let erased = erased.map_err(|error| Problem::of_erasure(&error, state.collector.limits()))?;
    Ok(api::erase::done(erased).map(Body::from))
}
