//! The HTTP routes of a witness.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use countersign::witness::{CosignError, MAX_BYTES, Request};
use tokio::sync::{Semaphore, SemaphorePermit};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use tower_http::trace::TraceLayer;

use super::responses::{refused, text, unavailable};
use super::{Witness, WitnessError};
use crate::server::Bounds;

/// The response to internal errors.
const INTERNAL_ERROR: &str = "the witness failed with an internal error; try again later";
/// Allows monitors to cache a checkpoint for this long.
const CACHE_CONTROL_VALUE: &str = "public, max-age=5";

/// The state shared by all routes.
#[derive(Clone)]
struct WitnessState {
    witness: Witness,
    /// Serializes access to the witness's state without blocking threads.
    lock: Arc<Semaphore>,
    /// Serializes the guard's checks. During a check, other requests can use the state.
    guarding: Arc<Semaphore>,
}

impl WitnessState {
    /// Asks the guard about a request. Returns the request with the guard's answer, or `None` if the guard panicked.
    async fn check_guard(&self, request: Request) -> Option<(Request, Result<(), WitnessError>)> {
        let _permit: SemaphorePermit<'_> = self.guarding.acquire().await.ok()?;
        let witness = self.witness.clone();
        let check = move || {
            let checked = witness.check_guard(&request);
            (request, checked)
        };
        tokio::task::spawn_blocking(check).await.ok()
    }

    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Witness) -> T + Send + 'static,
    ) -> Option<T> {
        let _lock: SemaphorePermit<'_> = self.lock.acquire().await.ok()?;
        let witness = self.witness.clone();
        tokio::task::spawn_blocking(move || operation(&witness)).await.ok()
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
        .with_state(WitnessState {
            witness,
            lock: Arc::new(Semaphore::new(1)),
            guarding: Arc::new(Semaphore::new(1)),
        })
}

async fn add_checkpoint(State(state): State<WitnessState>, body: Bytes) -> Response {
    let request = match Request::parse(&body) {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    let Some((request, guarded)) = state.check_guard(request).await else {
        return unavailable(INTERNAL_ERROR);
    };
    let decision = state.run(move |witness| {
        let answer = guarded.and_then(|()| witness.add_checkpoint(&request));
        if let Err(error) = &answer {
            log_failure(&request, error);
        }
        answer
    });
    match decision.await {
        Some(Ok(cosignature)) => text(StatusCode::OK, cosignature),
        Some(Err(WitnessError::Refused(refusal))) => refused(&refusal),
        Some(Err(WitnessError::Guarded(refusal))) => {
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            text(status, format!("{refusal}\n"))
        }
        Some(Err(WitnessError::Clock(error))) => unavailable(&format!("witness.clock: {error}")),
        // Internal errors are for the operator only.
        Some(Err(WitnessError::Memory(_) | WitnessError::Cosign(_))) | None => unavailable(INTERNAL_ERROR),
    }
}

/// Logs a rejected request. A signed checkpoint that contradicts another is evidence against its log.
fn log_failure(request: &Request, error: &WitnessError) {
    let checkpoint = &request.checkpoint;
    let origin = &checkpoint.checkpoint.origin;
    match error {
        WitnessError::Refused(CosignError::SplitView | CosignError::EmptyRoot) => {
            tracing::error!(%origin, %error, %checkpoint, "a log contradicts itself");
        }
        WitnessError::Refused(refusal) => {
            tracing::debug!(%origin, code = refusal.code(), "a request to cosign was rejected");
        }
        WitnessError::Guarded(refusal) => {
            tracing::warn!(%origin, %refusal, "a request to cosign was rejected");
        }
        WitnessError::Clock(_) | WitnessError::Memory(_) | WitnessError::Cosign(_) => {
            tracing::error!(%origin, %error, "the witness failed to cosign");
        }
    }
}

async fn checkpoint(State(state): State<WitnessState>, Path(origin): Path<String>) -> Response {
    let Some(hash) = parse_hash(&origin) else { return not_found() };
    match state.run(move |witness| witness.checkpoint(&hash)).await {
        Some(Ok(Some(note))) => {
            let mut response = text(StatusCode::OK, note);
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL_VALUE));
            response
        }
        Some(Ok(None)) => not_found(),
        Some(Err(error)) => {
            tracing::error!(%error, "reading a checkpoint failed");
            unavailable(INTERNAL_ERROR)
        }
        None => unavailable(INTERNAL_ERROR),
    }
}

async fn healthz(State(state): State<WitnessState>) -> Response {
    match state.run(|witness| (witness.checkpoint(&[0; 32]), witness.check_clock())).await {
        Some((Ok(_), Ok(()))) => text(StatusCode::OK, "ok\n".into()),
        Some((Ok(_), Err(error))) => unavailable(&format!("witness.clock: {error}")),
        _ => unavailable(INTERNAL_ERROR),
    }
}

/// Parses 32 bytes in lowercase hexadecimal.
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

fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "this witness has cosigned no checkpoint of that log\n".into())
}
