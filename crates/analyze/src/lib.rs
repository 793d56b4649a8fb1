//! Detection over verified events with Sigma rules. Findings are reproducible.
//!
//! The crate does no I/O, reads no clock, and doesn't depend on the order of hash tables: the same events and
//! the same pack give the same findings on every machine, and the rule fires again on a finding's entries
//! alone.
//!
//! ```
//! use countersign_analyze::{Analyzer, Pack, Sources};
//! use countersign_query::{Entry, Parsers, value::Document};
//!
//! let mut sources = Sources::default();
//! sources.add("deleted.yml", "
//! title: A job was deleted
//! id: job-deleted
//! level: medium
//! detection:
//!   selection:
//!     parsed.action: job.delete
//!   condition: selection
//! ");
//! let pack = sources.build("example").map_err(|faults| faults[0].clone())?;
//!
//! let event = r#"{"action":"job.delete","actor":{"id":"u_1"},"target":{"id":"42","type":"job"}}"#;
//! let document = Document::parse(event);
//! let event = document.as_ref().map(Document::root);
//! let parsers = Parsers::built_in();
//! let read = event.as_ref().and_then(|event| parsers.parse(event));
//! let entry = Entry { event, read: read.as_ref(), ..Entry::recorded("2026-11-20T06:00:00.000Z".parse()?) };
//!
//! let mut analyzer = Analyzer::new(&pack);
//! analyzer.accept(pack.detect(7, &entry))?;
//! let outcome = analyzer.finish();
//! assert_eq!((outcome.findings[0].rule.as_str(), &outcome.findings[0].leaves[..]), ("job-deleted", &[7][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]
#![allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
#![allow(clippy::unnecessary_box_returns, reason = "errors are passed on boxed because they are rare")]
#![allow(clippy::float_cmp, reason = "rules compare numbers exactly")]

mod acknowledgment;
mod analyzer;
mod baseline;
mod bigrams;
mod bounded;
#[cfg(feature = "yaml")]
mod built_in;
mod candidates;
#[cfg(feature = "yaml")]
pub mod cases;
mod correlation;
mod counter;
mod coverage;
mod decision;
mod detection;
pub mod document;
mod error;
mod fields;
#[cfg(feature = "yaml")]
mod filters;
mod finding;
mod gate;
pub mod groups;
mod habits;
mod indexed_heap;
#[cfg(feature = "state")]
mod interner;
pub mod inventory;
mod keywords;
mod limit;
#[cfg(feature = "re")]
mod literal;
#[cfg(feature = "state")]
mod millis;
mod numbers;
mod pack;
mod path;
#[cfg(feature = "state")]
pub mod pieces;
mod prefilter;
mod rule;
mod rule_set;
pub mod runs;
mod score;
mod signers;
mod small;
#[cfg(feature = "snapshot")]
mod snapshot;
mod sorted;
mod source;
pub mod summary;
mod tree;
pub mod watchlist;
mod wildcard;
mod window;
#[cfg(feature = "yaml")]
pub mod written;
#[cfg(feature = "yaml")]
mod yaml;
mod zone;

pub use acknowledgment::Acknowledgment;
pub use analyzer::{Analysis, Analyzer, Detected, ENGINE, MAX_FINDINGS, OrderError};
pub use coverage::{
    BlindRule, Coverage, SourceCoverage, UnreadEvents, unclear_times_sentence, unread_sentence,
};
pub use decision::Decision;
pub use error::AnalyzeError;
pub use finding::{Evidence, Finding, FindingEvent, Level, Reason};
pub use gate::{Gate, GateDecision};
pub use limit::Limit;
#[cfg(feature = "yaml")]
pub use pack::Sources;
pub use pack::{MAX_BYTES, MAX_RULES, Pack};
pub use rule::Rule;
pub use score::Scored;
pub use signers::Signers;
#[cfg(feature = "snapshot")]
pub use snapshot::{MAX_SNAPSHOT, SnapshotError};
