//! One language for asking which events there are, and one reading of what events of other shapes say.
//!
//! Nothing here does I/O or reads a clock. An event's bytes and "now" come in as arguments. `docs/query.md` of the
//! repository has the language.
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
//! - [`batch`]: verified events as the verifier hands them on.
//! - [`condition`]: what a query is made of; [`matcher`]: what a value must be, for whoever asks.
//! - [`envelope`]: where in a record a parser found the event.
//! - [`tally`]: what a search found, and what must be said where it found nothing.
//! - [`needle`]: what must stand in an event's text for it to be found.
//! - [`value`]: an event as it was read, in place; [`names`]: which of a few names a member has; [`split`]: texts
//!   split at an ASCII character.
//! - [`reading`]: who, what, when, on what, from where and with which outcome, whatever the event's shape.
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
pub mod value;

pub use condition::{Condition, Entry, Field, Node, Path, Query, Role, Short};
pub use envelope::{Envelope, Root};
pub use error::{Code, QueryError};
pub use parser::{Outcome, Parsers, Parts, Party, Read};
pub use tally::{Findings, Seen, Tally};
