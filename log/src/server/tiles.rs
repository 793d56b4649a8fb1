//! The public reading side: C2SP tlog-tiles.

use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign::merkle::{Bundle, TILE_WIDTH, Tile};

use super::{AppState, Problem, answer};
use crate::collector::Collector;

/// What a tile or bundle says never changes.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// A checkpoint is outdated by the next.
const BRIEFLY: HeaderValue = HeaderValue::from_static("no-cache");

pub(super) async fn checkpoint(State(AppState { collector, .. }): State<AppState>) -> Response {
    let published = collector.published().borrow().clone();
    match published {
        None => answer::not_found().await.into_response(),
        Some(published) => {
            let headers: [(HeaderName, HeaderValue); 3] = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
                (header::CACHE_CONTROL, BRIEFLY),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ];
            (headers, published.note.clone()).into_response()
        }
    }
}

pub(super) async fn tile(
    State(AppState { collector, .. }): State<AppState>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    // The address as it was sent: nothing is decoded, so nothing can be hidden in it.
    let path = uri.path().trim_start_matches('/').to_owned();
    let found = tokio::task::spawn_blocking(move || find(&collector, &path)).await;
    let Some(bytes) = found.map_err(|error| Problem::unavailable(&error))?? else {
        return Err(answer::not_found().await);
    };
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CACHE_CONTROL, FOREVER),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((StatusCode::OK, headers, Bytes::from(bytes)).into_response())
}

/// The tile or bundle at that path, if a published tree has it.
fn find(collector: &Collector, path: &str) -> Result<Option<Vec<u8>>, Problem> {
    let size = collector.published().borrow().as_ref().map_or(0, |published| published.size);
    let reader = collector.reader();
    if let Ok(bundle) = Bundle::parse(path) {
        let start = bundle.index * TILE_WIDTH;
        let end = start + u64::from(bundle.width);
        if end > size {
            return Ok(None);
        }
        let leaves = reader.leaves(start..end)?;
        let bytes = Bundle::encode(leaves).map_err(|error| Problem::unavailable(&error))?;
        return Ok(Some(bytes));
    }
    let Ok(tile) = Tile::parse(path) else { return Ok(None) };
    let widest = Tile::of_size(tile.level, tile.index, size);
    if widest.is_none_or(|widest| widest.width < tile.width) {
        return Ok(None);
    }
    Ok(reader.tile(tile)?)
}
