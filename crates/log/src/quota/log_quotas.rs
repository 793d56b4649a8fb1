//! The quotas of a log: its own, or those that it shares with all tenant logs of its server.

use std::sync::Arc;

use countersign::time::Time;

use super::tenants::TenantQuotas;
use super::{Loads, Quota, Quotas};
use crate::submission::SubmitError;
use crate::tenants::tenant::TenantNumber;

/// The quotas of a log.
pub enum LogQuotas {
    /// Those of an ordinary log, or of a root log.
    Own(Quotas),
    /// Those of a tenant log. They are shared, so that they outlive the log if it is closed.
    Tenant(Arc<TenantQuotas>, TenantNumber),
}

impl LogQuotas {
    /// Creates the quotas of an ordinary log; `None` if there is no limit.
    pub fn own(quota: Quota) -> Option<Self> {
        Quotas::new(quota).map(Self::Own)
    }

    /// Returns the quotas of a tenant log; `None` if there is no limit.
    pub fn of_tenant(quotas: &Arc<TenantQuotas>, tenant: TenantNumber) -> Option<Self> {
        quotas.has_limits().then(|| Self::Tenant(quotas.clone(), tenant))
    }

    /// Checks that a submission is within all quotas.
    ///
    /// # Errors
    /// [`SubmitError::Quota`] and [`SubmitError::TenantQuota`].
    pub fn check(&self, loads: &Loads, now: Time) -> Result<(), SubmitError> {
        match self {
            Self::Own(quotas) => quotas.check(loads, now).map_err(|seconds| SubmitError::Quota { seconds }),
            Self::Tenant(quotas, tenant) => quotas.check(*tenant, loads, now),
        }
    }

    /// Charges a submission, unless it was refused: see [`Quotas::settle`].
    pub fn settle(&self, loads: Loads, answered: Result<(), &SubmitError>, now: Time) {
        match self {
            Self::Own(quotas) => quotas.settle(loads, answered, now),
            Self::Tenant(quotas, tenant) => quotas.settle(*tenant, loads, answered, now),
        }
    }
}
