//! Storage that the log's host provides.

use countersign::time::Time;

use crate::store::StoreError;
use crate::tables::RequestError;
use crate::tenants::CreationError;
use crate::tenants::requests::Ending;
use crate::tenants::tenant::{Tenant, TenantNumber};

/// Remembers which tiles and bundles were copied. A change is durable when its method returns.
///
/// # Errors
/// [`StoreError::Unavailable`] if the host's storage fails; what was remembered before is unaffected.
#[allow(clippy::missing_errors_doc, reason = "the trait states the errors of all methods")]
pub trait Copies {
    /// Returns the number of entries whose full tiles and bundles were all copied.
    fn copied(&self) -> Result<u64, StoreError>;

    /// Sets the number that [`Self::copied`] returns.
    fn set_copied(&self, size: u64) -> Result<(), StoreError>;

    /// Withdraws the copies of these entries' events, which are about to be erased: the copies can't be read when this
    /// returns. After an error the events are not erased.
    fn withdraw(&self, leaves: &[u64]) -> Result<(), StoreError>;
}

/// Stores reads that are not recorded yet, because a host may end at any time. A change is durable when its method
/// returns.
///
/// # Errors
/// [`StoreError::Unavailable`] if the host's storage fails; the stored text is unaffected.
#[allow(clippy::missing_errors_doc, reason = "the trait states the errors of all methods")]
pub trait Unrecorded {
    /// Returns the stored text, if there is one.
    fn stored(&self) -> Result<Option<String>, StoreError>;

    /// Replaces the stored text, or deletes it.
    fn keep(&self, text: Option<&str>) -> Result<(), StoreError>;
}

/// Storage for tenants.
pub trait TenantHost {
    /// Creates a tenant, or returns the one with this name.
    ///
    /// # Errors
    /// [`CreationError`].
    fn create(&self, name: &str, now: Time) -> Result<Tenant, CreationError>;

    /// Requests that a tenant's log ends at the next tick, and returns the tenant.
    ///
    /// # Errors
    /// [`RequestError`].
    fn end(&self, name: &str, ending: &Ending) -> Result<Tenant, RequestError>;

    /// Returns the storage of the reads of a tenant's log.
    fn unrecorded(&self, number: TenantNumber) -> Box<dyn Unrecorded>;

    /// Returns the tenants whose logs have stored reads.
    ///
    /// # Errors
    /// [`StoreError`].
    fn with_unrecorded(&self) -> Result<Vec<TenantNumber>, StoreError>;
}

/// The copies of a tenant log: there are none, because nothing about it is public.
pub(super) struct NoCopies;

impl Copies for NoCopies {
    fn copied(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn set_copied(&self, _: u64) -> Result<(), StoreError> {
        Ok(())
    }

    fn withdraw(&self, _: &[u64]) -> Result<(), StoreError> {
        Ok(())
    }
}
