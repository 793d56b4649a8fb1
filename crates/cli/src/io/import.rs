//! Options for events that JSON or their source leaves open: what to do with them is the importer's decision.

use std::borrow::Cow;

use clap::ValueEnum;
use countersign::event::{Event, Redaction};
use countersign_ingest::{duplicates, integers};
use countersign_query::Parsers;
use countersign_query::value::{Document, Kind};
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

const HEADING: &str = "Unusual input";

/// How to read input that programs read in different ways. For every command that reads events.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ImportArgs {
    /// Read integers beyond 2^53 - 1 as strings, with all their digits; by default such events are rejected
    ///
    /// JSON parsers disagree about such numbers: many round them.
    #[arg(long, value_name = "HOW", value_enum, help_heading = HEADING)]
    large_integers: Option<LargeIntegers>,
    /// Read objects with several fields of the same name, and tables with several columns of the same name: `keep-all`
    /// keeps their values as one array, in order. By default such events are rejected
    ///
    /// JSON parsers disagree about such objects: some use the first value, some the last. {"status":400,"status":200}
    /// is read as {"status":[400,200]}. AWS Network Firewall, auditd, and Logback write such events, and Entra's portal
    /// writes such tables.
    #[arg(long, value_name = "HOW", value_enum, help_heading = HEADING)]
    duplicate_fields: Option<DuplicateFields>,
    /// Time zone of times that state none, such as Europe/Berlin, UTC, or +02:00; by default such a time is unclear, and
    /// the time of recording counts
    ///
    /// Adds the offset from UTC to each event with such a time, in the field `countersign`. A time that exists twice or
    /// never, when clocks are set, stays unclear.
    #[arg(long, value_name = "ZONE", value_parser = time_zone, help_heading = HEADING)]
    time_zone: Option<TimeZone>,
}

/// The treatment of integers beyond 2^53 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LargeIntegers {
    Text,
}

/// The treatment of fields with the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DuplicateFields {
    KeepAll,
}

impl ImportArgs {
    /// Converts the JSON of an event as the options ask. Returns invalid JSON unchanged.
    pub(crate) fn convert<'a>(&self, json: &'a [u8]) -> Cow<'a, [u8]> {
        let mut json = Cow::Borrowed(json);
        if self.duplicate_fields == Some(DuplicateFields::KeepAll) {
            json = Cow::Owned(duplicates::keep_all(&json).into_owned());
        }
        if self.large_integers == Some(LargeIntegers::Text) {
            json = Cow::Owned(integers::large_to_strings(&json).into_owned());
        }
        if let Some(with_offset) = self.time_zone.as_ref().and_then(|zone| with_offset(&json, zone)) {
            json = Cow::Owned(with_offset);
        }
        json
    }
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    DateTimeParser::new().parse_time_zone(text).map_err(|_| {
        "write a name of the IANA database, such as Europe/Berlin, or an offset, such as +02:00".into()
    })
}

/// Adds the offset of a time zone to an event that states a time without one. Returns `None` for other events, and if the
/// time exists twice or never.
fn with_offset(json: &[u8], zone: &TimeZone) -> Option<Vec<u8>> {
    let document = str::from_utf8(json).ok().and_then(Document::parse)?;
    let event = document.root();
    if event.kind() != Kind::Object || event.get("countersign").is_some() {
        return None;
    }
    let local = Parsers::built_in().local_time(&event)?;
    let civil = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(local.millis()).ok()?);
    let zoned = zone.to_ambiguous_zoned(civil).unambiguous().ok()?;
    let seconds = zoned.offset().seconds();
    // RFC 3339 has no seconds in offsets; zones had them before 1972.
    let minutes = (seconds % 60 == 0).then_some(seconds.abs() / 60)?;
    let sign = if seconds < 0 { '-' } else { '+' };
    let member =
        format!("\"countersign\":{{\"utc_offset\":\"{sign}{:02}:{:02}\"}},", minutes / 60, minutes % 60);
    let (brace, rest) = json.split_at(json.iter().position(|byte| *byte == b'{')? + 1);
    Some([brace, member.as_bytes(), rest].concat())
}

/// Returns a hint to the options that would accept an event that was rejected.
pub(crate) fn options_for(json: &[u8]) -> Option<&'static str> {
    let is_event = |json: &[u8]| Event::parse(json, &Redaction::none()).is_ok();
    let once = duplicates::keep_all(json);
    if is_event(&integers::large_to_strings(json)) {
        Some("use --large-integers text to read numbers beyond 2^53 - 1 as strings, with all their digits")
    } else if is_event(&once) {
        Some("use --duplicate-fields keep-all to read all values of fields with the same name as an array")
    } else if is_event(&integers::large_to_strings(&once)) {
        Some(
            "use --duplicate-fields keep-all --large-integers text to read all values of fields with the same name, and numbers beyond 2^53 - 1 as strings",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"action":"job.run","actor":{"id":"u_1"},"occurred_at":"AT"}"#;

    fn converted(time: &str, zone: &str) -> Option<String> {
        let event = EVENT.replace("AT", time);
        let args = ImportArgs { time_zone: Some(time_zone(zone).unwrap()), ..ImportArgs::default() };
        let json = args.convert(event.as_bytes()).into_owned();
        let document = Document::parse(str::from_utf8(&json).unwrap()).unwrap();
        let offset =
            document.root().at("countersign.utc_offset").map(|offset| offset.string().unwrap().into_owned());
        let parsers = Parsers::built_in();
        let read = parsers.parse(&document.root()).unwrap();
        assert_eq!(read.is_time_unclear, read.time.is_none());
        assert_eq!(offset.is_some(), json.len() > event.len());
        read.time.map(|time| time.to_string())
    }

    #[test]
    fn a_time_without_an_offset_is_read_in_the_zone() {
        for (time, zone, utc) in [
            ("2026-03-02T09:15:27", "Europe/Berlin", Some("2026-03-02T08:15:27.000Z")),
            ("2026-07-02 09:15:27", "Europe/Berlin", Some("2026-07-02T07:15:27.000Z")),
            ("Thu Jul  2 09:15:27 2026", "UTC", Some("2026-07-02T09:15:27.000Z")),
            ("2026-07-02 09:15:27", "-03:30", Some("2026-07-02T12:45:27.000Z")),
            // A time with an offset keeps it.
            ("2026-07-02T09:15:27+05:00", "Europe/Berlin", Some("2026-07-02T04:15:27.000Z")),
            // Clocks are set: these exist never and twice.
            ("2026-03-29T02:30:00", "Europe/Berlin", None),
            ("2026-10-25T02:30:00", "Europe/Berlin", None),
            ("2026-10-25T03:30:00", "Europe/Berlin", Some("2026-10-25T02:30:00.000Z")),
            ("noon", "Europe/Berlin", None),
        ] {
            assert_eq!(converted(time, zone).as_deref(), utc, "{time} {zone}");
        }
        assert!(time_zone("Middle/Earth").is_err());
    }
}
