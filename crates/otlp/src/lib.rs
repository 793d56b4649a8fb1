//! Decodes OpenTelemetry log exports (OTLP/HTTP, as Protobuf or JSON), and converts log records to audit events
//! (SPEC section 12, "Log records").
//!
//! ```
//! use countersign_otlp::{Format, Intake, decode};
//!
//! let body = br#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"payments"}}]},
//!     "scopeLogs":[{"logRecords":[{"eventName":"job.delete","attributes":[{"key":"user.id","value":{"stringValue":"u_1"}}]}]}]}]}"#;
//! let intake = Intake::new("payments", None, body);
//! let mut events = Vec::new();
//! decode(Format::Json, body, &mut |record| {
//!     events.push(intake.event(events.len(), &record.expect("a record within the limits")).expect("an event"));
//!     Ok::<_, std::convert::Infallible>(())
//! })?;
//! assert!(events[0].as_str().contains(r#""recorded_by":{"protocol":"otlp","sender":"payments"}"#));
//! # Ok::<(), countersign_otlp::DecodeError>(())
//! ```
//!
//! The crate does no I/O, and bounds its memory: at most one record is in memory at a time, besides the body.
#![deny(missing_docs, unsafe_code)]

mod answer;
mod decode;
mod event;
mod format;
mod intake;
mod limits;
mod problem;
mod record;
mod value;

pub use answer::{failure, success};
pub use decode::{DecodeError, EachRecord, decode};
pub use format::Format;
pub use intake::{EventId, Intake};
pub use limits::{MAX_DEPTH, MAX_NAME_BYTES, MAX_RECORD_BYTES, MAX_RECORDS};
pub use problem::{Problem, Problems};
pub use record::{LogRecord, RESERVED_ATTRIBUTES, Source};
pub use value::Value;
