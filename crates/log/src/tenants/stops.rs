//! Tenant logs that are stopped, each alone, because their stored entries contradict, or may contradict, a head that
//! was shown. All other logs continue.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use countersign::hex;
use countersign::tenant::State;

use super::counts::{HeadCounts, TenantCounts};
use super::heads::SlotHead;
use super::tenant::{TenantId, TenantNumber};
use crate::failure_reports::{FailureCause, FailureReports};
use crate::part::Part;
use crate::stop::SigningStop;
use crate::store::StoreError;

/// A stop of one tenant log. It accepts nothing, and its head stays as it is in each directory. If the log has ended since,
/// its operator has accepted the loss, and the stop is no longer reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantStop {
    /// The head that stays in each directory.
    pub head: SlotHead,
    /// The reason.
    pub reason: Arc<SigningStop>,
    /// True if the stored entries begin with those of the head, so that readers can get them.
    pub is_readable: bool,
    /// True if the log has ended.
    pub is_accepted: bool,
}

/// The stopped tenant logs of a server. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct TenantStops(Arc<SharedStops>);

#[derive(Default)]
struct SharedStops {
    stops: RwLock<BTreeMap<TenantNumber, TenantStop>>,
    heads: HeadCounts,
    names: Option<TenantNames>,
    reports: FailureReports,
}

impl fmt::Debug for SharedStops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantStops").field("stops", &self.stops).finish_non_exhaustive()
    }
}

/// Returns the name of a tenant as the log operator knows it. `None` if it can't be read.
pub type TenantNames = Box<dyn Fn(&TenantId) -> Option<String> + Send + Sync>;

impl TenantStops {
    /// Creates the stops of a server that names its tenants in log lines.
    pub fn with_names(names: TenantNames) -> Self {
        Self(Arc::new(SharedStops { names: Some(names), ..SharedStops::default() }))
    }

    /// Stops a tenant log until the server is started again. The first reason counts, and is returned.
    pub fn stop(&self, stop: TenantStop) -> Arc<SigningStop> {
        let (head, reason) = (stop.head, stop.reason.clone());
        let known = self.insert(stop);
        if Arc::ptr_eq(&known, &reason) && head.state == State::Live {
            self.report(&head, &reason);
        }
        known
    }

    fn insert(&self, stop: TenantStop) -> Arc<SigningStop> {
        let mut stops = self.0.stops.write().unwrap_or_else(PoisonError::into_inner);
        stops.entry(stop.head.number).or_insert(stop).reason.clone()
    }

    /// Logs a stop, unless another one with the same cause was logged within a minute.
    fn report(&self, head: &SlotHead, reason: &SigningStop) {
        let (code, part) = (reason.cause.code(), Part::Tenants);
        let cause = FailureCause { what: "tenant logs", code: code.to_owned(), part };
        let Some(times) = self.0.reports.count(cause) else { return };
        let name = self.0.names.as_ref().and_then(|name| name(&head.id)).unwrap_or_default();
        let (id, docs) = (hex::encode(&head.id), part.docs());
        tracing::error!(tenant = name, id, code, times, docs, "a tenant log is stopped: {}", reason.message);
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<TenantNumber, TenantStop>> {
        self.0.stops.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the heads of all tenant logs again.
    pub(super) fn count_heads<'h>(&self, heads: impl Iterator<Item = &'h SlotHead>) {
        self.0.heads.reset(heads);
    }

    /// Notes a head that a tick changed, given the one before. The head of a stopped log changes only when the log ends.
    pub(super) fn head_changed(&self, before: Option<&SlotHead>, head: &SlotHead) {
        self.0.heads.changed(before, head);
        if head.state != State::Live {
            let mut stops = self.0.stops.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(stop) = stops.get_mut(&head.number) {
                stop.head.state = head.state;
            }
        }
    }

    /// Returns the numbers of tenant logs by state.
    pub fn counts(&self) -> TenantCounts {
        self.0.heads.with_stopped(self.read().values().map(|stop| &stop.head))
    }

    /// Records that the operator ended a stopped log.
    pub fn accept(&self, number: TenantNumber) {
        if let Some(stop) = self.0.stops.write().unwrap_or_else(PoisonError::into_inner).get_mut(&number) {
            stop.is_accepted = true;
        }
    }

    /// Returns the stop of a tenant log.
    pub fn get(&self, number: TenantNumber) -> Option<TenantStop> {
        self.read().get(&number).cloned()
    }

    /// Returns the stops of all logs that have not ended, ascending by tenant.
    pub fn all(&self) -> Vec<TenantStop> {
        self.read().values().filter(|stop| !stop.is_accepted).cloned().collect()
    }

    /// Returns the number of stopped tenant logs that have not ended.
    pub fn len(&self) -> usize {
        self.all().len()
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
