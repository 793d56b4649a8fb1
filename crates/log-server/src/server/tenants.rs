//! Routes of tenant logs, below `/t/` and the tenant's ID.
//!
//! A reader learns nothing about other tenants. Without a valid token, the answer is the same for every ID. With a token
//! for other logs, the answer for a foreign, an unknown, and an ended tenant is the same 404, which is decided before
//! anything is looked up. Emitters have no token: an emitter that the log server doesn't know gets the same refusal for
//! every ID.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{any, get, post};
use countersign::tenant::TenantOrigin;
use countersign_log::api::ApiError;
use countersign_log::api::tenants::{
    no_tick as no_tick_error, required_right, split_path, tenant_required as tenant_required_error,
};
use countersign_log::sequencer::RulesError;
use countersign_log::store::StoreError;
use tower::ServiceExt as _;

use super::fallback::{self, HandlerError};
use super::state::AppState;
use super::{growth, handlers, page, reader_routes, receive, root_notes, tenant_creation, tenant_list};
use crate::tenants::{TenantLog, TenantLogs};

/// The routes of a root log's server for its tenants.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/t/{id}", get(redirect))
        .route("/t/{id}/", get(tenant_page))
        .route("/t/{id}/{*path}", any(serve))
        .route("/evidence", get(evidence))
        .route("/growth", get(growth::ticks).post(growth::proofs))
        .route("/keys", post(root_notes::place))
        .route("/tenants", get(tenant_list::tenants).post(tenant_creation::create))
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(map_response(private))
        .merge(tenantless_routes())
}

/// The routes of an ordinary log that only tenant logs have here. They explain that the path must name a tenant log.
fn tenantless_routes() -> Router<AppState> {
    let paths = [
        "/submit",
        "/head",
        "/export",
        "/explain",
        "/proof/{chain}/{seq}",
        "/findings",
        "/stream",
        "/erase",
        "/erasures",
        "/erasures/{record}",
    ];
    paths.into_iter().fold(Router::new(), |router, path| router.route(path, any(tenant_required)))
}

/// Refuses a request that must name a tenant log. A body is read first: a client that is cut off while it sends never
/// reads the error.
async fn tenant_required(State(state): State<AppState>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    receive::discard_body(&state, request.into_body()).await;
    fallback::response(tenant_required_error(&path))
}

/// Redirects to the page of a tenant log, relative to the path, which a proxy may have changed.
async fn redirect(state: State<AppState>, request: Request) -> Response {
    let id = request.uri().path().trim_start_matches("/t/").to_owned();
    let location = HeaderValue::try_from(format!("{id}/"));
    match location.ok().filter(|_| tenant_origin(&state, &id).is_some()) {
        Some(location) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        None => fallback::not_found().await,
    }
}

/// Returns the evidence against the root log itself. It is for administrators of all tenant logs.
async fn evidence(
    state: State<AppState>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    handlers::admit_to_all_logs(&state.reading, &headers).await?;
    handlers::evidence(state, uri, headers).await
}

/// The routes of one tenant log.
fn log_routes(state: AppState) -> Router {
    Router::new()
        .route("/submit", post(receive::submit))
        .route("/head", get(handlers::head))
        .route("/tile/{*path}", get(handlers::tile))
        .merge(reader_routes())
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .with_state(state)
}

/// Keeps answers out of shared caches: nothing about a tenant log is public.
async fn private(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

/// Returns the page, which is the same for every ID.
async fn tenant_page(state: State<AppState>, request: Request) -> Response {
    let id = request.uri().path().trim_start_matches("/t/").trim_end_matches('/');
    match tenant_origin(&state, id) {
        Some(_) => page::page(state, request.headers().clone()).await,
        None => fallback::not_found().await,
    }
}

async fn serve(State(state): State<AppState>, request: Request) -> Result<Response, HandlerError> {
    let sent = split_path(request.uri().path());
    let Some((id, path)) = sent.map(|(id, path)| (id.to_owned(), path.to_owned())) else {
        return Ok(fallback::not_found().await);
    };
    let (Some(tenants), Some(origin)) = (state.tenants.clone(), tenant_origin(&state, &id)) else {
        receive::discard_body(&state, request.into_body()).await;
        return Ok(fallback::not_found().await);
    };
    let is_submission = path == "submit" && *request.method() == Method::POST;
    if !is_submission {
        let Some(right) = required_right(&path) else { return Ok(fallback::not_found().await) };
        let access = handlers::admit(&state.reading, request.headers(), right).await?;
        if !access.logs().permits(&origin.id()) {
            return Ok(fallback::not_found().await);
        }
    }
    let id = origin.id();
    let needs_head = is_submission || !is_without_head(&path);
    let opened = if needs_head {
        open(tenants.clone(), origin, is_submission).await
    } else {
        open_to_erase(tenants.clone(), origin).await
    };
    let log = match opened {
        Ok(Some(log)) => log,
        Ok(None) => return Ok(fallback::not_found().await),
        Err(error) => {
            receive::discard_body(&state, request.into_body()).await;
            return Err(error.into());
        }
    };
    // A stopped log's newest head can still be proven: it is the one that the log showed last.
    if needs_head
        && !is_submission
        && path != "head"
        && let Some(stop) = tenants.stop_of(&id).filter(|stop| !stop.is_readable)
    {
        return Err(ApiError::from(StoreError::Stopped(stop.reason)).into());
    }
    let state = AppState {
        log_server: log.log_server,
        reading: log.reading,
        page: None,
        auditors_page: None,
        tenants: None,
        ..state
    };
    Ok(forward(log_routes(state), &path, request).await)
}

/// True if this route of a tenant log proves nothing: it works in every state of the log.
fn is_without_head(path: &str) -> bool {
    matches!(path.split('/').next(), Some("erase" | "erasures" | "evidence"))
}

/// Opens a tenant log for a route that needs no head.
async fn open_to_erase(
    tenants: Arc<TenantLogs>,
    origin: TenantOrigin,
) -> Result<Option<TenantLog>, ApiError> {
    if tenants.check_active().await.is_err() {
        return Err(no_tick(&tenants));
    }
    let opened = tokio::task::spawn_blocking(move || tenants.open_to_erase(&origin));
    let opened: Result<_, RulesError> = opened.await.map_err(|error| ApiError::unavailable(&error))?;
    opened.map_err(|error| ApiError::unavailable(&error))
}

/// Opens a tenant log. If the newest published tick doesn't have it, returns an empty one for a submission, and `None` for
/// a reader.
async fn open(
    tenants: Arc<TenantLogs>,
    origin: TenantOrigin,
    is_submission: bool,
) -> Result<Option<TenantLog>, ApiError> {
    if !tenants.has_published() {
        return Err(no_tick(&tenants));
    }
    let absent = || tenants.find_absent(&origin.id()).filter(|_| is_submission);
    if let Some(open) = tenants.find_open(&origin.id()).or_else(absent) {
        return Ok(Some(open));
    }
    let opened = tokio::task::spawn_blocking(move || match tenants.open(&origin)? {
        None if is_submission => tenants.unknown(origin).map(Some),
        log => Ok(log),
    });
    let opened: Result<_, RulesError> = opened.await.map_err(|error| ApiError::unavailable(&error))?;
    Ok(opened?)
}

/// Returns the error for a request before the first tick. A log server that doesn't sign makes none, and can prove no
/// head then: the secrets of earlier ticks are gone.
fn no_tick(tenants: &TenantLogs) -> ApiError {
    if let Err(stopped) = tenants.check_signing() {
        return stopped.into();
    }
    if tenants.is_shared() {
        let message = "this log server proves no heads: another server of the log makes the ticks, or this one was just started";
        return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.unavailable", message)
            .with_hint("send the request again later");
    }
    no_tick_error()
}

/// Sends a request to a tenant log's routes, with a path below them.
async fn forward(routes: Router, path: &str, mut request: Request) -> Response {
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    match Uri::try_from(format!("/{path}{query}")) {
        Ok(uri) => {
            request.extensions_mut().insert(OriginalUri(uri.clone()));
            *request.uri_mut() = uri;
            let served: Result<Response<Body>, Infallible> = routes.oneshot(request).await;
            served.unwrap_or_else(|never| match never {})
        }
        Err(_) => fallback::not_found().await,
    }
}

/// Returns the origin of the tenant log with this ID, which must be 32 lowercase hex digits.
fn tenant_origin(state: &AppState, id: &str) -> Option<TenantOrigin> {
    TenantOrigin::parse(&format!("{}/t/{id}", state.log_server.origin()))
}
