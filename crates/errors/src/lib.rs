//! Human-readable errors: a stable code, a message, the place, and a hint that says what to do.
//!
//! [`EngineError`] is the error type of the crates that do a program's work. Its message is for the program's
//! user: it explains system errors, and sanitizes untrusted text.
//!
//! ```
//! use countersign_errors::EngineError;
//!
//! let refused = EngineError::new("state.other_log", "the folder is for another log", "use a separate folder for each log");
//! let refused = refused.within("state/");
//! assert_eq!(refused.code(), "state.other_log");
//! assert_eq!(refused.to_string(), "state/: the folder is for another log [state.other_log]");
//!
//! let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
//! let full = EngineError::io("write", "audit.ndjson", &full);
//! assert_eq!(full.code(), "io.full");
//! ```
#![deny(missing_docs, unsafe_code)]

mod clock;
mod engine_error;
mod plain;
pub mod reason;
mod system;

pub use clock::now;
pub use engine_error::EngineError;
pub use plain::{plain, plain_lines, shown};
pub use system::explain;
