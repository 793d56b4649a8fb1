//! Times: RFC 3339, UTC, milliseconds, exactly 24 characters (SPEC section 2).
//!
//! ```
//! use countersign::time::Time;
//! let time: Time = "2026-11-20T06:01:02.345Z".parse().unwrap();
//! assert_eq!(time.millis(), 1_795_154_462_345);
//! assert_eq!(time.to_string(), "2026-11-20T06:01:02.345Z");
//! assert!("2026-02-29T00:00:00.000Z".parse::<Time>().is_err());
//! ```

use core::fmt;
use core::str::FromStr;

use crate::error::{Code, Error, Quoted};

/// Milliseconds in a day.
pub const DAY: i64 = 86_400_000;

/// A time in the years 0000 to 9999, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// The earliest time that can be written.
    pub const MIN: Self = Self(-62_167_219_200_000);
    /// The latest time that can be written.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// Converts milliseconds since the epoch. `None` outside the years 0000 to 9999.
    pub const fn from_millis(millis: i64) -> Option<Self> {
        if millis >= Self::MIN.0 && millis <= Self::MAX.0 { Some(Self(millis)) } else { None }
    }

    /// Converts seconds since the epoch. `None` after the year 9999.
    pub fn from_seconds(seconds: u64) -> Option<Self> {
        i64::try_from(seconds).ok()?.checked_mul(1000).and_then(Self::from_millis)
    }

    /// Returns the milliseconds since the epoch; negative before 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Parses exactly 24 bytes of text.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text: &[u8; 24] = text.try_into().ok()?;
        let digits = |from: usize, to: usize| {
            text[from..to]
                .iter()
                .try_fold(0_i64, |n, &b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
        if marks.iter().any(|&(at, mark)| text[at] != mark) {
            return None;
        }
        let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
        let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
        let millis = digits(20, 23)?;
        let is_date = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        if !is_date || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        Some(Self(
            days_from_epoch(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * 1000 + millis,
        ))
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

// Years begin in March here, so that the leap day is the last of its year.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn date_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_from_days(self.0.div_euclid(DAY));
        let rest = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |last: usize, mut number: i64| {
            for digit in text[..=last].iter_mut().rev().take_while(|digit| digit.is_ascii_digit()) {
                *digit = b'0' + number.rem_euclid(10) as u8;
                number /= 10;
            }
        };
        let numbers =
            [(3, year), (6, month), (9, day), (12, hour), (15, minute), (18, second), (22, rest % 1000)];
        for (last, number) in numbers {
            put(last, number);
        }
        f.write_str(core::str::from_utf8(&text).unwrap_or_default())
    }
}

impl FromStr for Time {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text.as_bytes()).ok_or_else(|| {
            Error::new(Code::Time, format!("{} is not a time", Quoted(text)))
                .with_hint("write it as 2026-11-20T06:01:02.345Z")
        })
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn midnight(date: &str) -> Option<Time> {
        Time::parse(format!("{date}T00:00:00.000Z").as_bytes())
    }

    #[test]
    fn rejects_dates_that_do_not_exist() {
        for month in 1..=12 {
            let last = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
            for (day, is_date) in [(0, false), (1, true), (last, true), (last + 1, false)] {
                let date = format!("2026-{month:02}-{day:02}");
                assert_eq!(midnight(&date).is_some(), is_date, "{date}");
            }
        }
        for date in ["2026-00-01", "2026-13-01"] {
            assert!(midnight(date).is_none(), "{date}");
        }
    }

    #[test]
    fn days_are_consecutive_through_all_leap_years() {
        let mut days = Time::MIN.millis() / DAY;
        for year in 0..10_000 {
            let is_leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
            let february = if is_leap { 29 } else { 28 };
            assert_eq!(midnight(&format!("{year:04}-02-29")).is_some(), is_leap, "{year}");
            for (month, day, since) in
                [(1, 1, 0), (2, february, 30 + february), (3, 1, 31 + february), (12, 31, 336 + february)]
            {
                let time = Time::from_millis((days + since) * DAY).unwrap();
                let text = format!("{year:04}-{month:02}-{day:02}");
                assert_eq!(midnight(&text), Some(time));
                assert_eq!(time.to_string(), format!("{text}T00:00:00.000Z"));
            }
            days += 337 + february;
        }
    }
}
