//! `POST /keys` of a root log's server: places an issuer's key note in all tenant logs that need it (SPEC section 16.11).
//!
//! The response reveals which tenant logs have the note. Readers of one of these logs know the note too, because it is an
//! entry of the log. Therefore, an issuer of the trust file must also sign the request.

use countersign::hex;
use countersign::keys::names_under;
use countersign::merkle::leaf_hash;
use countersign::note::VerifierKey;
use countersign::tenant::{KeyNoteRequest, State as LogState, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::response::{PRIVATE, with_headers};
use super::tenants::{malformed, parse_after};
use super::{AcceptedRequests, Answer, ApiError, query};
use crate::hashes::CachedHashes;
use crate::store::StoreError;
use crate::tenants::published::PublishedTick;
use crate::tenants::root_notes::RootNote;
use crate::tenants::stops::TenantStops;
use crate::tenants::store::TenantReaders;
use crate::tenants::tenant::{Tenant, TenantId, TenantNumber};

/// The maximum size of a request's body, in bytes.
pub const MAX_BODY_BYTES: usize = 32 << 10;
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

/// Parses the query: `after` is the ID of the tenant before the first one in the response.
///
/// # Errors
/// [`ApiError`].
pub fn after(query: Option<&str>, root: &str) -> Result<Option<TenantId>, ApiError> {
    let mut after = None;
    for (_, value) in query::read(query, &["after"])? {
        after = Some(parse_after(&value, root)?);
    }
    Ok(after)
}

/// Returns the error for a request that is too large.
pub fn too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request.invalid", "the request is larger than 32 KiB")
        .with_hint("send one statement at a time")
}

/// Reads a request that an issuer of the trust file signed, and that wasn't accepted before, and its key note.
///
/// # Errors
/// [`ApiError`].
pub fn read(
    body: &[u8],
    root: &str,
    trust: &Trust,
    accepted: &AcceptedRequests,
    now: Time,
) -> Result<RootNote, ApiError> {
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
    accepted.accept(&request.note, request.time, now)?;
    Ok(note)
}

/// Proves the note in each of the next tenant logs that have it at a tick. A revocation that a log lacks is reported.
///
/// # Errors
/// [`StoreError`].
pub fn prove(
    readers: &dyn TenantReaders,
    stops: &TenantStops,
    note: &RootNote,
    tick: &PublishedTick,
    after: Option<TenantId>,
) -> Result<Answer, StoreError> {
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
            _ if stops.get(tenant.number).is_some() => None,
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
        answer["next"] = hex::encode(&next.id()).into();
    }
    Ok(to_answer(StatusCode::OK, &answer))
}

/// Returns the response to a request that took too long.
pub fn accepted() -> Answer {
    to_answer(StatusCode::ACCEPTED, &json!({}))
}

fn to_answer(status: StatusCode, body: &Value) -> Answer {
    with_headers(status, &[PRIVATE, (CONTENT_TYPE, "application/json")], body.to_string().into_bytes())
}
