//! Handlers for `GET /erasures` and `GET /erasures/<record>`, which report the progress of erasures.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::response::json;
use super::{Answer, ApiError, query};
use crate::erase::{ErasureState, UnrecordedErasure};
use crate::store::{Erasure, ErasureReader, StoreError};
use crate::tokens::Access;

/// The maximum number of erasures in one response.
const MAX_ERASURES: u64 = 100;

/// Rejects tokens that are limited to some events: erasures may affect others.
///
/// # Errors
/// [`ApiError`].
pub fn check(access: &Access) -> Result<(), ApiError> {
    if access.scope().is_everything() {
        return Ok(());
    }
    let message = "this token is limited to some events, and erasures may affect others";
    Err(ApiError::new(StatusCode::FORBIDDEN, "request.forbidden", message)
        .with_hint("use a token for all events, or look for `log.erase` events in the log's own chain"))
}

/// The erasures that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasuresRequest {
    /// The newest erasures, at most 100.
    Newest {
        /// If set, only erasures that are recorded before this entry.
        before: Option<u64>,
    },
    /// The erasure that this entry records.
    One(u64),
}

impl ErasuresRequest {
    /// Parses a path and its query.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn read(path: &str, query: Option<&str>) -> Result<Self, ApiError> {
        let Some(record) = path.strip_prefix("/erasures/") else {
            let before = query::read(query, &["before"])?.pop();
            let before = before.map(|(name, value)| query::integer(&name, &value)).transpose()?;
            return Ok(Self::Newest { before });
        };
        query::read(query, &[])?;
        let record = query::integer("record", record).map_err(|_| ApiError::not_found())?;
        Ok(Self::One(record))
    }

    /// Returns the response. `state` determines the progress of an erasure. `unrecorded` are the erasures that the log
    /// has not recorded, which are listed with the newest ones.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn answer(
        self,
        reader: &dyn ErasureReader,
        unrecorded: &[UnrecordedErasure],
        state: &dyn Fn(Erasure) -> Result<ErasureState, StoreError>,
    ) -> Result<Answer, ApiError> {
        let (before, max) = match self {
            Self::Newest { before } => (before, MAX_ERASURES),
            Self::One(record) => (Some(record + 1), 1),
        };
        let found = reader.erasures(before, max)?;
        if let Self::One(record) = self {
            let found = found.first().filter(|erasure| erasure.record == record);
            let found = *found.ok_or_else(ApiError::not_found)?;
            return Ok(json(&members(&state(found)?).into()));
        }
        let next = found.last().filter(|_| found.len() as u64 == MAX_ERASURES).map(|last| last.record);
        let found: Vec<Value> = found
            .into_iter()
            .map(|erasure| Ok(members(&state(erasure)?).into()))
            .collect::<Result<_, StoreError>>()?;
        let mut body = json!({ "erasures": found });
        if !unrecorded.is_empty() && matches!(self, Self::Newest { before: None }) {
            body["unrecorded"] = unrecorded.iter().rev().map(unrecorded_members).collect();
        }
        if let Some(next) = next {
            body["before"] = next.into();
        }
        Ok(json(&body))
    }
}

fn unrecorded_members(UnrecordedErasure { at, cause, entries }: &UnrecordedErasure) -> Value {
    json!({
        "state": "unrecorded",
        "at": at.to_string(),
        "actor": { "type": cause.actor_type, "id": cause.actor },
        "reason": cause.reason,
        "events": entries.len(),
    })
}

fn members(state: &ErasureState) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("record".into(), state.record.into());
    members.insert("state".into(), state.word().into());
    members.insert("at".into(), state.at.to_string().into());
    members.extend(state.cause());
    members.insert("events".into(), state.events.into());
    members.insert("left".into(), state.left.into());
    members.insert("held".into(), state.held.into());
    if let Some(done) = state.done {
        members.insert("done".into(), done.to_string().into());
    }
    members
}
