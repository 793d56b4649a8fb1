//! The rhythm of chains: whether one is silent that usually is not.

use super::hours::Hours;
use super::store::{Ranked, Store};
use crate::indexed_heap::Rank;

const HOUR: i64 = 3_600_000;
/// The most chains that are known.
const MAX_CHAINS: usize = 4096;
/// For so long a chain is watched before its silence says something, in milliseconds.
const LEARN: i64 = 14 * 24 * HOUR;
/// A chain that was silent for so many hours has ended.
const OVER: i64 = 28 * 24;

#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Chain {
    pub(super) hours: Hours,
    /// When the first and the newest of its links were made, in milliseconds.
    pub(super) first: i64,
    pub(super) newest: i64,
    leaf: u64,
    /// The rules that told of its silence.
    pub(super) told: Vec<u32>,
}

impl Ranked for Chain {
    fn rank(&self) -> Rank {
        (self.hours.seen, self.leaf)
    }
}

/// All chains.
#[derive(Clone, Debug)]
pub(super) struct Chains {
    pub(super) store: Store<Chain>,
    /// The newest hour of any link.
    pub(super) hour: Option<i64>,
}

/// A chain that is silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    slot: u32,
    pub(crate) chain: Box<str>,
    /// The hours in which it usually says something, and did not.
    pub(crate) hours: u32,
    /// Its newest entry.
    pub(crate) leaf: u64,
    /// When that was recorded, in milliseconds.
    pub(crate) since: i64,
}

impl Chains {
    pub(super) fn new() -> Self {
        Self { store: Store::new(MAX_CHAINS), hour: None }
    }

    pub(super) const fn evicted(&self) -> Option<(u64, u64)> {
        self.store.evicted
    }

    /// The newest leaf of each.
    pub(super) fn leaves(&self) -> impl Iterator<Item = u64> + '_ {
        self.store.places().map(|slot| self.store.get(slot).leaf)
    }

    /// Takes a link of a chain, and tells which others are silent, where a new hour begins.
    pub(super) fn take(&mut self, name: &str, recorded: i64, leaf: u64) -> Vec<Silence> {
        let hour = recorded.div_euclid(HOUR);
        let (slot, _) = self.store.enter(name, leaf);
        self.store.change(slot, |chain| {
            if chain.hours.seen == 0 {
                (chain.first, chain.newest) = (recorded, recorded);
            }
            chain.hours.add(hour);
            chain.newest = chain.newest.max(recorded);
            chain.leaf = leaf;
            chain.told.clear();
        });
        let begins = self.hour.is_none_or(|newest| hour > newest);
        if !begins {
            return Vec::new();
        }
        self.hour = Some(hour);
        let silent = self.store.places().filter(|other| *other != slot);
        let mut silent: Vec<_> = silent.filter_map(|slot| self.silence(slot, hour)).collect();
        silent.sort_by_key(|silence| silence.leaf);
        silent
    }

    fn silence(&self, slot: u32, hour: i64) -> Option<Silence> {
        let chain = self.store.get(slot);
        let Chain { hours, first, newest, leaf, .. } = chain;
        let last = newest.div_euclid(HOUR);
        if newest - first < LEARN || hour - last > OVER {
            return None;
        }
        let missed = (last + 1..hour).filter(|hour| hours.is_usual(*hour)).count() as u32;
        (missed > 0).then(|| Silence {
            slot,
            chain: self.store.name(slot).into(),
            hours: missed,
            leaf: *leaf,
            since: *newest,
        })
    }

    /// In which hours a chain usually says something.
    pub(super) fn usual(&self, silence: &Silence) -> String {
        self.store.get(silence.slot).hours.told()
    }

    /// Whether a rule tells of this silence for the first time.
    pub(super) fn tell(&mut self, silence: &Silence, rule: u32) -> bool {
        self.store.change(silence.slot, |chain| {
            let is_first = !chain.told.contains(&rule);
            if is_first {
                chain.told.push(rule);
            }
            is_first
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_silent_where_it_misses_hours_that_it_keeps() {
        let mut chains = Chains::new();
        let mut leaf = 0;
        let mut take = |name: &str, hour: i64| {
            leaf += 1;
            chains
                .take(name, hour * HOUR, leaf)
                .into_iter()
                .map(|silence| (silence.chain, silence.hours))
                .collect::<Vec<_>>()
        };
        // One says something each hour, the other from 9 to 17, and never at the weekend.
        let begin = 4 * 24;
        for hour in begin..begin + 35 * 24 {
            assert_eq!(take("clock", hour), []);
            let (day, of_day) = ((hour - begin) / 24 % 7, hour % 24);
            if day < 5 && (9..17).contains(&of_day) {
                take("office", hour);
            }
        }
        // The office is silent from Monday on: nothing is amiss before 10.
        let monday = begin + 35 * 24;
        for hour in monday..=monday + 9 {
            assert_eq!(take("clock", hour), []);
        }
        assert_eq!(take("clock", monday + 10), [("office".into(), 1)]);
        assert_eq!(take("clock", monday + 10), []);
        assert_eq!(take("clock", monday + 24), [("office".into(), 8)]);
        // It is heard again, while the clock stands still.
        assert_eq!(take("office", monday + 33), [("clock".into(), 8)]);
        assert_eq!(take("clock", monday + 35), [("office".into(), 1)]);
        assert_eq!(take("clock", monday + 35 + OVER), []);
    }
}
