//! The time span of events.

/// Width of a time bucket in milliseconds.
const BUCKET_MS: i64 = 364 * 24 * 60 * 60 * 1000;
/// Buckets further apart than this belong to different clusters.
const MAX_GAP_BUCKETS: i64 = 15;
/// Outliers are ignored if they are at most one event in this many.
const OUTLIER_RATIO: usize = 20;

/// Buckets that have events, in order.
#[derive(Debug, Default)]
pub(crate) struct TimeBuckets(Vec<Bucket>);

#[derive(Debug)]
struct Bucket {
    nth: i64,
    events: usize,
    first: i64,
    last: i64,
}

impl TimeBuckets {
    pub(crate) fn add(&mut self, time: i64) {
        let nth = time.div_euclid(BUCKET_MS);
        let at = self.0.binary_search_by_key(&nth, |bucket| bucket.nth).unwrap_or_else(|at| {
            self.0.insert(at, Bucket { nth, events: 0, first: time, last: time });
            at
        });
        let bucket = &mut self.0[at];
        bucket.events += 1;
        bucket.first = bucket.first.min(time);
        bucket.last = bucket.last.max(time);
    }

    /// Returns the first and the last time.
    pub(crate) fn all(&self) -> Option<(i64, i64)> {
        ends(&self.0)
    }

    /// Returns the first and last time without outliers: the few events dated to the years 1, 1601, or 9999 by programs
    /// that lack the date.
    pub(crate) fn without_outliers(&self) -> Option<(i64, i64)> {
        let events = |buckets: &[Bucket]| buckets.iter().map(|bucket| bucket.events).sum::<usize>();
        let clusters = self.0.chunk_by(|one, next| next.nth - one.nth <= MAX_GAP_BUCKETS);
        let most = clusters.max_by_key(|buckets| events(buckets))?;
        let all = events(&self.0);
        ends(if all - events(most) <= all / OUTLIER_RATIO { most } else { &self.0 })
    }
}

fn ends(buckets: &[Bucket]) -> Option<(i64, i64)> {
    Some((buckets.first()?.first, buckets.last()?.last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: i64 = 1_795_000_000_000;
    const DAY: i64 = BUCKET_MS / 364;

    fn with_outliers(far: &[i64]) -> TimeBuckets {
        let mut buckets = TimeBuckets::default();
        (0..364).map(|day| BEGIN + day * DAY).chain(far.iter().copied()).for_each(|time| buckets.add(time));
        buckets
    }

    #[test]
    fn ignores_few_outliers() {
        let most = Some((BEGIN, BEGIN + 363 * DAY));
        let [year_1, year_1601, year_9999] = [-62_135_596_800_000, -11_644_473_600_000, 253_402_300_799_999];
        for far in [&[year_1][..], &[0], &[year_1, year_1601, 0, year_9999]] {
            assert_eq!(with_outliers(far).without_outliers(), most);
            let all = far.iter().chain([&BEGIN, &(BEGIN + 363 * DAY)]);
            assert_eq!(with_outliers(far).all(), Some((*all.clone().min().unwrap(), *all.max().unwrap())));
        }
    }

    #[test]
    fn keeps_frequent_or_near_events() {
        let many: Vec<i64> = (0..20).map(|nth| nth * 1000).collect();
        let near = [BEGIN - 14 * BUCKET_MS, BEGIN - 28 * BUCKET_MS, BEGIN - 42 * BUCKET_MS];
        for others in [&many[..], &near, &[]] {
            assert_eq!(with_outliers(others).without_outliers(), with_outliers(others).all());
        }
        assert_eq!(TimeBuckets::default().without_outliers(), None);
    }
}
