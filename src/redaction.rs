//! Detects secrets by field names and by what strings look like: the default rules of redaction (SPEC section
//! 12). Also contains the configurable [redaction policy](Redaction). For personal and other identifiers in
//! paths, see [`path`](crate::path).
//!
//! ```
//! use countersign::redaction::{is_secret, mask};
//!
//! assert!(is_secret(b"clientSecret") && !is_secret(b"secretName"));
//!
//! let mut text = br#""Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln""#.to_vec();
//! assert_eq!(mask(&mut text, 0), 1);
//! assert_eq!(text, br#""Bearer [redacted]""#);
//! ```

mod names;
mod numbers;
mod policy;
mod texts;
mod tokens;
mod values;

pub use names::{Class, classify, is_about, is_key_id, is_secret};
pub use policy::{Redaction, Secrecy};
pub use texts::mask;

/// The replacement for a secret.
pub const REDACTED: &[u8] = b"[redacted]";
