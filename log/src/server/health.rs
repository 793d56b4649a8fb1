//! `/healthz` and `/metrics`.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;

use super::AppState;
use crate::interface;

/// Whether the log can be read and written: 200 or 503, and what is so.
pub(super) async fn healthz(State(AppState { collector, .. }): State<AppState>) -> Response {
    let published = collector.published().borrow().clone();
    let reader = collector.reader().clone();
    let size = tokio::task::spawn_blocking(move || reader.size()).await.ok().and_then(Result::ok);
    interface::health(collector.origin(), size, published.as_deref(), collector.is_stopping()).map(Body::from)
}

pub(super) async fn metrics(State(AppState { collector, .. }): State<AppState>) -> Response {
    interface::metrics(collector.metrics()).map(Body::from)
}
