//! The key notes for all tenant logs, and the tenant logs where a key has entries.

use countersign::hash::Hash;
use countersign::log::PendingBatch;
use countersign::note::VerifierKey;

use super::changes::COMMITTING;
use super::database::{Database, Value, all, first};
use super::tenant_rows::tenant;
use crate::store::StoreError;
use crate::tenants::root_notes::{RootNote, StoredRootNote, keys_of};
use crate::tenants::tenant::{Tenant, TenantNumber};

const ADDING: &str = "storing a key note for all tenant logs";
const READING: &str = "reading the key notes for all tenant logs";
const FINDING: &str = "looking for a key's tenant logs";

/// Returns the notes in the order in which they were added.
pub(super) fn all_notes(database: &dyn Database) -> Result<Vec<StoredRootNote>, StoreError> {
    let sql = "SELECT note, placed FROM root_notes ORDER BY id";
    all(database, READING, sql, &[], |row| {
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let note = RootNote::parse(row.string(0)?).map_err(damaged)?;
        Ok(StoredRootNote { note, is_placed: row.boolean(1)? })
    })
}

/// Adds a note in a transaction of its own.
pub(super) fn add(database: &dyn Database, note: &RootNote) -> Result<(), StoreError> {
    let (key, is_grant) = (note.key().as_str(), note.is_grant());
    let row =
        [(&note.hash.0).into(), key.into(), is_grant.into(), note.text.as_str().into(), is_grant.into()];
    database.transaction(ADDING, &mut || {
        database.put(ADDING, "INSERT INTO root_notes (hash, key, is_grant, note, placed)", 5, &row)
    })
}

/// Records that a note needs no pass anymore. Not part of a transaction.
pub(super) fn mark_placed(database: &dyn Database, hash: &Hash) -> Result<(), StoreError> {
    let sql = "UPDATE root_notes SET placed = 1 WHERE hash = ?";
    database.change(ADDING, sql, &[(&hash.0).into()]).map(drop)
}

/// True if a note grants this key in all tenant logs.
pub(super) fn is_granted(database: &dyn Database, key: &VerifierKey) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM root_notes WHERE key = ? AND is_grant LIMIT 1";
    Ok(first(database, READING, sql, &[key.as_str().into()], |_| Ok(()))?.is_some())
}

/// Adds the keys about which a tenant log has new entries.
pub(super) fn write_keys(
    database: &dyn Database,
    number: TenantNumber,
    growth: &PendingBatch,
) -> Result<(), StoreError> {
    let number = i64::from(number.get());
    let rows: Vec<Value<'_>> =
        keys_of(growth).into_iter().flat_map(|key| [key.into(), number.into()]).collect();
    database.put(COMMITTING, "INSERT OR IGNORE INTO tenant_keys", 2, &rows)
}

/// True if a tenant log has a chain of a key, or a key note about it.
pub(super) fn has_key(
    database: &dyn Database,
    number: TenantNumber,
    key: &VerifierKey,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM tenant_keys WHERE key = ? AND number = ?";
    let row = [key.as_str().into(), i64::from(number.get()).into()];
    Ok(first(database, FINDING, sql, &row, |_| Ok(()))?.is_some())
}

/// Returns the tenants whose logs have a chain of a key, or a key note about it.
pub(super) fn tenants_with_key(
    database: &dyn Database,
    key: &VerifierKey,
    after: u32,
    max: u64,
) -> Result<Vec<Tenant>, StoreError> {
    let sql = "SELECT number, id, name, since, state FROM tenant_keys JOIN tenants USING (number) \
               WHERE key = ? AND number > ? ORDER BY number LIMIT ?";
    all(database, FINDING, sql, &[key.as_str().into(), i64::from(after).into(), max.into()], tenant)
}
