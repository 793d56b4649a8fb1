//! `/healthz` and `/metrics`.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::AppState;

/// Whether the log can be read and written: 200 or 503, and what is so.
pub(super) async fn healthz(State(AppState { collector, .. }): State<AppState>) -> Response {
    let published = collector.published().borrow().clone();
    let reader = collector.reader().clone();
    let size = tokio::task::spawn_blocking(move || reader.size()).await.ok().and_then(Result::ok);
    let stopping = collector.is_stopping();
    let healthy = size.is_some() && published.is_some() && !stopping;
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "healthy": healthy,
        "origin": collector.origin(),
        "size": size,
        "published": published.map(|published| json!({
            "size": published.size,
            "at": published.at.to_string(),
            "witnessed": published.witnessed,
        })),
    });
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

pub(super) async fn metrics(State(AppState { collector, .. }): State<AppState>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], collector.metrics().encode()).into_response()
}
