//! Signer key files.

use std::path::Path;

use countersign::note::{KeyType, SignerKey};
use zeroize::Zeroizing;

use crate::errors::{Failure, shown};
use crate::input;

/// Reads a key file that signs links, notes or checkpoints.
pub(crate) fn load(path: &Path) -> Result<SignerKey, Failure> {
    let within = |error| Failure::from(error).within(&shown(path));
    let text = Zeroizing::new(input::small_text(path)?);
    let key = SignerKey::parse(text.trim_end_matches(['\n', '\r'])).map_err(within)?;
    if key.verifier_key().key_type() != KeyType::Ed25519 {
        let hint = "make one with: countersign keygen NAME";
        return Err(Failure::unusable("key.invalid", "it is a witness's key", hint).within(&shown(path)));
    }
    warn_if_readable(path);
    Ok(key)
}

#[cfg(unix)]
fn warn_if_readable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if let Ok(metadata) = std::fs::metadata(path)
        && metadata.is_file()
        && metadata.permissions().mode() & 0o077 != 0
    {
        crate::style::warn(&format!("{}: others may read this key (chmod 600 it)", shown(path)));
    }
}

#[cfg(not(unix))]
fn warn_if_readable(_: &Path) {}
