//! Points in time as people and other programs write them.
//!
//! ```
//! use countersign_query::moment::Moment;
//!
//! let day = Moment::parse("2026-11-20").unwrap();
//! assert_eq!(day.begin.to_string(), "2026-11-20T00:00:00.000Z");
//! assert_eq!(day.end.to_string(), "2026-11-21T00:00:00.000Z");
//! let moment = Moment::parse("2026-11-20T08:00:00.5+02:00").unwrap();
//! assert_eq!(moment.begin.to_string(), "2026-11-20T06:00:00.500Z");
//! assert!(Moment::parse("2026-02-30").is_none());
//! ```

use countersign::time::{DAY, Time};

/// The time span that a string denotes: a day, minute, second, or fraction of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The first millisecond.
    pub begin: Time,
    /// The first millisecond after it.
    pub end: Time,
}

impl Moment {
    fn new(begin: i64, length: i64) -> Option<Self> {
        let begin = Time::from_millis(begin)?;
        Some(Self { begin, end: later(begin, length) })
    }

    /// Parses a day, or an RFC 3339 time. The seconds may be missing, the fraction may have any number of digits (cut
    /// to milliseconds), and UTC is assumed without an offset. A space may precede the offset, as in Snowflake's times.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !text.is_ascii() || bytes.len() > 40 {
            return None;
        }
        let day = day(text.get(..10)?)?;
        if bytes.len() == 10 {
            return Self::new(day, DAY);
        }
        if !matches!(bytes[10], b'T' | b't' | b' ') || bytes.get(13) != Some(&b':') {
            return None;
        }
        let (hour, minute) = (digits(bytes.get(11..13)?)?, digits(bytes.get(14..16)?)?);
        let mut at = 16;
        let (mut second, mut millis, mut length) = (0, 0, 60_000);
        if bytes.get(at) == Some(&b':') {
            second = digits(bytes.get(17..19)?)?;
            at = 19;
            length = 1000;
            if matches!(bytes.get(at), Some(b'.' | b',')) {
                let fraction = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                if fraction == 0 {
                    return None;
                }
                let digit = |nth: usize| {
                    bytes[at + 1..at + 1 + fraction].get(nth).map_or(0, |byte| i64::from(byte - b'0'))
                };
                millis = digit(0) * 100 + digit(1) * 10 + digit(2);
                length = if fraction < 3 { 10_i64.pow(3 - fraction as u32) } else { 1 };
                at += 1 + fraction;
            }
        }
        // A leap second counts as the last second of its minute.
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let rest = &text[at..];
        let offset = offset(rest.strip_prefix(' ').filter(|offset| !offset.is_empty()).unwrap_or(rest))?;
        let time = ((hour * 60 + minute - offset) * 60 + second.min(59)) * 1000 + millis;
        Self::new(day + time, length)
    }

    /// Also parses a year, a month, or a duration relative to `now`, in seconds, minutes, hours, days, or weeks: `-7d`,
    /// `-90m`, `+1h`.
    pub fn parse_for(text: &str, now: Time) -> Option<Self> {
        Self::parse(text).or_else(|| relative(text, now)).or_else(|| period(text))
    }
}

/// Returns the time `length` milliseconds later, at most [`Time::MAX`].
fn later(time: Time, length: i64) -> Time {
    Time::from_millis(time.millis().saturating_add(length)).unwrap_or(Time::MAX)
}

/// Returns the start of a day in milliseconds.
fn day(text: &str) -> Option<i64> {
    let mut whole = *b"0000-00-00T00:00:00.000Z";
    whole[..10].copy_from_slice(text.as_bytes().first_chunk::<10>()?);
    Time::parse(&whole).map(Time::millis)
}

fn period(text: &str) -> Option<Moment> {
    let (year, month) = match text.len() {
        4 => (digits(text.as_bytes())?, None),
        7 if text.as_bytes()[4] == b'-' => {
            (digits(&text.as_bytes()[..4])?, Some(digits(&text.as_bytes()[5..])?))
        }
        _ => return None,
    };
    let first = |year: i64, month: i64| day(&format!("{year:04}-{month:02}-01"));
    let begin = first(year, month.unwrap_or(1))?;
    let next = match month {
        Some(12) | None => first(year + 1, 1),
        Some(month) => first(year, month + 1),
    };
    Moment::new(begin, next.map_or(i64::MAX, |next| next - begin))
}

fn relative(text: &str, now: Time) -> Option<Moment> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => return None,
    };
    let unit = match rest.as_bytes().last()? {
        b's' => 1000,
        b'm' => 60_000,
        b'h' => 3_600_000,
        b'd' => DAY,
        b'w' => 7 * DAY,
        _ => return None,
    };
    let count = digits(rest.get(..rest.len() - 1)?.as_bytes())?;
    Moment::new(now.millis().checked_add(count.checked_mul(unit)? * sign)?, 1)
}

/// Parses an offset in minutes. An empty offset is UTC.
fn offset(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    match bytes {
        [] | [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let offset = hours * 60 + minutes;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

/// Parses a whole number of at most nine digits.
fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter()
        .try_fold(0_i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        "2026-11-20T06:01:02.345Z".parse().unwrap()
    }

    #[test]
    fn parses_times_and_durations() {
        for (text, begin, end) in [
            ("2024-02-29", "2024-02-29T00:00:00.000Z", "2024-03-01T00:00:00.000Z"),
            ("2024-02-29T23:59", "2024-02-29T23:59:00.000Z", "2024-03-01T00:00:00.000Z"),
            ("2024-02-29T23:59:58Z", "2024-02-29T23:59:58.000Z", "2024-02-29T23:59:59.000Z"),
            ("2024-02-29t01:00:00.25+0130", "2024-02-28T23:30:00.250Z", "2024-02-28T23:30:00.260Z"),
            ("2024-02-29 01:00:00.123456789z", "2024-02-29T01:00:00.123Z", "2024-02-29T01:00:00.124Z"),
            ("2026-11-28 02:36:00.000 Z", "2026-11-28T02:36:00.000Z", "2026-11-28T02:36:00.001Z"),
            ("2026-11-28 02:36:00.000 +0000", "2026-11-28T02:36:00.000Z", "2026-11-28T02:36:00.001Z"),
            ("2026-11-28 02:36 -08:00", "2026-11-28T10:36:00.000Z", "2026-11-28T10:37:00.000Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z", "2017-01-01T00:00:00.000Z"),
            ("-7d", "2026-11-13T06:01:02.345Z", "2026-11-13T06:01:02.346Z"),
            ("-90m", "2026-11-20T04:31:02.345Z", "2026-11-20T04:31:02.346Z"),
            ("2019", "2019-01-01T00:00:00.000Z", "2020-01-01T00:00:00.000Z"),
            ("2019-12", "2019-12-01T00:00:00.000Z", "2020-01-01T00:00:00.000Z"),
            ("9999", "9999-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"),
        ] {
            let moment = Moment::parse_for(text, now()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (moment.begin.to_string(), moment.end.to_string()),
                (begin.into(), end.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn rejects_other_texts() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-30",
            "26-01-01",
            "2026-01-01T",
            "2026-01-01T24:00",
            "2026-01-01T10:00:00.",
            "2026-01-01T10:00:00+25:00",
            "2026-01-01T10:00:00 GMT",
            "2026-01-01T10:00:00 ",
            "2026-01-01T10:00:00  Z",
            "7d",
            "-d",
            "-7y",
            "-99999999999d",
            "2019-00",
            "2019-1",
            "-999999999w",
            "２０２６-01-01",
            "2026-01-01T1é:00",
        ] {
            assert_eq!(Moment::parse_for(text, now()), None, "{text}");
        }
    }
}
