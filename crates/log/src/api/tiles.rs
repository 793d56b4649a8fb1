//! The public routes of C2SP tlog-tiles, and the tiles of tenant logs.

use std::sync::Arc;

use countersign::merkle::{Bundle, TILE_WIDTH, Tile};
use http::HeaderName;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::response::{NOSNIFF, PRIVATE, success};
use super::{Answer, ApiError};
use crate::store::{EntryReader, Published};
use crate::tree_signer::TreeSigner;

/// Tiles and bundles never change.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Each checkpoint is soon superseded.
const BRIEFLY: &str = "no-cache";

/// Returns the newest checkpoint, for `GET /checkpoint`.
///
/// # Errors
/// [`ApiError`].
pub fn checkpoint(published: Option<&Published>) -> Result<Answer, ApiError> {
    let published = published.ok_or_else(ApiError::not_found)?;
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, BRIEFLY), NOSNIFF];
    Ok(success(&headers, published.note.clone().into_bytes()))
}

/// Returns the newest checkpoint as COSE signs it, for `GET /checkpoint.cose`.
///
/// # Errors
/// [`ApiError`].
pub fn tree_signature(signer: &TreeSigner, published: Option<&Arc<Published>>) -> Result<Answer, ApiError> {
    let signature = published.and_then(|published| signer.sign(published)).ok_or_else(ApiError::not_found)?;
    let headers =
        [(CONTENT_TYPE, "application/cose; cose-type=\"cose-sign1\""), (CACHE_CONTROL, BRIEFLY), NOSNIFF];
    Ok(success(&headers, signature.to_vec()))
}

/// Returns the tile or bundle at a path, for `GET /tile/…`, if the published tree of this size has it.
///
/// # Errors
/// [`ApiError`].
pub fn tile(reader: &dyn EntryReader, size: u64, path: &str) -> Result<Answer, ApiError> {
    answer(reader, size, path, (CACHE_CONTROL, FOREVER))
}

/// Returns the tile or bundle of a tenant log at a path, for `GET /t/<ID>/tile/…`, if the published tree of this size
/// has it. Only its readers get it, so no cache may keep it.
///
/// # Errors
/// [`ApiError`].
pub fn tenant_tile(reader: &dyn EntryReader, size: u64, path: &str) -> Result<Answer, ApiError> {
    answer(reader, size, path, PRIVATE)
}

fn answer(
    reader: &dyn EntryReader,
    size: u64,
    path: &str,
    caching: (HeaderName, &'static str),
) -> Result<Answer, ApiError> {
    // Use the path exactly as sent, without percent-decoding, so that no encoding can disguise it.
    let found = find(reader, size, path.trim_start_matches('/'))?;
    let headers = [(CONTENT_TYPE, "application/octet-stream"), caching, NOSNIFF];
    Ok(success(&headers, found.ok_or_else(ApiError::not_found)?))
}

fn find(reader: &dyn EntryReader, size: u64, path: &str) -> Result<Option<Vec<u8>>, ApiError> {
    if let Ok(bundle) = Bundle::parse(path) {
        let start = bundle.index * TILE_WIDTH;
        let end = start + u64::from(bundle.width);
        if end > size {
            return Ok(None);
        }
        let bytes =
            Bundle::encode(reader.leaves(start..end)?).map_err(|error| ApiError::unavailable(&error))?;
        return Ok(Some(bytes));
    }
    let Ok(tile) = Tile::parse(path) else { return Ok(None) };
    let widest = Tile::of_size(tile.level, tile.index, size);
    if widest.is_none_or(|widest| widest.width < tile.width) {
        return Ok(None);
    }
    Ok(reader.tile(tile)?)
}
