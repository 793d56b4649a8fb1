//! Responses without a handler: unknown paths and methods, unacceptable encodings, and panics.

use std::any::Any;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use countersign_log::api::{Answer, ApiError};

/// A handler's error, convertible from every error that maps to an [`ApiError`].
pub(super) struct HandlerError(ApiError);

impl<E: Into<ApiError>> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for HandlerError {
    fn into_response(self) -> Response {
        response(self.0)
    }
}

/// Returns the response that reports an API error.
pub(super) fn response(error: ApiError) -> Response {
    Answer::from(error).map(Body::from)
}

pub(super) async fn not_found() -> Response {
    response(ApiError::not_found())
}

pub(super) async fn method_not_allowed() -> Response {
    response(ApiError::method_not_allowed())
}

/// Replaces the body of a 406 from the compression layer, which would otherwise be the uncompressed content.
pub(super) async fn not_acceptable(original: Response) -> Response {
    if original.status() == StatusCode::NOT_ACCEPTABLE {
        response(ApiError::not_acceptable())
    } else {
        original
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!(message, "a request handler panicked");
    let message = "the log server failed with an internal error";
    let error = ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "server.failed", message);
    response(
        error.with_hint(
            "send the request again later; the log operator can find the cause in the server's logs",
        ),
    )
}
