//! `GET /erasures` and `GET /erasures/<record>`: how far erasures are.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::response::json;
use super::{Answer, ApiError, query};
use crate::erase::ErasureState;
use crate::store::{Erasure, ErasureReader, StoreError};
use crate::tokens::Access;

/// How many are in one answer.
const MOST: u64 = 100;

/// A token that is for some events alone is not told of erasures, which may be of others.
///
/// # Errors
/// [`ApiError`].
pub fn check(access: &Access) -> Result<(), ApiError> {
    if access.scope().is_everything() {
        return Ok(());
    }
    let message = "erasures are told to tokens that are for all events";
    Err(ApiError::new(StatusCode::FORBIDDEN, "request.forbidden", message)
        .with_hint("an erasure that this token asked for is in the log's own chain, as log.erase"))
}

/// Which erasures are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The newest, or those before a record.
    Newest {
        /// Only those recorded before this entry.
        before: Option<u64>,
    },
    /// That of one record.
    One(u64),
}

impl Asked {
    /// Reads an address.
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

    /// The answer. `state` finds out how far an erasure is.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn answer(
        self,
        reader: &dyn ErasureReader,
        state: &dyn Fn(Erasure) -> Result<ErasureState, StoreError>,
    ) -> Result<Answer, ApiError> {
        let (before, most) = match self {
            Self::Newest { before } => (before, MOST),
            Self::One(record) => (Some(record + 1), 1),
        };
        let found = reader.erasures(before, most)?;
        if let Self::One(record) = self {
            let found = found.first().filter(|erasure| erasure.record == record);
            let found = *found.ok_or_else(ApiError::not_found)?;
            return Ok(json(&of(&state(found)?).into()));
        }
        let next = found.last().filter(|_| found.len() as u64 == MOST).map(|last| last.record);
        let found: Vec<Value> = found
            .into_iter()
            .map(|erasure| Ok(of(&state(erasure)?).into()))
            .collect::<Result<_, StoreError>>()?;
        let mut body = json!({ "erasures": found });
        if let Some(next) = next {
            body["before"] = next.into();
        }
        Ok(json(&body))
    }
}

fn of(state: &ErasureState) -> Map<String, Value> {
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
