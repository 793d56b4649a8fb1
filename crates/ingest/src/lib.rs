//! Splits deliveries of audit events into single events.
//!
//! Sources deliver JSON Lines, arrays, objects with a list of events (files of AWS `CloudTrail`, Kubernetes
//! lists, and many more), envelopes of queues and streams (SNS, Pub/Sub, `CloudEvents`, and others), query
//! results with columns and rows, OpenTelemetry log records, and CSV tables. A [`Cutter`] accepts the bytes
//! in pieces and passes on each event as soon as it is complete, with its line and position:
//!
//! ```
//! use countersign_ingest::{Cutter, IngestError, SourceEvent};
//!
//! let mut events = Vec::new();
//! let mut each = |event: SourceEvent<'_>| {
//!     events.push((event.line, event.place, String::from_utf8_lossy(event.bytes).into_owned()));
//!     Ok::<_, IngestError>(())
//! };
//! let mut cutter = Cutter::for_name("cloudtrail.json");
//! cutter.push(b"{\"Records\":[{\"eventName\":\"DeleteVault\"},\n{\"eventNa", &mut each)?;
//! cutter.push(b"me\":\"CreateVault\"}]}", &mut each)?;
//! cutter.finish(&mut each)?;
//!
//! assert_eq!(cutter.summary().to_string(), "; unwrapped 2 events from \"Records\"");
//! assert_eq!(events[0], (1, Some("Records[0]".into()), r#"{"eventName":"DeleteVault"}"#.into()));
//! assert_eq!(events[1], (2, Some("Records[1]".into()), r#"{"eventName":"CreateVault"}"#.into()));
//! # Ok::<(), IngestError>(())
//! ```
//!
//! The crate does no I/O, reads no clock, and bounds its memory. The caller decompresses the input. The
//! callback's error can be any type that implements `From<IngestError>`.
#![deny(missing_docs, unsafe_code)]

mod count;
mod cutter;
pub mod duplicates;
pub mod encoding;
mod error;
pub mod integers;
pub mod lines;
mod otlp;
mod query_result;
mod rows;
mod unwrap;

pub use countersign_otlp::RESERVED_ATTRIBUTES;
pub use cutter::Cutter;
pub use error::IngestError;
pub use otlp::has_reserved_attribute;
pub use unwrap::{EachEvent, SourceEvent, UnwrapSummary, Unwrapper};
