//! What is answered where no handler answers.

use std::any::Any;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Problem;
use crate::api::Answer;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Answer::from(self).map(Body::from)
    }
}

pub(super) async fn not_found() -> Problem {
    Problem::not_found()
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::method_not_allowed()
}

/// The layer that compresses sends an answer in a form that was refused as its 406's body.
pub(super) async fn not_acceptable(response: Response) -> Response {
    if response.status() == StatusCode::NOT_ACCEPTABLE {
        Problem::not_acceptable().into_response()
    } else {
        response
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let what = panic.downcast_ref::<String>().map(String::as_str);
    let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!(what, "a request ended in a panic");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "server.failed", "the log failed to answer this")
        .into_response()
}
