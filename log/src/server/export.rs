//! `GET /export` and `GET /proof/<chain>/<seq>`.

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::{AppState, Problem, access, query};
use crate::export::{ExportError, Lines, Request};
use crate::store::StoreError;
use crate::tokens::Right;

pub(super) async fn export(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    access::admit(&state.reading, &headers, Right::Read)?;
    answer(&state, query::export(uri.query())?, "").await
}

pub(super) async fn proof(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    access::admit(&state.reading, &headers, Right::Read)?;
    query::read(uri.query(), &[])?;
    // The address as it was sent: nothing is decoded, so nothing can be hidden in it.
    let place = uri.path().strip_prefix("/proof/").and_then(query::place);
    let place = place.ok_or_else(|| {
        Problem::invalid("this is no event's place")
            .with_hint("it is /proof/CHAIN/SEQ: 32 hex digits and a number")
    })?;
    let name = format!("-{}-{}", place.0, place.1);
    answer(&state, Request { places: vec![place], ..Request::default() }, &name).await
}

async fn answer(state: &AppState, request: Request, name: &str) -> Result<Response, Problem> {
    let lines = state.reading.plan(request).await?.lines();
    let name = format!("{}{name}.countersign.ndjson", file_name(state.collector.origin()));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .map_err(|error| Problem::unavailable(&error))?;
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    // A piece is made when the one before was taken: a slow client makes no memory grow.
    let pieces = stream::try_unfold(lines, piece);
    Ok((StatusCode::OK, headers, Body::from_stream(pieces)).into_response())
}

async fn piece(mut lines: Lines) -> Result<Option<(Bytes, Lines)>, StoreError> {
    let made = tokio::task::spawn_blocking(move || lines.next_piece().map(|piece| (piece, lines))).await;
    let made = made.map_err(|error| StoreError::unavailable("writing an export", error)).flatten();
    match made {
        Ok((piece, lines)) => Ok(piece.map(|piece| (piece.into(), lines))),
        Err(error) => {
            // The client sees that the answer was cut.
            tracing::error!(%error, "an export ended early");
            Err(error)
        }
    }
}

/// An origin as a part of a file's name.
fn file_name(origin: &str) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() || char == '.' { char } else { '-' };
    let name: String = origin.chars().take(100).map(plain).collect();
    name.trim_matches(['.', '-']).to_owned()
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Invalid { parameter, message } => query::invalid(parameter, &message),
            ExportError::NotFound(message) => Self::new(StatusCode::NOT_FOUND, "request.not_found", message),
            ExportError::Cancelled => Self::unavailable(&"nobody waits for it any more"),
            ExportError::Store(error) => error.into(),
        }
    }
}
