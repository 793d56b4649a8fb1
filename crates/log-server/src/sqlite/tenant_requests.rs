//! Requests to begin and end tenant logs, made by commands.

use std::path::Path;

use countersign::time::Time;
use countersign_log::own_chain::Random;
use countersign_log::store::StoreError;
use countersign_log::tables::{self, RequestError, Successor};
use countersign_log::tenants::memory::RememberedHead;
use countersign_log::tenants::requests::{DamagedRequest, Ending};
use countersign_log::tenants::tenant::{Tenant, TenantId};

use super::connection::failed;
use super::database::SqlDatabase;
use super::{FILE, connect_to_read, tenant_connection};

/// Requests that the logs of these tenants end, in one step. A server may be running: its next tick ends them.
///
/// # Errors
/// [`RequestError`]. Nothing was requested then.
pub fn end_tenants(folder: &Path, names: &[&str], ending: &Ending) -> Result<Vec<Tenant>, RequestError> {
    let connection = tenant_connection(folder)?;
    tables::end_tenants(&SqlDatabase(&connection), names, ending)
}

/// Creates a tenant whose log continues other logs, as [`tables::continue_as_tenant`] does.
///
/// # Errors
/// [`RequestError`]. Nothing was created then.
pub fn continue_as_tenant(
    folder: &Path,
    name: &str,
    openings: &[String],
    replaced: Option<&TenantId>,
    random: &mut Random,
    now: Time,
) -> Result<Tenant, RequestError> {
    let connection = tenant_connection(folder)?;
    tables::continue_as_tenant(&SqlDatabase(&connection), name, openings, replaced, random, now)
}

/// Creates tenants whose logs continue others, as [`tables::continue_as_tenants`] does.
///
/// # Errors
/// [`RequestError`]. Nothing was created then.
pub(crate) fn continue_as_tenants(
    folder: &Path,
    successors: &[Successor],
    random: &mut Random,
    now: Time,
) -> Result<Vec<Tenant>, RequestError> {
    let connection = tenant_connection(folder)?;
    tables::continue_as_tenants(&SqlDatabase(&connection), successors, random, now)
}

/// Returns the requests that can't be read.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn damaged_requests(folder: &Path) -> Result<Vec<DamagedRequest>, StoreError> {
    let connection = connect_to_read(&folder.join(FILE))?;
    tables::damaged_requests(&SqlDatabase(&connection))
}

/// Adds the tenants whose logs were shown, but which the database lacks, as after an old backup was restored. Their names
/// are unknown. Their logs are stopped, and new tenants get other numbers and IDs.
///
/// # Errors
/// [`StoreError`].
pub fn add_lost_tenants(folder: &Path, shown: &[RememberedHead]) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO tenants (number, id, name, created, since, state, replaced) \
               VALUES (?, ?, ?, 0, 0, ?, 1)";
    let mut connection = tenant_connection(folder)?;
    let failed = failed("adding tenants");
    let transaction = connection.transaction().map_err(failed)?;
    for RememberedHead { head, .. } in shown {
        let name = tables::lost_name(&head.id);
        let row = (head.number.get(), head.id.as_slice(), name, head.state.to_byte());
        transaction.execute(sql, row).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}
