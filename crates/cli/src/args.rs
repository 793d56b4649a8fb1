//! Parsers of argument values.

pub(crate) mod origin;

use std::fmt;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use countersign::link::ChainId;
use countersign::time::Time;

use crate::io::verdict::count;

/// Parses a time: `2026-11-20T06:01:02.345Z`, without milliseconds, or only a date, which means midnight UTC.
pub(crate) fn time(text: &str) -> Result<Time, String> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00.000Z"),
        20 => format!("{}.000Z", text.trim_end_matches('Z')),
        _ => text.to_owned(),
    };
    whole.parse().map_err(|_| "use UTC in the form 2026-11-20T06:01:02.345Z or 2026-11-20".into())
}

/// Parses a time, or `-` for no bound.
pub(crate) fn bound(text: &str) -> Result<Bound, String> {
    if text == "-" { Ok(Bound(None)) } else { time(text).map(|time| Bound(Some(time))) }
}

/// A time, or no bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound(pub(crate) Option<Time>);

/// Returns a parser for the names of another crate's type, which help and completions list.
pub(crate) fn words<T: Clone + Send + Sync + 'static>(
    words: impl IntoIterator<Item = &'static str>,
    parse: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words).try_map(move |word| parse(&word).ok_or("unknown word"))
}

/// Parses a number of seconds with a unit: `90s`, `15m`, `24h`, `7d`, `2w`.
pub(crate) fn seconds(text: &str) -> Result<i64, String> {
    let refuse = || "use a form such as 90s, 15m, 24h, 7d, or 2w".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        Some('w') => 604_800,
        _ => return Err(refuse()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| refuse())?;
    Ok(i64::from(number) * unit)
}

/// Formats seconds in the largest unit that divides them: `90 seconds`, `24 hours`, `7 days`.
pub(crate) fn format_seconds(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let whole = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds % unit == 0);
    let (unit, name) = whole.unwrap_or((1, "second"));
    count((seconds / unit).unsigned_abs(), name)
}

/// Parses a duration, which may be below a second: `500ms`, `30s`, `5m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refuse = || "use a form such as 500ms, 30s, 5m, or 1h".to_owned();
    if let Some(millis) = text.strip_suffix("ms") {
        return millis
            .parse::<u32>()
            .map(|millis| Duration::from_millis(millis.into()))
            .map_err(|_| refuse());
    }
    let seconds = seconds(text).map_err(|_| refuse())?;
    u64::try_from(seconds).map(Duration::from_secs).map_err(|_| refuse())
}

/// Parses a duration above zero.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.is_zero() { Err("the duration must be longer than 0".into()) } else { Ok(duration) }
}

/// Parses a half-open range of entries, `A..B`.
pub(crate) fn range(text: &str) -> Result<(u64, u64), String> {
    let refuse =
        || "use the form A..B with A below B, for the entries from A up to, but not including, B".to_owned();
    let (first, end) = text.split_once("..").ok_or_else(refuse)?;
    let (first, end) = (integer(first).ok_or_else(refuse)?, integer(end).ok_or_else(refuse)?);
    if first < end { Ok((first, end)) } else { Err(refuse()) }
}

/// The maximum number of parts of an export or a log.
pub(crate) const MAX_PARTS: u64 = 1_000_000;

/// Parses a part number and the number of parts, `I/N`; parts are numbered from 1.
pub(crate) fn part(text: &str) -> Result<(u64, u64), String> {
    let refuse =
        || "use the form I/N, such as 1/N for the first of N parts, with N up to 1,000,000".to_owned();
    let (number, of) = text.split_once('/').ok_or_else(refuse)?;
    let (number, of) = (integer(number).ok_or_else(refuse)?, integer(of).ok_or_else(refuse)?);
    if (1..=of).contains(&number) && of <= MAX_PARTS { Ok((number, of)) } else { Err(refuse()) }
}

/// Parses a number of entries, or the index of one.
pub(crate) fn entry_count(text: &str) -> Result<u64, String> {
    integer(text).ok_or_else(|| "must be a whole number of at most 9007199254740991 (2^53 − 1)".into())
}

fn integer(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&value: &u64| digits && value <= countersign::integer::MAX)
}

/// Parses a chain: 32 lowercase hex digits.
pub(crate) fn chain(text: &str) -> Result<ChainId, String> {
    ChainId::parse(text.as_bytes()).ok_or_else(|| "a chain must be 32 lowercase hex digits".into())
}

/// Parses the position of an event: its chain and its number there, `C/SEQ`.
pub(crate) fn place(text: &str) -> Result<(ChainId, u64), String> {
    countersign::link::place(text)
        .ok_or_else(|| "use the form CHAIN/SEQ: 32 hex digits, a slash, and a number".into())
}

/// The event that an argument names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventPlace {
    /// The number of its entry in the log.
    Entry(u64),
    /// Its chain, and its number there.
    Link(ChainId, u64),
}

impl fmt::Display for EventPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(number) => write!(f, "at entry {number}"),
            Self::Link(chain, seq) => write!(f, "{chain}/{seq}"),
        }
    }
}

/// Parses an event's place: the number of its entry, or `C/SEQ`.
pub(crate) fn event_place(text: &str) -> Result<EventPlace, String> {
    if let Some(number) = integer(text) {
        return Ok(EventPlace::Entry(number));
    }
    match countersign::link::place(text) {
        Some((chain, seq)) => Ok(EventPlace::Link(chain, seq)),
        None => Err("use an entry's number such as 21, or CHAIN/SEQ with 32 hex digits, a slash, and a number; search with --query".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    use super::*;

    /// Returns the command and all commands below it.
    fn with_subcommands(command: Command) -> Vec<Command> {
        let below: Vec<Command> = command.get_subcommands().cloned().flat_map(with_subcommands).collect();
        [command].into_iter().chain(below).collect()
    }

    #[test]
    fn output_option_has_short_and_long_name() {
        let mut outputs = 0;
        for command in with_subcommands(crate::Cli::command()) {
            for arg in command.get_arguments() {
                let is_output = arg.get_long() == Some("output");
                assert_eq!(
                    arg.get_short() == Some('o'),
                    is_output,
                    "{}: {}",
                    command.get_name(),
                    arg.get_id()
                );
                outputs += usize::from(is_output);
            }
        }
        assert!(outputs > 10, "{outputs}");
    }

    #[test]
    fn json_commands_have_format_and_json_options() {
        let mut formats = 0;
        for command in with_subcommands(crate::Cli::command()) {
            let is_json = |arg: &clap::Arg| {
                arg.get_long() == Some("format")
                    && arg.get_possible_values().iter().any(|value| value.get_name() == "json")
            };
            let has_format = command.get_arguments().any(is_json);
            let has_flag = command.get_arguments().any(|arg| arg.get_long() == Some("json"));
            assert_eq!(has_format, has_flag, "{}", command.get_name());
            formats += usize::from(has_format);
        }
        assert!(formats > 10, "{formats}");
    }

    #[test]
    fn defaults_are_possible_values() {
        for command in with_subcommands(crate::Cli::command()) {
            for arg in command.get_arguments() {
                let values = arg.get_possible_values();
                for default in arg.get_default_values().iter().filter(|_| !values.is_empty()) {
                    let is_possible = values.iter().any(|value| *default == *value.get_name());
                    assert!(is_possible, "{}: {} {default:?}", command.get_name(), arg.get_id());
                }
            }
        }
    }

    #[test]
    fn long_lists_of_options_have_headings() {
        for command in with_subcommands(crate::Cli::command()) {
            let plain = command
                .get_arguments()
                .filter(|arg| !arg.is_positional() && !arg.is_hide_set() && arg.get_help_heading().is_none());
            let plain: Vec<&str> = plain.map(|arg| arg.get_id().as_str()).collect();
            assert!(plain.len() <= 12, "{}: {plain:?}", command.get_name());
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(seconds("24h"), Ok(86_400));
        assert_eq!(seconds("0s"), Ok(0));
        for text in ["", "h", "24", "-1h", "1.5h", "24 h", "1y", "99999999999s", "１h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_may_be_short() {
        assert_eq!(duration("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        for text in ["", "ms", "-1ms", "1.5s", "5"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pauses_are_not_empty() {
        assert_eq!(positive_duration("1ms"), Ok(Duration::from_millis(1)));
        for text in ["0ms", "0s", "0h"] {
            assert!(positive_duration(text).unwrap_err().contains("longer than 0"), "{text}");
        }
    }

    #[test]
    fn times_may_be_shorter() {
        for text in ["2026-11-20", "2026-11-20T00:00:00Z", "2026-11-20T00:00:00.000Z"] {
            assert_eq!(time(text).unwrap().to_string(), "2026-11-20T00:00:00.000Z");
        }
        for text in
            ["2026-02-30", "2026-11-20T00:00:00", "2026-11-20 00:00:00Z", "now", "2026-11-20T00:00:00+1"]
        {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parts_count_from_one() {
        assert_eq!((part("1/1"), part("7/8")), (Ok((1, 1)), Ok((7, 8))));
        for text in ["", "1", "0/8", "9/8", "1/0", "/8", "1/", "-1/8", "1/1000001", "1/2/3"] {
            assert!(part(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_and_places() {
        assert_eq!(range("0..9007199254740991"), Ok((0, 9_007_199_254_740_991)));
        for text in ["5..5", "6..5", "..5", "5..", "5", "a..b", "0..9007199254740992", "+1..2"] {
            assert!(range(text).is_err(), "{text}");
        }
        assert_eq!(place("da7f84a510cb84b8cbb5b74a63c306ec/7").unwrap().1, 7);
        assert!(place("da7f84a510cb84b8cbb5b74a63c306ec").is_err());
    }
}
