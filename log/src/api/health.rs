//! `/healthz` and `/metrics`.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::Answer;
use super::response::{NO_STORE, success, with_headers};
use crate::metrics::Metrics;
use crate::store::Published;

/// Whether the log can be read and written: 200 or 503, and what is so.
pub(crate) fn health(
    origin: &str,
    size: Option<u64>,
    published: Option<&Published>,
    stopping: bool,
) -> Answer {
    let healthy = size.is_some() && published.is_some() && !stopping;
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "healthy": healthy,
        "origin": origin,
        "size": size,
        "published": published.map(|published| json!({
            "size": published.size,
            "at": published.at.to_string(),
            "witnessed": published.witnessed,
        })),
    });
    with_headers(status, &[NO_STORE, (CONTENT_TYPE, "application/json")], body.to_string().into_bytes())
}

/// What is counted.
pub(crate) fn metrics(metrics: &Metrics) -> Answer {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    success(&[(CONTENT_TYPE, kind)], metrics.encode().into_bytes())
}
