//! How much each key may bring in a time.
//!
//! A key has a store of so many events and bytes, which fills up again at a steady pace. What it brings is taken out when
//! the log has taken it, so that nobody uses up what is another's by naming its key, and a submission may be larger than
//! what is left: the next one then waits for longer. Over any time a key thus brings no more than its pace, one store and
//! what was under way at once. (Crates that limit rates take out before they know, and refuse what is larger than
//! the store for ever.)

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign::link::{ChainId, Link};
use countersign::log::{Body, Entry, RefusalKind, Submission, SubmissionError};
use countersign::note::VerifierKey;
use countersign::time::Time;

use crate::submitting::SubmitError;

/// How many keys are remembered. Of one that is forgotten the store is full.
const KEYS: usize = 100_000;

/// How much a key may bring. The default is as much as the log can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Events a second.
    pub events: Option<NonZeroU32>,
    /// Bytes a second, of leaves, salts and events.
    pub bytes: Option<NonZeroU32>,
    /// How many seconds' worth may come at once after a rest.
    pub burst: NonZeroU32,
}

impl Default for Quota {
    fn default() -> Self {
        let burst = NonZeroU32::MIN.saturating_add(9);
        Self { events: None, bytes: None, burst }
    }
}

/// What somebody brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    events: u64,
    bytes: u64,
}

impl Load {
    /// Adds what else is brought by the same.
    pub(crate) fn join(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
    }

    /// Adds a leaf with its event.
    pub(crate) fn add(&mut self, entry: &Entry) {
        let event = match &entry.leaf.body {
            Body::Link { event: Some(event), .. } => event.salt.len() + event.text.len(),
            Body::Link { event: None, .. } | Body::Note(_) => 0,
        };
        self.events += u64::from(event > 0);
        self.bytes += (entry.leaf.text.len() + event) as u64;
    }
}

/// What a submission brings, by its keys as far as they are known.
pub struct Loads {
    keys: HashMap<VerifierKey, Load>,
    /// Of chains whose key is not known.
    chains: HashMap<ChainId, Load>,
    /// Whose the others are.
    owners: HashMap<ChainId, VerifierKey>,
}

impl Loads {
    /// Of a submission. The keys of the chains that it opens are known.
    pub fn of(submission: &Submission) -> Self {
        let mut chains: HashMap<ChainId, Load> = HashMap::new();
        let mut opened: HashMap<ChainId, &VerifierKey> = HashMap::new();
        for entry in submission.entries() {
            let Some(link) = entry.leaf.link() else { continue };
            chains.entry(link.chain()).or_default().add(entry);
            if let Link::Open(open) = link {
                opened.insert(open.chain, &open.key);
            }
        }
        let mut loads = Self { keys: HashMap::new(), chains, owners: HashMap::new() };
        loads.know(|chain| opened.get(chain).map(|key| (*key).clone()));
        loads
    }

    /// Looks whose the other chains are.
    pub fn know(&mut self, key_of: impl Fn(&ChainId) -> Option<VerifierKey>) {
        let Self { keys, owners, .. } = self;
        self.chains.retain(|chain, load| match key_of(chain) {
            Some(key) => {
                owners.insert(*chain, key.clone());
                keys.entry(key).or_default().join(*load);
                false
            }
            None => true,
        });
    }

    /// The chains whose key is not known.
    pub fn unknown(&self) -> impl Iterator<Item = &ChainId> {
        self.chains.keys()
    }
}

/// What all keys have left.
pub struct Quotas {
    quota: Quota,
    /// Those that brought something.
    keys: Mutex<HashMap<VerifierKey, Left>>,
    /// How many of them are remembered.
    most: usize,
}

/// In thousandths, which come each millisecond.
#[derive(Clone, Copy, Debug)]
struct Left {
    events: i64,
    bytes: i64,
    at: Time,
}

impl Quotas {
    /// None where there is no limit.
    pub fn new(quota: Quota) -> Option<Self> {
        (quota.events.is_some() || quota.bytes.is_some()).then(|| Self {
            quota,
            keys: Mutex::default(),
            most: KEYS,
        })
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<VerifierKey, Left>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After how many seconds the first of these keys may bring something that may not now.
    ///
    /// # Errors
    /// How many seconds to wait.
    pub fn check(&self, loads: &Loads, now: Time) -> Result<(), u64> {
        let mut keys = self.keys();
        for key in loads.keys.keys() {
            let Some(left) = keys.get_mut(key) else { continue };
            left.fill(&self.quota, now);
            let wait = left.wait(&self.quota);
            if wait > 0 {
                return Err(wait);
            }
        }
        Ok(())
    }

    /// Takes out what the keys brought. What was taken counts for all of them, the evidence of a fork, which is kept, for the
    /// key alone that signed it, and what is refused otherwise for nobody.
    pub fn settle(&self, mut loads: Loads, answered: Result<(), &SubmitError>, now: Time) {
        match answered {
            Ok(()) => self.charge(loads, now),
            Err(SubmitError::Refused(SubmissionError { kind: RefusalKind::Fork(evidence), .. })) => {
                let forker = loads.owners.remove(&evidence.chain);
                loads.keys.retain(|key, _| forker.as_ref() == Some(key));
                self.charge(loads, now);
            }
            Err(_) => {}
        }
    }

    fn charge(&self, loads: Loads, now: Time) {
        let mut keys = self.keys();
        if keys.len() + loads.keys.len() > self.most {
            self.forget(&mut keys, now);
        }
        for (key, load) in loads.keys {
            let left = keys.entry(key).or_insert_with(|| Left::full(&self.quota, now));
            left.fill(&self.quota, now);
            left.take(load);
        }
    }

    /// Makes room: what is full says nothing. Where that is not enough all are taken to be full.
    fn forget(&self, keys: &mut HashMap<VerifierKey, Left>, now: Time) {
        keys.retain(|_, left| {
            left.fill(&self.quota, now);
            !left.is_full(&self.quota)
        });
        if keys.len() > self.most / 2 {
            keys.clear();
        }
    }
}

fn thousandths(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(1_000)
}

impl Left {
    fn full(quota: &Quota, at: Time) -> Self {
        let store = |pace: Option<NonZeroU32>| pace.map_or(0, |pace| capacity(quota, pace));
        Self { events: store(quota.events), bytes: store(quota.bytes), at }
    }

    fn fill(&mut self, quota: &Quota, now: Time) {
        // A clock that was set back fills nothing, and goes on from there.
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
        let of = |left: i64, pace: Option<NonZeroU32>| pace.is_none_or(|pace| left >= capacity(quota, pace));
        of(self.events, quota.events) && of(self.bytes, quota.bytes)
    }

    fn take(&mut self, load: Load) {
        self.events = self.events.saturating_sub(thousandths(load.events));
        self.bytes = self.bytes.saturating_sub(thousandths(load.bytes));
    }

    /// Seconds until there is anything left of what is limited.
    fn wait(&self, quota: &Quota) -> u64 {
        let of = |left: i64, pace: Option<NonZeroU32>| {
            pace.filter(|_| left <= 0).map_or(0, |pace| {
                let missing = left.unsigned_abs() + 1;
                missing.div_ceil(u64::from(pace.get()) * 1_000)
            })
        };
        of(self.events, quota.events).max(of(self.bytes, quota.bytes))
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
        Loads { keys, chains: HashMap::new(), owners: HashMap::new() }
    }

    fn charge(quotas: &Quotas, key: &VerifierKey, events: u64, bytes: u64, now: i64) {
        quotas.charge(loads(&[(key, Load { events, bytes })]), at(now));
    }

    fn check(quotas: &Quotas, keys: &[&VerifierKey], now: i64) -> Result<(), u64> {
        let keys: Vec<_> = keys.iter().map(|key| (*key, Load::default())).collect();
        quotas.check(&loads(&keys), at(now))
    }

    #[test]
    fn a_key_brings_its_pace_and_one_store() {
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
        // What is larger than the store is paid for afterwards.
        charge(&quotas, &key, 1_000, 0, 1);
        assert_eq!(check(1), Err(100));
        assert_eq!(check(50_001), Err(50));
        assert_eq!(check(100_001), Ok(()));
        // A rest gives one store, and no more.
        charge(&quotas, &key, 30, 0, 1_000_000_000);
        assert_eq!(check(1_000_000_000), Err(1));
    }

    #[test]
    fn bytes_are_limited_beside_events() {
        let (quotas, key) = (quotas(1_000, 100, 1), key("example.com/a"));
        charge(&quotas, &key, 1, 1_100, 0);
        assert_eq!(check(&quotas, &[&key], 0), Err(11));
        assert_eq!(check(&quotas, &[&key], 10_001), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nobody() {
        let (quotas, key) = (quotas(10, 0, 1), key("example.com/a"));
        charge(&quotas, &key, 20, 0, 3_600_000);
        assert_eq!(check(&quotas, &[&key], 0), Err(2));
        assert_eq!(check(&quotas, &[&key], 2_000), Ok(()));
    }

    #[test]
    fn so_many_keys_are_remembered() {
        let quotas = Quotas { most: 100, ..quotas(10, 0, 1) };
        let (busy, others) = (key("example.com/busy"), |number: usize| key(&format!("example.com/{number}")));
        charge(&quotas, &busy, 20, 0, 5_000);
        for number in 1..100 {
            quotas.keys().insert(others(number), Left::full(&quotas.quota, at(0)));
        }
        charge(&quotas, &others(0), 1, 0, 5_000);
        let kept = quotas.keys().len();
        assert_eq!((kept, check(&quotas, &[&busy], 5_000)), (2, Err(2)));
    }

    #[test]
    fn without_limits_nothing_is_counted() {
        assert!(Quotas::new(Quota::default()).is_none());
    }
}
