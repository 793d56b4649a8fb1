//! Formats verified events and findings as records for SIEMs and other destinations.
//!
//! The crate does no I/O and reads no clock. It turns an event into a [`Record`]: a line of text, with an id
//! by which a destination recognizes a record that is sent again. The mapping from facts to the fields of
//! each format is declared in `crates/feeds/mappings/`, the reverse of `crates/query/parsers/`; see
//! `docs/feeds.md`.
//!
//! ```
//! use countersign::hash::Hash;
//! use countersign::link::ChainId;
//! use countersign_feeds::{Event, Format, Log};
//! use countersign_query::Parsers;
//!
//! let log = Log { origin: "log.example/audit", size: 9, root: Hash([7; 32]) };
//! let event = Event {
//!     leaf: 4,
//!     chain: ChainId([1; 16]),
//!     seq: 2,
//!     recorded: "2026-11-20T06:01:02.345Z".parse()?,
//!     signer: "example.com/app+3b1b2c6e+AQ==",
//!     signer_trust: "trusted",
//!     attestation: None,
//!     text: r#"{"action":"job.delete","actor":{"id":"u_1"},"target":{"id":"7","type":"job"}}"#,
//! };
//! let record = Format::Ecs.event(&log, &event, &Parsers::built_in());
//! assert_eq!(record.id, "01010101010101010101010101010101/2");
//! assert!(record.text.contains(r#""entry":4"#));
//! // The event states no outcome, and neither does its record.
//! assert!(!record.text.contains("outcome"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]

mod cef;
mod facts;
mod format;
mod mapping;
mod otlp;
mod record_id;
mod records;
mod syslog;
mod text;
mod tree;

pub use format::Format;
pub use otlp::request as otlp_request;
pub use records::{Event, Finding, Kind, Log, Record, SyslogHeader};
pub use syslog::wrap as syslog_wrap;
