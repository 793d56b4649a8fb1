//! The HTTP server: routes the API with axum.

mod address;
mod admit_error;
mod bounds;
mod budget;
mod client;
mod connections;
mod entrance;
mod failures;
mod fallback;
mod findings;
mod growth;
mod handlers;
mod hosts;
mod listen;
mod listener;
mod logs;
mod page;
mod receive;
mod root_notes;
mod state;
mod stream;
mod tenant_creation;
mod tenant_list;
mod tenant_metrics;
mod tenants;
mod tls;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;

pub use address::Address;
pub use bounds::Bounds;
pub use client::{Proxies, Proxy, ProxyHeader};
pub use countersign_log::api::{ApiError, Cors};
pub use entrance::Entrance;
pub use hosts::Hosts;
pub use listen::{HttpServer, listen};
pub use page::Page;
pub use state::AppState;
pub use tls::{Tls, TlsError};

/// Builds the routes that need a reader's token.
fn reader_routes() -> Router<AppState> {
    let gzip = CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest);
    Router::new()
        .route("/export", get(handlers::export))
        .route("/explain", get(handlers::explain))
        .route("/proof/{chain}/{seq}", get(handlers::proof))
        .route("/evidence", get(handlers::evidence))
        .route("/findings", get(handlers::findings))
        .layer(gzip)
        .layer(map_response(fallback::not_acceptable))
        .route("/stream", get(stream::stream))
        .layer(from_fn(entrance::keep_connection))
        .route("/erase", post(handlers::erase_events))
        .route("/erasures", get(handlers::erasures))
        .route("/erasures/{record}", get(handlers::erasures))
}

/// Opens the tracing span of a request. It omits the query, which may contain personal data.
fn span(request: &Request) -> Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
}

/// Adds CORS headers to responses, and answers preflight requests.
async fn apply_cors(State(cors): State<Arc<Cors>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    if *request.method() == Method::OPTIONS {
        let mut response = Response::default();
        cors.allow_preflight(origin.as_ref(), response.headers_mut());
        return response;
    }
    let mut response = next.run(request).await;
    cors.allow(origin.as_ref(), response.headers_mut());
    response
}

/// Builds the router of all routes. It serves requests for the log's own host names only. `address` is the address
/// that the server listens on.
pub fn router(state: AppState, cors: &Cors, hosts: Hosts, address: &Address) -> Router {
    let silence = state.bounds.silence;
    let own_routes = if state.tenants.is_some() {
        tenants::routes()
    } else {
        let routes = Router::new().route("/submit", post(receive::submit)).merge(reader_routes());
        if state.otlp.is_some() { routes.route("/v1/logs", post(logs::logs)) } else { routes }
    };
    Router::new()
        .route("/", get(page::page))
        .route("/auditor.html", get(page::auditors_page))
        .route("/checkpoint", get(handlers::checkpoint))
        .route("/checkpoint.cose", get(handlers::tree_signature))
        .route("/tile/{*path}", get(handlers::tile))
        .merge(own_routes)
        .route("/healthz", get(handlers::healthz))
        .route("/metrics", get(handlers::metrics))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
        .layer(from_fn_with_state(state.clone(), failures::report))
        .layer(RequestBodyTimeoutLayer::new(silence))
        .layer(from_fn_with_state(Arc::new(cors.clone()), apply_cors))
        .layer(from_fn_with_state(Arc::new(hosts.with_address(address.ip())), hosts::require_own_host))
        .layer(CatchPanicLayer::custom(fallback::panicked))
        .with_state(state)
}
