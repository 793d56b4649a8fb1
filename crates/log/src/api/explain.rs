//! `GET /explain`: what a search of the log finds, and why it finds nothing.

use countersign::time::Time;
use countersign_query::tally::{PartMatches, UnknownField};
use serde_json::{Value, json};

use super::response::{self, NO_STORE};
use super::{Answer, ApiError, query};
use crate::export::{Explained, Request};
use crate::tokens::Access;

/// Reads a request, at that moment, and whether it asks for unknown fields alone.
///
/// # Errors
/// [`ApiError`].
pub fn read(query: Option<&str>, access: &Access, now: Time) -> Result<(Request, bool), ApiError> {
    query::explain(query, access.scope().clone(), now)
}

/// The answer, with the unknown fields alone or with all there is to tell.
pub fn answer(explained: &Explained, fields_alone: bool) -> Answer {
    let Explained { size, query, findings } = explained;
    let left = |parts: &[PartMatches]| -> Value {
        let one = |left: &PartMatches| {
            let mut told = json!({ "part": left.part, "events": left.events });
            if let Some(short) = left.short {
                told["short"] = short.into();
            }
            told
        };
        parts.iter().map(one).collect()
    };
    let unknown = |unknown: &UnknownField| json!({ "field": unknown.field, "at": [unknown.at.start, unknown.at.end], "nearest": unknown.nearest });
    let unknown: Value = findings.unknown.iter().map(unknown).collect();
    let mut told = json!({ "size": size, "query": query, "unknown": unknown });
    // What only some events say is not what was found.
    if !fields_alone {
        told["of"] = findings.of.into();
        told["matched"] = findings.matched.into();
        told["conditions"] = left(&findings.conditions);
        told["steps"] = left(&findings.steps);
        told["times"] =
            findings.times.map(|(own, recorded)| json!({ "own": own, "recorded": recorded })).into();
    }
    let mut answer = response::json(&told);
    let (name, value) = NO_STORE;
    answer.headers_mut().insert(name, http::HeaderValue::from_static(value));
    answer
}
