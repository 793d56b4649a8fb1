//! What correlations remember: for each group the hits of the last while, in the order of their times.
//!
//! A hit is judged in every window that it lies in and that ends at a hit, so that it does not matter in which order
//! hits arrive. Memory is bounded for each correlation; what has to go goes in an order that depends on nothing but the
//! hits.

#[cfg(feature = "snapshot")]
mod stored;

use std::collections::{BTreeSet, HashMap, VecDeque};

#[cfg(feature = "snapshot")]
pub(crate) use self::stored::StoredWindows;
use crate::correlation::{Correlation, Measure};

/// The most groups of one correlation.
pub(crate) const MAX_GROUPS: usize = 20_000;
/// The most hits of one group.
pub(crate) const MAX_HITS: usize = 4096;

/// A rule that fired.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) time: i64,
    pub(crate) leaf: u64,
    /// Which of the correlation's rules.
    pub(crate) which: u32,
    /// The number of the value that is counted, or the bits of the one that is summed.
    value: u64,
}

/// All groups of a correlation.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    most: usize,
    slots: HashMap<Box<str>, u32>,
    groups: Vec<Group>,
    /// Groups by how soon they go: those of the fewest hits first, of these the one whose last hit is oldest. Kept from
    /// when there is no more room.
    order: Option<BTreeSet<(u32, u64, u32)>>,
    /// How many groups had to go, and the leaf that made the first go.
    pub(crate) evicted: Option<(u64, u64)>,
    /// How many hits had to go before their time, and the leaf that made the first go.
    pub(crate) cut: Option<(u64, u64)>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    key: Box<str>,
    hits: VecDeque<Hit>,
    /// Where the window begins that ends at the newest hit.
    from: usize,
    counts: Option<Box<Counts>>,
    quiet_until: Option<i64>,
    last: u64,
}

/// How often each value is among the hits.
#[derive(Clone, Debug, Default)]
struct Counts {
    numbers: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
    free: Vec<u32>,
    /// Among all hits, and among those of the newest window.
    held: Vec<u32>,
    within: Vec<u32>,
    distinct: u32,
}

/// A window in which a correlation's condition holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Match {
    pub(crate) value: f64,
    /// Ascending, each once.
    pub(crate) leaves: Vec<u64>,
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Whether the group was reported within the last timespan, so that this counts as a repetition.
    pub(crate) is_repeated: bool,
}

fn count(counter: &mut Option<(u64, u64)>, leaf: u64) {
    let (number, _) = counter.get_or_insert((0, leaf));
    *number += 1;
}

impl Windows {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, slots: HashMap::new(), groups: Vec::new(), order: None, evicted: None, cut: None }
    }

    /// Takes a hit.
    pub(crate) fn take(
        &mut self,
        correlation: &Correlation,
        key: &str,
        which: u32,
        value: &str,
        leaf: u64,
        time: i64,
    ) -> Option<Match> {
        let number = match correlation.measure {
            Measure::ValueSum | Measure::ValueAverage => countersign::canonical::double(value)?.to_bits(),
            _ => 0,
        };
        let slot = self.slot(key, leaf);
        let group = &mut self.groups[slot as usize];
        let before = (group.hits.len() as u32, group.last, slot);
        let value = match correlation.measure {
            Measure::EventCount | Measure::TemporalOrdered | Measure::ValueSum | Measure::ValueAverage => {
                number
            }
            Measure::Temporal => group.counts.get_or_insert_default().number(&which.to_string()),
            Measure::ValueCount => group.counts.get_or_insert_default().number(value),
        };
        let hit = Hit { time, leaf, which, value };
        let (cut, found) = group.take(hit, correlation);
        group.last = leaf;
        let after = (group.hits.len() as u32, leaf, slot);
        if let Some(order) = &mut self.order {
            order.remove(&before);
            order.insert(after);
        }
        if cut {
            count(&mut self.cut, leaf);
        }
        found
    }

    /// The leaves of all hits.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = u64> + '_ {
        self.groups.iter().flat_map(|group| group.hits.iter().map(|hit| hit.leaf))
    }

    fn slot(&mut self, key: &str, leaf: u64) -> u32 {
        if let Some(slot) = self.slots.get(key) {
            return *slot;
        }
        let group = Group { key: key.into(), ..Group::default() };
        let mut slot = self.groups.len() as u32;
        if self.groups.len() < self.most {
            self.groups.push(group);
        } else {
            let groups = &self.groups;
            let order = self.order.get_or_insert_with(|| {
                (0..).zip(groups).map(|(slot, group)| (group.hits.len() as u32, group.last, slot)).collect()
            });
            if let Some((.., first)) = order.pop_first() {
                slot = first;
                let gone = std::mem::replace(&mut self.groups[slot as usize], group);
                self.slots.remove(&gone.key);
                count(&mut self.evicted, leaf);
            }
        }
        self.slots.insert(key.into(), slot);
        slot
    }
}

impl Group {
    /// Whether another hit had to go before its time, and what holds with this one.
    fn take(&mut self, hit: Hit, correlation: &Correlation) -> (bool, Option<Match>) {
        let span = correlation.span;
        let at = self.hits.partition_point(|other| (other.time, other.leaf) <= (hit.time, hit.leaf));
        let is_newest = at == self.hits.len();
        self.hits.insert(at, hit);
        let newest = self.hits.back().map_or(hit.time, |last| last.time);
        if let Some(counts) = &mut self.counts {
            counts.held[hit.value as usize] += 1;
        }
        if at < self.from || at == self.from && hit.time < newest - span {
            self.from += 1;
        } else {
            self.enter(hit);
        }
        while self.hits.get(self.from).is_some_and(|first| first.time < newest - span) {
            self.leave(self.from);
            self.from += 1;
        }
        let mut shift = 0;
        while self.hits.front().is_some_and(|first| first.time < newest - 2 * span) {
            self.drop_first();
            shift += 1;
        }
        let mut cut = false;
        while self.hits.len() > MAX_HITS {
            self.drop_first();
            shift += 1;
            cut = true;
        }
        let Some(at) = at.checked_sub(shift) else { return (cut, None) };
        let found = if is_newest {
            let value = self.newest(correlation);
            correlation.holds(value).then_some((value, self.from, self.hits.len()))
        } else {
            self.between(at, correlation)
        };
        let found = found.map(|(value, begin, end)| self.matched(value, begin, end, span));
        (cut, found)
    }

    fn enter(&mut self, hit: Hit) {
        if let Some(counts) = &mut self.counts {
            let within = &mut counts.within[hit.value as usize];
            *within += 1;
            counts.distinct += u32::from(*within == 1);
        }
    }

    fn leave(&mut self, at: usize) {
        if let (Some(counts), Some(hit)) = (&mut self.counts, self.hits.get(at)) {
            let within = &mut counts.within[hit.value as usize];
            *within -= 1;
            counts.distinct -= u32::from(*within == 0);
        }
    }

    fn drop_first(&mut self) {
        if self.from == 0 {
            self.leave(0);
        }
        self.from = self.from.saturating_sub(1);
        if let Some(hit) = self.hits.pop_front()
            && let Some(counts) = &mut self.counts
        {
            counts.release(hit.value as u32);
        }
    }

    /// What is measured of the window that ends at the newest hit.
    fn newest(&self, correlation: &Correlation) -> f64 {
        match (correlation.measure, &self.counts) {
            (Measure::EventCount, _) => (self.hits.len() - self.from) as f64,
            (Measure::ValueCount | Measure::Temporal, Some(counts)) => f64::from(counts.distinct),
            _ => self.measure(correlation, self.from, self.hits.len()),
        }
    }

    /// What is measured of these hits, one by one.
    fn measure(&self, correlation: &Correlation, begin: usize, end: usize) -> f64 {
        let hits = || self.hits.range(begin..end);
        let sum = || hits().map(|hit| f64::from_bits(hit.value)).sum::<f64>();
        match correlation.measure {
            Measure::ValueSum => sum(),
            Measure::ValueAverage => sum() / (end - begin).max(1) as f64,
            Measure::TemporalOrdered => {
                let mut wanted = 0;
                hits().for_each(|hit| wanted += u32::from(hit.which == wanted));
                f64::from(wanted)
            }
            Measure::EventCount | Measure::ValueCount | Measure::Temporal => (end - begin) as f64,
        }
    }

    /// The first window in which the condition holds, of those that the hit at this place lies in and that end at it or
    /// later.
    fn between(&self, at: usize, correlation: &Correlation) -> Option<(f64, usize, usize)> {
        let span = correlation.span;
        let latest = self.hits.get(at)?.time + span;
        let end_of = |from: usize| {
            let time = self.hits[from].time;
            from + self.hits.range(from..).take_while(|hit| hit.time == time).count()
        };
        let mut begin = self.hits.partition_point(|hit| hit.time < latest - 2 * span);
        let mut end = begin;
        let mut within = vec![0u32; self.counts.as_ref().map_or(0, |counts| counts.held.len())];
        let mut distinct = 0u32;
        let mut last = at;
        while last < self.hits.len() && self.hits[last].time <= latest {
            let next = end_of(last);
            while end < next {
                if let Some(within) = within.get_mut(self.hits[end].value as usize) {
                    *within += 1;
                    distinct += u32::from(*within == 1);
                }
                end += 1;
            }
            while self.hits[begin].time < self.hits[last].time - span {
                if let Some(within) = within.get_mut(self.hits[begin].value as usize) {
                    *within -= 1;
                    distinct -= u32::from(*within == 0);
                }
                begin += 1;
            }
            let value = match correlation.measure {
                Measure::ValueCount | Measure::Temporal => f64::from(distinct),
                _ => self.measure(correlation, begin, end),
            };
            if correlation.holds(value) {
                return Some((value, begin, end));
            }
            last = next;
        }
        None
    }

    fn matched(&mut self, value: f64, begin: usize, end: usize, span: i64) -> Match {
        let time = |at: usize| self.hits.get(at).map_or(0, |hit| hit.time);
        let (first, last) = (time(begin), time(end - 1));
        let is_repeated = self.quiet_until.is_some_and(|until| last <= until);
        if is_repeated {
            return Match { value, leaves: Vec::new(), first, last, is_repeated };
        }
        self.quiet_until = Some(last + span);
        let mut leaves: Vec<u64> = self.hits.range(begin..end).map(|hit| hit.leaf).collect();
        leaves.sort_unstable();
        leaves.dedup();
        Match { value, leaves, first, last, is_repeated }
    }
}

impl Counts {
    fn number(&mut self, name: &str) -> u64 {
        if let Some(number) = self.numbers.get(name) {
            return u64::from(*number);
        }
        let number = self.free.pop().unwrap_or(self.names.len() as u32);
        if number as usize == self.names.len() {
            self.names.push(name.into());
            self.held.push(0);
            self.within.push(0);
        } else {
            self.names[number as usize] = name.into();
        }
        self.numbers.insert(name.into(), number);
        u64::from(number)
    }

    fn release(&mut self, number: u32) {
        let held = &mut self.held[number as usize];
        *held -= 1;
        if *held == 0 {
            self.numbers.remove(&self.names[number as usize]);
            self.free.push(number);
        }
    }
}
