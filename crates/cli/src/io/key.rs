//! Reads private key files.

use std::path::Path;

use countersign::note::{KeyType, SignerKey};
use zeroize::Zeroizing;

use crate::errors::{CliError, shown};
use crate::io::input;

/// Reads a private key that signs links, notes, or checkpoints.
pub(crate) fn load(path: &Path) -> Result<SignerKey, CliError> {
    let hint = "create one with: countersign keygen NAME";
    load_type(path, KeyType::Ed25519, "the file contains a witness's key", hint)
}

/// Reads a private key that cosigns checkpoints.
pub(crate) fn load_witness(path: &Path) -> Result<SignerKey, CliError> {
    let hint = "create one with: countersign keygen NAME --witness";
    load_type(path, KeyType::Cosignature, "the file doesn't contain a witness's key", hint)
}

fn load_type(path: &Path, kind: KeyType, wrong_type: &str, hint: &str) -> Result<SignerKey, CliError> {
    let within = |error| CliError::from(error).within(&shown(path));
    let text = Zeroizing::new(input::small_text(path)?);
    let key = SignerKey::parse(text.trim_end_matches(['\n', '\r'])).map_err(within)?;
    if key.verifier_key().key_type() != kind {
        return Err(CliError::unusable("key.invalid", wrong_type, hint).within(&shown(path)));
    }
    warn_if_readable(path, "key");
    Ok(key)
}

/// Warns if other users can read a secret.
#[cfg(unix)]
pub(crate) fn warn_if_readable(path: &Path, what: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    if let Ok(metadata) = std::fs::metadata(path)
        && metadata.is_file()
        && metadata.permissions().mode() & 0o077 != 0
    {
        crate::io::style::warn(&format!("{}: others may read this {what} (chmod 600 it)", shown(path)));
    }
}

#[cfg(not(unix))]
pub(crate) fn warn_if_readable(_: &Path, _: &str) {}
