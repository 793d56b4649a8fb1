//! Handlers for `/growth`: each tick's changes, for growth witnesses (SPEC section 16.10).
//!
//! A request without the right `growth` learns nothing: its response doesn't depend on the server's data.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use countersign::{hex, integer};
use countersign_growth::prove_growth;
use countersign_growth::wire::{
    self, Change, Header, MAX_CHANGES, MAX_PROOFS, MAX_PROOFS_BYTES, MAX_TICKS, ProofRequest, Tick,
};
use countersign_log::api::response::success;
use countersign_log::api::{self, ApiError};
use countersign_log::store::StoreError;
use countersign_log::tenants::growth::{GrowthAnswer, GrowthTick};
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::tenant::TenantId;
use countersign_log::tokens::{Access, Right};
use futures_util::stream;

use super::fallback::HandlerError;
use super::handlers;
use super::state::AppState;
use crate::reading::Reading;
use crate::tenants::TenantLogs;

/// The size above which a piece of an answer is sent, in bytes.
const PIECE_BYTES: usize = 1 << 16;
/// The maximum number of heads or changes in a piece of an answer.
const PIECE_LINES: usize = 1000;

/// Returns the ticks from `from` on, or all heads.
pub(super) async fn ticks(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, HandlerError> {
    let (tenants, access) = admit(&state, &headers).await?;
    let mut from = None;
    for (_, value) in api::query::read(uri.query(), &["from"])? {
        let message = "from must be the number of a tick";
        from = Some(integer::parse(value.as_bytes()).ok_or_else(|| ApiError::invalid(message))?);
    }
    let answer = tenants.growth().read(from, MAX_TICKS);
    let pieces = pieces(state.log_server.origin(), answer);
    let sending = Sending { pieces, tenants, access, reading: state.reading.clone() };
    let body = Body::from_stream(stream::try_unfold(sending, next_piece));
    Ok(ndjson(body))
}

/// Returns consistency proofs.
pub(super) async fn proofs(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HandlerError> {
    let (tenants, _) = admit(&state, &headers).await?;
    api::query::read(uri.query(), &[])?;
    let too_large = |_| ApiError::invalid(format!("the request is larger than {MAX_PROOFS_BYTES} bytes"));
    let body = axum::body::to_bytes(body, MAX_PROOFS_BYTES).await.map_err(too_large)?;
    let requests = ProofRequest::parse_all(&body).map_err(|error| {
        let hint = format!("send 1 to {MAX_PROOFS} lines with id, from, and to");
        ApiError::invalid(error.to_string()).with_hint(hint)
    })?;
    let proven = tokio::task::spawn_blocking(move || prove_all(&tenants, &requests)).await;
    Ok(ndjson(Body::from(proven.map_err(|error| ApiError::unavailable(&error))??)))
}

/// Authenticates the request, and checks that its token is for the heads of all tenant logs.
async fn admit(state: &AppState, headers: &HeaderMap) -> Result<(Arc<TenantLogs>, Access), ApiError> {
    let access = handlers::admit(&state.reading, headers, Right::Growth).await?;
    let tenants = state.tenants.clone().filter(|_| access.logs().is_all());
    Ok((tenants.ok_or_else(ApiError::not_found)?, access))
}

fn ndjson(body: Body) -> Response {
    success(&[(CONTENT_TYPE, "application/x-ndjson")], body)
}

/// An answer being sent.
struct Sending {
    pieces: VecDeque<Piece>,
    tenants: Arc<TenantLogs>,
    access: Access,
    reading: Arc<Reading>,
}

/// Lines of an answer that are not written yet.
enum Piece {
    Line(String),
    Heads(Arc<Vec<SlotHead>>, Range<usize>),
    Changes(Arc<GrowthTick>, Range<usize>),
}

fn pieces(origin: &str, answer: GrowthAnswer) -> VecDeque<Piece> {
    let GrowthAnswer { first, next, snapshot, ticks } = answer;
    let header = Header { origin: origin.to_owned(), first, next };
    let mut pieces = VecDeque::from([Piece::Line(header.to_line())]);
    if let Some(snapshot) = snapshot {
        pieces.push_back(Piece::Line(Tick::from(&*snapshot.tick).to_snapshot_line(&snapshot.edge)));
        let heads: Arc<Vec<SlotHead>> = Arc::new(snapshot.heads.iter().copied().collect());
        pieces.extend(ranges(heads.len()).map(|range| Piece::Heads(heads.clone(), range)));
    }
    let mut changes = 0;
    for (at, tick) in ticks.into_iter().enumerate() {
        changes += tick.changes.len();
        if at > 0 && changes > MAX_CHANGES {
            break;
        }
        pieces.push_back(Piece::Line(Tick::from(&*tick).to_tick_line(tick.changes.len())));
        pieces.extend(ranges(tick.changes.len()).map(|range| Piece::Changes(tick.clone(), range)));
    }
    pieces
}

fn ranges(length: usize) -> impl Iterator<Item = Range<usize>> {
    (0..length).step_by(PIECE_LINES).map(move |begin| begin..length.min(begin + PIECE_LINES))
}

/// Writes the next piece, after the client took the last one.
async fn next_piece(mut sending: Sending) -> Result<Option<(Bytes, Sending)>, StoreError> {
    let written = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        while text.len() < PIECE_BYTES
            && let Some(piece) = sending.pieces.pop_front()
        {
            match piece {
                Piece::Line(line) => text.push_str(&line),
                Piece::Heads(heads, range) => text.extend(heads[range].iter().map(wire::head_line)),
                Piece::Changes(tick, range) => {
                    for change in &tick.changes[range] {
                        let (change, error) = Change::prove(change, &**sending.tenants.readers());
                        if let (Some(change), Some(error)) = (&change, error) {
                            log_unproven(&change.id, &error);
                        }
                        text.extend(change.as_ref().map(wire::change_line));
                    }
                }
            }
        }
        if !text.is_empty() && !sending.reading.still_admits(&sending.access) {
            return Err(StoreError::unavailable("sending ticks", "the token was revoked"));
        }
        Ok((!text.is_empty()).then_some((text.into(), sending)))
    });
    let written = written.await.map_err(|error| StoreError::unavailable("sending ticks", error)).flatten();
    // The client notices the failure by the truncated response.
    written.inspect_err(|error| tracing::error!(%error, "an answer to a growth witness ended early"))
}

/// Returns the lines with the requested proofs.
fn prove_all(tenants: &TenantLogs, requests: &[ProofRequest]) -> Result<String, ApiError> {
    let heads = tenants.growth().newest();
    let mut text = String::new();
    for ProofRequest { id, from, to } in requests {
        let head = heads.as_ref().and_then(|heads| heads.find(id)).filter(|head| *to <= head.size);
        let Some(head) = head else {
            let message = format!("the log {} doesn't exist, or has fewer entries", hex::encode(id));
            return Err(ApiError::invalid(message));
        };
        let proof = prove_growth(&**tenants.readers(), head.number, *from, *to);
        let proof = proof.inspect_err(|error| log_unproven(id, error)).ok();
        text.push_str(&wire::proof_line(id, proof.as_deref()));
    }
    Ok(text)
}

/// Logs that a tenant log can't be read. Its growth witnesses don't cosign until it can be.
fn log_unproven(id: &TenantId, error: &StoreError) {
    tracing::error!(log = hex::encode(id), %error, "the growth of a tenant log can't be proven");
}
