//! Log lines about requests that the server failed to answer: one for each cause and minute.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use countersign::hex;
use countersign::tenant::TenantOrigin;
use countersign_errors::plain;
use countersign_log::api::ResponseFailure;
use countersign_log::failure_reports::FailureCause;

use super::state::AppState;

/// Logs the cause of a response with a status of 500 or above, with the tenant's name. At most one line a minute is about
/// the same cause.
pub(super) async fn report(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let response = next.run(request).await;
    let Some(ResponseFailure { code, failure }) = response.extensions().get() else { return response };
    let cause = FailureCause { what: "requests", code: code.clone(), part: failure.part };
    let Some(times) = state.log_server.metrics().count_failure(cause) else { return response };
    let (status, path, part) = (response.status().as_u16(), uri.path(), failure.part.word());
    let (docs, message) = (failure.part.docs(), plain(&failure.message));
    let tenant = tenant(&state, path).await;
    // Clients that send too much, or too early, cause these, and are told to wait.
    if matches!(&**code, "server.busy" | "submit.early") {
        tracing::warn!(status, code, part, times, path, tenant, docs, "requests fail: {message}");
    } else {
        tracing::error!(status, code, part, times, path, tenant, docs, "requests fail: {message}");
    }
    response
}

/// Returns the name of the tenant whose log a path is in, as `countersign tenant list` shows it, and the log's ID.
async fn tenant(state: &AppState, path: &str) -> Option<String> {
    let tenants = state.tenants.clone()?;
    let id = path.strip_prefix("/t/")?.split('/').next()?;
    let id = TenantOrigin::parse(&format!("{}/t/{id}", state.log_server.origin()))?.id();
    let found = tokio::task::spawn_blocking(move || tenants.readers().find(&id)).await;
    let name = found.ok().and_then(Result::ok).flatten().map(|tenant| plain(&tenant.name));
    Some(format!("{} ({})", name.unwrap_or_default(), hex::encode(&id)))
}
