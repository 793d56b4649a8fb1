//! Parses the ways in which sources write times.

use std::borrow::Cow;

use countersign::time::Time;

use crate::moment::Moment;

/// The unit of a numeric time since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    pub(super) const WORDS: [(&'static str, Self); 4] =
        [("s", Self::Seconds), ("ms", Self::Millis), ("us", Self::Micros), ("ns", Self::Nanos)];
}

/// The format of a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimeFormat {
    /// The unit of a number.
    pub(super) unit: Option<Unit>,
    /// True if times without an offset are in UTC. Otherwise they are rejected: time zones are never guessed.
    pub(super) utc: bool,
}

impl TimeFormat {
    /// Parses a time without an offset, as if it were in UTC. `None` if it has one, or isn't understood.
    pub(super) fn read_local(self, text: &str) -> Option<Time> {
        if self.read(text).is_some() {
            return None;
        }
        ctime(text).or_else(|| Self { utc: true, ..self }.read(text))
    }

    /// Parses the text of a string or number.
    pub(super) fn read(self, text: &str) -> Option<Time> {
        if let Some(time) = date(text, self.utc).filter(|_| self.unit.is_none()) {
            return Some(time);
        }
        if self.unit.is_none() && (!self.utc || is_hour(text)) {
            return None;
        }
        match power_shell(text) {
            Some(millis) => number(millis, Unit::Millis),
            None => number(text, self.unit.unwrap_or(Unit::Seconds)),
        }
    }
}

/// True if these ten digits may be an hour, `2026030209`, where a date is expected.
fn is_hour(text: &str) -> bool {
    text.len() == 10 && (text.starts_with("19") || text.starts_with("20"))
}

/// Returns the milliseconds of a date as PowerShell and .NET write it: `/Date(1743016438444)/`, or with an offset that
/// is for display only, `/Date(1743016438444+0200)/`.
fn power_shell(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let millis = inner.find(['+', '-']).map_or(inner, |at| &inner[..at]);
    let offset = &inner[millis.len()..];
    let is_offset = offset.len() == 5 && offset[1..].bytes().all(|byte| byte.is_ascii_digit());
    (offset.is_empty() || is_offset).then_some(millis)
}

/// Accepted range of times in the configured unit: 1973 to 2286, in seconds since 1970.
const USUAL_SECONDS: core::ops::Range<i128> = 100_000_000..10_000_000_000;
/// Accepted range of times in any other unit: 2001 to 2286, in which the number of digits identifies the unit.
const OTHER_SECONDS: core::ops::Range<i128> = 1_000_000_000..10_000_000_000;
const NANOS_PER_SECOND: i128 = 1_000_000_000;

impl Unit {
    const fn nanos(self) -> i128 {
        match self {
            Self::Seconds => NANOS_PER_SECOND,
            Self::Millis => 1_000_000,
            Self::Micros => 1000,
            Self::Nanos => 1,
        }
    }
}

/// Parses a decimal number in the given unit. Fractions of a millisecond are truncated towards the past.
///
/// Sources and forwarders confuse units, but the size of a number tells which unit it has. The number is read in the
/// usual unit if the time then lies between 1973 and 2286, else in the only unit in which it lies between 2001 and
/// 2286. A number that fits no unit, such as 0, is not a time.
fn number(text: &str, usual: Unit) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    // In billionths of the unit, so that nothing is rounded twice.
    let billionths: i128 = format!("{fraction:0<9.9}").parse().ok()?;
    let value = whole.parse::<i64>().ok().map(i128::from)? * 1_000_000_000 + billionths;
    let nanos = |unit: Unit| value * unit.nanos() / 1_000_000_000;
    let seconds = |unit: Unit| nanos(unit) / NANOS_PER_SECOND;
    let unit = if USUAL_SECONDS.contains(&seconds(usual)) {
        usual
    } else {
        let mut units = Unit::WORDS.into_iter().map(|(_, unit)| unit);
        units.find(|unit| OTHER_SECONDS.contains(&seconds(*unit)))?
    };
    Time::from_millis(i64::try_from(nanos(unit) / 1_000_000).ok()?)
}

/// Removes the space before an offset.
fn without_space(text: &str) -> Cow<'_, str> {
    let is_before = |pair: &[u8]| matches!(pair, b" +" | b" -");
    match text.as_bytes().windows(2).position(is_before) {
        Some(at) => Cow::Owned([&text[..at], &text[at + 1..]].concat()),
        None => Cow::Borrowed(text),
    }
}

/// Converts the American format of some Azure exports, such as `2/25/2025, 9:19:25.391 AM` in the portal's CSV, to ISO
/// 8601.
fn american(text: &str) -> Option<String> {
    let (text, half) = match text.strip_suffix("PM") {
        Some(text) => (text, 12),
        None => (text.strip_suffix("AM")?, 0),
    };
    let (date, time) = text.trim_end().split_once(' ')?;
    let ((month, day), (hour, rest)) = (date.trim_end_matches(',').split_once('/')?, time.split_once(':')?);
    let (day, year) = day.split_once('/')?;
    let hour = hour.parse::<u8>().ok().filter(|hour| (1..=12).contains(hour))? % 12 + half;
    Some(format!("{year}-{month:0>2}-{day:0>2}T{hour:02}:{rest}"))
}

/// Parses a time as C's `ctime` writes it: `Mon Mar  2 09:15:27 2026`.
fn ctime(text: &str) -> Option<Time> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_ascii_whitespace();
    let [_, month, day, time, year] =
        [words.next()?, words.next()?, words.next()?, words.next()?, words.next()?];
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let written = format!("{year}-{month:02}-{day:0>2}T{time}");
    date(&written, true).filter(|_| words.next().is_none())
}

/// The longest offset from UTC, in minutes.
const MAX_OFFSET_MINUTES: i64 = 26 * 60;

/// Parses an offset from UTC, such as `+05:30`, in milliseconds.
pub(super) fn offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|_| is_number)
    };
    let minutes = number(hours)? * 60 + number(minutes).filter(|minutes| *minutes < 60)?;
    (minutes <= MAX_OFFSET_MINUTES).then_some(sign * minutes * 60_000)
}

/// The offset at which the seconds of a time in ISO 8601 end.
const SECONDS_END: usize = "2020-12-30T22:30:06".len();

/// Parses a date with a time and an offset. The offset may be missing if the time is known to be in UTC.
pub(super) fn date(text: &str, utc: bool) -> Option<Time> {
    let time = text.get(11..)?;
    let american = if utc { american(text) } else { None };
    let text = if let Some(written) = american {
        Cow::Owned(written)
    } else if let Some(bare) = text.strip_suffix(" UTC") {
        Cow::Borrowed(bare)
    } else if utc || time.contains(['Z', 'z', '+', '-']) {
        without_space(text)
    } else {
        return None;
    };
    // ISO 8601 allows a comma before the fraction, and Log4j writes it.
    let text = match text.as_bytes().get(SECONDS_END) {
        Some(b',') => Cow::Owned(text.replacen(',', ".", 1)),
        _ => text,
    };
    Moment::parse(&text).map(|moment| moment.begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, unit: Option<Unit>, utc: bool) -> Option<String> {
        TimeFormat { unit, utc }.read(text).map(|time| time.to_string())
    }

    #[test]
    fn reads_local_times() {
        for (text, utc) in [
            ("2022-03-22 14:21:53.225", Some("2022-03-22T14:21:53.225Z")),
            ("Mon Mar  2 09:15:27 2026", Some("2026-03-02T09:15:27.000Z")),
            ("Mon Mar 12 09:15:27 2026", Some("2026-03-12T09:15:27.000Z")),
            ("2/25/2025, 9:19:25 AM", Some("2025-02-25T09:19:25.000Z")),
            ("2024-07-30T21:31:21Z", None),
            ("Mon Mar 32 09:15:27 2026", None),
            ("Mon Mar 2 09:15:27 2026 x", None),
            ("noon", None),
        ] {
            let local = TimeFormat::default().read_local(text).map(|time| time.to_string());
            assert_eq!(local.as_deref(), utc, "{text}");
        }
        for (text, millis) in [
            ("+02:00", Some(7_200_000)),
            ("-05:30", Some(-19_800_000)),
            ("+00:00", Some(0)),
            ("02:00", None),
            ("+2:00", None),
            ("+02:60", None),
            ("+99:00", None),
            ("", None),
        ] {
            assert_eq!(offset(text), millis, "{text}");
        }
    }

    #[test]
    fn reads_dates_as_sources_write_them() {
        for (text, time) in [
            ("2024-07-30T21:31:21Z", "2024-07-30T21:31:21.000Z"),
            ("2024-07-30T21:31:21.5Z", "2024-07-30T21:31:21.500Z"),
            ("2018-10-25T13:58:49.730588Z", "2018-10-25T13:58:49.730Z"),
            ("2020-02-29T23:30:00+05:30", "2020-02-29T18:00:00.000Z"),
            ("2020-02-29 23:30:00.123456789 -0100", "2020-03-01T00:30:00.123Z"),
            ("2020-01-01 10:00 UTC", "2020-01-01T10:00:00.000Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"),
            ("2020-12-30T22:30:06,949+0200", "2020-12-30T20:30:06.949Z"),
        ] {
            assert_eq!(read(text, None, false).as_deref(), Some(time), "{text}");
        }
        assert_eq!(read("2022-03-22 14:21:53.225", None, false), None);
        for (text, time) in [
            ("2022-03-22 14:21:53.225", "2022-03-22T14:21:53.225Z"),
            ("2/25/2025, 9:19:25.391 AM", "2025-02-25T09:19:25.391Z"),
            ("12/12/2025 3:03:58 PM", "2025-12-12T15:03:58.000Z"),
            ("12/1/2025, 12:00:00 AM", "2025-12-01T00:00:00.000Z"),
            ("12/31/2025, 12:59:59.5\u{202f}PM", "2025-12-31T12:59:59.500Z"),
            ("1/1/2025, 11:00:00 PM", "2025-01-01T23:00:00.000Z"),
        ] {
            assert_eq!(read(text, None, true).as_deref(), Some(time), "{text}");
        }
        assert_eq!(read("2/25/2025, 9:19:25.391 AM", None, false), None);
        for text in [
            "",
            "now",
            "2024-07-30",
            "2023-02-29T00:00:00Z",
            "2024-12-17 00:00:00000000",
            "2024-07-30T24:00:00Z",
            "2024-07-30T21:31:21.Z",
            "2024-07-30T21:31:21,Z",
            "2024-07-30T21:31:21,5,Z",
            "2024-07-30T21:31:21+24:00",
            "2024-07-30T21:31:21+1:00",
            "2024-07-30T21:31:21é",
            "0000-01-01T00:00:00+01:00",
            "25/02/2025, 09:19:25 AM",
            "2/25/2025, 13:19:25 PM",
            "2/25/2025, 0:19:25 AM",
            "2/25/25, 9:19:25 AM",
            "2/25/2025 9:19:25",
        ] {
            assert_eq!(read(text, None, true), None, "{text}");
        }
    }

    #[test]
    fn reads_numbers_without_a_double() {
        for (text, unit, time) in [
            ("1583432400", Unit::Seconds, "2020-03-05T18:20:00.000Z"),
            ("1583432400.9876", Unit::Seconds, "2020-03-05T18:20:00.987Z"),
            ("1621305118553", Unit::Millis, "2021-05-18T02:31:58.553Z"),
            ("1621305118553999", Unit::Micros, "2021-05-18T02:31:58.553Z"),
            ("1544712660300000001", Unit::Nanos, "2018-12-13T14:51:00.300Z"),
            ("100000000", Unit::Seconds, "1973-03-03T09:46:40.000Z"),
            ("978307199999", Unit::Millis, "2000-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(read(text, Some(unit), false).as_deref(), Some(time), "{text}");
        }
        for text in
            ["", "-", "1e9", "1.", ".5", "-1583432400", "99999999999999999999", "2020-01-01T00:00:00Z"]
        {
            assert_eq!(read(text, Some(Unit::Seconds), true), None, "{text}");
        }
    }

    #[test]
    fn infers_the_unit_from_the_size_of_a_number() {
        let units = Unit::WORDS.map(|(_, unit)| unit);
        for usual in units {
            for (text, time) in [
                ("1695226401", "2023-09-20T16:13:21.000Z"),
                ("1695226401.5", "2023-09-20T16:13:21.500Z"),
                ("1695226401262", "2023-09-20T16:13:21.262Z"),
                ("1695226401262999", "2023-09-20T16:13:21.262Z"),
                ("1695226401262999999", "2023-09-20T16:13:21.262Z"),
                ("9999999999", "2286-11-20T17:46:39.000Z"),
            ] {
                assert_eq!(read(text, Some(usual), false).as_deref(), Some(time), "{text} {usual:?}");
            }
            // Rejects numbers that are too small or too large for every unit, and FILETIME, which counts from
            // another year.
            for text in ["0", "1", "20230920161321", "99999999", "10000000000", "10000000000000000000"] {
                assert_eq!(read(text, Some(usual), false), None, "{text} {usual:?}");
            }
        }
        for text in ["133694064000000000", "638543210123456789", "17694064000000000"] {
            assert_eq!(read(text, Some(Unit::Millis), false), None, "{text}");
        }
    }

    #[test]
    fn reads_a_number_in_place_of_a_date_in_utc() {
        for (text, time) in [
            ("1695226401", "2023-09-20T16:13:21.000Z"),
            ("1695226401262", "2023-09-20T16:13:21.262Z"),
            ("1695226401262999", "2023-09-20T16:13:21.262Z"),
        ] {
            assert_eq!(read(text, None, true).as_deref(), Some(time), "{text}");
            assert_eq!(read(text, None, false), None, "{text}");
        }
        for text in ["2023092016", "1999123123", "20230920161321", "20230920", "0", "7.5"] {
            assert_eq!(read(text, None, true), None, "{text}");
        }
    }

    #[test]
    fn reads_power_shell_dates() {
        for unit in [None, Some(Unit::Seconds), Some(Unit::Millis)] {
            assert_eq!(read("/Date(1743016438444)/", unit, false).is_some(), unit.is_some());
            for text in ["/Date(1743016438444)/", "/Date(1743016438444+0200)/", "/Date(1743016438444-0730)/"]
            {
                assert_eq!(read(text, unit, true).as_deref(), Some("2025-03-26T19:13:58.444Z"), "{text}");
            }
            for text in [
                "/Date()/",
                "/Date(-62135596800000)/",
                "/Date(1743016438444)",
                "Date(1743016438444)",
                "/Date(1743016438444+02)/",
                "/Date(1743016438444+02:00)/",
                "/Date(1743016438444+é00)/",
                "/Date(x)/",
                "/Date(0)/",
            ] {
                assert_eq!(read(text, unit, true), None, "{text}");
            }
        }
    }
}
