//! `POST /erase`.

use std::sync::Arc;

use countersign::link::{self, ChainId};
use countersign::time::Time;
use serde::Deserialize;
use serde_json::{Map, json};

use super::response::json;
use super::{Answer, ApiError, query};
use crate::erase::{Cause, Erased};
use crate::event_filter::Asked;
use crate::tokens::{Access, Scope};

/// The most bytes that a body may have.
pub const MAX_BODY: usize = 1 << 20;
/// The most characters that a reason may have.
const MAX_REASON: usize = 500;

/// What shall be erased.
pub struct ErasureRequest {
    /// The events to erase.
    pub chosen: Chosen,
    /// Who erases them, and why.
    pub cause: Cause,
}

/// Which events.
pub enum Chosen {
    /// Those of these places, all of which the log has, within the scope.
    Places(Vec<(ChainId, u64)>, Arc<Scope>),
    /// Those within the scope that fulfill all of these conditions.
    Matching(Box<Asked>, Arc<Scope>),
}

impl ErasureRequest {
    /// Reads a body. `access` is the token of who asks, at that moment; a body that did not come whole is none.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn read(body: Option<&[u8]>, access: &Access, now: Time) -> Result<Self, ApiError> {
        let body = body.filter(|body| body.len() <= MAX_BODY).ok_or_else(|| {
            let message = "the body did not come whole";
            ApiError::new(http::StatusCode::PAYLOAD_TOO_LARGE, "request.invalid", message)
                .with_hint("it has at most 1 MiB: ask for fewer events at a time")
        })?;
        let body: Body = serde_json::from_slice(body).map_err(|error| {
            let hint =
                "send {\"events\":[\"CHAIN/SEQ\"],\"reason\":\"…\"} or {\"filter\":{…},\"reason\":\"…\"}";
            ApiError::invalid(format!("the body is not what is asked for: {error}")).with_hint(hint)
        })?;
        let reason = check_reason(body.reason)?;
        let (mut metadata, scope) = (Map::new(), access.scope().clone());
        let chosen = match (body.events, body.filter) {
            (Some(events), None) => {
                metadata.insert("chosen_by".into(), "place".into());
                Chosen::Places(places(&events)?, scope)
            }
            (None, Some(conditions)) => {
                let asked = conditions.read(now)?;
                // Whose events they are is not said: that would outlive them.
                metadata.insert("chosen_by".into(), asked.names().into());
                Chosen::Matching(Box::new(asked), scope)
            }
            _ => return Err(ApiError::invalid("name either events or a filter")),
        };
        let actor = access.name().to_owned();
        Ok(Self { chosen, cause: Cause { actor_type: "user", actor, reason, metadata } })
    }
}

/// A body: some events, or all that match.
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
    fn read(self, now: Time) -> Result<Asked, ApiError> {
        let Self { actor, action, target, outcome, tenant, since, until, chain, q, query: written } = self;
        let mut asked = Asked::default();
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
                asked.set(name, &value, now).map_err(|error| query::unusable(name, error))?;
            }
        }
        if asked.is_empty() {
            let hint = "name at least one condition: without any, every event of the log would be erased";
            return Err(query::invalid("filter", "there is no condition in it").with_hint(hint));
        }
        Ok(asked)
    }
}

fn check_reason(reason: String) -> Result<String, ApiError> {
    let good = !reason.trim().is_empty()
        && reason.chars().count() <= MAX_REASON
        && !reason.chars().any(char::is_control);
    if good {
        return Ok(reason);
    }
    let hint = "it is recorded for good: name a case or a law, and nobody's personal data";
    Err(query::invalid("reason", "it is a line of 1 to 500 characters").with_hint(hint))
}

fn places(events: &[String]) -> Result<Vec<(ChainId, u64)>, ApiError> {
    let place = |text: &String| {
        link::place(text)
            .ok_or_else(|| query::invalid("events", "a place is CHAIN/SEQ: 32 hex digits and a number"))
    };
    events.iter().map(place).collect()
}

/// The answer when it is done, or when some of it is left for later.
pub fn done(Erased { erased, without, own, held, left }: Erased) -> Answer {
    let mut body = json!({ "erased": erased, "without": without, "own": own, "held": held });
    if left == 0 {
        return json(&body);
    }
    body["left"] = left.into();
    let mut answer = json(&body);
    *answer.status_mut() = http::StatusCode::ACCEPTED;
    answer.headers_mut().insert(http::header::LOCATION, http::HeaderValue::from_static("/erasures"));
    answer
}
