//! Handler for `GET /findings`.

use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::findings::Findings;
use countersign_log::api::response::{NO_STORE, success};
use countersign_log::api::{Answer, ApiError};
use countersign_log::tokens::Access;

/// Returns the newest findings, one JSON object per line. Tokens with a scope are rejected, because findings may be
/// about events outside of it.
pub(crate) fn lines(findings: &Findings, access: &Access) -> Result<Answer, ApiError> {
    if !access.scope().is_everything() {
        let message = "this token can't read findings, because it is limited to some events";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "request.forbidden", message)
            .with_hint("ask the log operator for a token that may read all events"));
    }
    let lines = findings.lines().ok_or_else(|| {
        let message = "findings aren't available, because the log server doesn't watch its log";
        ApiError::new(StatusCode::NOT_FOUND, "request.not_found", message)
            .with_hint("run `countersign watch`; a log without tenants can also be served with --watch")
    })?;
    Ok(success(&[(CONTENT_TYPE, "application/x-ndjson"), NO_STORE], lines.into_bytes()))
}
