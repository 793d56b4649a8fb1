//! The time span of events.

/// Width of a time bucket in milliseconds.
const YEAR: i64 = 364 * 24 * 60 * 60 * 1000;
/// Buckets further apart than this belong to different clusters.
const FAR: i64 = 15;
/// Outliers are ignored if they are at most one event in this many.
const FEW: usize = 20;

/// Buckets that have events, in order.
#[derive(Debug, Default)]
pub(crate) struct Years(Vec<Year>);

#[derive(Debug)]
struct Year {
    nth: i64,
    events: usize,
    first: i64,
    last: i64,
}

impl Years {
    pub(crate) fn add(&mut self, time: i64) {
        let nth = time.div_euclid(YEAR);
        let at = self.0.binary_search_by_key(&nth, |year| year.nth).unwrap_or_else(|at| {
            self.0.insert(at, Year { nth, events: 0, first: time, last: time });
            at
        });
        let year = &mut self.0[at];
        year.events += 1;
        year.first = year.first.min(time);
        year.last = year.last.max(time);
    }

    /// Returns the first and the last time.
    pub(crate) fn all(&self) -> Option<(i64, i64)> {
        ends(&self.0)
    }

    /// Returns the first and last time without outliers: the few events dated to the years 1, 1601, or 9999 by programs
    /// that lack the date.
    pub(crate) fn most(&self) -> Option<(i64, i64)> {
        let events = |years: &[Year]| years.iter().map(|year| year.events).sum::<usize>();
        let stretches = self.0.chunk_by(|one, next| next.nth - one.nth <= FAR);
        let most = stretches.max_by_key(|years| events(years))?;
        let all = events(&self.0);
        ends(if all - events(most) <= all / FEW { most } else { &self.0 })
    }
}

fn ends(years: &[Year]) -> Option<(i64, i64)> {
    Some((years.first()?.first, years.last()?.last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: i64 = 1_795_000_000_000;
    const DAY: i64 = YEAR / 364;

    fn of(far: &[i64]) -> Years {
        let mut years = Years::default();
        (0..364).map(|day| BEGIN + day * DAY).chain(far.iter().copied()).for_each(|time| years.add(time));
        years
    }

    #[test]
    fn leaves_out_the_few_that_are_far_from_all_others() {
        let most = Some((BEGIN, BEGIN + 363 * DAY));
        let [year_1, year_1601, year_9999] = [-62_135_596_800_000, -11_644_473_600_000, 253_402_300_799_999];
        for far in [&[year_1][..], &[0], &[year_1, year_1601, 0, year_9999]] {
            assert_eq!(of(far).most(), most);
            let all = far.iter().chain([&BEGIN, &(BEGIN + 363 * DAY)]);
            assert_eq!(of(far).all(), Some((*all.clone().min().unwrap(), *all.max().unwrap())));
        }
    }

    #[test]
    fn leaves_out_none_that_are_many_or_near() {
        let many: Vec<i64> = (0..20).map(|nth| nth * 1000).collect();
        let near = [BEGIN - 14 * YEAR, BEGIN - 28 * YEAR, BEGIN - 42 * YEAR];
        for others in [&many[..], &near, &[]] {
            assert_eq!(of(others).most(), of(others).all());
        }
        assert_eq!(Years::default().most(), None);
    }
}
