//! Reasons why a record is not signed or does not verify.

use std::fmt;

use countersign::{Code, Error};

/// The reason why a log record has no valid integrity value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntegrityError {
    /// The event is not an export with one log record.
    NotARecord,
    /// The record or its resource does not have this attribute.
    Missing(&'static str),
    /// The algorithm is not one of the key's.
    Algorithm(String),
    /// The record names another certificate.
    Certificate,
    /// A field that the signature does not cover.
    Uncovered(String),
    /// A field does not have the form that OTLP requires.
    Malformed(String),
    /// The record has an attribute that only a verifier may add.
    Reserved,
    /// The value is not a signature or MAC of the record by the key.
    Invalid,
}

impl From<&IntegrityError> for Error {
    fn from(error: &IntegrityError) -> Self {
        match error {
            IntegrityError::NotARecord => {
                Self::new(Code::Integrity, "the event is not an OTLP export with one log record").with_hint(
                    "with an integrity key, record only OTLP exports in JSON: {\"resourceLogs\":[…]}",
                )
            }
            IntegrityError::Missing(name) => {
                Self::new(Code::Integrity, format!("the log record has no {name}"))
                    .with_hint("send the records through the collector's signing processor first")
            }
            IntegrityError::Algorithm(algorithm) => {
                Self::new(Code::Integrity, format!("the key is not for the algorithm {algorithm:?}"))
                    .with_hint("use the certificate or the HMAC key of the program that signed the records")
            }
            IntegrityError::Certificate => {
                Self::new(Code::Integrity, "the log record was signed with another certificate")
                    .with_hint("use the certificate of the program that signed the records")
            }
            IntegrityError::Uncovered(field) => {
                Self::new(Code::Integrity, format!("the integrity value doesn't cover the field {field}"))
                    .with_hint("sign records whose body is a string, and that have OTLP's fields only")
            }
            IntegrityError::Malformed(field) => {
                Self::new(Code::Integrity, format!("the field {field} is not OTLP"))
                    .with_hint("write the record as OTLP's JSON encoding requires")
            }
            IntegrityError::Reserved => {
                Self::new(Code::Integrity, "the log record has a reserved attribute countersign.integrity.*")
                    .with_hint("remove the attribute: only `countersign record` may add it, when it verified the record")
            }
            IntegrityError::Invalid => {
                Self::new(Code::Integrity, "the integrity value of the log record does not verify").with_hint(
                    "the record was altered, signed with another key, or signed in another form than SPEC section 19.2 defines; collectors before September 2026 used another one",
                )
            }
        }
    }
}

impl fmt::Display for IntegrityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Error::from(self).message)
    }
}

impl std::error::Error for IntegrityError {}
