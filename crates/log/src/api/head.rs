//! `GET /t/<ID>/head`: the newest head of a tenant log, with its proof.

use http::header::CONTENT_TYPE;

use super::response::{NOSNIFF, PRIVATE, success};
use super::{Answer, ApiError};
use crate::store::{ProvenState, Published};

/// Returns the newest head proof of a tenant log.
///
/// # Errors
/// [`ApiError`]: a 404 if no published tick has the tenant log yet.
pub fn head(published: Option<&Published>) -> Result<Answer, ApiError> {
    match published.map(Published::state) {
        Some(ProvenState::Head(head)) => {
            let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), PRIVATE, NOSNIFF];
            Ok(success(&headers, head.as_bytes().to_vec()))
        }
        Some(ProvenState::Checkpoint(_)) | None => Err(ApiError::not_found()),
    }
}
