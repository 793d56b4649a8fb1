//! The two routes of a witness.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use countersign::witness::{CosignError, MAX_BYTES, Request};
use tokio::sync::{Semaphore, SemaphorePermit};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use tower_http::trace::TraceLayer;

use super::{Witness, WitnessError};
use crate::server::Bounds;

/// What is answered when something went wrong inside.
const FAILED: &str = "nothing was cosigned: try again later";
/// Monitors may see a checkpoint that is so old.
const CACHED: &str = "public, max-age=5";

/// What routes have in hand.
#[derive(Clone)]
struct Served {
    witness: Witness,
    /// Whose turn it is with the memory: who waits for it takes no thread.
    turn: Arc<Semaphore>,
}

impl Served {
    async fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&Witness) -> T + Send + 'static) -> Option<T> {
        let _turn: SemaphorePermit<'_> = self.turn.acquire().await.ok()?;
        let witness = self.witness.clone();
        tokio::task::spawn_blocking(move || ask(&witness)).await.ok()
    }
}

pub(super) fn router(witness: Witness, bounds: &Bounds) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .route("/healthz", get(healthz))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .layer(TraceLayer::new_for_http())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, bounds.body))
        .layer(RequestBodyTimeoutLayer::new(bounds.silence))
        .layer(CatchPanicLayer::new())
        .with_state(Served { witness, turn: Arc::new(Semaphore::new(1)) })
}

async fn add_checkpoint(State(served): State<Served>, body: Bytes) -> Response {
    let request = match Request::parse(&body) {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    let decided = served.ask(move |witness| {
        let answer = witness.add_checkpoint(&request);
        if let Err(error) = &answer {
            tell(&request, error);
        }
        answer
    });
    match decided.await {
        Some(Ok(cosignature)) => text(StatusCode::OK, cosignature),
        Some(Err(WitnessError::Refused(refusal))) => refused(&refusal),
        Some(Err(WitnessError::Clock(error))) => unavailable(&format!("witness.clock: {error}")),
        // What went wrong inside is the operator's to know.
        Some(Err(WitnessError::Memory(_) | WitnessError::Cosign(_))) | None => unavailable(FAILED),
    }
}

/// A signed checkpoint that contradicts another is evidence against its log.
fn tell(request: &Request, error: &WitnessError) {
    let checkpoint = &request.checkpoint;
    let origin = &checkpoint.checkpoint.origin;
    match error {
        WitnessError::Refused(CosignError::SplitView | CosignError::EmptyRoot) => {
            tracing::error!(%origin, %error, %checkpoint, "a log contradicts itself");
        }
        WitnessError::Refused(refusal) => tracing::debug!(%origin, code = refusal.code(), "refused"),
        WitnessError::Clock(_) | WitnessError::Memory(_) | WitnessError::Cosign(_) => {
            tracing::error!(%origin, %error, "nothing was cosigned");
        }
    }
}

async fn checkpoint(State(served): State<Served>, Path(origin): Path<String>) -> Response {
    let Some(hash) = parse_hash(&origin) else { return not_found() };
    match served.ask(move |witness| witness.checkpoint(&hash)).await {
        Some(Ok(Some(note))) => {
            let mut response = text(StatusCode::OK, note);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHED));
            response
        }
        Some(Ok(None)) => not_found(),
        Some(Err(error)) => {
            tracing::error!(%error, "a checkpoint could not be read");
            unavailable(FAILED)
        }
        None => unavailable(FAILED),
    }
}

async fn healthz(State(served): State<Served>) -> Response {
    match served.ask(|witness| (witness.checkpoint(&[0; 32]), witness.check_clock())).await {
        Some((Ok(_), Ok(()))) => text(StatusCode::OK, "ok\n".into()),
        Some((Ok(_), Err(error))) => unavailable(&format!("witness.clock: {error}")),
        _ => unavailable(FAILED),
    }
}

/// 32 bytes in lower-case hex.
fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let lower = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let digits: &[u8; 64] =
        text.as_bytes().try_into().ok().filter(|digits: &&[u8; 64]| digits.iter().all(lower))?;
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

fn refused(refusal: &CosignError) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, refusal.content_type())], refusal.body()).into_response()
}

fn text(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
}

fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "no checkpoint of such a log was cosigned\n".into())
}

fn unavailable(why: &str) -> Response {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}
