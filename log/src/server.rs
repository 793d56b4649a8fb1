//! The HTTP interface.

mod access;
mod answer;
mod body;
mod bounds;
mod budget;
mod erase;
mod export;
mod health;
mod listen;
mod page;
mod query;
mod stream;
mod submit;
mod tiles;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;

use crate::collector::Collector;
use crate::reading::Reading;
use budget::Budget;

pub use answer::Problem;
pub use bounds::Bounds;
pub use listen::{Listening, listen};
pub use page::Page;

/// What routes have in hand.
#[derive(Clone)]
pub struct AppState {
    /// The log.
    pub collector: Collector,
    /// The log's folder.
    pub folder: Arc<PathBuf>,
    /// What is served at `/`.
    pub page: Option<Page>,
    /// What readers are served from.
    pub reading: Arc<Reading>,
    bounds: Bounds,
    budget: Budget,
}

impl AppState {
    /// Of a log with that folder, which grants its clients so much.
    pub fn new(collector: Collector, folder: PathBuf, bounds: Bounds) -> Self {
        let reading = Arc::new(Reading::new(collector.clone(), &folder, None));
        let budget = Budget::new(bounds.memory);
        Self { collector, folder: Arc::new(folder), page: None, reading, bounds, budget }
    }
}

/// Pages of which origins may ask: the `Origin` headers that are answered with leave, or `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors(Vec<HeaderValue>);

impl Cors {
    /// Reads origins such as `https://dashboard.example`.
    ///
    /// # Errors
    /// The one that is none.
    pub fn parse<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let read = |origin: &str| {
            let shaped = origin == "*"
                || origin
                    .strip_prefix("https://")
                    .or_else(|| origin.strip_prefix("http://"))
                    .is_some_and(|host| !host.is_empty() && !host.contains('/'));
            HeaderValue::from_str(origin).ok().filter(|_| shaped).ok_or_else(|| origin.to_owned())
        };
        origins.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    fn layer(&self) -> CorsLayer {
        let layer = CorsLayer::new()
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::CONTENT_ENCODING,
                HeaderName::from_static("last-event-id"),
            ])
            .expose_headers([header::RETRY_AFTER, header::CONTENT_DISPOSITION])
            .max_age(Duration::from_hours(1));
        if self.0.iter().any(|origin| origin == "*") {
            layer.allow_origin(AllowOrigin::any())
        } else {
            layer.allow_origin(AllowOrigin::list(self.0.clone()))
        }
    }
}

/// The routes for readers with a token.
fn reading() -> Router<AppState> {
    let gzip = CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest);
    Router::new()
        .route("/export", get(export::export))
        .route("/proof/{chain}/{seq}", get(export::proof))
        .layer(gzip)
        .route("/stream", get(stream::stream))
        .route("/erase", post(erase::erase_events))
}

/// What is told of a request. Its query is not: it may name people.
fn span(request: &Request) -> Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
}

/// All routes.
pub fn router(state: AppState, cors: &Cors) -> Router {
    let silence = state.bounds.silence;
    Router::new()
        .route("/", get(page::page))
        .route("/submit", post(submit::submit))
        .route("/checkpoint", get(tiles::checkpoint))
        .route("/tile/{*path}", get(tiles::tile))
        .merge(reading())
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(health::metrics))
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(RequestBodyTimeoutLayer::new(silence))
        .layer(cors.layer())
        .layer(CatchPanicLayer::custom(answer::panicked))
        .with_state(state)
}
