//! The public routes of C2SP tlog-tiles, and the tiles of tenant logs.

use std::sync::Arc;

use countersign::check::Resource;
use countersign::merkle::{Bundle, TILE_WIDTH, Tile};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, StatusCode};

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

/// Returns the tile or bundle at a path, for `GET /tile/…`, if the published tree of this size has it. Denies what a
/// log with this minimum index may prune.
///
/// # Errors
/// [`ApiError`].
pub fn tile(reader: &dyn EntryReader, size: u64, minimum_index: u64, path: &str) -> Result<Answer, ApiError> {
    let minimum_index = minimum_index.min(size);
    if resource(path).is_some_and(|resource| resource.may_be_pruned(minimum_index)) {
        let message = format!("this log is pruned: it publishes entries from index {minimum_index} on");
        let error = ApiError::new(StatusCode::NOT_FOUND, "log.pruned", message);
        return Err(error.with("minimum_index", minimum_index).with_hint(
            "check the log with --from and this index; ask the log operator for an export of earlier entries",
        ));
    }
    answer(reader, size, path, (CACHE_CONTROL, FOREVER))
}

/// Parses a path exactly as sent, without percent-decoding, so that no encoding can disguise it.
fn resource(path: &str) -> Option<Resource> {
    let path = path.trim_start_matches('/');
    let bundle = Bundle::parse(path).map(Resource::Bundle);
    bundle.or_else(|_| Tile::parse(path).map(Resource::Tile)).ok()
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
    let found = match resource(path) {
        Some(Resource::Bundle(bundle)) => self::bundle(reader, size, bundle)?,
        Some(Resource::Tile(tile)) => hashes(reader, size, tile)?,
        None => None,
    };
    let headers = [(CONTENT_TYPE, "application/octet-stream"), caching, NOSNIFF];
    Ok(success(&headers, found.ok_or_else(ApiError::not_found)?))
}

fn bundle(reader: &dyn EntryReader, size: u64, bundle: Bundle) -> Result<Option<Vec<u8>>, ApiError> {
    let start = bundle.index * TILE_WIDTH;
    let end = start + u64::from(bundle.width);
    if end > size {
        return Ok(None);
    }
    let bytes = Bundle::encode(reader.leaves(start..end)?).map_err(|error| ApiError::unavailable(&error))?;
    Ok(Some(bytes))
}

fn hashes(reader: &dyn EntryReader, size: u64, tile: Tile) -> Result<Option<Vec<u8>>, ApiError> {
    let widest = Tile::of_size(tile.level, tile.index, size);
    if widest.is_none_or(|widest| widest.width < tile.width) {
        return Ok(None);
    }
    Ok(reader.tile(tile)?)
}
