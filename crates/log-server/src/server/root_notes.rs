//! `POST /keys` of a root log's server: places an issuer's key note in all tenant logs that need it (SPEC section 16.11).

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use countersign_log::api::ApiError;
use countersign_log::api::root_notes::{self, MAX_BODY_BYTES};
use countersign_log::tenants::published::PublishedTick;
use tokio::time::{Instant, timeout_at};

use super::fallback::{self, HandlerError};
use super::state::AppState;

/// The longest wait until all tenant logs have the note. The client then sends the request again.
const PLACING_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn place(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    body: Body,
) -> Result<Response, HandlerError> {
    let Some(tenants) = state.tenants.clone() else { return Ok(fallback::not_found().await) };
    let root = state.log_server.origin();
    let after = root_notes::after(uri.query(), root)?;
    let body: Bytes =
        axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| root_notes::too_large())?;
    let (accepted, now) = (state.remembered_requests(), state.log_server.now());
    let note = root_notes::read(&body, root, &tenants.trust_in_force(), accepted, now)?;
    let deadline = Instant::now() + PLACING_TIMEOUT;
    let accepted = || Ok(root_notes::accepted().map(Body::from));
    // The answer to the first request waited for all logs.
    let tick = if after.is_some() {
        0
    } else {
        let placed = timeout_at(deadline, tenants.place_note(note.clone())).await;
        let Ok(placed) = placed else { return accepted() };
        placed.map_err(|error| ApiError::of_submission(&error, state.log_server.limits()))?
    };
    let mut ticks = tenants.ticks();
    let has = |newest: &Option<Arc<PublishedTick>>| {
        newest.as_ref().is_some_and(|newest| newest.directory.tick() >= tick)
    };
    let waited = timeout_at(deadline, ticks.wait_for(has)).await.map(|newest| newest.ok()?.clone());
    let Ok(Some(newest)) = waited else { return accepted() };
    let proven = tokio::task::spawn_blocking(move || {
        root_notes::prove(&**tenants.readers(), tenants.stops(), &note, &newest, after)
    });
    let proven = proven.await.map_err(|error| ApiError::unavailable(&error))?;
    Ok(proven.map_err(ApiError::from)?.map(Body::from))
}
