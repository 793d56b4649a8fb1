//! `GET /findings`.

use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::findings::Findings;
use countersign_log::api::response::{NO_STORE, success};
use countersign_log::api::{Answer, ApiError};
use countersign_log::tokens::Access;

/// The newest findings, one JSON object a line. A token that is for some events alone is not told of them: they may be of
/// others.
pub(crate) fn lines(findings: &Findings, access: &Access) -> Result<Answer, ApiError> {
    if !access.scope().is_everything() {
        let message = "findings are told to tokens that are for all events";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "request.forbidden", message)
            .with_hint("ask the log's operator for a token without conditions"));
    }
    let lines = findings.lines().ok_or_else(|| {
        let message = "this log does not watch itself";
        ApiError::new(StatusCode::NOT_FOUND, "request.not_found", message)
            .with_hint("start it with --watch, or follow it with `countersign watch`")
    })?;
    Ok(success(&[(CONTENT_TYPE, "application/x-ndjson"), NO_STORE], lines.into_bytes()))
}
