//! `POST /tenants` of a root log's server: creates the log of a tenant, or finds the one that exists.
//!
//! The tenant's name never appears in a public answer: only a key that the trust file names as an emitter, or a token
//! with the right `admin` for all logs, gets the origin for a name.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use countersign::tenant::TenantOrigin;
use countersign_log::api::tenants::{
    MAX_BODY_BYTES, created, is_signed, named, not_created, signed_name, too_large,
};
use countersign_log::api::{self, ApiError};
use countersign_log::own_chain::{Random, secure_random};
use countersign_log::tenants::tenant::Tenant;
use countersign_log::tokens::Right;
use tokio::time::timeout;

use super::fallback::{self, HandlerError};
use super::handlers::admit;
use super::state::AppState;
use crate::tenants::TenantLogs;

/// The longest wait for the first tick of a new tenant log. Witnesses may take several seconds.
const TICK_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn create(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HandlerError> {
    let Some(tenants) = state.tenants.clone() else { return Ok(fallback::not_found().await) };
    api::query::read(uri.query(), &[])?;
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| too_large())?;
    let name = if is_signed(&body) {
        let (accepted, now) = (state.remembered_requests(), state.log_server.now());
        signed_name(&body, state.log_server.origin(), &tenants.trust_in_force(), accepted, now)?
    } else {
        named(&body, &admit(&state.reading, &headers, Right::Admin).await?)?
    };
    let now = state.log_server.now();
    let inserted = tokio::task::spawn_blocking({
        let tenants = tenants.clone();
        move || {
            let mut random: Random = Box::new(secure_random);
            tenants.create(&name, &mut random, now)
        }
    });
    let tenant = inserted
        .await
        .map_err(|error| ApiError::unavailable(&error))?
        .map_err(|error| not_created(&error))?;
    let tenant = with_first_tick(&tenants, tenant).await?;
    let origin = TenantOrigin::new(state.log_server.origin(), tenant.id);
    let origin = origin.ok_or_else(|| ApiError::unavailable(&"the tenant log's origin is too long"))?;
    Ok(created(&tenant, &origin).map(Body::from))
}

/// Waits for the first published tick that contains the tenant log's head, and returns the tenant with that tick, if
/// there is one in time.
async fn with_first_tick(tenants: &Arc<TenantLogs>, tenant: Tenant) -> Result<Tenant, ApiError> {
    let mut ticks = tenants.ticks();
    let contains = async {
        while tenants.head(&tenant.id).is_none() {
            if ticks.changed().await.is_err() {
                return;
            }
        }
    };
    if timeout(TICK_TIMEOUT, contains).await.is_err() || tenants.head(&tenant.id).is_none() {
        return Ok(Tenant { since: None, ..tenant });
    }
    let readers = tenants.readers().clone();
    let found = tokio::task::spawn_blocking(move || api::tenants::with_first_tick(tenant, &*readers)).await;
    Ok(found.map_err(|error| ApiError::unavailable(&error))??)
}
