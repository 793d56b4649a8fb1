//! Reasons why a record is not signed or does not verify.

use std::fmt;

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

impl IntegrityError {
    /// Returns what to do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotARecord => {
                "with an integrity key, record OTLP exports in JSON only: {\"resourceLogs\":[…]}"
            }
            Self::Missing(_) => "send the records through the collector's signing processor first",
            Self::Algorithm(_) => {
                "use the certificate or the HMAC key of the program that signed the records"
            }
            Self::Certificate => "use the certificate of the program that signed the records",
            Self::Uncovered(_) => "sign records whose body is a string, and that have OTLP's fields only",
            Self::Malformed(_) => "write the record as OTLP's JSON encoding requires",
            Self::Reserved => {
                "remove the attributes countersign.integrity.*, which only `countersign record` may add"
            }
            Self::Invalid => {
                "the record was altered, signed with another key, or signed in another form than SPEC section 19.2 defines; collectors before September 2026 used another one"
            }
        }
    }
}

impl fmt::Display for IntegrityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecord => write!(f, "the event is not an OTLP export with one log record"),
            Self::Missing(name) => write!(f, "the log record has no {name}"),
            Self::Algorithm(name) => write!(f, "the key is not for the algorithm {name:?}"),
            Self::Certificate => write!(f, "the log record was signed with another certificate"),
            Self::Uncovered(name) => write!(f, "the integrity value doesn't cover the field {name}"),
            Self::Malformed(name) => write!(f, "the field {name} is not OTLP"),
            Self::Reserved => write!(f, "the log record has a reserved attribute countersign.integrity.*"),
            Self::Invalid => write!(f, "the integrity value of the log record does not verify"),
        }
    }
}

impl std::error::Error for IntegrityError {}
