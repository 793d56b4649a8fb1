//! `POST /erase`.

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use roaring::RoaringTreemap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{AppState, Problem, access, query};
use crate::erase::{Cause, EraseError, Erased, erase};
use crate::export::Request;
use crate::filter::Filter;
use crate::tokens::Right;

/// The most bytes that a body may have.
const MAX_BODY: usize = 1 << 20;
/// The most characters that a reason may have.
const MAX_REASON: usize = 500;

/// What is asked for: some events, or all that match.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
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
}

impl Conditions {
    fn read(self) -> Result<Filter, Problem> {
        let Self { actor, action, target, outcome, tenant, since, until, chain, q } = self;
        let mut filter = Filter::default();
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
        ] {
            if let Some(value) = value {
                filter.set(name, &value).map_err(|error| query::invalid(name, &error.0))?;
            }
        }
        if filter.is_empty() {
            let hint = "name at least one condition: without any, every event of the log would be erased";
            return Err(query::invalid("filter", "there is no condition in it").with_hint(hint));
        }
        Ok(filter)
    }
}

pub(super) async fn erase_events(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let name = access::admit(&state.reading, &headers, Right::Erase)?;
    query::read(uri.query(), &[])?;
    let asked = read(body).await?;
    let reason = check_reason(asked.reason)?;
    let mut metadata = Map::new();
    let leaves = match (asked.events, asked.filter) {
        (Some(events), None) => {
            metadata.insert("chosen_by".into(), "place".into());
            places(&state, events).await?
        }
        (None, Some(conditions)) => {
            let filter = conditions.read()?;
            // Whose events they are is not said: that would outlive them.
            metadata.insert("chosen_by".into(), filter.names().into());
            matching(&state, filter).await?
        }
        _ => return Err(Problem::invalid("name either events or a filter")),
    };
    let cause = Cause { actor_type: "user", actor: name, reason, metadata };
    // Once begun it is brought to its end, also when the client goes away.
    let reading = state.reading.clone();
    let erased = tokio::spawn(async move { erase(&reading, leaves, &cause).await }).await;
    let erased = erased.map_err(|error| Problem::unavailable(&error))?.map_err(|error| match error {
        EraseError::Record(error) => Problem::of_submission(&error, state.collector.limits()),
        EraseError::Store(error) => error.into(),
    })?;
    let Erased { erased, without, own, held } = erased;
    Ok(Json(json!({ "erased": erased, "without": without, "own": own, "held": held })))
}

async fn read(body: Body) -> Result<Asked, Problem> {
    let bytes = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.invalid", "the body did not come whole")
            .with_hint("it has at most 1 MiB: ask for fewer events at a time")
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let hint = "send {\"events\":[\"CHAIN/SEQ\"],\"reason\":\"…\"} or {\"filter\":{…},\"reason\":\"…\"}";
        Problem::invalid(format!("the body is not what is asked for: {error}")).with_hint(hint)
    })
}

fn check_reason(reason: String) -> Result<String, Problem> {
    let good = !reason.trim().is_empty()
        && reason.chars().count() <= MAX_REASON
        && !reason.chars().any(char::is_control);
    if good {
        return Ok(reason);
    }
    let hint = "it is recorded for good: name a case or a law, and nobody's personal data";
    Err(query::invalid("reason", "it is a line of 1 to 500 characters").with_hint(hint))
}

/// The leaves of these places, all of which the log has.
async fn places(state: &AppState, events: Vec<String>) -> Result<RoaringTreemap, Problem> {
    let places = events.iter().map(|text| {
        query::place(text)
            .ok_or_else(|| query::invalid("events", "a place is CHAIN/SEQ: 32 hex digits and a number"))
    });
    let places: Vec<_> = places.collect::<Result<_, _>>()?;
    Ok(state.reading.glance(move |exporter| exporter.find(&places)).await?)
}

async fn matching(state: &AppState, filter: Filter) -> Result<RoaringTreemap, Problem> {
    // With a limit events alone match, and no links without one.
    let request = Request { filter, limit: Some(u64::MAX), ..Request::default() };
    Ok(state.reading.plan(request).await?.shown().clone())
}
