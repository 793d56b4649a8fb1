//! The tenant logs of a root log that takes the place of one that ended.
//!
//! Each of them continues a log of the old root log, by the name of its tenant. Everything can be done again after a
//! crash: a tenant that exists is left as it is, and tokens are changed once.

use std::collections::BTreeMap;
use std::path::Path;

use countersign::tenant::{State, TenantOrigin};
use countersign::time::Time;
use countersign_log::own_chain::Random;
use countersign_log::store::StoreError;
use countersign_log::tables::{RequestError, Successor, lost_name};
use countersign_log::tenants::tenant::{Tenant, TenantId, TenantNumber};

use super::remembered_logs::{RememberedLog, heads};
use super::succession::Succession;
use crate::sqlite;
use crate::tokens::{self, TokenError};

/// The number of tenants that are read at a time.
const PAGE: u64 = 1024;

/// An error in continuing tenant logs.
#[derive(Debug, thiserror::Error)]
pub enum TenantSuccessionError {
    /// The tenants can't be created.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens can't be changed.
    #[error(transparent)]
    Tokens(#[from] TokenError),
}

/// The tenant logs of the new root log.
#[derive(Clone, Debug, Default)]
pub struct NewTenants {
    /// The tenants with a new log.
    pub continued: Vec<Tenant>,
    /// The logs of the old root log whose tenants' names are unknown: the restored database lacks them. They are not
    /// continued.
    pub unnamed: Vec<TenantOrigin>,
    /// The number of logs that ended before. They are not continued.
    pub ended: usize,
}

/// Creates the new root log in a folder, with a log for each tenant of the old one, which is archived. Tokens for logs of
/// the old root log become tokens for the logs that continue them. `depth` is that of the first directory.
///
/// # Errors
/// [`TenantSuccessionError`]. It can be called again.
pub fn create(
    folder: &Path,
    ending: &Succession,
    depth: u8,
    random: &mut Random,
    now: Time,
) -> Result<NewTenants, TenantSuccessionError> {
    let archive = ending.archive_folder(folder);
    let old = OldTenants::read(&archive, &ending.old)?;
    if !sqlite::has_tenants(folder)? {
        sqlite::create_with_tenants(folder, &ending.new, depth)?;
    }
    let last = heads(&archive, &ending.old)?;
    let mut created = NewTenants { ended: old.ended, ..NewTenants::default() };
    let statement = |tenant: &Tenant| {
        let origin = TenantOrigin::new(&ending.old, tenant.id)?;
        // A log that no tick has is not continued: nobody has seen it.
        let last = *last.get(&tenant.number)?;
        let log = RememberedLog::of_ended(ending, origin, last);
        Some(ending.tenant_statement(&log).to_string())
    };
    let successors: Vec<Successor> = old
        .current
        .iter()
        .map(|tenant| Successor { name: tenant.name.clone(), opening: statement(tenant) })
        .collect();
    created.continued = sqlite::continue_as_tenants(folder, &successors, random, now)?;
    let known: BTreeMap<TenantNumber, TenantId> =
        old.named.iter().map(|tenant| (tenant.number, tenant.id)).collect();
    for last in last.values().filter(|last| last.head.state == State::Live) {
        if known.get(&last.head.number) != Some(&last.head.id) {
            created.unnamed.extend(TenantOrigin::new(&ending.old, last.head.id));
        }
    }
    let ids: BTreeMap<TenantId, TenantId> =
        old.current.iter().zip(&created.continued).map(|(old, new)| (old.id, new.id)).collect();
    tokens::replace_logs(folder, &ids)?;
    Ok(created)
}

/// The tenants of a root log that ended.
#[derive(Default)]
struct OldTenants {
    /// The tenants with a log that could still grow.
    current: Vec<Tenant>,
    /// All tenants whose names are known.
    named: Vec<Tenant>,
    /// The number of logs that ended.
    ended: usize,
}

impl OldTenants {
    fn read(archive: &Path, root: &str) -> Result<Self, StoreError> {
        let mut old = Self::default();
        if !sqlite::has_tenants(archive)? {
            return Ok(old);
        }
        let (_, readers) = sqlite::open_tenant_readers(archive)?;
        let last = heads(archive, root)?;
        let mut after = 0;
        loop {
            let page = readers.tenants(after, PAGE)?;
            let Some(newest) = page.last() else { return Ok(old) };
            after = newest.number.get();
            for tenant in page {
                if tenant.name == lost_name(&tenant.id) {
                    continue;
                }
                old.named.push(tenant.clone());
                let has_ended = tenant.state != State::Live
                    || last.get(&tenant.number).is_some_and(|last| last.head.state != State::Live);
                // A tenant whose log was continued has another log.
                let is_current = readers.find_name(&tenant.name)?.is_some_and(|found| found.id == tenant.id);
                if has_ended {
                    old.ended += 1;
                } else if is_current {
                    old.current.push(tenant);
                }
            }
        }
    }
}
