//! The auditor's page at the start of each evidence file.

use std::path::Path;

use countersign::export::{Compression, Decompressor};
use countersign::hash::Hash;
use memchr::memmem;

use crate::errors::{CliError, shown};
use crate::io::input;

/// The built-in page, compressed with gzip; empty if this program was built without it.
const PAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.gz"));

/// The element that the auditor's page consists of, and no other page contains.
const ELEMENT: &[u8] = b"<countersign-page>";

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
///
/// # Errors
///
/// Fails if the file isn't the auditor's page: only that page can verify what follows it.
pub(crate) fn load(file: Option<&Path>) -> Result<Vec<u8>, CliError> {
    let Some(file) = file else {
        return builtin().ok_or_else(|| {
            let message = "this program was built without the auditor's page";
            let hint = "run `cargo xtask page`, then use `--page target/countersign-page.html`";
            CliError::unusable("page.missing", message, hint)
        });
    };
    let page = input::page(file)?;
    if memmem::find(&page, ELEMENT).is_none() {
        let message = "the file is not the auditor's page, so it couldn't verify the evidence";
        let hint = "build the page with `cargo xtask page`, then use `--page target/countersign-page.html`";
        return Err(CliError::unusable("page.invalid", message, hint).within(&shown(file)));
    }
    Ok(page)
}

/// Returns whether this is the hash of the built-in page; `None` without one.
pub(super) fn is_builtin(sha256: &Hash) -> Option<bool> {
    builtin().map(|page| Hash::digest(&[&page]) == *sha256)
}
