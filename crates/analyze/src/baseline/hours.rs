//! In which of the 168 hours of the week somebody is active.

use crate::small::SmallVec;

const WEEK: i64 = 168;
const DAY: i64 = 24;
/// What an active hour weighs. Each week all weigh an eighth less.
const WEIGHT: u16 = 256;
const FADE: u16 = 8;
/// After so many weeks nothing is left.
const WEEKS: i32 = 64;
/// Hours so near to one in which somebody is active are no surprise.
const NEAR: i64 = 2;

/// How much each hour of the week weighs.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Hours {
    /// By hour of the week, ascending; those that weigh nothing are left out.
    cells: SmallVec<(u8, u16), 5>,
    week: i32,
    newest: Option<i32>,
    /// What an hour would weigh that was active in each week that has ended.
    full: u16,
    /// How many hours were active.
    pub(super) seen: u32,
}

/// No time that an event can have is so many hours from 1970.
const MOST: u32 = 1 << 30;

/// An hour since 1970 in half the space.
pub(super) fn short(hour: i64) -> i32 {
    hour.clamp(-i64::from(MOST), i64::from(MOST)) as i32
}

/// The hour of the week, the first being Monday's first, of an hour since 1970, which began on a Thursday.
fn hour_of_week(hour: i64) -> u8 {
    u8::try_from((hour + 3 * DAY).rem_euclid(WEEK)).unwrap_or(0)
}

fn week_of(hour: i32) -> i32 {
    (hour + 3 * DAY as i32).div_euclid(WEEK as i32)
}

impl Hours {
    /// Notes that this hour since 1970 is active, once, and only if it is the newest.
    pub(super) fn add(&mut self, hour: i64) {
        let hour = short(hour);
        let newest = *self.newest.get_or_insert_with(|| {
            self.week = week_of(hour);
            i32::MIN
        });
        if hour <= newest {
            return;
        }
        self.newest = Some(hour);
        self.turn(week_of(hour));
        self.seen = self.seen.saturating_add(1);
        let cell = hour_of_week(hour.into());
        match self.cells.binary_search_by_key(&cell, |(hour, _)| *hour) {
            Ok(at) => self.cells[at].1 += WEIGHT,
            Err(at) => self.cells.insert(at, (cell, WEIGHT)),
        }
    }

    #[cfg(feature = "snapshot")]
    pub(super) fn is_sound(&self) -> bool {
        let Self { cells, week, newest, full, .. } = self;
        let most = WEIGHT * (FADE + 1);
        cells.is_sorted_by(|(one, _), (other, _)| one < other)
            && cells.iter().all(|(cell, weight)| i64::from(*cell) < WEEK && (1..=most).contains(weight))
            && *full <= most
            && newest.unwrap_or(0).unsigned_abs() < MOST
            && week.unsigned_abs() < MOST
    }

    fn turn(&mut self, week: i32) {
        let passed = (week - self.week).clamp(0, WEEKS);
        self.week = self.week.max(week);
        for _ in 0..passed {
            let fade = |weight: u16| weight - (weight / FADE).max(1).min(weight);
            self.full = fade(self.full + WEIGHT);
            self.cells.iter_mut().for_each(|(_, weight)| *weight = fade(*weight));
        }
        if self.cells.iter().any(|(_, weight)| *weight == 0) {
            self.cells =
                self.cells.iter().copied().filter(|(_, weight)| *weight > 0).collect::<Vec<_>>().into();
        }
    }

    /// How much of all activity, in thousandths, lies within two hours of this hour of the day, on days of work if this
    /// is one, on Saturday and Sunday if not.
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

    /// Whether somebody was active in three of four weeks in this hour of the week.
    pub(super) fn is_usual(&self, hour: i64) -> bool {
        let cell = hour_of_week(hour);
        let weight =
            self.cells.binary_search_by_key(&cell, |(hour, _)| *hour).map_or(0, |at| self.cells[at].1);
        self.full > WEIGHT && u32::from(weight) * 4 >= u32::from(self.full) * 3
    }

    /// The hours of the day in which somebody is active, for people.
    pub(super) fn told(&self) -> String {
        let told = |name: &str, is_meant: &dyn Fn(u8) -> bool| {
            let mut active = [false; 24];
            for (cell, _) in self.cells.iter().filter(|(cell, _)| is_meant(*cell / 24)) {
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
            (told("Monday to Friday", &|day| day < 5), told("Saturday and Sunday", &|day| day >= 5));
        format!("{work}; {rest}; {} active hours", self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 5 January 1970, 0:00.
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
    fn what_lies_near_the_usual_hours_is_usual() {
        let hours = worker(4);
        let share = |day: i64, hour: i64| hours.share(MONDAY + 4 * WEEK + day * DAY + hour);
        assert_eq!((share(0, 12), share(4, 18), share(4, 7)), (625, 125, 125));
        assert_eq!((share(2, 19), share(2, 6), share(2, 3), share(5, 12)), (0, 0, 0, 0));
        assert_eq!(hours.seen, 160);
        assert_eq!(
            hours.told(),
            "Monday to Friday 9:00 to 17:00; Saturday and Sunday never; 160 active hours"
        );
    }

    #[test]
    fn habits_fade() {
        let mut hours = worker(1);
        for week in 1..45 {
            hours.add(MONDAY + week * WEEK + 3);
        }
        let later = MONDAY + 45 * WEEK;
        assert!(hours.share(later + 12) < 30 && hours.share(later + 3) > 970, "{hours:?}");
    }

    #[test]
    fn an_hour_counts_once_and_late_ones_not() {
        let mut hours = Hours::default();
        for hour in [MONDAY + 9, MONDAY + 9, MONDAY + 8] {
            hours.add(hour);
        }
        assert_eq!((hours.seen, hours.share(MONDAY + 5)), (1, 0));
    }

    #[test]
    fn an_hour_is_usual_that_is_active_in_most_weeks() {
        let mut hours = worker(6);
        let next = MONDAY + 6 * WEEK;
        hours.add(next);
        assert!(hours.is_usual(next + DAY + 12) && !hours.is_usual(next + DAY + 5) && !hours.is_usual(next));
        assert!(!worker(1).is_usual(MONDAY + 12));
    }
}
