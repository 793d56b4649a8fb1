//! The auditor's page that evidence files begin with.

use std::path::Path;

use countersign::export::{Compression, Decompressor};
use countersign::hash::Hash;

use crate::errors::CliError;
use crate::io::input;

/// The page as it was built with this program, compressed with gzip; empty where there was none.
const PAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.gz"));

/// The page that came with this program.
fn own() -> Option<Vec<u8>> {
    let mut page = Vec::new();
    let mut unpacked = Decompressor::new(Compression::Gzip);
    let pushed = unpacked.push(PAGE, &mut |piece| page.extend_from_slice(piece));
    pushed.and_then(|()| unpacked.finish()).ok()?;
    (!page.is_empty()).then_some(page)
}

/// The page of that file, or the one that came with this program.
pub(crate) fn load(file: Option<&Path>) -> Result<Vec<u8>, CliError> {
    match file {
        Some(file) => input::page(file),
        None => own().ok_or_else(|| {
            let message = "this program was built without the auditor's page";
            let hint = "give it with --page index.html, or build it first, and then the program: cargo xtask wasm, \
                        npm ci && npm run build in js, and the same in www";
            CliError::unusable("page.missing", message, hint)
        }),
    }
}

/// How a page in a file stands to the one that came with this program, where one did.
pub(super) fn is_own(sha256: &Hash) -> Option<bool> {
    own().map(|page| Hash::of(&[&page]) == *sha256)
}
