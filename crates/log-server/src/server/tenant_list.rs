//! Handler for `GET /tenants`: the tenants of a root log's server, for administrators of all tenant logs.

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use countersign_log::api::ApiError;
use countersign_log::api::tenants::ListRequest;

use super::fallback::HandlerError;
use super::handlers;
use super::state::AppState;

/// Lists tenants in the order in which they were created, one JSON object per line.
pub(super) async fn tenants(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    handlers::admit_to_all_logs(&state.reading, &headers).await?;
    let Some(tenants) = state.tenants else { return Err(ApiError::not_found().into()) };
    let root = state.log_server.origin().to_owned();
    let request = ListRequest::read(uri.query(), &root)?;
    let lines = tokio::task::spawn_blocking(move || {
        request.answer(&**tenants.readers(), &root, tenants.stops(), |id| tenants.head(id))
    });
    let lines = lines.await.map_err(|error| ApiError::unavailable(&error))??;
    Ok(lines.map(Body::from))
}
