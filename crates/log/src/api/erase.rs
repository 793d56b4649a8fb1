//! `POST /erase`.

use std::sync::Arc;

use countersign::link::{self, ChainId};
use countersign::time::Time;
use serde::Deserialize;
use serde_json::{Map, json};

use super::response::json;
use super::{Answer, ApiError, query};
use crate::erase::{Cause, Erased};
use crate::event_filter::EventFilter;
use crate::tokens::{Access, Scope};

/// The maximum size of a body, in bytes.
pub const MAX_BODY: usize = 1 << 20;
/// The maximum length of a reason, in characters.
const MAX_REASON: usize = 500;

/// A request to erase events.
pub struct ErasureRequest {
    /// The events to erase.
    pub chosen: Chosen,
    /// The actor and the reason, which the log records.
    pub cause: Cause,
}

/// The events that an erasure request selects.
pub enum Chosen {
    /// The events at these places. Each must be in the log and within the scope.
    Places(Vec<(ChainId, u64)>, Arc<Scope>),
    /// The events within the scope that meet all of these conditions.
    Matching(Box<EventFilter>, Arc<Scope>),
}

impl ErasureRequest {
    /// Parses a body. `None` means that it did not arrive completely. `access` belongs to the reader who
    /// sends the request, and relative times count from `now`.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn read(body: Option<&[u8]>, access: &Access, now: Time) -> Result<Self, ApiError> {
        let body = body.filter(|body| body.len() <= MAX_BODY).ok_or_else(|| {
            let message = "the body is larger than 1 MiB, or did not arrive completely";
            ApiError::new(http::StatusCode::PAYLOAD_TOO_LARGE, "request.invalid", message)
                .with_hint("name fewer events per request")
        })?;
        let body: Body = serde_json::from_slice(body).map_err(|error| {
            let hint =
                "send {\"events\":[\"CHAIN/SEQ\"],\"reason\":\"…\"} or {\"filter\":{…},\"reason\":\"…\"}";
            ApiError::invalid(format!("the body is not a valid erasure request: {error}")).with_hint(hint)
        })?;
        let reason = check_reason(body.reason)?;
        let (mut metadata, scope) = (Map::new(), access.scope().clone());
        let chosen = match (body.events, body.filter) {
            (Some(events), None) => {
                metadata.insert("chosen_by".into(), "place".into());
                Chosen::Places(places(&events)?, scope)
            }
            (None, Some(conditions)) => {
                let filter = conditions.read(now)?;
                // Record only the names: the values may be personal data, and the record outlives the erased
                // events.
                metadata.insert("chosen_by".into(), filter.names().into());
                Chosen::Matching(Box::new(filter), scope)
            }
            _ => {
                return Err(ApiError::invalid("the body must contain either `events` or `filter`, not both")
                    .with_hint("send exactly one of them"));
            }
        };
        let actor = access.name().to_owned();
        Ok(Self { chosen, cause: Cause { actor_type: "user", actor, reason, metadata } })
    }
}

/// The JSON body: either places of events, or conditions that they meet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    events: Option<Vec<String>>,
    filter: Option<Conditions>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conditions {
    actor: Option<String>,
    action: Option<String>,
    target: Option<String>,
    outcome: Option<String>,
    tenant: Option<String>,
    since: Option<String>,
    until: Option<String>,
    chain: Option<String>,
    q: Option<String>,
    query: Option<String>,
}

impl Conditions {
    fn read(self, now: Time) -> Result<EventFilter, ApiError> {
        let Self { actor, action, target, outcome, tenant, since, until, chain, q, query: written } = self;
        let mut filter = EventFilter::default();
        for (name, value) in [
            ("actor", actor),
            ("action", action),
            ("target", target),
            ("outcome", outcome),
            ("tenant", tenant),
            ("since", since),
            ("until", until),
            ("chain", chain),
            ("q", q),
            ("query", written),
        ] {
            if let Some(value) = value {
                filter.set(name, &value, now).map_err(|error| query::unusable(name, error))?;
            }
        }
        if filter.is_empty() {
            let hint = "add at least one condition; an empty filter would erase every event of the log";
            return Err(query::invalid("filter", "must contain at least one condition").with_hint(hint));
        }
        Ok(filter)
    }
}

fn check_reason(reason: String) -> Result<String, ApiError> {
    let good = !reason.trim().is_empty()
        && reason.chars().count() <= MAX_REASON
        && !reason.chars().any(char::is_control);
    if good {
        return Ok(reason);
    }
    let hint = "name a case or a law, but no personal data; the reason is recorded permanently";
    Err(query::invalid("reason", "must be one line of 1 to 500 characters").with_hint(hint))
}

fn places(events: &[String]) -> Result<Vec<(ChainId, u64)>, ApiError> {
    let place = |text: &String| {
        link::place(text).ok_or_else(|| {
            query::invalid("events", "must contain places such as CHAIN/SEQ: 32 hex digits and a number")
        })
    };
    events.iter().map(place).collect()
}

/// Returns the response to an erasure: 200 if it is complete, 202 if some events will be erased later.
pub fn done(Erased { erased, without, own, held, left, unrecorded }: Erased) -> Answer {
    let mut body = json!({ "erased": erased, "without": without, "own": own, "held": held });
    if unrecorded > 0 {
        body["unrecorded"] = unrecorded.into();
    }
    if left == 0 {
        return json(&body);
    }
    body["left"] = left.into();
    let mut answer = json(&body);
    *answer.status_mut() = http::StatusCode::ACCEPTED;
    answer.headers_mut().insert(http::header::LOCATION, http::HeaderValue::from_static("/erasures"));
    answer
}
