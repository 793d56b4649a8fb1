//! The time zone of a pack: an offset from UTC.

use countersign::time::Time;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An offset from UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Zone {
    millis: i64,
}

impl Zone {
    /// Parses `UTC`, `Z`, or an offset such as `+05:30` or `-08:00`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if matches!(text, "UTC" | "Z") {
            return Some(Self::default());
        }
        let &[sign @ (b'+' | b'-'), ten_hours, hours, b':', ten_minutes, minutes] = text.as_bytes() else {
            return None;
        };
        let number = |digits: [u8; 2], max: i64| {
            let [tens, ones] = digits.map(|digit| i64::from(digit) - i64::from(b'0'));
            let is_number = digits.iter().all(u8::is_ascii_digit);
            Some(tens * 10 + ones).filter(|number| is_number && *number <= max)
        };
        let millis = number([ten_hours, hours], 14)? * HOUR + number([ten_minutes, minutes], 59)? * MINUTE;
        Some(Self { millis: if sign == b'+' { millis } else { -millis } })
    }

    /// Converts a time to local time, in milliseconds as if it were UTC.
    pub(crate) const fn local_millis(self, time: i64) -> i64 {
        time.saturating_add(self.millis)
    }

    /// Returns the local day of the week (0 is Monday) and hour.
    pub(crate) fn local(self, time: Time) -> (usize, i64) {
        let local = self.local_millis(time.millis());
        // January 1, 1970, was a Thursday.
        (
            usize::try_from((local.div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or(0),
            local.rem_euclid(DAY) / HOUR,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computes_local_weekday_and_hour() {
        for (zone, time, day, hour) in [
            ("UTC", "2026-11-20T06:00:00.000Z", 4, 6),
            ("+05:30", "2026-11-20T18:30:00.000Z", 5, 0),
            ("-08:00", "2026-11-23T07:59:59.999Z", 6, 23),
            ("Z", "1969-12-31T23:59:59.999Z", 2, 23),
        ] {
            let time = time.parse().unwrap();
            assert_eq!(Zone::parse(zone).unwrap().local(time), (day, hour), "{zone} {time}");
        }
        for zone in [
            "",
            "+5:30",
            "Europe/Berlin",
            "+15:00",
            "+05:60",
            "05:30",
            "++5:30",
            "+0/:30",
            "+05:3:",
            "+05.30",
            "+05:300",
        ] {
            assert_eq!(Zone::parse(zone), None, "{zone}");
        }
    }
}
