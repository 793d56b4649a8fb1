//! `GET /t/<ID>/head`: the newest head of a tenant log, with its proof.

use countersign::log::SubmissionOutcome;
use countersign::tenant::{HeadProof, Since};
use http::header::CONTENT_TYPE;

use super::response::{NOSNIFF, PRIVATE, success};
use super::{Answer, ApiError, submit};
use crate::store::{ProvenState, Published, Reader};
use crate::tenants::growth_proof::GrowthProof;

/// Returns the newest head proof of a tenant log. If the reader states a head, this is the response to a submission
/// without links and notes, which proves how the log grew since then (SPEC section 16.8).
///
/// # Errors
/// [`ApiError`]: a 404 if no published tick has the tenant log yet.
pub fn head(
    published: Option<&Published>,
    since: Option<Since>,
    reader: &dyn Reader,
) -> Result<Answer, ApiError> {
    let Some(ProvenState::Head(head)) = published.map(Published::state) else {
        return Err(ApiError::not_found());
    };
    let Some(since) = since else {
        let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), PRIVATE, NOSNIFF];
        return Ok(success(&headers, head.as_bytes().to_vec()));
    };
    let head = HeadProof::parse(head).map_err(|error| ApiError::unavailable(&error))?;
    let growth = GrowthProof::prove(since, &head, reader)?;
    submit::tenant_response(&SubmissionOutcome::default(), &head, Some(&growth), reader)
}
