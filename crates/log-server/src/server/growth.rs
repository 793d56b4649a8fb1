//! Handlers for `/growth`: each tick's changes, for growth witnesses (SPEC section 16.10).

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use countersign_log::api::response::success;
use countersign_log::api::{self, ApiError};
use countersign_log::store::StoreError;
use countersign_log::tenants::growth_serving::GrowthLines;
use countersign_log::tenants::growth_wire::MAX_PROOFS_BYTES;
use countersign_log::tokens::{Access, Right};
use futures_util::stream;

use super::fallback::HandlerError;
use super::handlers;
use super::state::AppState;
use crate::reading::Reading;
use crate::tenants::TenantLogs;

/// Returns the ticks from `from` on, or all heads.
pub(super) async fn ticks(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let (tenants, access) = admit(&state, &headers).await?;
    let lines = api::growth::ticks(uri.query(), state.log_server.origin(), tenants.growth())?;
    let sending = Sending { lines, tenants, access, reading: state.reading.clone() };
    let body = Body::from_stream(stream::try_unfold(sending, next_piece));
    Ok(success(&api::growth::HEADERS, body))
}

/// Returns consistency proofs.
pub(super) async fn proofs(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HandlerError> {
    let (tenants, _) = admit(&state, &headers).await?;
    api::query::read(uri.query(), &[])?;
    let body = axum::body::to_bytes(body, MAX_PROOFS_BYTES).await.map_err(|_| api::growth::too_large())?;
    let proven = tokio::task::spawn_blocking(move || {
        api::growth::proofs(&body, tenants.growth(), &**tenants.readers())
    });
    Ok(proven.await.map_err(|error| ApiError::unavailable(&error))??.map(Body::from))
}

/// Authenticates the request, and checks that its token is for the heads of all tenant logs.
async fn admit(state: &AppState, headers: &HeaderMap) -> Result<(Arc<TenantLogs>, Access), ApiError> {
    let access = handlers::admit(&state.reading, headers, Right::Growth).await?;
    let tenants = state.tenants.clone().filter(|_| access.logs().is_all());
    Ok((tenants.ok_or_else(ApiError::not_found)?, access))
}

/// An answer being sent.
struct Sending {
    lines: GrowthLines,
    tenants: Arc<TenantLogs>,
    access: Access,
    reading: Arc<Reading>,
}

/// Writes the next piece, after the client took the last one.
async fn next_piece(mut sending: Sending) -> Result<Option<(Bytes, Sending)>, StoreError> {
    let written = tokio::task::spawn_blocking(move || {
        let Some(text) = sending.lines.next_piece(&**sending.tenants.readers()) else { return Ok(None) };
        if !sending.reading.still_admits(&sending.access) {
            return Err(StoreError::unavailable("sending ticks", "the token was revoked"));
        }
        Ok(Some((text.into(), sending)))
    });
    let written = written.await.map_err(|error| StoreError::unavailable("sending ticks", error)).flatten();
    // The client notices the failure by the truncated response.
    written.inspect_err(|error| tracing::error!(%error, "an answer to a growth witness ended early"))
}
