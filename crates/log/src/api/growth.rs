//! `/growth`: each tick's changes, for growth witnesses (SPEC section 16.10).
//!
//! A request without the right `growth` learns nothing: its response doesn't depend on the server's data.

use countersign::{hex, integer};
use http::header::CONTENT_TYPE;
use http::{HeaderName, StatusCode};

use super::response::{PRIVATE, success};
use super::{Answer, ApiError, query};
use crate::tenants::growth::GrowthTicks;
use crate::tenants::growth_serving::{GrowthLines, log_unproven, prove_growth};
use crate::tenants::growth_wire::{MAX_PROOFS, MAX_PROOFS_BYTES, MAX_TICKS, ProofRequest, proof_line};
use crate::tenants::store::TenantReaders;

/// The headers of an answer.
pub const HEADERS: [(HeaderName, &str); 2] = [PRIVATE, (CONTENT_TYPE, "application/x-ndjson")];

/// Returns the ticks that a query asks for, or all heads, of the root log with this origin.
///
/// # Errors
/// [`ApiError`].
pub fn ticks(query: Option<&str>, origin: &str, ticks: &GrowthTicks) -> Result<GrowthLines, ApiError> {
    let mut from = None;
    for (_, value) in query::read(query, &["from"])? {
        let message = "from must be the number of a tick";
        from = Some(integer::parse(value.as_bytes()).ok_or_else(|| ApiError::invalid(message))?);
    }
    Ok(GrowthLines::new(origin, ticks.read(from, MAX_TICKS)))
}

/// Returns the error for a request for proofs that is too large.
pub fn too_large() -> ApiError {
    let message = format!("the request is larger than {MAX_PROOFS_BYTES} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request.invalid", message)
        .with_hint(format!("send at most {MAX_PROOFS} lines at a time"))
}

/// Returns consistency proofs. It may take a while.
///
/// # Errors
/// [`ApiError`].
pub fn proofs(body: &[u8], ticks: &GrowthTicks, readers: &dyn TenantReaders) -> Result<Answer, ApiError> {
    let requests = ProofRequest::parse_all(body).map_err(|error| {
        let hint = format!("send 1 to {MAX_PROOFS} lines with id, from, and to");
        ApiError::invalid(error.to_string()).with_hint(hint)
    })?;
    let heads = ticks.newest();
    let mut text = String::new();
    for ProofRequest { id, from, to } in requests {
        let head = heads.as_ref().and_then(|heads| heads.find(&id)).filter(|head| to <= head.size);
        let Some(head) = head else {
            let message = format!("the log {} doesn't exist, or has fewer entries", hex::encode(&id));
            return Err(ApiError::invalid(message));
        };
        let proof = prove_growth(readers, head, from, to);
        let proof = proof.inspect_err(|error| log_unproven(&id, error)).ok();
        text.push_str(&proof_line(&id, proof.as_deref()));
    }
    Ok(success(&HEADERS, text.into_bytes()))
}
