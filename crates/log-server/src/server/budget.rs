//! The memory budget of all submissions, from the first byte until the response.
//!
//! If the budget is exhausted, the client that holds the most memory for incomplete bodies loses one of them. Slow
//! uploads therefore can't keep others out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::client::Client;
use countersign_log::api::ApiError;
use countersign_log::api::body::busy;

/// The unit in which memory is granted.
const STEP_BYTES: usize = 16 << 10;
/// Memory that each submission gets without drawing on the budget. The number of connections bounds the total, and
/// small submissions always fit.
const UNBUDGETED_BYTES: usize = 64 << 10;

/// The memory budget of all submissions.
#[derive(Clone)]
pub(super) struct Budget(Arc<Mutex<Account>>);

struct Account {
    /// Number of steps that no submission holds.
    free: usize,
    next: u64,
    shares: HashMap<u64, Allocation>,
}

/// The memory that a submission holds.
struct Allocation {
    client: Client,
    steps: usize,
    /// True while the body is still arriving. Complete bodies are processed and released soon.
    receiving: bool,
    evicted: Arc<Notify>,
}

/// The memory share of one submission. Dropping it releases the memory.
pub(super) struct Share {
    budget: Budget,
    number: u64,
    evicted: Arc<Notify>,
}

/// A reference to a share; dropping it doesn't release the memory.
pub(super) struct Handle {
    budget: Budget,
    number: u64,
}

impl Budget {
    /// Creates a budget of `bytes`, besides what each submission may use without it.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(Account { free: bytes / STEP_BYTES, next: 0, shares: HashMap::new() })))
    }

    /// Opens an empty share for a new submission.
    pub(super) fn share(&self, client: Client) -> Share {
        let mut account = self.account();
        let number = account.next;
        account.next += 1;
        let evicted = Arc::new(Notify::new());
        let held = Allocation { client, steps: 0, receiving: true, evicted: evicted.clone() };
        account.shares.insert(number, held);
        Share { budget: self.clone(), number, evicted }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// Evicts one incomplete submission so that `number` can hold `steps` in all. Picks a submission of the client
    /// that holds the most memory. Returns false if there is none to evict.
    fn evict_for(&mut self, number: u64, steps: usize) -> bool {
        let mut held: HashMap<Client, usize> = HashMap::new();
        for share in self.shares.values() {
            *held.entry(share.client).or_default() += share.steps;
        }
        let Some(own) = self.shares.get(&number) else { return false };
        let all = held.get(&own.client).map_or(0, |all| all - own.steps) + steps;
        let is_evictable = |other: &Allocation| {
            let is_larger =
                if other.client == own.client { other.steps > steps } else { held[&other.client] > all };
            // A complete body is being processed; an incomplete one may be held open on purpose.
            other.receiving && other.steps > 0 && (is_larger || !own.receiving)
        };
        let victims = self.shares.iter().filter(|(at, other)| **at != number && is_evictable(other));
        let victim = victims.max_by_key(|(_, other)| (held[&other.client], other.steps)).map(|(at, _)| *at);
        let Some(victim) = victim.and_then(|victim| self.shares.remove(&victim)) else { return false };
        self.free += victim.steps;
        victim.evicted.notify_one();
        true
    }
}

impl Share {
    /// Releases the memory and closes the share.
    pub(super) fn release(&self) {
        let mut account = self.budget.account();
        if let Some(held) = account.shares.remove(&self.number) {
            account.free += held.steps;
        }
    }

    /// Marks the body as complete: it can't be evicted anymore.
    pub(super) fn settle(&self) {
        if let Some(held) = self.budget.account().shares.get_mut(&self.number) {
            held.receiving = false;
        }
    }

    /// Returns a reference for use on another thread. After the submission was answered, resizing it fails.
    pub(super) fn handle(&self) -> Handle {
        Handle { budget: self.budget.clone(), number: self.number }
    }

    /// Waits until the share is evicted for another submission.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Resizes the share, like [`Handle::resize`].
    pub(super) fn resize(&self, bytes: usize) -> Result<(), ApiError> {
        self.handle().resize(bytes)
    }
}

impl Handle {
    /// Grows or shrinks the share to `bytes` in all.
    ///
    /// # Errors
    /// If the share was evicted, or if there is no room for it.
    pub(super) fn resize(&self, bytes: usize) -> Result<(), ApiError> {
        let steps = bytes.saturating_sub(UNBUDGETED_BYTES).div_ceil(STEP_BYTES);
        let mut account = self.budget.account();
        loop {
            let free = account.free;
            let held = account.shares.get_mut(&self.number).ok_or_else(busy)?;
            if steps <= held.steps + free {
                let all = held.steps + free;
                held.steps = steps;
                account.free = all - steps;
                return Ok(());
            }
            if !account.evict_for(self.number, steps) {
                return Err(busy());
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn client(number: u8) -> Client {
        Client::from_address(IpAddr::from([192, 0, 2, number]))
    }

    #[test]
    fn budget_is_bounded_and_released() {
        let all = 10 * STEP_BYTES;
        let budget = Budget::new(all);
        let large = budget.share(client(1));
        assert!(
            large.resize(UNBUDGETED_BYTES + all - STEP_BYTES).is_ok()
                && large.resize(UNBUDGETED_BYTES + all - STEP_BYTES).is_ok()
        );
        large.settle();
        let small = budget.share(client(2));
        assert!(small.resize(UNBUDGETED_BYTES + STEP_BYTES).is_ok());
        assert!(small.resize(UNBUDGETED_BYTES + STEP_BYTES + 1).is_err());
        // Small submissions always fit.
        assert!(budget.share(client(2)).resize(UNBUDGETED_BYTES).is_ok());
        assert!(large.resize(UNBUDGETED_BYTES + STEP_BYTES).is_ok());
        assert!(
            small.resize(UNBUDGETED_BYTES + 9 * STEP_BYTES).is_ok()
                && small.resize(UNBUDGETED_BYTES + 9 * STEP_BYTES + 1).is_err()
        );
        drop(large);
        assert!(small.resize(UNBUDGETED_BYTES + all).is_ok());
        drop(small);
        assert_eq!(budget.account().free, 10);
    }

    #[test]
    fn evicts_the_largest_incomplete_submission() {
        let budget = Budget::new(10 * STEP_BYTES);
        let share = |number, steps: usize| {
            let share = budget.share(client(number));
            share.resize(UNBUDGETED_BYTES + steps * STEP_BYTES).map(|()| share)
        };
        let (large, other) = (share(1, 6).unwrap(), share(1, 3).unwrap());
        let small = share(2, 2).unwrap();
        // The larger submission of the same client was evicted.
        assert!(
            large.resize(UNBUDGETED_BYTES + STEP_BYTES).is_err()
                && other.resize(UNBUDGETED_BYTES + 4 * STEP_BYTES).is_ok()
        );
        // A client can't evict one that would then hold less than or as much as itself.
        assert!(other.resize(UNBUDGETED_BYTES + 9 * STEP_BYTES).is_err());
        assert!(small.resize(UNBUDGETED_BYTES + 8 * STEP_BYTES).is_err());
        // Complete bodies aren't evicted.
        other.settle();
        assert!(
            small.resize(UNBUDGETED_BYTES + 6 * STEP_BYTES).is_ok()
                && small.resize(UNBUDGETED_BYTES + 7 * STEP_BYTES).is_err()
        );
        // A client's smaller body evicts its larger one.
        assert!(share(2, 3).is_ok() && small.resize(STEP_BYTES).is_err());
        drop((other, small, large));
        assert_eq!(budget.account().free, 10);
    }
}
