//! The query language for events, and parsers that extract the same fields from events of any shape.
//!
//! Nothing here does I/O or reads a clock: the caller passes an event's bytes and "now". `docs/query.md` in the
//! repository describes the language.
//!
//! ```
//! use countersign_query::{Entry, Query, Parsers, value::Document};
//!
//! let now = "2026-11-20T06:00:00.000Z".parse()?;
//! let query = Query::parse("actor:ada outcome:failure,denied since:-7d -action:session.*", now)?;
//!
//! let event = Document::parse(r#"{"action":"job.run","actor":{"id":"u_1","name":"Ada Okafor"},"outcome":"failure"}"#);
//! let event = event.as_ref().map(Document::root);
//! let parsers = Parsers::built_in();
//! let read = event.as_ref().and_then(|event| parsers.parse(event));
//! assert!(query.matches(&Entry { event, read: read.as_ref(), ..Entry::recorded(now) }));
//!
//! let error = Query::parse("outcome:failure AND", now).unwrap_err();
//! assert_eq!((error.code.as_str(), error.at()), ("query.operator", 16..19));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Modules
//!
//! - [`batch`]: batches of verified events from the verifier.
//! - [`condition`]: the parts of a query; [`matcher`]: tests of single values.
//! - [`envelope`]: the place of an event in its record.
//! - [`tally`]: search results, and explanations of empty ones.
//! - [`needle`]: strings that an event's JSON must contain to match.
//! - [`value`]: parsed events; [`names`]: a hash table of field names; [`split`]: splitting at an ASCII character.
//! - [`parser`]: parsers, which extract the same fields from events of any shape.
#![deny(missing_docs, unsafe_code)]

pub mod batch;
pub mod condition;
mod entry;
pub mod envelope;
pub mod error;
mod field;
mod foreign_syntax;
mod lex;
pub mod matcher;
pub mod moment;
pub mod names;
mod nearest;
pub mod needle;
mod parse;
pub mod parser;
pub mod phrases;
mod print;
pub mod split;
pub mod tally;
mod unparsed;
pub mod value;

pub use condition::{Condition, Entry, Field, Node, Path, Query, Role, Short};
pub use envelope::{Envelope, Root};
pub use error::{Code, QueryError};
pub use parser::{Outcome, Parsers, Parts, Party, Read};
pub use tally::{ConditionHits, Findings, Tally};
pub use unparsed::{Conclusion, Unparsed};
