//! Verifies the records of OTLP exports.

use countersign::base64;
use countersign_errors::EngineError;
use ring::hmac;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use serde_json::Value;
use webpki::EndEntityCert;
use webpki::ring::{ECDSA_P256_SHA256, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512};

use crate::export::{Object, attributes, elements, is_reserved, object_in, set, string_of};
use crate::keys::{certificate, fingerprint, hmac_key};
use crate::payload::{canonical, payload, rebuild};
use crate::{ALGORITHM, CERTIFICATE, EDDSA, HMAC, IntegrityError, VALUE, VERIFIED_WITH};

/// Verifies the integrity values of log records with one key.
pub struct Verifier(Key);

enum Key {
    Certificate { der: CertificateDer<'static>, fingerprint: String },
    Hmac(hmac::Key),
}

impl Verifier {
    /// Creates a verifier with the signer's certificate in PEM. `name` names its file.
    ///
    /// The certificate itself is trusted: neither its issuer nor its validity is checked.
    ///
    /// # Errors
    /// If the text is not a certificate.
    pub fn certificate(pem: &[u8], name: &str) -> Result<Self, EngineError> {
        let der = certificate(pem, name)?;
        let fingerprint = fingerprint(&der);
        Ok(Self(Key::Certificate { der, fingerprint }))
    }

    /// Creates a verifier with an HMAC key in base64. `name` names its file.
    ///
    /// # Errors
    /// If the key is not base64 or has less than 32 bytes.
    pub fn hmac(key: &str, name: &str) -> Result<Self, EngineError> {
        hmac_key(key, name).map(Key::Hmac).map(Self)
    }

    /// Verifies an export with one record, and returns it with an attribute that names the key: the certificate's
    /// hash, or `HMAC-SHA256`. The covered fields of the returned record are rebuilt from the payload that was verified.
    ///
    /// The text must have no duplicate field names.
    ///
    /// # Errors
    /// If the text is not such an export, or its integrity value is missing or does not verify.
    pub fn verify(&self, export: &[u8]) -> Result<String, IntegrityError> {
        let Ok(Value::Object(mut root)) = serde_json::from_slice(export) else {
            return Err(IntegrityError::NotARecord);
        };
        let other = root.keys().find(|name| *name != "resourceLogs").cloned();
        let resource_logs = only(&mut root, "resourceLogs")?;
        // Such a field, for example `action`, could change what the event means.
        if let Some(other) = other {
            return Err(IntegrityError::Uncovered(other));
        }
        let resource = attributes(object_in(resource_logs, "resource")?)?.clone();
        let record = only(only(resource_logs, "scopeLogs")?, "logRecords")?;
        let covered = payload(record)?;
        let payload = canonical(&covered)?;
        let own = attributes(record)?;
        if own.iter().chain(&resource).any(is_reserved) {
            return Err(IntegrityError::Reserved);
        }
        let value = string_of(own, VALUE)?.ok_or(IntegrityError::Missing(VALUE))?;
        let value = base64::decode(value).ok_or(IntegrityError::Invalid)?;
        let algorithm = string_of(&resource, ALGORITHM)?.ok_or(IntegrityError::Missing(ALGORITHM))?;
        let verified_with = match &self.0 {
            Key::Hmac(key) if algorithm == HMAC => {
                hmac::verify(key, &payload, &value).map_err(|_| IntegrityError::Invalid)?;
                HMAC
            }
            Key::Hmac(_) => return Err(IntegrityError::Algorithm(algorithm.to_owned())),
            Key::Certificate { der, fingerprint } => {
                let verification = verification(algorithm)?;
                let named = string_of(&resource, CERTIFICATE)?.ok_or(IntegrityError::Missing(CERTIFICATE))?;
                if named != fingerprint && base64::decode(named).is_none_or(|named| named != **der) {
                    return Err(IntegrityError::Certificate);
                }
                let certificate = EndEntityCert::try_from(der).map_err(|_| IntegrityError::Certificate)?;
                certificate.verify_signature(verification, &payload, &value).map_err(
                    |error| match error {
                        webpki::Error::InvalidSignatureForPublicKey => IntegrityError::Invalid,
                        _ => IntegrityError::Algorithm(algorithm.to_owned()),
                    },
                )?;
                fingerprint
            }
        };
        rebuild(record, &covered);
        set(attributes(record)?, VERIFIED_WITH, verified_with);
        Ok(Value::Object(root).to_string())
    }
}

fn verification(name: &str) -> Result<&'static dyn SignatureVerificationAlgorithm, IntegrityError> {
    Ok(match name {
        EDDSA => ED25519,
        "ES256" => ECDSA_P256_SHA256,
        "RS256" => RSA_PKCS1_2048_8192_SHA256,
        "RS512" => RSA_PKCS1_2048_8192_SHA512,
        _ => return Err(IntegrityError::Algorithm(name.to_owned())),
    })
}

/// Returns the only element of a list.
fn only<'v>(parent: &'v mut Object, name: &'static str) -> Result<&'v mut Object, IntegrityError> {
    let mut elements = elements(parent, name)?;
    match (elements.next(), elements.next()) {
        (Some(one), None) => one,
        _ => Err(IntegrityError::NotARecord),
    }
}
