//! The auditor's page at the start of each evidence file.

use std::path::Path;

use countersign::export::{Compression, Decompressor};
use countersign::hash::Hash;

use crate::errors::CliError;
use crate::io::input;

/// The built-in page, compressed with gzip; empty if this program was built without it.
const PAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.gz"));

/// Returns the built-in page, compressed with gzip; `None` if this program was built without it.
pub(crate) fn packed() -> Option<&'static [u8]> {
    // An empty page has a gzip header too.
    builtin().map(|_| PAGE)
}

/// Returns the built-in page.
fn builtin() -> Option<Vec<u8>> {
    let mut page = Vec::new();
    let mut unpacked = Decompressor::new(Compression::Gzip);
    let pushed = unpacked.push(PAGE, &mut |piece| page.extend_from_slice(piece));
    pushed.and_then(|()| unpacked.finish()).ok()?;
    (!page.is_empty()).then_some(page)
}

/// Reads a page from this file, or returns the built-in page.
pub(crate) fn load(file: Option<&Path>) -> Result<Vec<u8>, CliError> {
    match file {
        Some(file) => input::page(file),
        None => builtin().ok_or_else(|| {
            let message = "this program was built without the auditor's page";
            let hint = "use --page index.html, or build the page and then this program: cargo xtask wasm, \
                        npm ci && npm run build in js, and the same in www";
            CliError::unusable("page.missing", message, hint)
        }),
    }
}

/// Returns whether this is the hash of the built-in page; `None` without one.
pub(super) fn is_builtin(sha256: &Hash) -> Option<bool> {
    builtin().map(|page| Hash::digest(&[&page]) == *sha256)
}
