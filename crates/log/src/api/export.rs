//! `GET /export` and `GET /proof/<chain>/<seq>`.

use countersign::link;
use countersign::time::Time;
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::response::{NO_STORE, NOSNIFF, success};
use super::{ApiError, query};
use crate::export::{ExportError, Plan, Request};
use crate::tokens::{Access, AccessError};

/// A parsed request for an export.
pub struct ExportRequest {
    /// The entries to export.
    pub request: Request,
    /// The end of the suggested file name, before `.countersign.ndjson`. May be empty.
    pub name: String,
}

/// Parses a request for an export. A client that also accepts `text/event-stream` continues with `GET /stream`.
///
/// # Errors
/// [`ApiError`].
pub fn read(
    query: Option<&str>,
    headers: &HeaderMap,
    access: &Access,
    now: Time,
) -> Result<ExportRequest, ApiError> {
    let accepts_stream = |kinds: &HeaderValue| {
        let kinds = kinds.to_str().unwrap_or_default().split(',');
        kinds.filter_map(|kind| kind.split(';').next()).any(|kind| kind.trim() == "text/event-stream")
    };
    let goes_on = headers.get_all(ACCEPT).iter().any(accepts_stream);
    let request = Request { goes_on, ..query::export(query, access.scope().clone(), now)? };
    Ok(ExportRequest { request, name: String::new() })
}

/// Parses a request for the proof of one event.
///
/// # Errors
/// [`ApiError`].
pub fn read_proof(path: &str, query: Option<&str>, access: &Access) -> Result<ExportRequest, ApiError> {
    query::read(query, &[])?;
    // Use the path exactly as sent, without percent-decoding, so that no encoding can disguise it.
    let place = path.strip_prefix("/proof/").and_then(link::place);
    let place = place.ok_or_else(|| {
        ApiError::invalid("the path does not name an event")
            .with_hint("use /proof/CHAIN/SEQ: 32 hex digits and a number")
    })?;
    let name = format!("-{}-{}", place.0, place.1);
    let scope = access.scope().clone();
    Ok(ExportRequest { request: Request { places: vec![place], scope, ..Request::default() }, name })
}

/// The number of exported links and events that match the conditions.
const MATCHED: HeaderName = HeaderName::from_static("countersign-matched");

/// Returns a 503 for a search beyond the limit of concurrent searches.
pub(crate) fn busy() -> ApiError {
    let message = "too many searches are running";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", message)
        .with_hint("repeat the request later")
}

/// Returns how many of the shown links and events match, if the request has conditions; `None` for an export
/// of a plain range.
pub fn matched(plan: &Plan, has_conditions: bool) -> Option<u64> {
    (has_conditions && plan.range().is_none()).then(|| plan.shown().len())
}

/// Returns the response head of an export. `matched` goes into the header `countersign-matched`.
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

/// Returns an origin in a form that fits into a file name.
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
            error @ ExportError::Restart => Self::unavailable(&error),
            ExportError::Canceled => Self::unavailable(&"the client disconnected"),
            ExportError::Revoked => AccessError::Unauthenticated.into(),
            ExportError::Store(error) => error.into(),
        }
    }
}
