//! Activity by the 168 hours of the week.

use crate::small::SmallVec;

const WEEK: i64 = 168;
const DAY: i64 = 24;
/// The weight of one active hour. All weights decay by an eighth per week.
const WEIGHT: u16 = 256;
const DECAY: u16 = 8;
/// The number of weeks after which any weight has decayed to zero.
const MAX_WEEKS: i32 = 64;
/// The distance in hours within which activity counts as near.
const NEAR: i64 = 2;

/// The weight of each hour of the week.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Hours {
    /// The weights by hour of the week, ascending. Zero weights are omitted.
    cells: SmallVec<(u8, u16), 5>,
    week: i32,
    newest: Option<i32>,
    /// The weight of an hour that was active in every completed week.
    full: u16,
    /// The number of active hours.
    pub(super) active: u32,
}

/// A bound on hours since 1970 that no event's time reaches.
const MAX_HOUR: u32 = 1 << 30;

/// Converts an hour since 1970 to 32 bits.
pub(super) fn clamp_hour(hour: i64) -> i32 {
    hour.clamp(-i64::from(MAX_HOUR), i64::from(MAX_HOUR)) as i32
}

/// Returns the hour of the week, from Monday 0:00, of an hour since 1970. 1970 began on a Thursday.
fn hour_of_week(hour: i64) -> u8 {
    u8::try_from((hour + 3 * DAY).rem_euclid(WEEK)).unwrap_or(0)
}

fn week_of(hour: i32) -> i32 {
    (hour + 3 * DAY as i32).div_euclid(WEEK as i32)
}

impl Hours {
    /// Records activity in an hour since 1970. Ignores hours that aren't later than the newest.
    pub(super) fn add(&mut self, hour: i64) {
        let hour = clamp_hour(hour);
        let newest = *self.newest.get_or_insert_with(|| {
            self.week = week_of(hour);
            i32::MIN
        });
        if hour <= newest {
            return;
        }
        self.newest = Some(hour);
        self.advance(week_of(hour));
        self.active = self.active.saturating_add(1);
        let cell = hour_of_week(hour.into());
        match self.cells.binary_search_by_key(&cell, |(hour, _)| *hour) {
            Ok(at) => self.cells[at].1 += WEIGHT,
            Err(at) => self.cells.insert(at, (cell, WEIGHT)),
        }
    }

    #[cfg(feature = "snapshot")]
    pub(super) fn is_sound(&self) -> bool {
        let Self { cells, week, newest, full, .. } = self;
        let max = WEIGHT * (DECAY + 1);
        cells.is_sorted_by(|(one, _), (other, _)| one < other)
            && cells.iter().all(|(cell, weight)| i64::from(*cell) < WEEK && (1..=max).contains(weight))
            && *full <= max
            && newest.unwrap_or(0).unsigned_abs() < MAX_HOUR
            && week.unsigned_abs() < MAX_HOUR
    }

    fn advance(&mut self, week: i32) {
        let passed = (week - self.week).clamp(0, MAX_WEEKS);
        self.week = self.week.max(week);
        for _ in 0..passed {
            let decay = |weight: u16| weight - (weight / DECAY).max(1).min(weight);
            self.full = decay(self.full + WEIGHT);
            self.cells.iter_mut().for_each(|(_, weight)| *weight = decay(*weight));
        }
        if self.cells.iter().any(|(_, weight)| *weight == 0) {
            self.cells =
                self.cells.iter().copied().filter(|(_, weight)| *weight > 0).collect::<Vec<_>>().into();
        }
    }

    /// Returns the share of all activity, in thousandths, that lies within two hours of this hour of the
    /// day, counting only workdays or only weekend days, like the hour itself.
    pub(super) fn share(&self, hour: i64) -> u32 {
        let (day, of_day) = (i64::from(hour_of_week(hour)) / DAY, hour.rem_euclid(DAY));
        let is_near = |cell: u8| {
            let (other_day, other) = (i64::from(cell) / DAY, i64::from(cell) % DAY);
            let apart = (other - of_day).rem_euclid(DAY);
            (other_day >= 5) == (day >= 5) && (apart <= NEAR || apart >= DAY - NEAR)
        };
        let sum = |cells: &mut dyn Iterator<Item = &(u8, u16)>| {
            cells.map(|(_, weight)| u32::from(*weight)).sum::<u32>()
        };
        let all = sum(&mut self.cells.iter());
        let near = sum(&mut self.cells.iter().filter(|(cell, _)| is_near(*cell)));
        (near * 1000).checked_div(all).unwrap_or(0)
    }

    /// True if this hour of the week was active in at least three of four weeks.
    pub(super) fn is_usual(&self, hour: i64) -> bool {
        let cell = hour_of_week(hour);
        let weight =
            self.cells.binary_search_by_key(&cell, |(hour, _)| *hour).map_or(0, |at| self.cells[at].1);
        self.full > WEIGHT && u32::from(weight) * 4 >= u32::from(self.full) * 3
    }

    /// Describes the active hours of the day for people.
    pub(super) fn describe(&self) -> String {
        let describe = |name: &str, is_selected: &dyn Fn(u8) -> bool| {
            let mut active = [false; 24];
            for (cell, _) in self.cells.iter().filter(|(cell, _)| is_selected(*cell / 24)) {
                active[usize::from(*cell % 24)] = true;
            }
            let mut runs: Vec<(usize, usize)> = Vec::new();
            for hour in (0..24).filter(|hour| active[*hour]) {
                match runs.last_mut() {
                    Some((_, end)) if *end == hour => *end = hour + 1,
                    _ => runs.push((hour, hour + 1)),
                }
            }
            let runs: Vec<_> = runs.iter().map(|(first, end)| format!("{first}:00 to {end}:00")).collect();
            let runs = if runs.is_empty() { "never".into() } else { runs.join(", ") };
            format!("{name} {runs}")
        };
        let (work, rest) =
            (describe("Monday to Friday", &|day| day < 5), describe("Saturday and Sunday", &|day| day >= 5));
        format!("{work}; {rest}; {} active hours", self.active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, January 5, 1970, 0:00.
    const MONDAY: i64 = 4 * DAY;

    fn worker(weeks: i64) -> Hours {
        let mut hours = Hours::default();
        for week in 0..weeks {
            for day in 0..5 {
                for hour in 9..17 {
                    hours.add(MONDAY + week * WEEK + day * DAY + hour);
                }
            }
        }
        hours
    }

    #[test]
    fn share_counts_activity_near_the_hour() {
        let hours = worker(4);
        let share = |day: i64, hour: i64| hours.share(MONDAY + 4 * WEEK + day * DAY + hour);
        assert_eq!((share(0, 12), share(4, 18), share(4, 7)), (625, 125, 125));
        assert_eq!((share(2, 19), share(2, 6), share(2, 3), share(5, 12)), (0, 0, 0, 0));
        assert_eq!(hours.active, 160);
        assert_eq!(
            hours.describe(),
            "Monday to Friday 9:00 to 17:00; Saturday and Sunday never; 160 active hours"
        );
    }

    #[test]
    fn old_activity_decays() {
        let mut hours = worker(1);
        for week in 1..45 {
            hours.add(MONDAY + week * WEEK + 3);
        }
        let later = MONDAY + 45 * WEEK;
        assert!(hours.share(later + 12) < 30 && hours.share(later + 3) > 970, "{hours:?}");
    }

    #[test]
    fn an_hour_counts_once_and_never_late() {
        let mut hours = Hours::default();
        for hour in [MONDAY + 9, MONDAY + 9, MONDAY + 8] {
            hours.add(hour);
        }
        assert_eq!((hours.active, hours.share(MONDAY + 5)), (1, 0));
    }

    #[test]
    fn an_hour_is_usual_if_active_in_most_weeks() {
        let mut hours = worker(6);
        let next = MONDAY + 6 * WEEK;
        hours.add(next);
        assert!(hours.is_usual(next + DAY + 12) && !hours.is_usual(next + DAY + 5) && !hours.is_usual(next));
        assert!(!worker(1).is_usual(MONDAY + 12));
    }
}
