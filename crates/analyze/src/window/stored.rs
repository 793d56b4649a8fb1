//! Windows in a snapshot. Only hits are stored; counts are recomputed.

use std::collections::HashMap;

use countersign::time::Time;
use serde::{Deserialize, Serialize};

use super::{Counts, Group, Hit, NEVER, Windows};
use crate::correlation::{Correlation, MAX_HITS, Measure};

/// The maximum size of a group's key and of a counted value, in bytes.
const MAX_TEXT_BYTES: usize = 1 << 16;

/// All groups of a correlation.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredWindows {
    evicted: Option<(u64, u64)>,
    cut: Option<(u64, u64)>,
    newest: i64,
    over_until: i64,
    /// The groups, by slot.
    groups: Vec<StoredGroup>,
}

#[derive(Serialize, Deserialize)]
struct StoredGroup {
    key: Box<str>,
    last: u64,
    quiet_until: Option<i64>,
    unknown_until: Option<i64>,
    /// The counted values without repeats, in the order of their first hit.
    names: Vec<Box<str>>,
    hits: Vec<StoredHit>,
}

/// A hit: time, entry, index of the rule, and the value: its index in `names`, or its bits.
type StoredHit = (i64, u64, u32, u64);

impl Windows {
    pub(crate) fn store(&self, correlation: &Correlation) -> StoredWindows {
        StoredWindows {
            evicted: self.evicted,
            cut: self.cut,
            newest: self.newest,
            over_until: self.over_until,
            groups: self.groups.iter().map(|group| group.store(correlation.measure)).collect(),
        }
    }

    /// Restores a snapshot; `None` if this correlation couldn't have been in that state at entry `newest`.
    pub(crate) fn restore(
        stored: StoredWindows,
        max_groups: usize,
        correlation: &Correlation,
        newest: Option<u64>,
    ) -> Option<Self> {
        let StoredWindows { evicted, cut, newest: newest_time, over_until, groups } = stored;
        if groups.len() > max_groups || over_until > newest_time {
            return None;
        }
        let mut windows = Self { evicted, cut, newest: newest_time, over_until, ..Self::new(max_groups) };
        for (slot, group) in (0..).zip(groups) {
            let group = Group::restore(group, correlation, newest?)?;
            if group.newest_time() > newest_time
                || group.unknown_until > over_until
                || windows.slots.find(&group.key, &|slot| &windows.groups[slot as usize].key).is_some()
            {
                return None;
            }
            windows.groups.push(group);
            windows.slots.insert(slot, &|slot| &windows.groups[slot as usize].key);
        }
        Some(windows)
    }
}

impl Group {
    fn store(&self, measure: Measure) -> StoredGroup {
        let mut names = Vec::new();
        let mut places: HashMap<usize, u64> = HashMap::new();
        let is_summed = measure.is_of_numbers();
        let hits = self.hits.iter().map(|hit| {
            let value = match &self.counts {
                None => 0,
                Some(counts) => *places.entry(hit.number()).or_insert_with(|| {
                    names.push((*counts.values[hit.number()].name).into());
                    names.len() as u64 - 1
                }),
            };
            let (which, value) = if is_summed { (0, hit.data) } else { (hit.which(), value) };
            (hit.time, hit.leaf, which, value)
        });
        let hits = hits.collect();
        let quiet_until = (self.quiet_until != NEVER).then_some(self.quiet_until);
        let unknown_until = (self.unknown_until != NEVER).then_some(self.unknown_until);
        StoredGroup { key: (*self.key).into(), last: self.last, quiet_until, unknown_until, names, hits }
    }

    fn restore(stored: StoredGroup, correlation: &Correlation, newest: u64) -> Option<Self> {
        let StoredGroup { key, last, quiet_until, unknown_until, names, hits } = stored;
        let span = correlation.span;
        let is_time = |time: i64| Time::from_millis(time).is_some();
        let is_counted = matches!(correlation.measure, Measure::ValueCount | Measure::Temporal);
        if key.len() > MAX_TEXT_BYTES
            || last > newest
            || hits.is_empty()
            || hits.len() > MAX_HITS
            || !hits.is_sorted_by_key(|(time, leaf, ..)| (*time, *leaf))
            || quiet_until.is_some_and(|until| until.checked_sub(span).is_none_or(|time| !is_time(time)))
            || names.iter().any(|name| name.len() > MAX_TEXT_BYTES)
            || (!is_counted && !names.is_empty())
        {
            return None;
        }
        let (quiet_until, unknown_until) = (quiet_until.unwrap_or(NEVER), unknown_until.unwrap_or(NEVER));
        let mut group = Self { key: (&*key).into(), quiet_until, unknown_until, last, ..Self::default() };
        let latest = hits.last().map_or(0, |(time, ..)| *time);
        group.from = hits.partition_point(|(time, ..)| *time < latest - span) as u16;
        let mut counts = is_counted.then(|| Box::new(Counts::default()));
        if let Some(counts) = &mut counts {
            for name in &names {
                // A repeated name gets the number of its first occurrence, which the check below detects.
                let number = counts.number(name) as usize;
                counts.values[number].held += 1;
            }
            if counts.values.len() != names.len() {
                return None;
            }
            counts.values.iter_mut().for_each(|value| value.held = 0);
        }
        for (place, (time, leaf, which, value)) in hits.into_iter().enumerate() {
            let is_number = match correlation.measure {
                Measure::EventCount | Measure::TemporalOrdered => value == 0,
                Measure::ValueCount | Measure::Temporal => value < names.len() as u64,
                _ => f64::from_bits(value).is_finite(),
            };
            if !is_time(time) || leaf > last || which as usize >= correlation.rules.len() || !is_number {
                return None;
            }
            if let Some(counts) = &mut counts {
                let counted = &mut counts.values[value as usize];
                counted.held += 1;
                if place >= group.begin() {
                    counted.within += 1;
                    counts.distinct += u32::from(counted.within == 1);
                }
            }
            group.hits.push_back(if correlation.measure.is_of_numbers() {
                Hit { time, leaf, data: value }
            } else {
                Hit::counted(time, leaf, which, value as u32)
            });
        }
        if counts.as_ref().is_some_and(|counts| counts.values.iter().any(|value| value.held == 0)) {
            return None;
        }
        group.counts = counts;
        Some(group)
    }
}
