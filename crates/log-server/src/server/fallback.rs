//! What is answered where no handler answers.

use std::any::Any;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use countersign_log::api::{Answer, ApiError};

/// An error of a handler: any that can be answered with an [`ApiError`].
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

/// The response that reports a problem.
pub(super) fn response(problem: ApiError) -> Response {
    Answer::from(problem).map(Body::from)
}

pub(super) async fn not_found() -> Response {
    response(ApiError::not_found())
}

pub(super) async fn method_not_allowed() -> Response {
    response(ApiError::method_not_allowed())
}

/// The layer that compresses sends an answer in a form that was refused as its 406's body.
pub(super) async fn not_acceptable(answered: Response) -> Response {
    if answered.status() == StatusCode::NOT_ACCEPTABLE {
        response(ApiError::not_acceptable())
    } else {
        answered
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let what = panic.downcast_ref::<String>().map(String::as_str);
    let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!(what, "a request ended in a panic");
    response(ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "server.failed",
        "the log failed to answer this",
    ))
}
