//! The HTTP server: the API over axum.

mod address;
mod admit_error;
mod bounds;
mod budget;
mod client;
mod entrance;
mod fallback;
mod findings;
mod handlers;
mod hosts;
mod listen;
mod listener;
mod page;
mod places;
mod receive;
mod state;
mod stream;
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
pub use listen::{Listening, listen};
pub use page::Page;
pub use state::AppState;
pub use tls::{Tls, TlsError};

/// The routes for readers with a token.
fn reading() -> Router<AppState> {
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
        .layer(from_fn(entrance::keep))
        .route("/erase", post(handlers::erase_events))
        .route("/erasures", get(handlers::erasures))
        .route("/erasures/{record}", get(handlers::erasures))
}

/// What is told of a request. Its query is not: it may name people.
fn span(request: &Request) -> Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
}

/// Tells pages what they may.
async fn allow(State(cors): State<Arc<Cors>>, request: Request, next: Next) -> Response {
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

/// All routes, for those who ask for one of the log's names. `address` is where it listens.
pub fn router(state: AppState, cors: &Cors, hosts: Hosts, address: &Address) -> Router {
    let silence = state.bounds.silence;
    Router::new()
        .route("/", get(page::page))
        .route("/submit", post(receive::submit))
        .route("/checkpoint", get(handlers::checkpoint))
        .route("/tile/{*path}", get(handlers::tile))
        .merge(reading())
        .route("/healthz", get(handlers::healthz))
        .route("/metrics", get(handlers::metrics))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(RequestBodyTimeoutLayer::new(silence))
        .layer(from_fn_with_state(Arc::new(cors.clone()), allow))
        .layer(from_fn_with_state(Arc::new(hosts.listening_on(address.ip())), hosts::own_alone))
        .layer(CatchPanicLayer::custom(fallback::panicked))
        .with_state(state)
}
