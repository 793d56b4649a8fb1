//! A columnar index of verified events that answers queries over millions of them immediately.
//!
//! Nothing here does I/O or reads a clock. A [`SegmentBuilder`] per verifier turns verified events into [`Segment`]s: a
//! column for every path in the events, and for every parsed field. An [`EventIndex`] takes segments in any order and
//! answers `countersign-query` queries: which events match, which values occur how often, and the distribution over
//! time.
//!
//! The events' bytes stay outside. Values that are too long or too many for columns are looked up in them: the index
//! [requests](EventIndex::wants) a range of bytes, and the caller [provides](EventIndex::provide) it. Values are compared
//! by the query's own matchers, so an index finds exactly what [`Query::matches`](countersign_query::Query::matches)
//! finds.
//!
//! ```
//! use countersign_index::{EventIndex, Order, Place, Row, SegmentBuilder};
//! use countersign_query::Parsers;
//!
//! let now = "2026-11-20T06:00:00.000Z".parse()?;
//! let mut builder = SegmentBuilder::new(7, Parsers::built_in());
//! for (index, outcome) in (0..).zip(["success", "denied"]) {
//!     let event = format!(r#"{{"action":"job.run","actor":{{"id":"u_1","name":"Ada Okafor"}},"outcome":"{outcome}"}}"#);
//!     let place = Place::Export(0); // that of the events' bytes
//!     let row = Row { line: index + 2, index, chain: "00", seq: 1, time: now, vkey: "a", authorized: true, place };
//!     builder.push(&row, &event);
//! }
//! let mut index = EventIndex::new(7, Parsers::built_in());
//! for segment in builder.finish() {
//!     index.add_segment(segment, 0);
//! }
//! index.ask("actor:ada -outcome:success", now, Order::default())?;
//! while index.step(10_000) {}
//! assert_eq!(index.found().map(|answer| (answer.events, answer.of)), Some((1, 2)));
//! assert_eq!(index.indexes(), [1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs, unsafe_code)]
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "numbers of lines, entries, and bytes are below 2^53, and counts of rows below 2^31"
)]

mod answer;
mod answer_json;
mod bits;
mod build;
mod changed;
mod codes;
mod column;
mod edit;
mod evaluate;
mod extent;
mod facets;
mod fold;
mod histogram;
mod index;
mod json;
mod lines;
mod marks;
mod order;
mod packed;
mod party;
mod question;
mod scan;
mod search;
mod segment;
mod suggest;
mod texts;
mod values;
mod wire;

pub use answer_json::{error_json, facts_json, fields_of, parsed_json, tree_json};
pub use build::{IndexError, Place, Row, SegmentBuilder};
pub use edit::{parse_json, toggled, within};
pub use histogram::Histogram;
pub use index::{Answer, ByteRange, EXPORT, EventIndex, Gap};
pub use marks::InvalidMark;
pub use question::{By, Order};
pub use search::{Events, Search};
pub use segment::Segment;
pub use wire::{decode, encode};
