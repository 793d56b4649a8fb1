//! Signer key files.

use std::path::Path;

use countersign::note::{KeyType, SignerKey};
use zeroize::Zeroizing;

use crate::errors::{CliError, shown};
use crate::io::input;

/// Reads a key file that signs links, notes or checkpoints.
pub(crate) fn load(path: &Path) -> Result<SignerKey, CliError> {
    let hint = "make one with: countersign keygen NAME";
    of_type(path, KeyType::Ed25519, "it is a witness's key", hint)
}

/// Reads a key file that cosigns checkpoints.
pub(crate) fn load_witness(path: &Path) -> Result<SignerKey, CliError> {
    let hint = "make one with: countersign keygen NAME --witness";
    of_type(path, KeyType::Cosignature, "it is not a witness's key", hint)
}

fn of_type(path: &Path, kind: KeyType, otherwise: &str, hint: &str) -> Result<SignerKey, CliError> {
    let within = |error| CliError::from(error).within(&shown(path));
    let text = Zeroizing::new(input::small_text(path)?);
    let key = SignerKey::parse(text.trim_end_matches(['\n', '\r'])).map_err(within)?;
    if key.verifier_key().key_type() != kind {
        return Err(CliError::unusable("key.invalid", otherwise, hint).within(&shown(path)));
    }
    warn_if_readable(path, "key");
    Ok(key)
}

/// Says so when a secret is not its owner's alone.
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
