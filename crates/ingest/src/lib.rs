//! Cuts what sources of audit events deliver into single events.
//!
//! Sources deliver JSON Lines, arrays, objects with a list of events (the files of AWS `CloudTrail`, Kubernetes lists and
//! many more), envelopes of queues and streams (SNS, Pub/Sub, `CloudEvents` and others), answers of log stores with columns
//! and rows, OpenTelemetry's log records, and tables as CSV. A [`Cutter`] takes their bytes as they come and hands out each
//! event as soon as it has ended, with its line and its position:
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
//! Nothing here does I/O or reads a clock, and memory is bounded. Input is decompressed by the caller. The callback's
//! error can be any type that an [`IngestError`] converts to.
#![deny(missing_docs, unsafe_code)]

mod answer;
mod count;
mod cutter;
pub mod duplicates;
pub mod encoding;
mod error;
pub mod integers;
pub mod lines;
mod otlp;
mod rows;
mod unwrap;

pub use cutter::Cutter;
pub use error::IngestError;
pub use unwrap::{EachEvent, SourceEvent, UnwrapSummary, Unwrapper};
