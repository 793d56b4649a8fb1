//! Responses with a complete body, and headers that several routes share.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

/// A response with a complete body.
pub type Answer = Response<Vec<u8>>;

/// Keeps a response out of every cache.
pub const NO_STORE: (HeaderName, &str) = (CACHE_CONTROL, "no-store");
/// Keeps the response to a reader of a tenant log out of every cache.
pub const PRIVATE: (HeaderName, &str) = (CACHE_CONTROL, "private, no-store");
/// Keeps browsers from guessing another content type.
pub const NOSNIFF: (HeaderName, &str) = (X_CONTENT_TYPE_OPTIONS, "nosniff");

/// Returns a 200 with these headers.
pub fn success<T>(headers: &[(HeaderName, &'static str)], body: T) -> Response<T> {
    with_headers(StatusCode::OK, headers, body)
}

/// Returns a 200 with a JSON value.
pub fn json(value: &Value) -> Answer {
    success(&[(CONTENT_TYPE, "application/json")], value.to_string().into_bytes())
}

/// Returns a response with this status and these headers.
pub fn with_headers<T>(status: StatusCode, headers: &[(HeaderName, &'static str)], body: T) -> Response<T> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
