//! What is a secret, by a name or by a text's looks: the rules by which an event is redacted where nobody says otherwise
//! (SPEC section 12), what else somebody may want [redacted](Redaction), and what of a [path](crate::path) names somebody or something.
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

/// What stands for a secret.
pub const REDACTED: &[u8] = b"[redacted]";
