//! `GET /export` and `GET /proof/<chain>/<seq>`.

use countersign::link;
use countersign::time::Time;
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::response::{NO_STORE, NOSNIFF, success};
use super::{ApiError, query};
use crate::export::{ExportError, Plan, Request};
use crate::tokens::{Access, AccessError};

/// An export that is asked for, and how its file's name ends.
pub struct ExportRequest {
    /// The export that is asked for.
    pub request: Request,
    /// How the suggested file name ends, before `.countersign.ndjson`. May be empty.
    pub name: String,
}

/// Reads a request for an export, at that moment. Who takes a live view too goes on from it with `GET /stream`.
///
/// # Errors
/// [`ApiError`].
pub fn read(
    query: Option<&str>,
    headers: &HeaderMap,
    access: &Access,
    now: Time,
) -> Result<ExportRequest, ApiError> {
    let takes = |kinds: &HeaderValue| {
        let kinds = kinds.to_str().unwrap_or_default().split(',');
        kinds.filter_map(|kind| kind.split(';').next()).any(|kind| kind.trim() == "text/event-stream")
    };
    let goes_on = headers.get_all(ACCEPT).iter().any(takes);
    let request = Request { goes_on, ..query::export(query, access.scope().clone(), now)? };
    Ok(ExportRequest { request, name: String::new() })
}

/// Reads a request for an event's proof.
///
/// # Errors
/// [`ApiError`].
pub fn read_proof(path: &str, query: Option<&str>, access: &Access) -> Result<ExportRequest, ApiError> {
    query::read(query, &[])?;
    // The address as it was sent: nothing is decoded, so nothing can be hidden in it.
    let place = path.strip_prefix("/proof/").and_then(link::place);
    let place = place.ok_or_else(|| {
        ApiError::invalid("this is not an event's place")
            .with_hint("it is /proof/CHAIN/SEQ: 32 hex digits and a number")
    })?;
    let name = format!("-{}-{}", place.0, place.1);
    let scope = access.scope().clone();
    Ok(ExportRequest { request: Request { places: vec![place], scope, ..Request::default() }, name })
}

/// How many links and events of an export are as asked.
const MATCHED: HeaderName = HeaderName::from_static("countersign-matched");

/// So many look for events that one more has to wait.
pub(crate) fn busy() -> ApiError {
    let message = "too many are looking for events already";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", message).with_hint("ask again later")
}

/// How many of what an export shows are as asked, where events were looked for. A stretch of the log is not.
pub fn matched(plan: &Plan, is_asked: bool) -> Option<u64> {
    (is_asked && plan.range().is_none()).then(|| plan.shown().len())
}

/// What comes before the lines of a log's export, of which so many match where there were conditions.
///
/// # Errors
/// [`ApiError`].
pub fn head(origin: &str, name: &str, matched: Option<u64>) -> Result<Response<()>, ApiError> {
    let name = format!("{}{name}.countersign.ndjson", file_name(origin));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .map_err(|error| ApiError::unavailable(&error))?;
    let mut head = success(&[(CONTENT_TYPE, "application/x-ndjson"), NO_STORE, NOSNIFF], ());
    head.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    if let Some(matched) = matched {
        head.headers_mut().insert(MATCHED, matched.into());
    }
    Ok(head)
}

/// An origin as a part of a file's name.
fn file_name(origin: &str) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() || char == '.' { char } else { '-' };
    let name: String = origin.chars().take(100).map(plain).collect();
    name.trim_matches(['.', '-']).to_owned()
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Invalid { parameter, message } => query::invalid(parameter, &message),
            ExportError::NotFound(message) => Self::new(StatusCode::NOT_FOUND, "request.not_found", message),
            ExportError::Canceled => Self::unavailable(&"nobody waits for it any more"),
            ExportError::Revoked => AccessError::Unauthenticated.into(),
            ExportError::Store(error) => error.into(),
        }
    }
}
