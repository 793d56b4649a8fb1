//! Certificates, private keys, and HMAC keys.

use countersign::hash::Hash;
use countersign::{base64, hex};
use countersign_errors::EngineError;
use ring::hmac;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// The minimum length of an HMAC key, in bytes.
const MIN_HMAC_KEY_BYTES: usize = 32;

/// Creates the error for a file that can't be used.
pub(crate) fn unusable(message: &str, hint: &str, name: &str) -> EngineError {
    EngineError::new("integrity.key", message, hint).within(name)
}

/// Parses a PEM certificate. `name` is the file's name, for errors.
pub(crate) fn certificate(pem: &[u8], name: &str) -> Result<CertificateDer<'static>, EngineError> {
    let certificate = CertificateDer::from_pem_slice(pem).ok();
    let certificate = certificate.filter(|der| webpki::EndEntityCert::try_from(der).is_ok());
    certificate.ok_or_else(|| {
        unusable(
            "the file does not contain an X.509 version 3 certificate in PEM",
            "use the signer's certificate",
            name,
        )
    })
}

/// Returns the reference to a certificate: the hash of its DER form.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    format!("sha256:{}", hex::encode(&Hash::digest(&[der]).0))
}

/// Parses an HMAC key in base64.
pub(crate) fn hmac_key(text: &str, name: &str) -> Result<hmac::Key, EngineError> {
    let key =
        base64::decode(text.trim_end_matches(['\n', '\r'])).filter(|key| key.len() >= MIN_HMAC_KEY_BYTES);
    let hint = "write at least 32 random bytes in base64, for example with `openssl rand -base64 32`";
    let key = key.ok_or_else(|| unusable("the file does not contain an HMAC key in base64", hint, name))?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
}
