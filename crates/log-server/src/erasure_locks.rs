//! Locks that serialize the erasures in each tenant log, also while it is opened again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use countersign_log::tenants::tenant::TenantId;

/// The lock of one tenant log.
type Lock = tokio::sync::Mutex<()>;

/// The locks of those tenant logs that are in use.
#[derive(Default)]
pub(crate) struct ErasureLocks(Mutex<HashMap<TenantId, Weak<Lock>>>);

impl ErasureLocks {
    /// Returns the lock of the tenant log with this ID.
    pub(crate) fn lock_of(&self, id: TenantId) -> Arc<Lock> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&id).and_then(Weak::upgrade) {
            return lock;
        }
        // Keeps the map as small as the number of locks in use, at a constant cost per lock.
        if locks.len() == locks.capacity() {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::new(Lock::default());
        locks.insert(id, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_use_has_one_lock() {
        let locks = ErasureLocks::default();
        let first = locks.lock_of([1; 16]);
        for id in 2..200 {
            drop(locks.lock_of([id; 16]));
        }
        assert!(Arc::ptr_eq(&first, &locks.lock_of([1; 16])));
        assert!(locks.0.lock().unwrap().len() < 20);
    }
}
