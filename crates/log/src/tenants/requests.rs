//! Requests to begin or end a tenant log. Each is stored until a tick carries it out.
//!
//! Commands write them to the database, whether or not a server runs. The tick that carries a request out contains the
//! log server's event and the log's new state, and deletes the request: all of it is durable, or nothing.

use countersign::tenant::{State, TenantOrigin};
use serde_json::{Value, json};

use super::tenant::{TenantId, TenantNumber};
use crate::store::StoreError;

/// The maximum number of requests that one tick carries out.
pub(crate) const MAX_REQUESTS: u64 = 1024;

/// A request that no tick has carried out yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRequest {
    /// The tenant.
    pub number: TenantNumber,
    /// The ID in the tenant log's origin.
    pub id: TenantId,
    /// The log's first events: the log server states which logs it continues.
    pub openings: Vec<String>,
    /// The end of the log.
    pub ending: Option<Ending>,
}

/// A request as it is stored.
pub type StoredRequest = Result<TenantRequest, DamagedRequest>;

/// A stored request that can't be read. The tenant's log doesn't grow until it is repaired.
#[derive(Debug)]
pub struct DamagedRequest {
    /// The tenant.
    pub number: TenantNumber,
    /// The reason.
    pub error: StoreError,
}

/// The end of a tenant log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The log ends.
    End,
    /// The log continues as the log with this origin.
    Move(String),
}

impl Ending {
    /// Returns the state of the log afterward.
    pub const fn state(&self) -> State {
        match self {
            Self::End => State::Ended,
            Self::Move(_) => State::Moved,
        }
    }

    /// Returns the origin of the log that continues it.
    pub fn moved_to(&self) -> Option<&str> {
        match self {
            Self::End => None,
            Self::Move(origin) => Some(origin),
        }
    }

    /// Returns the log's last event, which is `log.end` (SPEC section 12).
    pub fn event(&self, origin: &TenantOrigin) -> Value {
        let mut metadata = json!({ "state": self.state().as_str() });
        if let Some(origin) = self.moved_to() {
            metadata["moved_to"] = origin.into();
        }
        json!({
            "action": "log.end",
            "actor": { "type": "service", "id": origin.root() },
            "target": { "type": "log", "id": origin.as_str() },
            "metadata": metadata,
        })
    }
}
