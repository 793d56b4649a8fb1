//! Reads private key files.

use std::path::Path;

use countersign::Error;
use countersign::note::{KeyType, MlDsaKey, SignerKey};
#[cfg(feature = "native")]
use countersign_log_server::witness::WitnessKey;
use zeroize::Zeroizing;

use crate::errors::{CliError, shown};
use crate::io::input;

/// Reads an Ed25519 private key that signs links, notes, or checkpoints.
pub(crate) fn load(path: &Path) -> Result<SignerKey, CliError> {
    let key = load_with(path, SignerKey::parse)?;
    if key.verifier_key().key_type() != KeyType::Ed25519 {
        let hint = "create one with: countersign keygen NAME";
        let failure = CliError::unusable("key.invalid", "the file contains a witness's key", hint);
        return Err(failure.within(&shown(path)));
    }
    Ok(key)
}

/// Reads a log's ML-DSA-44 private key, which signs checkpoints.
pub(crate) fn load_ml_dsa(path: &Path) -> Result<MlDsaKey, CliError> {
    load_with(path, MlDsaKey::parse)
}

/// Reads a private key that cosigns checkpoints, of either type.
#[cfg(feature = "native")]
pub(crate) fn load_witness(path: &Path) -> Result<WitnessKey, CliError> {
    let key = load_with(path, |text| {
        Ok(match KeyType::from_private_key(text)? {
            KeyType::MlDsa44 => Box::new(MlDsaKey::parse(text)?) as WitnessKey,
            _ => Box::new(SignerKey::parse(text)?),
        })
    })?;
    if !key.verifier_key().is_for_witnesses() {
        let hint = "create one with: countersign keygen NAME --witness";
        let failure = CliError::unusable("key.invalid", "the file doesn't contain a witness's key", hint);
        return Err(failure.within(&shown(path)));
    }
    Ok(key)
}

fn load_with<K>(path: &Path, parse: impl FnOnce(&str) -> Result<K, Error>) -> Result<K, CliError> {
    let text = Zeroizing::new(input::small_text(path)?);
    let key = parse(text.trim_end_matches(['\n', '\r']));
    let key = key.map_err(|error| CliError::from(error).within(&shown(path)))?;
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
