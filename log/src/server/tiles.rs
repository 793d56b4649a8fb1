//! The public reading side: C2SP tlog-tiles.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::Response;

use super::{AppState, Problem};
use crate::interface;

pub(super) async fn checkpoint(
    State(AppState { collector, .. }): State<AppState>,
) -> Result<Response, Problem> {
    let published = collector.published().borrow().clone();
    Ok(interface::checkpoint(published.as_deref())?.map(Body::from))
}

pub(super) async fn tile(
    State(AppState { collector, .. }): State<AppState>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let size = collector.published().borrow().as_ref().map_or(0, |published| published.size);
    let reader = collector.reader().clone();
    let found = tokio::task::spawn_blocking(move || interface::tile(&*reader, size, uri.path())).await;
    Ok(found.map_err(|error| Problem::unavailable(&error))??.map(Body::from))
}
