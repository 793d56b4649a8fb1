//! Rows of tenants: reads them, and adds new ones.

use std::fmt;

use countersign::hash::Hash;
use countersign::tenant::{MAX_DEPTH, MIN_DEPTH, State};
use countersign::time::Time;

use super::database::{Database, Row, Value, all, first};
use crate::own_chain::Random;
use crate::store::StoreError;
use crate::tenants::CreationError;
use crate::tenants::heads::SlotHead;
use crate::tenants::slots::{draw_id, required_depth};
use crate::tenants::tenant::{Tenant, TenantNumber, check_name};

pub(super) const CREATING: &str = "creating a tenant";
pub(super) const FINDING: &str = "looking for a tenant";
pub(super) const BY_NAME: &str =
    "SELECT number, id, name, since, state FROM tenants WHERE name = ? AND replaced IS NULL";

/// Creates a tenant, or returns the one with that name. Its ID has a slot of its own at the current depth, or at the
/// greater depth that the directory needs with the new tenant ([`required_depth`]).
///
/// # Errors
/// [`CreationError`]. No tenant was created then.
pub fn create_tenant(
    database: &dyn Database,
    name: &str,
    random: &mut Random,
    now: Time,
) -> Result<Tenant, CreationError> {
    check_name(name)?;
    transaction(database, CREATING, &mut || find_or_insert(database, name, random, now))
}

/// Creates several tenants in one step, as [`create_tenant`] does, and returns them in the order of their names.
///
/// # Errors
/// [`CreationError`]. No tenant was created then.
pub fn create_tenants(
    database: &dyn Database,
    names: &[&str],
    random: &mut Random,
    now: Time,
) -> Result<Vec<Tenant>, CreationError> {
    names.iter().try_for_each(|name| check_name(name))?;
    transaction(database, CREATING, &mut || {
        names.iter().map(|name| find_or_insert(database, name, random, now)).collect()
    })
}

/// Runs `work` in a transaction that an error of any kind undoes.
pub(super) fn transaction<T, E: From<StoreError> + fmt::Display>(
    database: &dyn Database,
    purpose: &'static str,
    work: &mut dyn FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut outcome = None;
    let committed = database.transaction(purpose, &mut || {
        let result = outcome.insert(work());
        // Only undoes the transaction: `outcome` has the error.
        result.as_ref().map(drop).map_err(|error| StoreError::unavailable(purpose, error))
    });
    let value = outcome.transpose()?;
    committed?;
    value.ok_or_else(|| StoreError::unavailable(purpose, "the transaction did not run").into())
}

/// Returns the tenant with this name, or creates it. Call it in a transaction.
pub(super) fn find_or_insert(
    database: &dyn Database,
    name: &str,
    random: &mut Random,
    now: Time,
) -> Result<Tenant, CreationError> {
    if let Some(tenant) = first(database, FINDING, BY_NAME, &[name.into()], tenant)? {
        return Ok(tenant);
    }
    // No row is ever deleted, so the number is also the number of tenants.
    let sql = "SELECT number FROM tenants ORDER BY number DESC LIMIT 1";
    let last = first(database, CREATING, sql, &[], |row| tenant_number(row, 0))?;
    let number = TenantNumber::new(last.map_or(1, |last| last.get() + 1)).ok_or(CreationError::Full)?;
    let depth = required_depth(number.get().into(), depth(database)?);
    let id = draw_id(random, |slot| is_slot_taken(database, slot, depth), depth)?;
    let tenant = Tenant { number, id, name: name.to_owned(), since: None, state: State::Live };
    let row = [
        i64::from(number.get()).into(),
        (&id).into(),
        name.into(),
        now.millis().into(),
        i64::from(State::Live.to_byte()).into(),
    ];
    database.put(CREATING, "INSERT INTO tenants (number, id, name, created, state)", 5, &row)?;
    Ok(tenant)
}

/// True if a tenant's ID begins with the bits of a slot.
fn is_slot_taken(database: &dyn Database, slot: u32, depth: u8) -> Result<bool, StoreError> {
    let rest = 128 - u32::from(depth);
    let first_id = u128::from(slot) << rest;
    let last_id = first_id + ((1 << rest) - 1);
    let ids = [first_id, last_id].map(u128::to_be_bytes);
    let sql = "SELECT 1 FROM tenants WHERE id >= ? AND id <= ? LIMIT 1";
    let taken = first(database, CREATING, sql, &ids.each_ref().map(Value::from), |_| Ok(()))?;
    Ok(taken.is_some())
}

/// Returns the depth of the last tick's directory.
pub(super) fn depth(database: &dyn Database) -> Result<u8, StoreError> {
    let sql = "SELECT depth FROM tenant_settings";
    let depth = first(database, "reading the directory's depth", sql, &[], |row| directory_depth(row, 0))?;
    depth.ok_or_else(|| StoreError::Damaged("the depth of the directory is missing".into()))
}

/// Returns the depth of a directory that is in a column.
pub(super) fn directory_depth(row: &dyn Row, column: usize) -> Result<u8, StoreError> {
    let depth = u8::try_from(row.number(column)?).ok();
    let depth = depth.filter(|depth| (MIN_DEPTH..=MAX_DEPTH).contains(depth));
    depth.ok_or_else(|| StoreError::Damaged("the depth of a directory is out of range".into()))
}

/// Returns the heads as of the last tick, in ascending order of the tenants' numbers.
pub(super) fn heads(database: &dyn Database) -> Result<Vec<SlotHead>, StoreError> {
    let sql = "SELECT number, id, size, root, tenant_heads.state FROM tenant_heads JOIN tenants USING (number) \
               ORDER BY number";
    all(database, "reading the heads", sql, &[], |row| {
        Ok(SlotHead {
            number: tenant_number(row, 0)?,
            id: row.array(1)?,
            size: row.number(2)?,
            root: Hash(row.array(3)?),
            state: state(row, 4)?,
        })
    })
}

/// Returns at most `max` of the tenants with greater numbers than `after`, ascending.
pub(super) fn tenants(database: &dyn Database, after: u32, max: u64) -> Result<Vec<Tenant>, StoreError> {
    let sql = "SELECT number, id, name, since, state FROM tenants WHERE number > ? ORDER BY number LIMIT ?";
    all(database, "reading the tenants", sql, &[i64::from(after).into(), max.into()], tenant)
}

pub(super) fn tenant(row: &dyn Row) -> Result<Tenant, StoreError> {
    Ok(Tenant {
        number: tenant_number(row, 0)?,
        id: row.array(1)?,
        name: row.string(2)?,
        since: row.optional_number(3)?,
        state: state(row, 4)?,
    })
}

pub(super) fn tenant_number(row: &dyn Row, column: usize) -> Result<TenantNumber, StoreError> {
    let number = u32::try_from(row.number(column)?).ok().and_then(TenantNumber::new);
    number.ok_or_else(|| StoreError::Damaged("a tenant's number is out of range".into()))
}

pub(super) fn state(row: &dyn Row, column: usize) -> Result<State, StoreError> {
    let number = row.number(column)?;
    let state = u8::try_from(number).ok().and_then(State::from_byte);
    state.ok_or_else(|| StoreError::Damaged(format!("a tenant log's state is invalid: {number}")))
}
