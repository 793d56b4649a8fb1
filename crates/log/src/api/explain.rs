//! Handlers for `GET /explain`: what a search of the log finds, and why it finds nothing.

use countersign::time::Time;
use countersign_query::tally::{PartMatches, UnknownField};
use serde_json::{Value, json};

use super::response::{self, NO_STORE};
use super::{Answer, ApiError, query};
use crate::export::{Explained, Request};
use crate::tokens::Access;

/// Parses a request. Also returns true if it asks only for unknown fields.
///
/// # Errors
/// [`ApiError`].
pub fn read(query: Option<&str>, access: &Access, now: Time) -> Result<(Request, bool), ApiError> {
    query::explain(query, access.scope().clone(), now)
}

/// Returns the response: everything, or only unknown fields.
pub fn answer(explained: &Explained, fields_alone: bool) -> Answer {
    let Explained { size, query, findings } = explained;
    let remaining = |parts: &[PartMatches]| -> Value {
        let one = |left: &PartMatches| {
            let mut item = json!({ "part": left.part, "events": left.events });
            if let Some(short) = left.short {
                item["short"] = short.into();
            }
            item
        };
        parts.iter().map(one).collect()
    };
    let unknown = |unknown: &UnknownField| json!({ "field": unknown.field, "at": [unknown.at.start, unknown.at.end], "nearest": unknown.nearest });
    let unknown: Value = findings.unknown.iter().map(unknown).collect();
    let mut body = json!({ "size": size, "query": query, "unknown": unknown });
    // Omit counts with `only=fields`, because they would cover only some of the events.
    if !fields_alone {
        body["of"] = findings.of.into();
        body["matched"] = findings.matched.into();
        body["conditions"] = remaining(&findings.conditions);
        body["steps"] = remaining(&findings.steps);
        body["times"] =
            findings.times.map(|(own, recorded)| json!({ "own": own, "recorded": recorded })).into();
    }
    let mut answer = response::json(&body);
    let (name, value) = NO_STORE;
    answer.headers_mut().insert(name, http::HeaderValue::from_static(value));
    answer
}
