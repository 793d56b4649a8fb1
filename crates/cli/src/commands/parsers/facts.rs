//! The parsed facts of an event, as JSON.

use countersign_query::Parsers;
use countersign_query::parser::{PromisedFact, PromisedFacts};
use countersign_query::value::Document;
use serde_json::Value;

/// Parses an event. Returns `null` if no parser fits.
pub(super) fn parse(parsers: &Parsers, event: &str) -> Value {
    let Some(document) = Document::parse(event) else { return Value::Null };
    let Some(read) = parsers.parse(&document.root()) else { return Value::Null };
    let mut json = Vec::new();
    read.write_json(&mut json);
    serde_json::from_slice(&json).unwrap_or_default()
}

/// Returns the facts of an event that its parser could promise. `None` if no parser fits.
pub(super) fn promisable(parsers: &Parsers, event: &str) -> Option<PromisedFacts> {
    let document = Document::parse(event)?;
    let found = PromisedFacts::found_in(&parsers.parse(&document.root())?);
    Some(found.without([PromisedFact::Kind].into_iter().collect()))
}
