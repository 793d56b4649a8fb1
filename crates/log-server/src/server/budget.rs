//! How much memory all submissions together may take, from their first byte until they are answered.
//!
//! Whoever holds much and is not done makes way for who needs little: bodies that are held open keep nobody out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::client::Client;
use countersign_log::api::ApiError;
use countersign_log::api::body::busy;

/// Memory is taken in steps of so many bytes.
const STEP: usize = 16 << 10;
/// So many bytes every submission may have: there are only so many connections, and who holds all the rest keeps no
/// small submission out.
const OWN: usize = 64 << 10;

/// The memory for submissions.
#[derive(Clone)]
pub(super) struct Budget(Arc<Mutex<Account>>);

struct Account {
    /// How many steps nobody holds.
    free: usize,
    next: u64,
    shares: HashMap<u64, Allocation>,
}

/// What a submission holds.
struct Allocation {
    client: Client,
    steps: usize,
    /// Whether its body is still on its way. What is whole is worked on, and soon done.
    receiving: bool,
    evicted: Arc<Notify>,
}

/// The memory that one submission holds.
pub(super) struct Share {
    budget: Budget,
    number: u64,
    evicted: Arc<Notify>,
}

/// A share, without its end.
pub(super) struct Handle {
    budget: Budget,
    number: u64,
}

impl Budget {
    /// So many bytes for all submissions that are being read or wait, beside what each may have anyway.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(Account { free: bytes / STEP, next: 0, shares: HashMap::new() })))
    }

    /// Of a submission of which nothing was read yet.
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
    /// Takes a share away from who holds the most of those that may make way for `number`, which wants `steps` in all.
    fn make_way(&mut self, number: u64, steps: usize) -> bool {
        let mut held: HashMap<Client, usize> = HashMap::new();
        for share in self.shares.values() {
            *held.entry(share.client).or_default() += share.steps;
        }
        let Some(own) = self.shares.get(&number) else { return false };
        let all = held.get(&own.client).map_or(0, |all| all - own.steps) + steps;
        let makes_way = |other: &Allocation| {
            let is_larger =
                if other.client == own.client { other.steps > steps } else { held[&other.client] > all };
            // What is whole makes use of its memory, and what is held open does not.
            other.receiving && other.steps > 0 && (is_larger || !own.receiving)
        };
        let victims = self.shares.iter().filter(|(at, other)| **at != number && makes_way(other));
        let victim = victims.max_by_key(|(_, other)| (held[&other.client], other.steps)).map(|(at, _)| *at);
        let Some(victim) = victim.and_then(|victim| self.shares.remove(&victim)) else { return false };
        self.free += victim.steps;
        victim.evicted.notify_one();
        true
    }
}

impl Share {
    /// Gives back what it holds, and holds nothing more.
    pub(super) fn release(&self) {
        let mut account = self.budget.account();
        if let Some(held) = account.shares.remove(&self.number) {
            account.free += held.steps;
        }
    }

    /// The body is whole: it makes way for nobody any more.
    pub(super) fn settle(&self) {
        if let Some(held) = self.budget.account().shares.get_mut(&self.number) {
            held.receiving = false;
        }
    }

    /// The same share for who works on another thread. What is resized when the submission was answered meanwhile is refused.
    pub(super) fn handle(&self) -> Handle {
        Handle { budget: self.budget.clone(), number: self.number }
    }

    /// Waits until it has to make way for another one.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// As [`Handle::resize`].
    pub(super) fn resize(&self, bytes: usize) -> Result<(), ApiError> {
        self.handle().resize(bytes)
    }
}

impl Handle {
    /// Takes what it needs to hold that many bytes in all, or gives back what it does not need any more.
    pub(super) fn resize(&self, bytes: usize) -> Result<(), ApiError> {
        let steps = bytes.saturating_sub(OWN).div_ceil(STEP);
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
            if !account.make_way(self.number, steps) {
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
        Client::of(IpAddr::from([192, 0, 2, number]))
    }

    #[test]
    fn what_is_held_is_bounded_and_comes_back() {
        let all = 10 * STEP;
        let budget = Budget::new(all);
        let large = budget.share(client(1));
        assert!(large.resize(OWN + all - STEP).is_ok() && large.resize(OWN + all - STEP).is_ok());
        large.settle();
        let small = budget.share(client(2));
        assert!(small.resize(OWN + STEP).is_ok());
        assert!(small.resize(OWN + STEP + 1).is_err());
        // There is always room for a small one.
        assert!(budget.share(client(2)).resize(OWN).is_ok());
        assert!(large.resize(OWN + STEP).is_ok());
        assert!(small.resize(OWN + 9 * STEP).is_ok() && small.resize(OWN + 9 * STEP + 1).is_err());
        drop(large);
        assert!(small.resize(OWN + all).is_ok());
        drop(small);
        assert_eq!(budget.account().free, 10);
    }

    #[test]
    fn who_holds_the_most_and_is_not_done_makes_way() {
        let budget = Budget::new(10 * STEP);
        let share = |number, steps: usize| {
            let share = budget.share(client(number));
            share.resize(OWN + steps * STEP).map(|()| share)
        };
        let (large, other) = (share(1, 6).unwrap(), share(1, 3).unwrap());
        let small = share(2, 2).unwrap();
        // The larger one of the same client made way.
        assert!(large.resize(OWN + STEP).is_err() && other.resize(OWN + 4 * STEP).is_ok());
        // It takes nothing from who holds less, and nobody loses to one who would hold as much.
        assert!(other.resize(OWN + 9 * STEP).is_err());
        assert!(small.resize(OWN + 8 * STEP).is_err());
        // What is whole stays.
        other.settle();
        assert!(small.resize(OWN + 6 * STEP).is_ok() && small.resize(OWN + 7 * STEP).is_err());
        // Of one client the larger body makes way for the smaller one.
        assert!(share(2, 3).is_ok() && small.resize(STEP).is_err());
        drop((other, small, large));
        assert_eq!(budget.account().free, 10);
    }
}
