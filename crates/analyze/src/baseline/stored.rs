//! Baselines in a snapshot. Snapshots are untrusted: values out of range are rejected, and derived values
//! are recomputed.

use std::collections::HashSet;

use countersign::time::Time;
use serde::{Deserialize, Serialize};

use super::chains::{Chain, Chains};
use super::known::is_day;
use super::store::{Ranked, Store};
use super::texts::Texts;
use super::{Baselines, Identity, MAX_IDENTITIES};
use crate::zone::Zone;

/// The number of evictions, and the entry that caused the first.
type Evictions = Option<(u64, u64)>;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredBaselines {
    identities: (Vec<(Box<str>, Identity)>, Evictions),
    /// The texts by number; unused numbers have empty texts.
    texts: Vec<Box<str>>,
    free: Vec<u32>,
    cut: Evictions,
    chains: (Vec<(Box<str>, Chain)>, Evictions),
    hour: Option<i64>,
}

impl Baselines {
    pub(crate) fn store(&self) -> StoredBaselines {
        let (texts, free) = self.texts.store();
        StoredBaselines {
            identities: (self.identities.sorted(), self.identities.evicted),
            texts,
            free,
            cut: self.cut,
            chains: (self.chains.store.sorted(), self.chains.store.evicted),
            hour: self.chains.hour,
        }
    }

    /// Restores a snapshot for a pack with `rules` rules; `None` if a value is out of range.
    pub(crate) fn restore(stored: StoredBaselines, zone: Zone, rules: usize) -> Option<Self> {
        let StoredBaselines { identities: (identities, evicted), texts, free, cut, chains, hour } = stored;
        let mut texts = Texts::restore(texts, free)?;
        let mut entries = 0;
        let mut restored = Store::new(MAX_IDENTITIES);
        for (name, mut identity) in identities {
            if !identity.is_sound(rules) || !identity.known.acquire_all(&mut texts) {
                return None;
            }
            identity.rate.recompute();
            entries += identity.known.len();
            restored.put(&name, identity)?;
        }
        restored.evicted = evicted;
        let chains = Chains::restore(chains, hour, rules)?;
        texts.are_all_held().then_some(Self { zone, identities: restored, texts, entries, cut, chains })
    }
}

/// True if an event can have this time, in milliseconds.
fn is_time(millis: i64) -> bool {
    Time::from_millis(millis).is_some()
}

/// True if the hour is in the range of events' times, or near it.
fn is_hour(hour: i64) -> bool {
    hour.unsigned_abs() < 1 << 40
}

/// True if these are rules of the pack, without repeats.
fn are_rules(mut of: impl Iterator<Item = u32>, rules: usize) -> bool {
    let mut seen = HashSet::new();
    of.all(|rule| (rule as usize) < rules && seen.insert(rule))
}

impl Identity {
    fn is_sound(&self, rules: usize) -> bool {
        let Self { first_day, newest_day, newest, known, hours, rate, place, quiet, .. } = self;
        is_day(*first_day)
            && is_day(*newest_day)
            && is_time(*newest)
            && known.is_sound()
            && hours.is_sound()
            && rate.is_sound()
            && place.as_deref().is_none_or(|(place, time)| place.is_sound() && is_time(*time))
            && are_rules(quiet.0.iter().flat_map(|quiet| quiet.iter().map(|(rule, _)| *rule)), rules)
    }
}

impl<T: Ranked + Default + Clone> Store<T> {
    fn sorted(&self) -> Vec<(Box<str>, T)> {
        let mut all: Vec<_> =
            self.slots().map(|slot| (self.name(slot).into(), self.get(slot).clone())).collect();
        all.sort_by(|(one, _): &(Box<str>, T), (other, _)| one.cmp(other));
        all
    }
}

impl<T: Ranked + Default> Store<T> {
    /// Adds an item. `None` if the name exists or the store is full.
    pub(crate) fn put(&mut self, name: &str, item: T) -> Option<()> {
        if self.find(name).is_some() || self.is_full() {
            return None;
        }
        let (slot, _) = self.enter(name, 0);
        self.change(slot, |place| *place = item);
        Some(())
    }
}

impl Chains {
    fn restore(
        (chains, evicted): (Vec<(Box<str>, Chain)>, Evictions),
        hour: Option<i64>,
        rules: usize,
    ) -> Option<Self> {
        let mut restored = Self::new();
        for (name, chain) in chains {
            let is_sound = chain.hours.is_sound()
                && is_time(chain.first)
                && is_time(chain.newest)
                && are_rules(chain.reported.iter().copied(), rules);
            is_sound.then(|| restored.store.put(&name, chain))??;
        }
        (restored.store.evicted, restored.hour) = (evicted, hour);
        hour.is_none_or(is_hour).then_some(restored)
    }
}
