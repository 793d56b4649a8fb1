//! Signs and verifies OpenTelemetry log records as the signing processor of the OpenTelemetry Collector does.
//!
//! A record's attribute `audit.integrity.value` is a signature or MAC of a part of the record in canonical JSON; two
//! attributes of the resource name the algorithm and the certificate. SPEC section 19.2 defines the form, and lists
//! what it does not cover: the resource, the scope, and the severity.
//!
//! ```
//! use countersign_otel_integrity::{Signer, Verifier};
//!
//! let secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA==";
//! let record = r#"{"resourceLogs":[{"resource":{"attributes":[]},"scopeLogs":[{"logRecords":[{"eventName":"job.delete"}]}]}]}"#;
//! let signed = Signer::hmac(secret, "hmac.key")?.sign(record)?;
//! let verifier = Verifier::hmac(secret, "hmac.key")?;
//! assert!(verifier.verify(signed.as_bytes()).is_ok());
//! assert!(verifier.verify(signed.replace("delete", "create").as_bytes()).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]

mod error;
mod export;
mod keys;
mod payload;
mod signer;
mod verifier;

pub use error::IntegrityError;
pub use signer::Signer;
pub use verifier::Verifier;

/// The prefix of the attributes that a payload does not contain.
const PREFIX: &str = "audit.integrity.";
const VALUE: &str = "audit.integrity.value";
const ALGORITHM: &str = "audit.integrity.algorithm";
const CERTIFICATE: &str = "audit.integrity.certificate";
const VERIFIED_WITH: &str = "countersign.integrity.verified_with";
const HMAC: &str = "HMAC-SHA256";
const EDDSA: &str = "EdDSA";
