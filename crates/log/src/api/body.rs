//! Checks of a submission's headers, and the errors for a body that can't be read.

use countersign::log::Limits;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::ApiError;
use crate::body::BodyError;

/// True if the declared length of the body exceeds `bytes`.
pub(crate) fn is_larger(headers: &HeaderMap, bytes: usize) -> bool {
    declared(headers).is_some_and(|length| length > bytes as u64)
}

/// Returns the declared length of the body, in bytes.
pub fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Checks a submission before its body is read.
///
/// # Errors
/// [`ApiError`].
pub fn check(headers: &HeaderMap, limits: &Limits) -> Result<(), ApiError> {
    if is_larger(headers, limits.bytes) {
        return Err(ApiError::too_large(limits));
    }
    let is_supported = |encoding: &HeaderValue| {
        [&b"gzip"[..], b"x-gzip", b"zstd", b"identity"]
            .iter()
            .any(|name| encoding.as_bytes().eq_ignore_ascii_case(name))
    };
    if headers.get(header::CONTENT_ENCODING).is_none_or(is_supported) {
        return Ok(());
    }
    let message = "the Content-Encoding header names an encoding that this log does not support";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "submit.encoding", message)
        .with_hint("send gzip, zstd, or uncompressed lines"))
}

/// Returns a 408 for a body that arrives too slowly.
pub fn too_slow() -> ApiError {
    let message = "the body of the request did not arrive in time";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "server.timeout", message)
        .with_hint("send it again, in smaller submissions if the connection is slow")
}

/// Returns a 400 for a body whose chunked encoding is malformed.
pub fn malformed() -> ApiError {
    let message = "the chunked encoding of the body is malformed";
    ApiError::new(StatusCode::BAD_REQUEST, "submit.encoding", message)
        .with_hint("send a Content-Length header, or use an HTTP client that encodes chunks correctly")
}

/// Returns a 400 for a body in chunks so small that receiving them costs more than parsing their content.
pub fn too_small_chunks() -> ApiError {
    let message = "the body arrives in too many small chunks";
    ApiError::new(StatusCode::BAD_REQUEST, "submit.encoding", message)
        .with_hint("send a Content-Length header, or larger chunks")
}

/// Returns a 503 if there is no memory left for a body.
pub fn busy() -> ApiError {
    let message = "the log is reading too many submissions";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", message)
        .with_hint("send it again later; nothing was stored")
}

impl ApiError {
    /// Returns the response to a body that can't be read.
    pub fn from_body(error: &BodyError, limits: &Limits) -> Self {
        match error {
            BodyError::TooLarge => Self::too_large(limits),
            BodyError::NoRoom => busy(),
            BodyError::Wasteful => Self::new(StatusCode::BAD_REQUEST, "submit.encoding", error.to_string())
                .with_hint(
                    "compress the body in one piece; it may have at most 1,024 parts, and its compressed size must not exceed its content",
                ),
            BodyError::Incomplete => Self::new(StatusCode::BAD_REQUEST, "submit.encoding", error.to_string())
                .with_hint("send the whole body again; it was truncated or altered on the way"),
        }
    }
}
