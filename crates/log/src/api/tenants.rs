//! Requests to a root log's server: for the logs of tenants, and to create and list tenants.
//!
//! The tenant's name never appears in a public answer: only a key that the trust file names as an emitter, or a token
//! with the right `admin` for all logs, gets the origin for a name.

use countersign::Error;
use countersign::hex;
use countersign::note::VerifierKey;
use countersign::tenant::{State, TenantOrigin, TenantRequest};
use countersign::time::Time;
use countersign::trust::Trust;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::json;

use super::response::{PRIVATE, success, with_headers};
use super::{AcceptedRequests, Answer, ApiError, query};
use crate::store::StoreError;
use crate::tables::RequestError;
use crate::tenants::CreationError;
use crate::tenants::heads::SlotHead;
use crate::tenants::requests::Ending;
use crate::tenants::stops::TenantStops;
use crate::tenants::store::TenantReaders;
use crate::tenants::tenant::{Tenant, TenantId};
use crate::tokens::{Access, Right};

/// The maximum size of a request to create a tenant, in bytes.
pub const MAX_BODY_BYTES: usize = 4 << 10;
/// The beginning of a signed request. Any other body is that of a token's holder.
const SIGNED: &[u8] = b"countersign/v1 ";
/// The maximum number of tenants in one response, and the default.
const MAX_TENANTS: u64 = 1000;

/// Splits the path of a request for a tenant log into the tenant's ID and the path in its log, without the first slash.
/// The path is as it was sent: no encoding can disguise one.
pub fn split_path(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/t/")?.split_once('/')
}

/// Returns the right that a route of a tenant log requires; `None` if there is no such route. A submission requires none.
pub fn required_right(path: &str) -> Option<Right> {
    match path.split('/').next()? {
        // A submission by another method than POST.
        "submit" | "head" | "tile" | "export" | "explain" | "proof" | "stream" | "findings" => {
            Some(Right::Read)
        }
        "erase" | "erasures" => Some(Right::Erase),
        "evidence" => Some(Right::Admin),
        _ => None,
    }
}

/// Returns the error for a request that must name a tenant log, with its path.
pub fn tenant_required(path: &str) -> ApiError {
    let message = "this log server has a log for each tenant, and the path doesn't name one";
    ApiError::new(StatusCode::NOT_FOUND, "tenant.required", message)
        .with_hint(format!("use /t/ID{path}, with the ID that ends the origin of the tenant's log"))
}

/// Returns the error for a request before the first tick that a log server made since it was started. It can prove no
/// head then: the secrets of earlier ticks are gone.
pub fn no_tick() -> ApiError {
    let message = "the log server has not published a tick since it was started";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.unavailable", message)
        .with_hint("send the request again later")
}

/// Returns the error for a request to create a tenant that is too large.
pub fn too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request.invalid", "the request is larger than 4 KiB")
        .with_hint("send one request for each tenant")
}

/// True if a request to create a tenant is signed. Otherwise it needs a token: see [`named`].
pub fn is_signed(body: &[u8]) -> bool {
    body.starts_with(SIGNED)
}

/// Returns the error for a malformed request or key note, with the line.
pub fn malformed(error: &Error) -> ApiError {
    let line = error.line.map_or_else(String::new, |line| format!("line {line}: "));
    ApiError::invalid(format!("{line}{}", error.message))
}

/// Parses the parameter `after`, which is the ID of a tenant.
///
/// # Errors
/// [`ApiError`].
pub fn parse_after(value: &str, root: &str) -> Result<TenantId, ApiError> {
    let origin = TenantOrigin::parse(&format!("{root}/t/{value}"));
    let message = "after must be the ID of a tenant: 32 lowercase hex digits";
    Ok(origin.ok_or_else(|| ApiError::invalid(message))?.id())
}

/// Returns the tenant's name in a request that an emitter of the trust file signed, and that wasn't accepted before.
///
/// # Errors
/// [`ApiError`].
pub fn signed_name(
    body: &[u8],
    root: &str,
    trust: &Trust,
    accepted: &AcceptedRequests,
    now: Time,
) -> Result<String, ApiError> {
    let text = std::str::from_utf8(body).map_err(|_| ApiError::invalid("the request is not UTF-8"))?;
    let request = TenantRequest::parse(text).map_err(|error| malformed(&error))?;
    let emitters = trust.emitters().iter().filter(|key| trust.revoked_since(key).is_none());
    if request.note.open(emitters.collect::<Vec<_>>()).verified.is_empty() {
        let message = "no emitter of the log's trust file signed the request";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "log.unauthorized", message)
            .with_hint("add an emitter line with the key to the log's trust file; a grant isn't enough"));
    }
    if request.root != root {
        return Err(ApiError::invalid("the request names another log"));
    }
    accepted.accept(&request.note, request.time, now)?;
    Ok(request.name)
}

/// The request of a token's holder.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedTenant {
    name: String,
}

/// Returns the tenant's name in the request of a token's holder, who must have the right `admin`.
///
/// # Errors
/// [`ApiError`], also if the token is not for all logs.
pub fn named(body: &[u8], access: &Access) -> Result<String, ApiError> {
    if !access.logs().is_all() {
        let message = "the token is not for all tenant logs";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "request.forbidden", message)
            .with_hint("create a token with `countersign token add NAME --right admin --log all`"));
    }
    let read = serde_json::from_slice(body).map(|NamedTenant { name }| name);
    read.map_err(|error| ApiError::invalid(format!("the body is not {{\"name\":\"…\"}}: {error}")))
}

/// Returns the response to a request that created a tenant, or found the one with this name.
pub fn created(Tenant { name, since, .. }: &Tenant, origin: &TenantOrigin) -> Answer {
    let (status, body) = match since {
        Some(since) => (StatusCode::OK, json!({ "name": name, "origin": origin.as_str(), "since": since })),
        None => (StatusCode::ACCEPTED, json!({ "name": name, "origin": origin.as_str() })),
    };
    with_headers(status, &[PRIVATE, (CONTENT_TYPE, "application/json")], body.to_string().into_bytes())
}

/// Returns the response to a request that created no tenant.
pub fn not_created(error: &CreationError) -> ApiError {
    match error {
        CreationError::Name => ApiError::new(StatusCode::BAD_REQUEST, "tenant.invalid", error.to_string())
            .with_hint("use the ID that your application has for the tenant"),
        CreationError::Full => {
            ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "tenant.full", error.to_string())
                .with_hint("start a second log server")
        }
        CreationError::Random(error) => ApiError::failed(error.failure()),
        CreationError::Store(error) => ApiError::failed(error.failure()),
    }
}

/// The request of a token's holder to end a tenant's log.
pub struct EndRequest {
    /// The tenant's name.
    pub name: String,
    /// The end.
    pub ending: Ending,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEndRequest {
    name: String,
    moved_to: Option<String>,
}

impl EndRequest {
    /// Parses the body: `moved_to` is the origin of the log of another root log that continues the tenant's log, if there
    /// is one.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn read(body: &[u8], root: &str) -> Result<Self, ApiError> {
        let RawEndRequest { name, moved_to } = serde_json::from_slice(body).map_err(|error| {
            ApiError::invalid(format!(
                r#"the body is not {{"name":"…"}} or {{"name":"…","moved_to":"…"}}: {error}"#
            ))
        })?;
        let Some(origin) = moved_to else { return Ok(Self { name, ending: Ending::End }) };
        let new = TenantOrigin::parse(&origin).filter(|new| new.root() != root);
        let message = "moved_to must be the origin of a tenant log of another log server";
        new.ok_or_else(|| ApiError::invalid(message))?;
        Ok(Self { name, ending: Ending::Move(origin) })
    }
}

/// Returns the response to a request that ended a tenant's log, or found it ended. `state` is the log's state in the newest
/// published tick; `None` if a later tick ends it.
pub fn ended(Tenant { name, .. }: &Tenant, origin: &TenantOrigin, state: Option<State>) -> Answer {
    let (status, state) = match state {
        Some(state) => (StatusCode::OK, state),
        None => (StatusCode::ACCEPTED, State::Live),
    };
    let body = json!({ "name": name, "origin": origin.as_str(), "state": state.as_str() });
    with_headers(status, &[PRIVATE, (CONTENT_TYPE, "application/json")], body.to_string().into_bytes())
}

/// Returns the error for a log whose trust file doesn't name its own key, which signs the last event of a tenant log: for
/// readers with this trust file, exports that were verified would be untrusted for good.
pub fn own_key_unnamed(key: &VerifierKey) -> ApiError {
    let message = "the trust file has no `emitter` line for the log's own key, which signs the end of a log: readers would not trust the log anymore";
    ApiError::new(StatusCode::CONFLICT, "tenant.own_key", message)
        .with_hint(format!("add this line, also to the trust files of readers, and try again: emitter {key}"))
}

/// Returns the response to a request that ended no log.
pub fn not_ended(error: &RequestError) -> ApiError {
    match error {
        RequestError::Unknown(_) => ApiError::new(StatusCode::NOT_FOUND, "tenant.unknown", error.to_string())
            .with_hint("list the tenants with GET /tenants"),
        RequestError::Ended(_) => ApiError::new(StatusCode::GONE, "log.ended", error.to_string())
            .with_hint("a log ends only once; GET /tenants shows its state"),
        RequestError::Creation(error) => not_created(error),
        // Only requests to continue a log have these errors.
        RequestError::Live(_) | RequestError::Exists(_) | RequestError::Store(_) => {
            ApiError::unavailable(error)
        }
    }
}

/// A request for the list of tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListRequest {
    after: Option<TenantId>,
    max: u64,
}

impl ListRequest {
    /// Parses the query: `limit` is the maximum number of lines, and `after` the ID of the tenant before the first one.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn read(query: Option<&str>, root: &str) -> Result<Self, ApiError> {
        let (mut after, mut max) = (None, MAX_TENANTS);
        for (name, value) in query::read(query, &["after", "limit"])? {
            if name == "after" {
                after = Some(parse_after(&value, root)?);
            } else {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_TENANTS).contains(limit));
                let message = format!("limit must be a number from 1 to {MAX_TENANTS}");
                max = limit.ok_or_else(|| ApiError::invalid(message))?;
            }
        }
        Ok(Self { after, max })
    }

    /// Returns the tenants in the order in which they were created, one JSON object per line. `head` returns the head of
    /// a tenant log in the newest published tick.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn answer(
        self,
        readers: &dyn TenantReaders,
        root: &str,
        stops: &TenantStops,
        head: impl Fn(&TenantId) -> Option<SlotHead>,
    ) -> Result<Answer, ApiError> {
        let after = match self.after {
            None => 0,
            Some(id) => match readers.find(&id)? {
                Some(tenant) => tenant.number.get(),
                None => return Err(ApiError::invalid("after must be the ID of a tenant of this log server")),
            },
        };
        let line = |tenant: &Tenant| line(tenant, root, stops, head(&tenant.id));
        let lines: String = readers.tenants(after, self.max)?.iter().map(line).collect();
        Ok(success(&[PRIVATE, (CONTENT_TYPE, "application/x-ndjson")], lines.into_bytes()))
    }
}

/// Returns a tenant's line, with the size of its log, and why the log is stopped, or was stopped before it ended.
fn line(tenant: &Tenant, root: &str, stops: &TenantStops, head: Option<SlotHead>) -> String {
    let state = if tenant.since.is_none() { "new" } else { tenant.state.as_str() };
    let mut line = json!({
        "name": tenant.name,
        "origin": format!("{root}/t/{}", hex::encode(&tenant.id)),
        "state": state,
        "size": head.map_or(0, |head| head.size),
        "since": tenant.since,
    });
    if let Some(stop) = stops.get(tenant.number) {
        let member = if stop.is_accepted { "ended_after" } else { "stopped" };
        line[member] = stop.reason.cause.code().into();
    }
    format!("{line}\n")
}

/// Returns a tenant with its first tick, once a published tick has its log's head.
///
/// # Errors
/// [`StoreError`].
pub fn with_first_tick(tenant: Tenant, readers: &dyn TenantReaders) -> Result<Tenant, StoreError> {
    if tenant.since.is_some() {
        return Ok(tenant);
    }
    let missing = || StoreError::Damaged("the tenant is missing".into());
    readers.find(&tenant.id)?.ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use countersign::note::SignerKey;

    use super::*;

    #[test]
    fn only_emitters_of_the_trust_file_create_tenants() {
        let (app, other) = (key("app.example", 1), key("app.example", 2));
        let trust = |more: &str| {
            Trust::parse(format!("emitter {}\n{more}", app.verifier_key()).as_bytes()).expect("a trust file")
        };
        let name = |root, key: &SignerKey, trust: &Trust| {
            let request = TenantRequest::sign(root, "acme", Time::MIN, key).expect("a request");
            let accepted = AcceptedRequests::since(Time::MIN);
            signed_name(request.as_bytes(), "log.example", trust, &accepted, Time::MIN).ok()
        };
        assert_eq!(name("log.example", &app, &trust("")).as_deref(), Some("acme"));
        assert_eq!(name("log.example", &other, &trust("")), None);
        assert_eq!(name("other.example", &app, &trust("")), None);
        let revoked = format!("revoke {} -\n", app.verifier_key());
        assert_eq!(name("log.example", &app, &trust(&revoked)), None);
    }

    #[test]
    fn a_path_is_split_as_it_was_sent() {
        assert_eq!(split_path("/t/8f/proof/a/1"), Some(("8f", "proof/a/1")));
        assert_eq!(split_path("/t/8f%2fx/head"), Some(("8f%2fx", "head")));
        assert_eq!(split_path("/t//head"), Some(("", "head")));
        for path in ["/t/8f", "/t", "/tile/0/000", "/T/8f/head", "//t/8f/head"] {
            assert_eq!(split_path(path), None, "{path}");
        }
        assert_eq!(required_right("exports"), None);
        assert_eq!(required_right("proof/a/1"), Some(Right::Read));
    }

    fn key(name: &str, seed: u8) -> SignerKey {
        SignerKey::from_seed(name, [seed; 32]).expect("a name")
    }
}
