//! Signs the records of OTLP exports.

use countersign::base64;
use countersign_errors::EngineError;
use ring::hmac;
use ring::signature::Ed25519KeyPair;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;
use webpki::EndEntityCert;

use crate::export::{attributes, elements, object_in, set};
use crate::keys::{certificate, fingerprint, hmac_key, unusable};
use crate::payload::{canonical, payload};
use crate::{ALGORITHM, CERTIFICATE, EDDSA, HMAC, IntegrityError, VALUE};

/// Signs log records.
pub struct Signer(Key);

enum Key {
    Ed25519 { pair: Ed25519KeyPair, fingerprint: String },
    Hmac(hmac::Key),
}

impl Signer {
    /// Creates a signer with an Ed25519 private key (PKCS #8) and its certificate, both in PEM.
    ///
    /// # Errors
    /// If one can't be parsed, or the certificate is for another key. `key_name` and `certificate_name` name the files.
    pub fn ed25519(
        key: &[u8],
        key_name: &str,
        certificate_pem: &[u8],
        certificate_name: &str,
    ) -> Result<Self, EngineError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(key).ok();
        let pair =
            der.and_then(|der| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).ok());
        let hint = "create one with `openssl genpkey -algorithm ed25519`";
        let pair = pair.ok_or_else(|| {
            unusable("the file does not contain an Ed25519 private key in PEM", hint, key_name)
        })?;
        let der = certificate(certificate_pem, certificate_name)?;
        let probe = b"countersign";
        let is_for_key = EndEntityCert::try_from(&der).is_ok_and(|certificate| {
            certificate.verify_signature(webpki::ring::ED25519, probe, pair.sign(probe).as_ref()).is_ok()
        });
        if !is_for_key {
            let message = "the certificate is for another key";
            let hint = "use the certificate of the private key given by --integrity-key";
            return Err(unusable(message, hint, certificate_name));
        }
        Ok(Self(Key::Ed25519 { pair, fingerprint: fingerprint(&der) }))
    }

    /// Creates a signer with an HMAC key in base64. `name` names its file.
    ///
    /// # Errors
    /// If the key is not base64 or has less than 32 bytes.
    pub fn hmac(key: &str, name: &str) -> Result<Self, EngineError> {
        hmac_key(key, name).map(Key::Hmac).map(Self)
    }

    /// Adds an integrity value to each record of an export, and the algorithm and certificate to their resources.
    ///
    /// # Errors
    /// If the text is not an export, or a record has fields that an integrity value can't cover.
    pub fn sign(&self, export: &str) -> Result<String, IntegrityError> {
        let Ok(Value::Object(mut root)) = serde_json::from_str(export) else {
            return Err(IntegrityError::NotARecord);
        };
        for resource_logs in elements(&mut root, "resourceLogs")? {
            let resource_logs = resource_logs?;
            let resource = attributes(object_in(resource_logs, "resource")?)?;
            match &self.0 {
                Key::Ed25519 { fingerprint, .. } => {
                    set(resource, ALGORITHM, EDDSA);
                    set(resource, CERTIFICATE, fingerprint);
                }
                Key::Hmac(_) => set(resource, ALGORITHM, HMAC),
            }
            for scope_logs in elements(resource_logs, "scopeLogs")? {
                for record in elements(scope_logs?, "logRecords")? {
                    let record = record?;
                    let value = self.value(&canonical(&payload(record)?)?);
                    set(attributes(record)?, VALUE, &value);
                }
            }
        }
        Ok(Value::Object(root).to_string())
    }

    fn value(&self, payload: &[u8]) -> String {
        match &self.0 {
            Key::Ed25519 { pair, .. } => base64::encode(pair.sign(payload)),
            Key::Hmac(key) => base64::encode(hmac::sign(key, payload)),
        }
    }
}
