//! Tenant logs that are stopped, each alone, because their stored entries contradict, or may contradict, a head that
//! was shown. All other logs continue.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::heads::SlotHead;
use super::tenant::TenantNumber;
use crate::stop::SigningStop;
use crate::store::StoreError;

/// A stop of one tenant log. It accepts nothing, and its head stays as it is in each directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantStop {
    /// The head that stays in each directory.
    pub head: SlotHead,
    /// The reason.
    pub reason: Arc<SigningStop>,
    /// True if the stored entries begin with those of the head, so that readers can get them.
    pub is_readable: bool,
}

/// The stopped tenant logs of a server. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct TenantStops(Arc<RwLock<BTreeMap<TenantNumber, TenantStop>>>);

impl TenantStops {
    /// Stops a tenant log until the server is started again. The first reason counts, and is returned.
    pub fn stop(&self, stop: TenantStop) -> Arc<SigningStop> {
        let mut stops = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let stop = stops.entry(stop.head.number).or_insert_with(|| {
            let TenantStop { head, reason, .. } = &stop;
            tracing::error!(tenant = %head.number, code = reason.cause.code(), "a tenant log is stopped: {}", reason.message);
            stop
        });
        stop.reason.clone()
    }

    /// Returns the stop of a tenant log.
    pub fn get(&self, number: TenantNumber) -> Option<TenantStop> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    /// Returns all stops, ascending by tenant.
    pub fn all(&self) -> Vec<TenantStop> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Returns the number of stopped tenant logs.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// True if no tenant log is stopped.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fails if the tenant log is stopped.
    ///
    /// # Errors
    /// [`StoreError::Stopped`].
    pub fn check(&self, number: TenantNumber) -> Result<(), StoreError> {
        self.get(number).map_or(Ok(()), |stop| Err(StoreError::Stopped(stop.reason)))
    }
}
