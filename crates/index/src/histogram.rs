//! Histogram of events over time, by outcome.

use countersign_query::Outcome;

/// Maximum number of bars.
const MAX_BARS: i64 = 120;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Possible bar widths in milliseconds. Longer spans use whole days.
const STEPS: [i64; 34] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
    182 * DAY,
    364 * DAY,
];

/// Number of events per bar, by outcome in the order of [`Outcome::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// Start of the first bar, in milliseconds since 1970.
    pub begin: i64,
    /// Width of a bar in milliseconds.
    pub step: i64,
    /// For each outcome, the number of events in each bar.
    pub bars: [Vec<u32>; Outcome::ALL.len()],
}

impl Histogram {
    /// Creates empty bars for a time span, both ends included.
    pub(crate) fn new(first: i64, last: i64) -> Option<Self> {
        let span = last.checked_sub(first).filter(|span| *span >= 0)?;
        // The first bar may start before the span, which adds a bar.
        let fits = |step: &i64| last.div_euclid(*step) - first.div_euclid(*step) < MAX_BARS;
        let years = || (span / (MAX_BARS - 1) / DAY + 1) * DAY;
        let step = STEPS.into_iter().find(fits).unwrap_or_else(years);
        let begin = first.div_euclid(step) * step;
        let count = (last - begin) / step + 1;
        Some(Self { begin, step, bars: core::array::from_fn(|_| vec![0; count as usize]) })
    }

    /// Counts events by time and outcome. Caches the bar, since consecutive events often share it.
    pub(crate) fn count(&mut self, events: impl Iterator<Item = (i64, u8)>) {
        let (mut bar, mut begin) = (usize::MAX, i64::MAX);
        for (time, outcome) in events {
            if time < begin || time - begin >= self.step {
                let nth = (time - self.begin).div_euclid(self.step);
                bar = usize::try_from(nth).unwrap_or(usize::MAX);
                begin = self.begin + nth * self.step;
            }
            if let Some(count) = self.bars.get_mut(usize::from(outcome)).and_then(|bars| bars.get_mut(bar)) {
                *count += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_span_the_first_and_last_event() {
        for (first, last) in [
            (0, 0),
            (5, 6),
            (-10, 500),
            (1_795_000_000_000, 1_795_000_999_999),
            (-62_167_219_200_000, 253_402_300_799_999),
        ] {
            let mut histogram = Histogram::new(first, last).unwrap();
            histogram.count([(first, 0), (last, 2)].into_iter());
            assert_eq!((histogram.bars[0].first(), histogram.bars[2].last()), (Some(&1), Some(&1)));
            assert!((1..=121).contains(&histogram.bars[1].len()), "{first} {last}");
        }
        assert_eq!(Histogram::new(1, 0), None);
    }
}
