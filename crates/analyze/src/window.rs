//! The state of correlations: the recent hits of each group, by time.
//!
//! A hit is judged in every window that contains it and ends at a hit, so the order in which hits arrive
//! doesn't matter. Memory is bounded for each correlation, and eviction depends only on the hits.

#[cfg(feature = "snapshot")]
mod stored;
#[cfg(test)]
#[cfg(feature = "yaml")]
mod tests;

use std::collections::VecDeque;

#[cfg(feature = "snapshot")]
pub(crate) use self::stored::StoredWindows;
use crate::correlation::{Correlation, MAX_HITS, Measure};
use crate::indexed_heap::{IndexedHeap, Rank, RankOf};
use crate::numbers::Numbers;
use crate::small::SmallStr;

/// The maximum number of groups of one correlation.
pub(crate) const MAX_GROUPS: usize = 20_000;

/// A match of a rule that feeds a correlation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) time: i64,
    pub(crate) leaf: u64,
    /// The bits of the value to sum. For other measures, the index of the rule in the upper half and the
    /// number of the counted value in the lower half.
    data: u64,
}

impl Hit {
    const fn counted(time: i64, leaf: u64, which: u32, number: u32) -> Self {
        Self { time, leaf, data: (which as u64) << 32 | number as u64 }
    }

    const fn which(&self) -> u32 {
        (self.data >> 32) as u32
    }

    const fn number(&self) -> usize {
        self.data as u32 as usize
    }
}

/// All groups of a correlation.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    max_groups: usize,
    slots: Numbers,
    groups: Vec<Group>,
    /// The order of eviction: groups with the fewest hits first, and of these the one whose last hit is
    /// oldest. Built once the maximum number of groups is reached.
    order: Option<IndexedHeap>,
    /// The groups by their newest hit, oldest first. Built together with `order`.
    by_time: Option<IndexedHeap>,
    /// The time of the newest hit of any group.
    newest: i64,
    /// The time of the newest hit of a group that was replaced because it was over.
    over_until: i64,
    /// The number of evicted groups that weren't over, and the entry that caused the first eviction.
    pub(crate) evicted: Option<(u64, u64)>,
    /// The number of hits that were dropped early or came too late, and the entry that caused the first
    /// drop.
    pub(crate) cut: Option<(u64, u64)>,
}

#[derive(Clone, Debug)]
struct Group {
    key: SmallStr,
    hits: VecDeque<Hit>,
    /// The index of the first hit in the window that ends at the newest hit.
    from: u16,
    counts: Option<Box<Counts>>,
    /// The time until which matches count as repeats.
    quiet_until: i64,
    /// Until this time, the group may lack hits of a group with the same key that was replaced.
    unknown_until: i64,
    last: u64,
}

/// The number of hits per value. Most groups have few values, which are searched linearly.
#[derive(Clone, Debug)]
struct Counts {
    values: Vec<CountedValue>,
    numbers: Option<Box<Numbers>>,
    /// The first unused number. Unused numbers form a linked list.
    free: u32,
    distinct: u32,
}

/// A value, and its number of hits in total and in the newest window.
#[derive(Clone, Debug)]
struct CountedValue {
    name: SmallStr,
    /// The number of hits; 0 if the number is unused.
    held: u32,
    /// The number of hits in the newest window; for an unused number, the next unused one.
    within: u32,
}

/// The maximum number of values that are searched linearly, and of hits that are stored without spare
/// capacity.
const SMALL_GROUP: usize = 8;
/// The end of the list of unused numbers.
const NONE: u32 = u32::MAX;
/// A time before any hit.
const NEVER: i64 = i64::MIN;

/// A window in which a correlation's condition holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Match {
    pub(crate) value: f64,
    /// The entries, ascending and without repeats.
    pub(crate) leaves: Vec<u64>,
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// True if the group already matched within the last timespan, so that this match is only a repeat.
    pub(crate) is_repeated: bool,
}

fn count(counter: &mut Option<(u64, u64)>, leaf: u64) {
    let (number, _) = counter.get_or_insert((0, leaf));
    *number += 1;
}

impl Windows {
    pub(crate) fn new(max_groups: usize) -> Self {
        Self {
            max_groups,
            slots: Numbers::default(),
            groups: Vec::new(),
            order: None,
            by_time: None,
            newest: NEVER,
            over_until: NEVER,
            evicted: None,
            cut: None,
        }
    }

    /// Accepts a hit, and returns a match if the condition now holds.
    pub(crate) fn accept(
        &mut self,
        correlation: &Correlation,
        key: &str,
        which: u32,
        value: &str,
        leaf: u64,
        time: i64,
    ) -> Option<Match> {
        let measure = correlation.measure;
        let summed =
            if measure.is_of_numbers() { countersign::canonical::double(value)?.to_bits() } else { 0 };
        self.newest = self.newest.max(time);
        let slot = self.slot(key, leaf, correlation.span);
        let group = &mut self.groups[slot as usize];
        let is_late = time.saturating_sub(correlation.span) <= group.unknown_until;
        let hit = match measure {
            Measure::EventCount | Measure::TemporalOrdered => Hit::counted(time, leaf, which, 0),
            Measure::Temporal => {
                let number = group.counts.get_or_insert_default().number(&which.to_string());
                Hit::counted(time, leaf, which, number)
            }
            Measure::ValueCount => {
                let number = group.counts.get_or_insert_default().number(value);
                Hit::counted(time, leaf, which, number)
            }
            _ => Hit { time, leaf, data: summed },
        };
        let (cut, found) = group.insert(hit, correlation);
        group.last = leaf;
        if let Some(order) = &mut self.order {
            order.change(slot, &|slot| self.groups[slot as usize].rank());
        }
        if let Some(by_time) = &mut self.by_time {
            by_time.change(slot, &|slot| self.groups[slot as usize].rank_by_time());
        }
        if cut || is_late {
            count(&mut self.cut, leaf);
        }
        found
    }

    /// Returns the entries of all hits.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = u64> + '_ {
        self.groups.iter().flat_map(|group| group.hits.iter().map(|hit| hit.leaf))
    }

    /// Returns the group's slot. If there are too many groups, a new one replaces one that is over, or otherwise evicts
    /// one.
    fn slot(&mut self, key: &str, leaf: u64, span: i64) -> u32 {
        if let Some(slot) = self.slots.find(key, &|slot| &self.groups[slot as usize].key) {
            return slot;
        }
        let (hits, unknown_until) = (VecDeque::with_capacity(1), self.over_until);
        let group = Group { key: key.into(), hits, unknown_until, ..Group::default() };
        let mut slot = self.groups.len() as u32;
        if self.groups.len() < self.max_groups {
            self.groups.push(group);
        } else {
            let rank_of: RankOf<'_> = &|slot| self.groups[slot as usize].rank();
            let order = self.order.get_or_insert_with(|| IndexedHeap::from_slots(0..slot, rank_of));
            let rank_by_time: RankOf<'_> = &|slot| self.groups[slot as usize].rank_by_time();
            let by_time = self.by_time.get_or_insert_with(|| IndexedHeap::from_slots(0..slot, rank_by_time));
            let newest_of = |slot: u32| self.groups[slot as usize].newest_time();
            let over = by_time.first().filter(|slot| newest_of(*slot) < self.newest.saturating_sub(2 * span));
            if let Some(first) = over {
                slot = first;
                self.over_until = self.over_until.max(newest_of(first));
            } else if let Some(first) = order.first() {
                slot = first;
                count(&mut self.evicted, leaf);
            }
            self.slots.remove(slot, &|slot| &self.groups[slot as usize].key);
            self.groups[slot as usize] = group;
        }
        self.slots.insert(slot, &|slot| &self.groups[slot as usize].key);
        slot
    }
}

impl Group {
    fn rank(&self) -> Rank {
        (self.hits.len().try_into().unwrap_or(i64::MAX), self.last)
    }

    fn rank_by_time(&self) -> Rank {
        (self.newest_time(), self.last)
    }

    fn newest_time(&self) -> i64 {
        self.hits.back().map_or(NEVER, |hit| hit.time)
    }

    /// Inserts a hit. Returns true if another hit had to be dropped early, and a match if the condition now
    /// holds.
    fn insert(&mut self, hit: Hit, correlation: &Correlation) -> (bool, Option<Match>) {
        let span = correlation.span;
        let at = self.hits.partition_point(|other| (other.time, other.leaf) <= (hit.time, hit.leaf));
        let is_newest = at == self.hits.len();
        if self.hits.len() == self.hits.capacity() && self.hits.len() < SMALL_GROUP {
            // Most groups have few hits, so reserve no spare capacity.
            self.hits.reserve_exact(1);
        }
        self.hits.insert(at, hit);
        let newest = self.hits.back().map_or(hit.time, |last| last.time);
        if let Some(counts) = &mut self.counts {
            counts.values[hit.number()].held += 1;
        }
        let mut from = self.begin();
        if at < from || at == from && hit.time < newest - span {
            from += 1;
        } else {
            self.enter(hit);
        }
        while self.hits.get(from).is_some_and(|first| first.time < newest - span) {
            self.leave(from);
            from += 1;
        }
        self.from = from as u16;
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
        // A hit is judged in no window if it comes so late that its neighbors were dropped.
        let Some(at) = at.checked_sub(shift) else { return (true, None) };
        let found = if is_newest {
            let value = self.newest(correlation);
            correlation.holds(value).then_some((value, self.begin(), self.hits.len()))
        } else {
            self.between(at, correlation)
        };
        let found = found.map(|(value, begin, end)| self.matched(value, begin, end, span));
        (cut, found)
    }

    fn begin(&self) -> usize {
        self.from.into()
    }

    fn enter(&mut self, hit: Hit) {
        if let Some(counts) = &mut self.counts {
            let within = &mut counts.values[hit.number()].within;
            *within += 1;
            counts.distinct += u32::from(*within == 1);
        }
    }

    fn leave(&mut self, at: usize) {
        if let (Some(counts), Some(hit)) = (&mut self.counts, self.hits.get(at)) {
            let within = &mut counts.values[hit.number()].within;
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
            counts.release(hit.number() as u32);
        }
    }

    /// Returns the measure of the window that ends at the newest hit.
    fn newest(&self, correlation: &Correlation) -> f64 {
        match (correlation.measure, &self.counts) {
            (Measure::EventCount, _) => (self.hits.len() - self.begin()) as f64,
            (Measure::Temporal, Some(counts)) => {
                counts.joined(correlation, counts.distinct, &|number| counts.values[number].within)
            }
            (Measure::ValueCount, Some(counts)) => f64::from(counts.distinct),
            _ => self.measure(correlation, self.begin(), self.hits.len()),
        }
    }

    /// Computes the measure of a range of hits, one by one.
    fn measure(&self, correlation: &Correlation, begin: usize, end: usize) -> f64 {
        let hits = || self.hits.range(begin..end);
        let sum = || hits().map(|hit| f64::from_bits(hit.data)).sum::<f64>();
        match correlation.measure {
            Measure::ValueSum => sum(),
            Measure::ValueAverage => sum() / (end - begin).max(1) as f64,
            Measure::ValuePercentile | Measure::ValueMedian => {
                let mut values: Vec<f64> = hits().map(|hit| f64::from_bits(hit.data)).collect();
                values.sort_unstable_by(f64::total_cmp);
                percentile(&values, correlation.percentile)
            }
            Measure::TemporalOrdered => {
                let rules = correlation.rules.len() as u32;
                self.in_order(rules, begin, |rule, from, last| {
                    let is_next = |hit: &Hit| hit.which() == rule && last != Some(hit.leaf);
                    self.hits.range(from..end).position(is_next).map(|place| from + place)
                })
            }
            Measure::EventCount | Measure::ValueCount | Measure::Temporal => (end - begin) as f64,
        }
    }

    /// Returns the first window in which the condition holds, of those that contain the hit at this index
    /// and end at it or later. Prefers one that isn't a repeat.
    fn between(&self, at: usize, correlation: &Correlation) -> Option<(f64, usize, usize)> {
        let span = correlation.span;
        let latest = self.hits.get(at)?.time + span;
        let end_of = |from: usize| {
            let time = self.hits[from].time;
            from + self.hits.range(from..).take_while(|hit| hit.time == time).count()
        };
        let mut begin = self.hits.partition_point(|hit| hit.time < latest - 2 * span);
        let mut end = begin;
        let mut within = vec![0u32; self.counts.as_ref().map_or(0, |counts| counts.values.len())];
        let mut distinct = 0u32;
        let rules = correlation.rules.len() as u32;
        // Searching every window for the next hit of a rule would be too slow.
        let places = match correlation.measure {
            Measure::TemporalOrdered => self.places(begin, rules),
            _ => Vec::new(),
        };
        let mut repeated = None;
        let mut last = at;
        while last < self.hits.len() && self.hits[last].time <= latest {
            let next = end_of(last);
            while end < next {
                if let Some(within) = within.get_mut(self.hits[end].number()) {
                    *within += 1;
                    distinct += u32::from(*within == 1);
                }
                end += 1;
            }
            while self.hits[begin].time < self.hits[last].time - span {
                if let Some(within) = within.get_mut(self.hits[begin].number()) {
                    *within -= 1;
                    distinct -= u32::from(*within == 0);
                }
                begin += 1;
            }
            let value = match correlation.measure {
                Measure::ValueCount => f64::from(distinct),
                Measure::Temporal => self
                    .counts
                    .as_ref()
                    .map_or(0.0, |counts| counts.joined(correlation, distinct, &|number| within[number])),
                Measure::TemporalOrdered => self.in_order(rules, begin, |rule, from, last| {
                    let places: &Vec<usize> = &places[rule as usize];
                    let next = &places[places.partition_point(|place| *place < from)..];
                    let place = *next.iter().find(|place| last != Some(self.hits[**place].leaf))?;
                    (place < end).then_some(place)
                }),
                _ => self.measure(correlation, begin, end),
            };
            if correlation.holds(value) {
                if self.hits[last].time > self.quiet_until {
                    return Some((value, begin, end));
                }
                repeated.get_or_insert((value, begin, end));
            }
            last = next;
        }
        repeated
    }

    /// Returns the indexes of each rule's hits, starting at `begin`.
    fn places(&self, begin: usize, rules: u32) -> Vec<Vec<usize>> {
        let mut places = vec![Vec::new(); rules as usize];
        for (place, hit) in self.hits.iter().enumerate().skip(begin) {
            places[hit.which() as usize].push(place);
        }
        places
    }

    /// Returns the number of rules that fired one after another. `next` finds a hit of a rule at an index
    /// or later, excluding the previous hit's event: an event that matches several rules can't
    /// follow itself.
    fn in_order(
        &self,
        rules: u32,
        begin: usize,
        next: impl Fn(u32, usize, Option<u64>) -> Option<usize>,
    ) -> f64 {
        let (mut from, mut last) = (begin, None);
        let fired = (0..rules).take_while(|rule| {
            let Some(place) = next(*rule, from, last) else { return false };
            (from, last) = (place + 1, Some(self.hits[place].leaf));
            true
        });
        fired.count() as f64
    }

    fn matched(&mut self, value: f64, begin: usize, end: usize, span: i64) -> Match {
        let time = |at: usize| self.hits.get(at).map_or(0, |hit| hit.time);
        let (first, last) = (time(begin), time(end - 1));
        let is_repeated = last <= self.quiet_until;
        if is_repeated {
            return Match { value, leaves: Vec::new(), first, last, is_repeated };
        }
        self.quiet_until = last + span;
        let mut leaves: Vec<u64> = self.hits.range(begin..end).map(|hit| hit.leaf).collect();
        leaves.sort_unstable();
        leaves.dedup();
        Match { value, leaves, first, last, is_repeated }
    }
}

impl Default for Group {
    fn default() -> Self {
        let (key, hits, counts) = (SmallStr::default(), VecDeque::new(), None);
        Self { key, hits, from: 0, counts, quiet_until: NEVER, unknown_until: NEVER, last: 0 }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self { values: Vec::with_capacity(1), numbers: None, free: NONE, distinct: 0 }
    }
}

/// Returns a percentile of sorted values, interpolated between the two closest ranks. 0 without values.
#[allow(clippy::cast_sign_loss, reason = "a rank is never negative")]
fn percentile(values: &[f64], percent: f64) -> f64 {
    let rank = percent / 100.0 * values.len().saturating_sub(1) as f64;
    let value = |rank: f64| values.get(rank as usize).copied().unwrap_or_default();
    let (below, above) = (value(libm::floor(rank)), value(libm::ceil(rank)));
    below + (above - below) * (rank - libm::floor(rank))
}

impl Counts {
    /// Returns the number of rules that fired, which are `distinct`. If the correlation's condition joins rules, and
    /// doesn't hold for those that fired, 0. `within` is the number of hits of each value.
    fn joined(&self, correlation: &Correlation, distinct: u32, within: &dyn Fn(usize) -> u32) -> f64 {
        let Some(condition) = &correlation.joined else { return f64::from(distinct) };
        let mut fired = vec![false; correlation.rules.len()];
        for (number, value) in self.values.iter().enumerate().filter(|(_, value)| value.held > 0) {
            let rule = value.name.parse::<usize>().ok().and_then(|rule| fired.get_mut(rule));
            if let Some(rule) = rule {
                *rule |= within(number) > 0;
            }
        }
        if condition.holds_for(&|rule| fired.get(rule) == Some(&true)) { f64::from(distinct) } else { 0.0 }
    }

    /// Returns the number of a value, adding it if it is new. The caller then adds a hit to it.
    fn number(&mut self, name: &str) -> u32 {
        let values = &self.values;
        let found = match &self.numbers {
            Some(numbers) => numbers.find(name, &|number| &values[number as usize].name),
            None => (0..)
                .zip(values)
                .find(|(_, value)| value.held > 0 && *value.name == *name)
                .map(|(number, _)| number),
        };
        if let Some(number) = found {
            return number;
        }
        let value = CountedValue { name: name.into(), held: 0, within: 0 };
        let number = if let Some(place) = self.values.get_mut(self.free as usize) {
            let number = self.free;
            self.free = std::mem::replace(place, value).within;
            number
        } else {
            self.values.push(value);
            self.values.len() as u32 - 1
        };
        let values = &self.values;
        match &mut self.numbers {
            Some(numbers) => numbers.insert(number, &|number| &values[number as usize].name),
            None if values.len() > SMALL_GROUP => {
                let mut numbers = Box::<Numbers>::default();
                for (other, value) in (0..).zip(values) {
                    if value.held > 0 || other == number {
                        numbers.insert(other, &|number| &values[number as usize].name);
                    }
                }
                self.numbers = Some(numbers);
            }
            None => {}
        }
        number
    }

    fn release(&mut self, number: u32) {
        let values = &mut self.values;
        values[number as usize].held -= 1;
        if values[number as usize].held > 0 {
            return;
        }
        if let Some(numbers) = &mut self.numbers {
            numbers.remove(number, &|number| &values[number as usize].name);
        }
        values[number as usize] = CountedValue { name: SmallStr::default(), held: 0, within: self.free };
        self.free = number;
    }
}
