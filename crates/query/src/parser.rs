//! Parsers that extract the actor, action, time, target, address, and outcome from events of any shape.
//!
//! The event's shape selects the parser, after verification. Parsed fields are never signed and are kept apart from
//! signed content; they name their parser, as in "Parsed as `CloudTrail`".
//!
//! A parser is a JSON file. This crate ships those in `crates/query/parsers/`, and callers can add more;
//! `docs/parsers.md` describes the format.
//!
//! ```
//! use countersign_query::parser::{Outcome, Parsers};
//! use countersign_query::value::Document;
//!
//! let parsers = Parsers::built_in().with([(
//!     "till.json",
//!     r#"{
//!         "as": "till",
//!         "doc": "The till writes a receipt only once the money is in.",
//!         "when": {"receipt": {"type": "string"}, "clerk": {"type": "string"}},
//!         "time": {"value": "at", "unit": "s"},
//!         "action": "=sale.close",
//!         "actor": {"id": "clerk"},
//!         "target": {"id": "receipt", "type": "=receipt"},
//!         "outcome": "=success",
//!         "promises": {"facts": ["actor", "target", "outcome"]}
//!     }"#,
//! )])?;
//! let event = Document::parse(r#"{"at":1700000000,"clerk":"c_7","receipt":"R-1"}"#).unwrap();
//! let read = parsers.parse(&event.root()).unwrap();
//! assert_eq!((&*read.parsed_as, read.actor.id.as_deref()), ("till", Some("c_7")));
//! assert_eq!(read.time.unwrap().to_string(), "2023-11-14T22:13:20.000Z");
//! assert_eq!(read.outcome, Outcome::Success);
//! assert!(read.unread.is_empty());
//!
//! let unknown = Document::parse(r#"{"a":1}"#).unwrap();
//! assert_eq!(parsers.parse(&unknown.root()), None);
//! # Ok::<(), countersign_query::parser::ParserError>(())
//! ```

pub(crate) mod address;
mod category;
#[cfg(feature = "category")]
mod category_rules;
#[cfg(feature = "category")]
mod classifier;
mod condition;
#[cfg_attr(not(feature = "explain"), allow(unreachable_code, reason = "no error can occur"))]
mod definition;
#[cfg_attr(not(feature = "explain"), allow(unreachable_code, reason = "no error can occur"))]
mod error;
#[cfg(feature = "explain")]
mod explain;
mod own;
mod parsed;
mod parsers;
#[cfg_attr(not(feature = "explain"), allow(unreachable_code, reason = "no error can occur"))]
mod path;
mod promise;
mod selection;
mod source;
mod spelling;
mod when;

pub use category::{Categories, Category};
#[cfg(feature = "explain")]
pub use error::ParserError;
#[cfg(feature = "explain")]
pub use explain::{Attempt, Explanation, FACTS, Fact, ParserFit, ParserSummary};
pub use own::parse_own;
pub use parsed::{Outcome, Parts, Party, Read};
pub use parsers::Parsers;
pub(crate) use path::Path;
pub use promise::{PromisedFact, PromisedFacts};
pub use spelling::Spelling;

#[cfg(test)]
mod tests;
