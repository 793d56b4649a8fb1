//! The HTTP interface of a mirror: the copy, and the uploads of C2SP tlog-mirror.

mod upload;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use countersign::merkle::{Bundle, Tile};
use countersign::witness::{CosignError, MAX_BYTES, Request, check_add_checkpoint};
use countersign_log_server::server::{Address, Bounds, Entrance, HttpServer, listen};
use countersign_log_server::witness::responses::{self, refused, text};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use tower_http::trace::TraceLayer;

use crate::error::MirrorError;
use crate::log_copy::{LogCopy, tree_head};
use crate::metrics::PullMetrics;

/// The maximum number of uploads at the same time, each with a package in memory.
const MAX_UPLOADS: usize = 16;
/// The time limit for an upload, which keeps what arrived until then.
const UPLOAD_LIMIT: Duration = Duration::from_mins(2);
/// Allows clients to cache a checkpoint for this long.
const BRIEFLY: &str = "public, max-age=5";
/// Allows clients to cache a tile or bundle forever.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// The configuration of a mirror's server.
pub struct Config {
    /// The copy to serve.
    pub copy: Arc<LogCopy>,
    /// The address to listen on. Port 0 picks a free port.
    pub listen: Address,
    /// Limits on clients and on the time they may take.
    pub bounds: Bounds,
    /// The results of pulls, for `/metrics`.
    pub pulls: Arc<PullMetrics>,
}

/// A running mirror server.
pub struct RunningMirror {
    http: HttpServer,
}

impl RunningMirror {
    /// Returns the address that the server listens on.
    pub fn address(&self) -> &Address {
        self.http.address()
    }

    /// Stops accepting requests, and answers those in progress.
    pub async fn stop(self) {
        self.http.stop().await;
    }
}

/// Serves a copy, and accepts uploads if it cosigns its checkpoints.
///
/// # Errors
/// If the address can't be bound.
pub async fn serve(config: Config) -> io::Result<RunningMirror> {
    let Config { copy, listen: address, bounds, pulls } = config;
    let accepts_uploads = copy.cosigns();
    let state = MirrorState { copy, pulls, uploads: Arc::new(Semaphore::new(MAX_UPLOADS)) };
    let checkpoints = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, bounds.body));
    let uploads = Router::new()
        .route("/add-entries", post(upload::add_entries))
        .layer(DefaultBodyLimit::disable())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, UPLOAD_LIMIT))
        .merge(checkpoints);
    let router = Router::new()
        .route("/{log}/checkpoint", get(checkpoint))
        .route("/{log}/tile/{*path}", get(tile))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .merge(if accepts_uploads { uploads } else { Router::new() })
        .layer(TraceLayer::new_for_http())
        .layer(RequestBodyTimeoutLayer::new(bounds.silence))
        .layer(CatchPanicLayer::new())
        .with_state(state);
    let entrance = Entrance::new(&bounds, |_| {});
    let http = listen(&address, None, router, &bounds, entrance).await?;
    Ok(RunningMirror { http })
}

/// The state shared by all routes.
#[derive(Clone)]
struct MirrorState {
    copy: Arc<LogCopy>,
    pulls: Arc<PullMetrics>,
    uploads: Arc<Semaphore>,
}

impl MirrorState {
    /// Reads a file of the copy.
    async fn read(&self, log: &str, path: String) -> io::Result<Vec<u8>> {
        let folder = self.copy.public();
        if folder.file_name().is_none_or(|name| name != log) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let path = folder.join(path);
        tokio::task::spawn_blocking(move || std::fs::read(path)).await.map_err(io::Error::other)?
    }
}

async fn checkpoint(State(state): State<MirrorState>, Path(log): Path<String>) -> Response {
    file(state.read(&log, "checkpoint".into()).await, "text/plain; charset=utf-8", BRIEFLY)
}

async fn tile(State(state): State<MirrorState>, Path((log, path)): Path<(String, String)>) -> Response {
    // Only paths with one spelling lead to files.
    let path = format!("tile/{path}");
    if Tile::parse(&path).is_err() && Bundle::parse(&path).is_err() {
        return not_found();
    }
    file(state.read(&log, path).await, "application/octet-stream", FOREVER)
}

fn file(read: io::Result<Vec<u8>>, kind: &'static str, caching: &'static str) -> Response {
    match read {
        Ok(bytes) => {
            let mut response = Body::from(bytes).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
            response
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            not_found()
        }
        Err(error) => {
            tracing::error!(%error, "reading the copy failed");
            unavailable()
        }
    }
}

async fn healthz(State(state): State<MirrorState>) -> Response {
    if state.copy.status().is_forked {
        let message = "mirror.fork: the log showed two histories; see the mirror's folder\n";
        return text(StatusCode::SERVICE_UNAVAILABLE, message.into());
    }
    text(StatusCode::OK, "ok\n".into())
}

async fn metrics(State(state): State<MirrorState>) -> Response {
    let body = state.pulls.write(state.copy.status());
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body)
        .into_response()
}

/// The reason why a checkpoint isn't accepted.
enum Refusal {
    Protocol(CosignError),
    Internal(MirrorError),
}

impl From<MirrorError> for Refusal {
    fn from(error: MirrorError) -> Self {
        Self::Internal(error)
    }
}

async fn add_checkpoint(State(state): State<MirrorState>, body: Bytes) -> Response {
    let request = match Request::parse(&body) {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    let decide = move || {
        let copy = &state.copy;
        let mut kept = None;
        let decided = copy.replace_pending(|last| {
            kept = last.cloned();
            check_add_checkpoint(&request, copy.keys(), last.map(tree_head)).map_err(Refusal::Protocol)?;
            Ok(copy.without_unverified_lines(request.checkpoint.clone()))
        });
        if let (Err(Refusal::Protocol(CosignError::SplitView)), Some(kept)) = (&decided, kept) {
            match copy.record_fork(&kept, &request.checkpoint) {
                Ok(fork) => tracing::error!(%fork, "an uploaded checkpoint contradicts the copy"),
                Err(error) => tracing::error!(%error, "saving the evidence of a fork failed"),
            }
        }
        decided
    };
    match tokio::task::spawn_blocking(decide).await {
        Ok(Ok(())) => text(StatusCode::OK, String::new()),
        Ok(Err(Refusal::Protocol(refusal))) => refused(&refusal),
        Ok(Err(Refusal::Internal(error))) => {
            tracing::error!(%error, "saving a checkpoint failed");
            unavailable()
        }
        Err(_) => unavailable(),
    }
}

fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "this mirror doesn't have that\n".into())
}

fn unavailable() -> Response {
    responses::unavailable("the mirror failed with an internal error; try again later")
}
