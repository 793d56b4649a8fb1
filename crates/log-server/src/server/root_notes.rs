//! `POST /keys` of a root log's server: places an issuer's key note in all tenant logs that need it (SPEC section 16.11).
//!
//! The response reveals which tenant logs have the note. Readers of one of these logs know the note too, because it is an
//! entry of the log. Therefore, an issuer of the trust file must also sign the request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use countersign::keys::names_under;
use countersign::merkle::leaf_hash;
use countersign::note::VerifierKey;
use countersign::tenant::{KeyNoteRequest, State as LogState, TenantOrigin};
use countersign::trust::Trust;
use countersign_log::api::response::{PRIVATE, with_headers};
use countersign_log::api::tenants::{malformed, parse_after};
use countersign_log::api::{self, ApiError};
use countersign_log::hashes::CachedHashes;
use countersign_log::store::StoreError;
use countersign_log::tenants::published::PublishedTick;
use countersign_log::tenants::root_notes::RootNote;
use countersign_log::tenants::tenant::{Tenant, TenantId, TenantNumber};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::fallback::{self, HandlerError};
use super::state::AppState;
use crate::tenants::TenantLogs;

/// Maximum size of a request's body, in bytes.
const MAX_BODY_BYTES: usize = 32 << 10;
/// The longest wait until all tenant logs have the note. The client then sends the request again.
const PLACING_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of tenant logs in one response.
const MAX_LOGS: u64 = 256;

/// The body of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceNote {
    /// The [`KeyNoteRequest`].
    request: String,
    /// The key note.
    note: String,
}

pub(super) async fn place(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    body: Body,
) -> Result<Response, HandlerError> {
    let Some(tenants) = state.tenants.clone() else { return Ok(fallback::not_found().await) };
    let mut after = None;
    for (_, value) in api::query::read(uri.query(), &["after"])? {
        after = Some(parse_after(&value, state.log_server.origin())?);
    }
    let too_large = |_| {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request.invalid", "the request is larger than 32 KiB")
            .with_hint("send one statement at a time")
    };
    let body: Bytes = axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(too_large)?;
    let note = read(&body, state.log_server.origin(), &tenants.trust_in_force())?;
    let deadline = Instant::now() + PLACING_TIMEOUT;
    // The answer to the first request waited for all logs.
    let tick = if after.is_some() {
        0
    } else {
        let placed = timeout_at(deadline, tenants.place_note(note.clone())).await;
        let Ok(placed) = placed else { return Ok(answer(StatusCode::ACCEPTED, &json!({}))) };
        placed.map_err(|error| ApiError::of_submission(&error, state.log_server.limits()))?
    };
    let mut ticks = tenants.ticks();
    let has = |newest: &Option<Arc<PublishedTick>>| {
        newest.as_ref().is_some_and(|newest| newest.directory.tick() >= tick)
    };
    let waited = timeout_at(deadline, ticks.wait_for(has)).await.map(|newest| newest.ok()?.clone());
    let Ok(Some(newest)) = waited else { return Ok(answer(StatusCode::ACCEPTED, &json!({}))) };
    let proven = tokio::task::spawn_blocking(move || prove(&tenants, &note, &newest, after)).await;
    let proven = proven.map_err(|error| ApiError::unavailable(&error))?;
    Ok(answer(StatusCode::OK, &proven.map_err(ApiError::from)?))
}

/// Reads a request that an issuer of the trust file signed, and its key note.
fn read(body: &[u8], root: &str, trust: &Trust) -> Result<RootNote, ApiError> {
    let read = serde_json::from_slice(body);
    let PlaceNote { request, note } = read.map_err(|error| {
        ApiError::invalid(format!(r#"the body is not {{"request":"…","note":"…"}}: {error}"#))
    })?;
    let request = KeyNoteRequest::parse(&request).map_err(|error| malformed(&error))?;
    let issuers = trust.issuers().iter().filter(|key| trust.revoked_since(key).is_none());
    let signers = request.note.open(issuers.collect::<Vec<_>>());
    if signers.verified.is_empty() {
        let message = "no issuer of the log's trust file signed the request";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "log.unauthorized", message)
            .with_hint("add an issuer line with the key to the log's trust file"));
    }
    if request.root != root || request.hash != leaf_hash(note.as_bytes()) {
        return Err(ApiError::invalid("the request is for another log or another key note"));
    }
    let note = RootNote::parse(note).map_err(|error| malformed(&error))?;
    let states =
        |key: &VerifierKey| names_under(key.name(), note.key().name()) && note.note.note.is_signed_by(key);
    if note.note.origin != root || !signers.verified.iter().any(|signature| states(signature.key)) {
        let message = "the key note is not for all tenant logs of this root log, or not signed by the issuer";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "log.unauthorized", message).with_hint(
            "sign the key note and the request with an issuer's key that covers the emitter's name",
        ));
    }
    Ok(note)
}

/// Proves the note in each of the next tenant logs that have it at a tick. A revocation that a log lacks is reported.
fn prove(
    tenants: &TenantLogs,
    note: &RootNote,
    tick: &PublishedTick,
    after: Option<TenantId>,
) -> Result<Value, StoreError> {
    let readers = tenants.readers();
    let after = match after {
        None => 0,
        Some(id) => readers.find(&id)?.map_or(TenantNumber::MAX, |tenant| tenant.number).get(),
    };
    let page = readers.tenants_with_key(note.key(), after, MAX_LOGS)?;
    let origin = |tenant: &Tenant| TenantOrigin::new(tick.directory.root_origin(), tenant.id);
    let next = page.last().filter(|_| page.len() as u64 == MAX_LOGS).and_then(origin);
    let (mut logs, mut missing, mut root) = (Map::new(), Vec::new(), None);
    for tenant in &page {
        let Some(origin) = origin(tenant) else { continue };
        let index = readers.index_of_note(tenant.number, &note.hash)?;
        let proof = tick.head_proof(&tenant.id, &*readers.root())?;
        let contained = index.zip(proof).filter(|(index, proof)| *index < proof.head().size);
        let hashes = contained.map(|(index, proof)| {
            let reader = readers.log(tenant.number);
            let tree = CachedHashes::new(&*reader, proof.head().size);
            Ok((index, tree.prove_inclusion(index)?, proof))
        });
        // A damaged log can't prove what it has.
        let proven = match hashes.transpose() {
            Err(StoreError::Damaged(_)) => None,
            _ if tenants.stops().get(tenant.number).is_some() => None,
            proven => proven?,
        };
        let Some((index, hashes, proof)) = proven else {
            if !note.is_grant() && tenant.state == LogState::Live {
                missing.push(origin.to_string());
            }
            continue;
        };
        let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
        let proof = proof.to_string();
        // A head proof has exactly one empty line before the tlog-proof in it, which all logs share.
        let (head, shared) = proof.split_once("\n\n").unwrap_or((&proof, ""));
        root.get_or_insert_with(|| shared.to_owned());
        let log = json!({ "head": format!("{head}\n"), "notes": [{ "index": index, "hashes": hashes }] });
        logs.insert(origin.to_string(), log);
    }
    let mut answer = json!({ "logs": logs, "missing": missing });
    if let Some(root) = root {
        answer["root"] = root.into();
    }
    if let Some(next) = next {
        answer["next"] = countersign::hex::encode(&next.id()).into();
    }
    Ok(answer)
}

fn answer(status: StatusCode, body: &Value) -> Response {
    with_headers(status, &[PRIVATE, (CONTENT_TYPE, "application/json")], Body::from(body.to_string()))
}
