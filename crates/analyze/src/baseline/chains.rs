//! The rhythm of chains: finds chains that are silent when they usually aren't.

use super::hours::Hours;
use super::store::{Ranked, Store};
use crate::indexed_heap::Rank;

const HOUR: i64 = 3_600_000;
/// The maximum number of chains.
const MAX_CHAINS: usize = 4096;
/// The time for which a chain is observed before its silence counts, in milliseconds.
const LEARN_MS: i64 = 14 * 24 * HOUR;
/// The number of hours of silence after which a chain counts as ended.
const MAX_SILENT_HOURS: i64 = 28 * 24;

#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Chain {
    pub(super) hours: Hours,
    /// The times of the first and the newest link, in milliseconds.
    pub(super) first: i64,
    pub(super) newest: i64,
    leaf: u64,
    /// The rules that reported the current silence.
    pub(super) reported: Vec<u32>,
}

impl Ranked for Chain {
    fn rank(&self) -> Rank {
        (self.hours.active.into(), self.leaf)
    }
}

/// All chains.
#[derive(Clone, Debug)]
pub(super) struct Chains {
    pub(super) store: Store<Chain>,
    /// The newest hour of any link, since 1970.
    pub(super) hour: Option<i64>,
}

/// A chain that is unusually silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    slot: u32,
    pub(crate) chain: Box<str>,
    /// The number of silent hours in which the chain is usually active.
    pub(crate) hours: u32,
    /// The chain's newest entry.
    pub(crate) leaf: u64,
    /// The time when that entry was recorded, in milliseconds.
    pub(crate) since: i64,
}

impl Chains {
    pub(super) fn new() -> Self {
        Self { store: Store::new(MAX_CHAINS), hour: None }
    }

    pub(super) const fn evicted(&self) -> Option<(u64, u64)> {
        self.store.evicted
    }

    /// Returns the newest entry of each chain.
    pub(super) fn leaves(&self) -> impl Iterator<Item = u64> + '_ {
        self.store.slots().map(|slot| self.store.get(slot).leaf)
    }

    /// Accepts a link of a chain. If the link is the first of a new hour, returns the other chains that are
    /// silent.
    pub(super) fn accept(&mut self, name: &str, recorded: i64, leaf: u64) -> Vec<Silence> {
        let hour = recorded.div_euclid(HOUR);
        let (slot, _) = self.store.enter(name, leaf);
        self.store.change(slot, |chain| {
            if chain.hours.active == 0 {
                (chain.first, chain.newest) = (recorded, recorded);
            }
            chain.hours.add(hour);
            chain.newest = chain.newest.max(recorded);
            chain.leaf = leaf;
            chain.reported.clear();
        });
        let begins = self.hour.is_none_or(|newest| hour > newest);
        if !begins {
            return Vec::new();
        }
        self.hour = Some(hour);
        let silent = self.store.slots().filter(|other| *other != slot);
        let mut silent: Vec<_> = silent.filter_map(|slot| self.silence(slot, hour)).collect();
        silent.sort_by_key(|silence| silence.leaf);
        silent
    }

    fn silence(&self, slot: u32, hour: i64) -> Option<Silence> {
        let chain = self.store.get(slot);
        let Chain { hours, first, newest, leaf, .. } = chain;
        let last = newest.div_euclid(HOUR);
        if newest - first < LEARN_MS || hour - last > MAX_SILENT_HOURS {
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

    /// Describes the hours in which a chain is usually active.
    pub(super) fn describe_rhythm(&self, silence: &Silence) -> String {
        self.store.get(silence.slot).hours.describe()
    }

    /// Marks a silence as reported by a rule. Returns true the first time.
    pub(super) fn mark_reported(&mut self, silence: &Silence, rule: u32) -> bool {
        self.store.change(silence.slot, |chain| {
            let is_first = !chain.reported.contains(&rule);
            if is_first {
                chain.reported.push(rule);
            }
            is_first
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_silent_if_they_miss_usual_hours() {
        let mut chains = Chains::new();
        let mut leaf = 0;
        let mut accept = |name: &str, hour: i64| {
            leaf += 1;
            chains
                .accept(name, hour * HOUR, leaf)
                .into_iter()
                .map(|silence| (silence.chain, silence.hours))
                .collect::<Vec<_>>()
        };
        // One chain has a link each hour; the other has links from 9 to 17, and none on weekends.
        let begin = 4 * 24;
        for hour in begin..begin + 35 * 24 {
            assert_eq!(accept("clock", hour), []);
            let (day, of_day) = ((hour - begin) / 24 % 7, hour % 24);
            if day < 5 && (9..17).contains(&of_day) {
                accept("office", hour);
            }
        }
        // The office is silent from Monday on, which isn't noticed before 10.
        let monday = begin + 35 * 24;
        for hour in monday..=monday + 9 {
            assert_eq!(accept("clock", hour), []);
        }
        assert_eq!(accept("clock", monday + 10), [("office".into(), 1)]);
        assert_eq!(accept("clock", monday + 10), []);
        assert_eq!(accept("clock", monday + 24), [("office".into(), 8)]);
        // The office is active again, while the clock has stopped.
        assert_eq!(accept("office", monday + 33), [("clock".into(), 8)]);
        assert_eq!(accept("clock", monday + 35), [("office".into(), 1)]);
        assert_eq!(accept("clock", monday + 35 + MAX_SILENT_HOURS), []);
    }
}
