//! How much somebody does in an hour.

use super::hours::short;
use crate::small::SmallVec;

/// So many active hours are remembered.
const HOURS: usize = 168;
/// From so many on there is a baseline.
const LEAST: usize = 24;

/// What was done in the newest hour, and in each of the active hours before it.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Rate {
    hour: i32,
    count: u32,
    before: SmallVec<u16, 11>,
    /// Which of them is the oldest, where there is no more room.
    oldest: u8,
    #[cfg_attr(feature = "state", serde(skip))]
    usual: Short,
}

/// What is usual, as it is kept: counts of an hour are no larger.
#[derive(Clone, Copy, Debug, Default)]
struct Short {
    median: u16,
    mad: u16,
    high: u16,
}

/// What is usual in an hour in which something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usual {
    pub(crate) hours: u32,
    pub(crate) median: u32,
    /// The median of how far the hours lie from the median.
    pub(crate) mad: u32,
    /// The third highest.
    pub(crate) high: u32,
}

impl Usual {
    /// How far a count lies from the median, in standard deviations of a normal distribution that has this MAD. The
    /// spread is at least the root of the median, and at least one.
    pub(crate) fn z(&self, count: u32) -> i64 {
        let spread = i64::from(self.mad.max(self.median.isqrt()).max(1));
        (i64::from(count) - i64::from(self.median)) * 6745 / (10_000 * spread)
    }

    /// A count in hundredths of the third highest.
    pub(crate) fn of_high(&self, count: u32) -> u64 {
        u64::from(count) * 100 / u64::from(self.high.max(1))
    }
}

impl Rate {
    /// The clock goes on to this hour since 1970.
    pub(super) fn turn(&mut self, hour: i64) {
        let hour = short(hour);
        // An hour in which nothing was learned yet is not gone back from either.
        let has_begun = self.count > 0 || !self.before.is_empty();
        if has_begun && hour <= self.hour {
            return;
        }
        if self.count > 0 {
            let count = u16::try_from(self.count).unwrap_or(u16::MAX);
            if self.before.len() < HOURS {
                self.before.insert(self.before.len(), count);
            } else {
                self.before[usize::from(self.oldest)] = count;
                self.oldest = ((usize::from(self.oldest) + 1) % HOURS) as u8;
            }
            self.usual = Short::of(&self.before);
        }
        (self.hour, self.count) = (hour, 0);
    }

    #[cfg(feature = "snapshot")]
    pub(super) fn is_sound(&self) -> bool {
        self.before.len() <= HOURS && usize::from(self.oldest) < self.before.len().max(1)
    }

    /// Computes what is usual, after the hours were read.
    #[cfg(feature = "snapshot")]
    pub(super) fn learn_anew(&mut self) {
        self.usual = Short::of(&self.before);
    }

    /// One more is done in this hour. What is late counts nowhere.
    pub(super) fn add(&mut self, hour: i64) {
        self.count = self.count.saturating_add(u32::from(short(hour) == self.hour));
    }

    /// How many there are in this hour with one more, and what is usual, once that is known.
    pub(super) fn judge(&self, hour: i64) -> Option<(u32, Usual)> {
        (short(hour) == self.hour && self.before.len() >= LEAST)
            .then(|| (self.count + 1, self.usual.told(self.before.len())))
    }
}

impl Short {
    /// Of an even number the lower middle one is the median.
    fn of(counts: &[u16]) -> Self {
        if counts.len() < LEAST {
            // Nobody is told.
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

    fn told(self, hours: usize) -> Usual {
        let Self { median, mad, high } = self;
        Usual { hours: hours as u32, median: median.into(), mad: mad.into(), high: high.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_do_not_move_what_is_usual() {
        let usual = |counts: &[u16]| Short::of(counts).told(counts.len());
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
    fn hours_before_this_one_are_what_it_is_held_against() {
        let mut rate = Rate::default();
        let mut act = |hour: i64, times: u32| {
            for _ in 0..times {
                rate.turn(hour);
                rate.add(hour);
            }
            rate.turn(hour);
            rate.judge(hour)
        };
        for hour in 0..23 {
            assert_eq!(act(hour * 5, 2), None);
        }
        assert_eq!(act(200, 3), None);
        assert_eq!(act(201, 49), Some((50, Usual { hours: 24, median: 2, mad: 0, high: 2 })));
        assert_eq!(act(199, 1), None, "what is late counts nowhere");
        let hours =
            |judged: Option<(u32, Usual)>| judged.map(|(count, usual)| (count, usual.hours, usual.high));
        assert_eq!(hours(act(202, 0)), Some((1, 25, 2)));
        assert_eq!(act(201, 1), None, "an hour that has ended is not begun again");
        assert_eq!(hours(act(203, 0)), Some((1, 25, 2)));
    }
}
