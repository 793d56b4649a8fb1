//! Quotas of tenant logs: of each key in each log, and of each log as a whole.
//!
//! All tenant logs of a server share the budgets, which don't depend on whether a log is open. A key has a budget in each
//! log, so that what it does in one log affects no other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use countersign::note::VerifierKey;
use countersign::time::Time;

use super::{Budgets, Load, Loads, MAX_KEYS, Quota};
use crate::submission::SubmitError;
use crate::tenants::tenant::TenantNumber;

/// The budgets of all tenant logs of a server.
pub struct TenantQuotas {
    /// For each key in each log.
    keys: Option<Budgets<(TenantNumber, VerifierKey)>>,
    /// For each log.
    tenants: Option<Budgets<TenantNumber>>,
    /// The number of submissions that exceeded their log's quota.
    refused: Mutex<BTreeMap<TenantNumber, u64>>,
}

impl TenantQuotas {
    /// Creates full budgets: `key` for each key in each log, and `tenant` for each log.
    pub fn new(key: Quota, tenant: Quota) -> Self {
        Self {
            keys: Budgets::new(key, MAX_KEYS),
            tenants: Budgets::new(tenant, MAX_KEYS),
            refused: Mutex::default(),
        }
    }

    /// True if there is a limit, so that loads must be known.
    pub const fn has_limits(&self) -> bool {
        self.keys.is_some() || self.tenants.is_some()
    }

    /// Checks that the log, and each key with a load, has some budget left. A submission without such a key passes.
    ///
    /// # Errors
    /// [`SubmitError::Quota`] and [`SubmitError::TenantQuota`].
    pub fn check(&self, tenant: TenantNumber, loads: &Loads, now: Time) -> Result<(), SubmitError> {
        if loads.keys.is_empty() {
            return Ok(());
        }
        if let Some(keys) = &self.keys {
            let loaded: Vec<_> = loads.keys.keys().map(|key| (tenant, key.clone())).collect();
            keys.check(&loaded, now).map_err(|seconds| SubmitError::Quota { seconds })?;
        }
        if let Some(Err(seconds)) = self.tenants.as_ref().map(|tenants| tenants.check([&tenant], now)) {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(tenant).or_default() += 1;
            return Err(SubmitError::TenantQuota { seconds });
        }
        Ok(())
    }

    /// Charges a submission to its log and its keys, as [`Quotas::settle`](super::Quotas::settle) does.
    pub fn settle(
        &self,
        tenant: TenantNumber,
        mut loads: Loads,
        answered: Result<(), &SubmitError>,
        now: Time,
    ) {
        if !loads.keep_charged(answered) {
            return;
        }
        if let Some(tenants) = &self.tenants {
            let mut sum = Load::default();
            loads.keys.values().for_each(|load| sum.join(*load));
            tenants.charge([(tenant, sum)], now);
        }
        if let Some(keys) = &self.keys {
            keys.charge(loads.keys.into_iter().map(|(key, load)| ((tenant, key), load)), now);
        }
    }

    /// Returns the number of submissions to each tenant log that exceeded the log's quota.
    pub fn refused(&self) -> BTreeMap<TenantNumber, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::num::NonZeroU32;

    use countersign::note::SignerKey;

    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_millis(1_795_150_000_000 + seconds * 1_000).unwrap()
    }

    fn tenant(number: u32) -> TenantNumber {
        TenantNumber::new(number).unwrap()
    }

    fn quota(events: u32) -> Quota {
        let burst = NonZeroU32::new(2).unwrap();
        Quota { events: NonZeroU32::new(events), bytes: None, burst }
    }

    fn loads(name: &str, events: u64) -> Loads {
        let key = SignerKey::from_seed(name, [7; 32]).unwrap().verifier_key().clone();
        let keys = HashMap::from([(key, Load { events, bytes: 0 })]);
        Loads { keys, ..Loads::default() }
    }

    #[test]
    fn tenant_is_limited_to_its_rate_whichever_keys_submit() {
        let quotas = TenantQuotas::new(Quota::default(), quota(10));
        assert!(quotas.has_limits());
        let check = |number, now| quotas.check(tenant(number), &loads("example.com/c", 1), at(now));
        quotas.settle(tenant(1), loads("example.com/a", 15), Ok(()), at(0));
        assert!(check(1, 0).is_ok());
        quotas.settle(tenant(1), loads("example.com/b", 15), Ok(()), at(0));
        assert!(matches!(check(1, 0), Err(SubmitError::TenantQuota { seconds: 2 })));
        assert!(check(2, 0).is_ok(), "another tenant");
        assert_eq!(quotas.refused(), BTreeMap::from([(tenant(1), 1)]));
        assert!(check(1, 2).is_ok());
    }

    #[test]
    fn key_has_a_budget_in_each_log() {
        let quotas = TenantQuotas::new(quota(10), Quota::default());
        quotas.settle(tenant(1), loads("example.com/a", 20), Ok(()), at(0));
        let check = |number, name| quotas.check(tenant(number), &loads(name, 1), at(0));
        assert!(matches!(check(1, "example.com/a"), Err(SubmitError::Quota { seconds: 1 })));
        assert!(check(1, "example.com/b").is_ok() && check(2, "example.com/a").is_ok());
        assert!(quotas.refused().is_empty());
    }

    #[test]
    fn refused_submissions_are_free() {
        let quotas = TenantQuotas::new(quota(10), quota(10));
        quotas.settle(tenant(1), loads("example.com/a", 100), Err(&SubmitError::Busy), at(0));
        assert!(quotas.check(tenant(1), &loads("example.com/a", 1), at(0)).is_ok());
        assert!(!TenantQuotas::new(Quota::default(), Quota::default()).has_limits());
    }
}
