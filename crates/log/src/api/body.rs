//! Checks of a submission's headers, and the answers to a body that can't be read.

use countersign::log::Limits;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::ApiError;
use crate::body::BodyError;

/// Whether a body says that it has more bytes than that.
pub(crate) fn is_larger(headers: &HeaderMap, bytes: usize) -> bool {
    declared(headers).is_some_and(|length| length > bytes as u64)
}

/// How many bytes a body says that it has.
pub fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What can be told before a byte is read.
///
/// # Errors
/// [`ApiError`].
pub fn check(headers: &HeaderMap, limits: &Limits) -> Result<(), ApiError> {
    if is_larger(headers, limits.bytes) {
        return Err(ApiError::too_large(limits));
    }
    let known = |encoding: &HeaderValue| {
        [&b"gzip"[..], b"x-gzip", b"zstd", b"identity"]
            .iter()
            .any(|name| encoding.as_bytes().eq_ignore_ascii_case(name))
    };
    if headers.get(header::CONTENT_ENCODING).is_none_or(known) {
        return Ok(());
    }
    let message = "the log does not know this content encoding";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "submit.encoding", message)
        .with_hint("send gzip, zstd or plain lines"))
}

/// The body did not come.
pub fn too_slow() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "server.timeout", "the body did not arrive whole in time")
}

/// The body's pieces are not told from each other as HTTP does it.
pub fn malformed() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "submit.encoding", "the body's chunks are malformed")
        .with_hint("tell the body's length, or let an HTTP client make the chunks")
}

/// The body came in so many pieces that reading them is more work than reading what is in them.
pub fn too_small_chunks() -> ApiError {
    let message = "the body comes in too many pieces that are too small";
    ApiError::new(StatusCode::BAD_REQUEST, "submit.encoding", message)
        .with_hint("tell its length, or send larger chunks")
}

/// There is no room for the body.
pub fn busy() -> ApiError {
    let message = "too many submissions are being read already";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", message)
        .with_hint("send it again later: nothing was taken")
}

impl ApiError {
    /// A body that can't be read.
    pub fn of_body(error: &BodyError, limits: &Limits) -> Self {
        match error {
            BodyError::TooLarge => Self::too_large(limits),
            BodyError::NoRoom => busy(),
            BodyError::Wasteful => Self::new(StatusCode::BAD_REQUEST, "submit.encoding", error.to_string())
                .with_hint(
                    "compress it as one: its parts are 1,024 at most, and not larger than what they hold",
                ),
            BodyError::Incomplete => Self::new(StatusCode::BAD_REQUEST, "submit.encoding", error.to_string())
                .with_hint("it was cut off, or damaged on its way"),
        }
    }
}
