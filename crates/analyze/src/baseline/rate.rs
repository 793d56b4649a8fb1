//! The rate of events of an identity, per hour.

use super::hours::clamp_hour;
use crate::small::SmallVec;

/// The maximum number of active hours remembered.
const MAX_HOURS: usize = 168;
/// The minimum number of active hours for a baseline.
const MIN_HOURS: usize = 24;

/// The number of events in the newest hour, and in each of the active hours before it.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Rate {
    hour: i32,
    count: u32,
    before: SmallVec<u16, 11>,
    /// The index of the oldest of these hours, once the list is full and reused as a ring.
    oldest: u8,
    #[cfg_attr(feature = "state", serde(skip))]
    usual: CompactUsual,
}

/// Usual counts as stored. They fit in 16 bits, because counts are capped there.
#[derive(Clone, Copy, Debug, Default)]
struct CompactUsual {
    median: u16,
    mad: u16,
    high: u16,
}

/// The usual number of events in an active hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usual {
    pub(crate) hours: u32,
    pub(crate) median: u32,
    /// The median absolute deviation from the median.
    pub(crate) mad: u32,
    /// The third highest count.
    pub(crate) high: u32,
}

impl Usual {
    /// Returns the distance of a count from the median, in standard deviations of a normal distribution
    /// with this MAD. The spread is at least the square root of the median, and at least one.
    pub(crate) fn z(&self, count: u32) -> i64 {
        let spread = i64::from(self.mad.max(self.median.isqrt()).max(1));
        (i64::from(count) - i64::from(self.median)) * 6745 / (10_000 * spread)
    }

    /// Returns a count in hundredths of the third highest.
    pub(crate) fn of_high(&self, count: u32) -> u64 {
        u64::from(count) * 100 / u64::from(self.high.max(1))
    }
}

impl Rate {
    /// Advances to an hour since 1970, and closes the previous one.
    pub(super) fn advance(&mut self, hour: i64) {
        let hour = clamp_hour(hour);
        // Times never decrease, but the first event may be in any hour, and `hour` is 0 before it.
        let has_begun = self.count > 0 || !self.before.is_empty();
        if has_begun && hour <= self.hour {
            return;
        }
        if self.count > 0 {
            let count = u16::try_from(self.count).unwrap_or(u16::MAX);
            if self.before.len() < MAX_HOURS {
                self.before.insert(self.before.len(), count);
            } else {
                self.before[usize::from(self.oldest)] = count;
                self.oldest = ((usize::from(self.oldest) + 1) % MAX_HOURS) as u8;
            }
            self.usual = CompactUsual::new(&self.before);
        }
        (self.hour, self.count) = (hour, 0);
    }

    #[cfg(feature = "snapshot")]
    pub(super) fn is_sound(&self) -> bool {
        self.before.len() <= MAX_HOURS && usize::from(self.oldest) < self.before.len().max(1)
    }

    /// Computes the usual counts after a snapshot was restored.
    #[cfg(feature = "snapshot")]
    pub(super) fn recompute(&mut self) {
        self.usual = CompactUsual::new(&self.before);
    }

    /// Counts an event. Late events aren't counted.
    pub(super) fn add(&mut self, hour: i64) {
        self.count = self.count.saturating_add(u32::from(clamp_hour(hour) == self.hour));
    }

    /// Returns the count of this hour including one more event, and the usual counts. `None` without a
    /// baseline.
    pub(super) fn judge(&self, hour: i64) -> Option<(u32, Usual)> {
        (clamp_hour(hour) == self.hour && self.before.len() >= MIN_HOURS)
            .then(|| (self.count + 1, self.usual.expand(self.before.len())))
    }
}

impl CompactUsual {
    /// Computes usual counts. The median of an even number of values is the lower middle one.
    fn new(counts: &[u16]) -> Self {
        if counts.len() < MIN_HOURS {
            // Not used until there is a baseline.
            return Self::default();
        }
        let middle = |values: &mut Vec<u16>| {
            values.sort_unstable();
            values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0)
        };
        let mut values = counts.to_vec();
        let median = middle(&mut values);
        let high = values.iter().rev().nth(2).or(values.last()).copied().unwrap_or(0);
        let mut apart = counts.iter().map(|count| count.abs_diff(median)).collect();
        Self { median, mad: middle(&mut apart), high }
    }

    fn expand(self, hours: usize) -> Usual {
        let Self { median, mad, high } = self;
        Usual { hours: hours as u32, median: median.into(), mad: mad.into(), high: high.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_do_not_change_usual_counts() {
        let usual = |counts: &[u16]| CompactUsual::new(counts).expand(counts.len());
        let many = [3, 4, 2, 3, 900, 4].repeat(4);
        assert_eq!(usual(&many), Usual { hours: 24, median: 3, mad: 1, high: 900 });
        let few = [&[900, 900][..], &[4; 11], &[3; 11]].concat();
        assert_eq!(usual(&few), Usual { hours: 24, median: 4, mad: 1, high: 4 });
        assert_eq!(usual(&[5; 25]), Usual { hours: 25, median: 5, mad: 0, high: 5 });
        let usual = Usual { hours: 30, median: 3, mad: 1, high: 6 };
        assert_eq!([3, 15, 40].map(|count| usual.z(count)), [0, 8, 24]);
        assert_eq!((usual.z(0), usual.of_high(9)), (-2, 150));
        assert_eq!(Usual { median: 100, ..usual }.z(220), 8);
    }

    #[test]
    fn an_hour_is_compared_with_the_hours_before_it() {
        let mut rate = Rate::default();
        let mut act = |hour: i64, times: u32| {
            for _ in 0..times {
                rate.advance(hour);
                rate.add(hour);
            }
            rate.advance(hour);
            rate.judge(hour)
        };
        for hour in 0..23 {
            assert_eq!(act(hour * 5, 2), None);
        }
        assert_eq!(act(200, 3), None);
        assert_eq!(act(201, 49), Some((50, Usual { hours: 24, median: 2, mad: 0, high: 2 })));
        assert_eq!(act(199, 1), None, "late events aren't counted");
        let hours =
            |judged: Option<(u32, Usual)>| judged.map(|(count, usual)| (count, usual.hours, usual.high));
        assert_eq!(hours(act(202, 0)), Some((1, 25, 2)));
        assert_eq!(act(201, 1), None, "an hour that has ended isn't reopened");
        assert_eq!(hours(act(203, 0)), Some((1, 25, 2)));
    }
}
