//! Quotas: limits on the events and bytes per second from each key.
//!
//! Each key has a budget of events and bytes, which refills at a steady rate up to its capacity. A submission
//! is charged after it was committed, so a client can't use up another key's budget by naming that key. A
//! submission may exceed the rest of a budget; the next one then waits longer. Over any period, a key submits
//! at most its rate, one full budget, and what was in flight at once. (Rate-limiting crates charge before the
//! outcome is known, and always reject what exceeds the capacity.)

mod log_quotas;
pub mod tenants;

pub use log_quotas::LogQuotas;

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign::link::{ChainId, Link};
use countersign::log::{Body, Entry, RefusalKind, Submission, SubmissionError};
use countersign::note::VerifierKey;
use countersign::time::Time;

use crate::submission::SubmitError;

/// The maximum number of keys that are remembered. A forgotten key has a full budget.
const MAX_KEYS: usize = 100_000;

/// The limits for each key. By default there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Events per second.
    pub events: Option<NonZeroU32>,
    /// Bytes per second: entries, salts, and events.
    pub bytes: Option<NonZeroU32>,
    /// The capacity of a budget, in seconds of its rate.
    pub burst: NonZeroU32,
}

impl Default for Quota {
    fn default() -> Self {
        let burst = NonZeroU32::MIN.saturating_add(9);
        Self { events: None, bytes: None, burst }
    }
}

/// The size of submitted entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    events: u64,
    bytes: u64,
}

impl Load {
    /// Adds another load of the same key or chain.
    pub(crate) fn join(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
    }

    /// Adds an entry with its event.
    pub(crate) fn add(&mut self, entry: &Entry) {
        let event = match &entry.leaf.body {
            Body::Link { event: Some(event), .. } => event.salt.len() + event.text.len(),
            Body::Link { event: None, .. } | Body::Note(_) => 0,
        };
        self.events += u64::from(event > 0);
        self.bytes += (entry.leaf.text.len() + event) as u64;
    }
}

/// The load of a submission, by key if the key is known and signed it, and otherwise by chain. Someone who only names a
/// chain must not learn whether its key exceeded a quota.
#[derive(Default)]
pub struct Loads {
    keys: HashMap<VerifierKey, Load>,
    /// The loads of chains whose key is unknown.
    chains: HashMap<ChainId, Load>,
    /// The keys of the other chains.
    owners: HashMap<ChainId, VerifierKey>,
    /// The first signed entry of each chain.
    signed: HashMap<ChainId, Entry>,
}

impl Loads {
    /// Computes the load of a submission. The keys of the chains that it opens are known.
    pub fn from_submission(submission: &Submission) -> Self {
        let mut chains: HashMap<ChainId, Load> = HashMap::new();
        let mut opened: HashMap<ChainId, &VerifierKey> = HashMap::new();
        let mut signed: HashMap<ChainId, Entry> = HashMap::new();
        for entry in submission.entries() {
            let Some(link) = entry.leaf.link() else { continue };
            chains.entry(link.chain()).or_default().add(entry);
            if link.signature().is_some() {
                signed.entry(link.chain()).or_insert_with(|| entry.clone());
            }
            if let Link::Open(open) = link {
                opened.insert(open.chain, &open.key);
            }
        }
        let mut loads = Self { keys: HashMap::new(), chains, owners: HashMap::new(), signed };
        loads.resolve(|chain| opened.get(chain).map(|key| (*key).clone()));
        loads
    }

    /// Assigns the loads of chains to the keys that `key_of` returns for them, if these keys signed them.
    pub fn resolve(&mut self, key_of: impl Fn(&ChainId) -> Option<VerifierKey>) {
        let Self { keys, owners, signed, .. } = self;
        let is_signed = |chain: &ChainId, key: &VerifierKey| {
            signed.get(chain).is_some_and(|entry| entry.is_signed_by(key))
        };
        self.chains.retain(|chain, load| match key_of(chain).filter(|key| is_signed(chain, key)) {
            Some(key) => {
                owners.insert(*chain, key.clone());
                keys.entry(key).or_default().join(*load);
                false
            }
            None => true,
        });
    }

    /// Keeps only what the answer is charged for: a committed submission as a whole, and a fork, whose evidence is kept,
    /// for the key that signed it. Returns false for other refusals, which are free.
    fn keep_charged(&mut self, answered: Result<(), &SubmitError>) -> bool {
        match answered {
            Ok(()) => true,
            Err(SubmitError::Refused(SubmissionError { kind: RefusalKind::Fork(evidence), .. })) => {
                let forker = self.owners.remove(&evidence.chain);
                self.keys.retain(|key, _| forker.as_ref() == Some(key));
                true
            }
            Err(_) => false,
        }
    }

    /// Returns the chains whose key is unknown, or didn't sign them.
    pub fn unknown(&self) -> impl Iterator<Item = &ChainId> {
        self.chains.keys()
    }
}

/// The budgets of all keys.
pub struct Quotas(Budgets<VerifierKey>);

/// Budgets with one quota.
struct Budgets<K> {
    quota: Quota,
    /// The keys that submitted something.
    keys: Mutex<HashMap<K, Budget>>,
    /// The maximum number of keys that are remembered.
    max_keys: usize,
}

/// The remaining budget of a key in thousandths of events and bytes: a rate per second is as many thousandths per
/// millisecond.
#[derive(Clone, Copy, Debug)]
struct Budget {
    events: i64,
    bytes: i64,
    at: Time,
}

impl Quotas {
    /// Creates full budgets; `None` if there is no limit.
    pub fn new(quota: Quota) -> Option<Self> {
        Budgets::new(quota, MAX_KEYS).map(Self)
    }

    /// Checks that each key with a load has some budget left.
    ///
    /// # Errors
    /// The number of seconds after which the first key without a budget has one again.
    pub fn check(&self, loads: &Loads, now: Time) -> Result<(), u64> {
        self.0.check(loads.keys.keys(), now)
    }

    /// Charges a submission to its keys. A committed one is charged to all of them. A fork, whose evidence is kept, is
    /// charged only to the key that signed it. Other refusals are free.
    pub fn settle(&self, mut loads: Loads, answered: Result<(), &SubmitError>, now: Time) {
        if loads.keep_charged(answered) {
            self.0.charge(loads.keys, now);
        }
    }
}

impl<K: Eq + Hash> Budgets<K> {
    fn new(quota: Quota, max_keys: usize) -> Option<Self> {
        (quota.events.is_some() || quota.bytes.is_some()).then(|| Self {
            quota,
            keys: Mutex::default(),
            max_keys,
        })
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<K, Budget>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that each of these has some budget left.
    fn check<'a>(&self, of: impl IntoIterator<Item = &'a K>, now: Time) -> Result<(), u64>
    where
        K: 'a,
    {
        let mut keys = self.keys();
        for key in of {
            let Some(left) = keys.get_mut(key) else { continue };
            left.fill(&self.quota, now);
            let wait = left.wait(&self.quota);
            if wait > 0 {
                return Err(wait);
            }
        }
        Ok(())
    }

    fn charge(&self, loads: impl IntoIterator<Item = (K, Load), IntoIter: ExactSizeIterator>, now: Time) {
        let loads = loads.into_iter();
        let mut keys = self.keys();
        if keys.len() + loads.len() > self.max_keys {
            self.forget(&mut keys, now);
        }
        for (key, load) in loads {
            let left = keys.entry(key).or_insert_with(|| Budget::full(&self.quota, now));
            left.fill(&self.quota, now);
            left.charge(load);
        }
    }

    /// Forgets full budgets, which are the default. If too many remain, forgets all.
    fn forget(&self, keys: &mut HashMap<K, Budget>, now: Time) {
        keys.retain(|_, left| {
            left.fill(&self.quota, now);
            !left.is_full(&self.quota)
        });
        if keys.len() > self.max_keys / 2 {
            keys.clear();
        }
    }
}

fn thousandths(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(1_000)
}

impl Budget {
    fn full(quota: &Quota, at: Time) -> Self {
        let full = |pace: Option<NonZeroU32>| pace.map_or(0, |pace| capacity(quota, pace));
        Self { events: full(quota.events), bytes: full(quota.bytes), at }
    }

    fn fill(&mut self, quota: &Quota, now: Time) {
        // If the clock was set back, nothing is refilled, and time counts from there.
        let passed = now.millis().saturating_sub(self.at.millis()).max(0);
        self.at = now;
        for (left, pace) in [(&mut self.events, quota.events), (&mut self.bytes, quota.bytes)] {
            if let Some(pace) = pace {
                let more = passed.saturating_mul(i64::from(pace.get()));
                *left = left.saturating_add(more).min(capacity(quota, pace));
            }
        }
    }

    fn is_full(&self, quota: &Quota) -> bool {
        let is_full =
            |left: i64, pace: Option<NonZeroU32>| pace.is_none_or(|pace| left >= capacity(quota, pace));
        is_full(self.events, quota.events) && is_full(self.bytes, quota.bytes)
    }

    fn charge(&mut self, load: Load) {
        self.events = self.events.saturating_sub(thousandths(load.events));
        self.bytes = self.bytes.saturating_sub(thousandths(load.bytes));
    }

    /// Returns the number of seconds until both budgets are above zero.
    fn wait(&self, quota: &Quota) -> u64 {
        let seconds = |left: i64, pace: Option<NonZeroU32>| {
            pace.filter(|_| left <= 0).map_or(0, |pace| {
                let missing = left.unsigned_abs() + 1;
                missing.div_ceil(u64::from(pace.get()) * 1_000)
            })
        };
        seconds(self.events, quota.events).max(seconds(self.bytes, quota.bytes))
    }
}

fn capacity(quota: &Quota, pace: NonZeroU32) -> i64 {
    thousandths(u64::from(pace.get()) * u64::from(quota.burst.get()))
}

#[cfg(test)]
mod tests {
    use countersign::note::SignerKey;

    use super::*;

    fn key(name: &str) -> VerifierKey {
        SignerKey::from_seed(name, [7; 32]).unwrap().verifier_key().clone()
    }

    fn at(millis: i64) -> Time {
        Time::from_millis(1_795_150_000_000 + millis).unwrap()
    }

    fn quotas(events: u32, bytes: u32, burst: u32) -> Quotas {
        let quota = Quota {
            events: NonZeroU32::new(events),
            bytes: NonZeroU32::new(bytes),
            burst: NonZeroU32::new(burst).unwrap(),
        };
        Quotas::new(quota).unwrap()
    }

    fn loads(keys: &[(&VerifierKey, Load)]) -> Loads {
        let keys = keys.iter().map(|(key, load)| ((*key).clone(), *load)).collect();
        Loads { keys, ..Loads::default() }
    }

    fn charge(quotas: &Quotas, key: &VerifierKey, events: u64, bytes: u64, now: i64) {
        quotas.0.charge([(key.clone(), Load { events, bytes })], at(now));
    }

    fn check(quotas: &Quotas, keys: &[&VerifierKey], now: i64) -> Result<(), u64> {
        let keys: Vec<_> = keys.iter().map(|key| (*key, Load::default())).collect();
        quotas.check(&loads(&keys), at(now))
    }

    #[test]
    fn key_is_limited_to_its_rate_and_one_full_budget() {
        let (quotas, key, other) = (quotas(10, 0, 3), key("example.com/a"), key("example.com/b"));
        let check = |now| check(&quotas, &[&key], now);
        assert_eq!(check(0), Ok(()));
        charge(&quotas, &key, 29, 1 << 40, 0);
        assert_eq!(check(0), Ok(()));
        charge(&quotas, &key, 1, 0, 0);
        assert_eq!(check(0), Err(1));
        assert_eq!(super::tests::check(&quotas, &[&other], 0), Ok(()));
        assert_eq!(super::tests::check(&quotas, &[&other, &key], 0), Err(1));
        assert_eq!(check(1), Ok(()));
        // A submission above the capacity is paid off afterwards.
        charge(&quotas, &key, 1_000, 0, 1);
        assert_eq!(check(1), Err(100));
        assert_eq!(check(50_001), Err(50));
        assert_eq!(check(100_001), Ok(()));
        // A pause refills the budget once, and no more.
        charge(&quotas, &key, 30, 0, 1_000_000_000);
        assert_eq!(check(1_000_000_000), Err(1));
    }

    #[test]
    fn bytes_are_limited_like_events() {
        let (quotas, key) = (quotas(1_000, 100, 1), key("example.com/a"));
        charge(&quotas, &key, 1, 1_100, 0);
        assert_eq!(check(&quotas, &[&key], 0), Err(11));
        assert_eq!(check(&quotas, &[&key], 10_001), Ok(()));
    }

    #[test]
    fn clock_set_back_blocks_no_key() {
        let (quotas, key) = (quotas(10, 0, 1), key("example.com/a"));
        charge(&quotas, &key, 20, 0, 3_600_000);
        assert_eq!(check(&quotas, &[&key], 0), Err(2));
        assert_eq!(check(&quotas, &[&key], 2_000), Ok(()));
    }

    #[test]
    fn number_of_remembered_keys_is_bounded() {
        let quotas = Quotas(Budgets { max_keys: 100, ..quotas(10, 0, 1).0 });
        let (busy, others) = (key("example.com/busy"), |number: usize| key(&format!("example.com/{number}")));
        charge(&quotas, &busy, 20, 0, 5_000);
        for number in 1..100 {
            quotas.0.keys().insert(others(number), Budget::full(&quotas.0.quota, at(0)));
        }
        charge(&quotas, &others(0), 1, 0, 5_000);
        let kept = quotas.0.keys().len();
        assert_eq!((kept, check(&quotas, &[&busy], 5_000)), (2, Err(2)));
    }

    #[test]
    fn no_limits_means_no_quotas() {
        assert!(Quotas::new(Quota::default()).is_none());
    }
}
