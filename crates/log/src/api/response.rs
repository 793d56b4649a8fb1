//! Answers whose body is whole, and the headers that several have.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

/// An answer whose body is whole.
pub type Answer = Response<Vec<u8>>;

/// For what is not to be kept by anyone.
pub const NO_STORE: (HeaderName, &str) = (CACHE_CONTROL, "no-store");
/// What is sent is what it says it is.
pub const NOSNIFF: (HeaderName, &str) = (X_CONTENT_TYPE_OPTIONS, "nosniff");

/// A success with these headers.
pub fn success<T>(headers: &[(HeaderName, &'static str)], body: T) -> Response<T> {
    with_headers(StatusCode::OK, headers, body)
}

/// A success that is a JSON value.
pub fn json(value: &Value) -> Answer {
    success(&[(CONTENT_TYPE, "application/json")], value.to_string().into_bytes())
}

/// An answer with this status and these headers.
pub fn with_headers<T>(status: StatusCode, headers: &[(HeaderName, &'static str)], body: T) -> Response<T> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
