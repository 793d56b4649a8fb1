//! HTTP responses of witnesses and mirrors.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use countersign::witness::CosignError;

/// Returns a response with a text.
pub fn text(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
}

/// Returns the response to a checkpoint that isn't cosigned.
pub fn refused(refusal: &CosignError) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, refusal.content_type())], refusal.body()).into_response()
}

/// Returns the response to a request that the client may repeat after 5 seconds.
pub fn unavailable(why: &str) -> Response {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}
