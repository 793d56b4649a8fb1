//! Requests to begin and end tenant logs, in tables.

use countersign::event::{Event, Redaction};
use countersign::hex;
use countersign::tenant::{State, TenantOrigin};
use countersign::time::Time;

use super::database::{Database, Row, all, first};
use super::tenant_rows::{
    BY_NAME, CREATING, FINDING, find_or_insert, state, tenant, tenant_number, transaction,
};
use crate::own_chain::Random;
use crate::store::StoreError;
use crate::tenants::CreationError;
use crate::tenants::heads::SlotHead;
use crate::tenants::requests::{DamagedRequest, Ending, MAX_REQUESTS, StoredRequest, TenantRequest};
use crate::tenants::tenant::{Tenant, TenantId, TenantNumber, check_name};

const READING: &str = "reading the requests for tenant logs";
const ENDING: &str = "ending a tenant log";

/// The reason why a tenant log can't be ended, or can't continue another one.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There is no tenant with this name.
    #[error("there is no tenant named {0:?}")]
    Unknown(String),
    /// The log has ended in another way, or is about to.
    #[error("the log of {0:?} has ended already, or is about to")]
    Ended(String),
    /// The log has not ended yet.
    #[error("the log of {0:?} has not ended")]
    Live(String),
    /// There is a tenant with this name, and another log than its own is to be continued.
    #[error("{0:?} has a log already")]
    Exists(String),
    /// No tenant can be created.
    #[error(transparent)]
    Creation(#[from] CreationError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the requests for the next tick.
pub(super) fn requests(database: &dyn Database) -> Result<Vec<StoredRequest>, StoreError> {
    let sql = "SELECT number, id, opening, tenant_requests.state, moved_to \
               FROM tenant_requests JOIN tenants USING (number) ORDER BY number LIMIT ?";
    all(database, READING, sql, &[MAX_REQUESTS.into()], |row| {
        let number = tenant_number(row, 0)?;
        Ok(request(row, number).map_err(|error| DamagedRequest { number, error }))
    })
}

/// Reads a request. A row that states no known request is damaged: an end can't be undone, so none is guessed.
fn request(row: &dyn Row, number: TenantNumber) -> Result<TenantRequest, StoreError> {
    let damaged = |why: &str| StoreError::Damaged(format!("the request for a tenant log {why}"));
    let ending = match row.optional_number(3)? {
        None => None,
        Some(_) => Some(match (state(row, 3)?, row.text(4)?) {
            (State::Ended, None) => Ending::End,
            (State::Ended, Some(_)) => return Err(damaged("ends it, but names a log that continues it")),
            (State::Moved, Some(origin)) if TenantOrigin::parse(&origin).is_some() => Ending::Move(origin),
            (State::Moved, _) => return Err(damaged("moves it, but names no log that continues it")),
            (State::Live, _) => return Err(damaged("neither begins nor ends it")),
        }),
    };
    let openings: Vec<String> =
        row.text(2)?.map_or_else(Vec::new, |lines| lines.lines().map(str::to_owned).collect());
    if openings.is_empty() && ending.is_none() {
        return Err(damaged("neither begins nor ends it"));
    }
    let is_event = |line: &String| Event::parse(line.as_bytes(), &Redaction::none()).is_ok();
    if !openings.iter().all(is_event) {
        return Err(damaged("has an opening that is not an event"));
    }
    Ok(TenantRequest { number, id: row.array(1)?, openings, ending })
}

/// Returns the stored requests that can't be read, and the tenants that they are for.
///
/// # Errors
/// [`StoreError`].
pub fn damaged_requests(database: &dyn Database) -> Result<Vec<DamagedRequest>, StoreError> {
    Ok(requests(database)?.into_iter().filter_map(Result::err).collect())
}

/// Returns the name of a tenant whose log was shown, but which the database lacks. Its own name is unknown.
pub fn lost_name(id: &TenantId) -> String {
    format!("lost {}", hex::encode(id))
}

/// Deletes the requests that a tick with these changed heads carries out.
pub(super) fn delete_carried_out(database: &dyn Database, heads: &[SlotHead]) -> Result<(), StoreError> {
    let any = "SELECT 1 FROM tenant_requests LIMIT 1";
    if first(database, READING, any, &[], |_| Ok(()))?.is_none() {
        return Ok(());
    }
    let sql = "DELETE FROM tenant_requests WHERE number = ?1 AND coalesce(state, 0) <= ?2 \
               AND (?2 > 0 OR ?3 > 0)";
    for SlotHead { number, size, state, .. } in heads {
        let (number, state) = (i64::from(number.get()), i64::from(state.to_byte()));
        database.change(ENDING, sql, &[number.into(), state.into(), (*size).into()])?;
    }
    Ok(())
}

/// Returns the origin of the log that continues a tenant log.
pub(super) fn moved_to(database: &dyn Database, number: TenantNumber) -> Result<Option<String>, StoreError> {
    let sql = "SELECT moved_to FROM tenants WHERE number = ?";
    let found = first(database, READING, sql, &[i64::from(number.get()).into()], |row| row.text(0))?;
    Ok(found.flatten())
}

/// Requests that the logs of the tenants with these names end, in one step. A log that ended this way, or is about to,
/// is left as it is.
///
/// # Errors
/// [`RequestError`]. Nothing was requested then.
pub fn end_tenants(
    database: &dyn Database,
    names: &[&str],
    ending: &Ending,
) -> Result<Vec<Tenant>, RequestError> {
    transaction(database, ENDING, &mut || names.iter().map(|name| end(database, name, ending)).collect())
}

fn end(database: &dyn Database, name: &str, ending: &Ending) -> Result<Tenant, RequestError> {
    let found = first(database, FINDING, BY_NAME, &[name.into()], tenant)?;
    let found = found.map_or_else(|| find_lost(database, name), |tenant| Ok(Some(tenant)))?;
    let tenant = found.ok_or_else(|| RequestError::Unknown(name.into()))?;
    let number = i64::from(tenant.number.get());
    let requested = "SELECT state FROM tenant_requests WHERE number = ? AND state IS NOT NULL";
    let requested = first(database, ENDING, requested, &[number.into()], |row| state(row, 0))?;
    let last = requested.unwrap_or(tenant.state);
    if last != State::Live {
        let moved_to = moved_to(database, tenant.number)?;
        let is_same = last == ending.state() && moved_to.as_deref() == ending.moved_to();
        return if is_same { Ok(tenant) } else { Err(RequestError::Ended(name.into())) };
    }
    let sql = "INSERT INTO tenant_requests (number, state) VALUES (?1, ?2) \
               ON CONFLICT (number) DO UPDATE SET state = ?2";
    let last = i64::from(ending.state().to_byte());
    database.change(ENDING, sql, &[number.into(), last.into()])?;
    let sql = "UPDATE tenants SET moved_to = ?2 WHERE number = ?1";
    database.change(ENDING, sql, &[number.into(), ending.moved_to().into()])?;
    Ok(tenant)
}

/// Returns the tenant with this [`lost_name`]. Its log can only end: it is stopped, so it ends with its last head (SPEC
/// section 16.12).
fn find_lost(database: &dyn Database, name: &str) -> Result<Option<Tenant>, StoreError> {
    let sql = "SELECT number, id, name, since, state FROM tenants WHERE name = ? AND replaced IS NOT NULL";
    let found = all(database, FINDING, sql, &[name.into()], tenant)?;
    Ok(found.into_iter().find(|tenant| lost_name(&tenant.id) == name))
}

/// A tenant of a root log that takes the place of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// The tenant's name.
    pub name: String,
    /// The log server's first event in the log, a JSON text in one line: it states which log this one continues.
    pub opening: Option<String>,
}

/// Creates tenants in one step. Those that exist stay as they are. Returns them in the same order.
///
/// # Errors
/// [`RequestError`]. Nothing was created then.
pub fn continue_as_tenants(
    database: &dyn Database,
    successors: &[Successor],
    random: &mut Random,
    now: Time,
) -> Result<Vec<Tenant>, RequestError> {
    transaction(database, CREATING, &mut || {
        let mut tenants = Vec::with_capacity(successors.len());
        for Successor { name, opening } in successors {
            let found = first(database, FINDING, BY_NAME, &[name.as_str().into()], tenant)?;
            tenants.push(match found {
                Some(found) => found,
                None => insert_with_openings(database, name, opening.as_slice(), random, now)?,
            });
        }
        Ok(tenants)
    })
}

/// Creates a tenant whose log begins with these events of the log server. Call it in a transaction.
fn insert_with_openings(
    database: &dyn Database,
    name: &str,
    openings: &[String],
    random: &mut Random,
    now: Time,
) -> Result<Tenant, RequestError> {
    let new = find_or_insert(database, name, random, now)?;
    if !openings.is_empty() {
        let sql = "INSERT INTO tenant_requests (number, opening) VALUES (?, ?)";
        let openings = openings.join("\n");
        database.change(CREATING, sql, &[i64::from(new.number.get()).into(), (&*openings).into()])?;
    }
    Ok(new)
}

/// Creates a tenant whose log continues other logs. The log server's first events in it, `openings`, state this; each is
/// a JSON text in one line. If a tenant with this name has a log, it must be `replaced`, and have ended.
///
/// # Errors
/// [`RequestError`]. Nothing was created then.
pub fn continue_as_tenant(
    database: &dyn Database,
    name: &str,
    openings: &[String],
    replaced: Option<&TenantId>,
    random: &mut Random,
    now: Time,
) -> Result<Tenant, RequestError> {
    check_name(name)?;
    transaction(database, CREATING, &mut || {
        if let Some(old) = first(database, FINDING, BY_NAME, &[name.into()], tenant)? {
            if replaced != Some(&old.id) {
                return Err(RequestError::Exists(name.into()));
            }
            if old.state == State::Live {
                return Err(RequestError::Live(name.into()));
            }
            let sql = "UPDATE tenants SET replaced = 1 WHERE number = ?";
            database.change(CREATING, sql, &[i64::from(old.number.get()).into()])?;
        }
        insert_with_openings(database, name, openings, random, now)
    })
}
