//! A segment: one signed stretch of a chain in a file of its own, an export like any other.
//!
//! The note in its header, `followed`, says how far into the followed file its events go: it is durable in the same
//! step as their links.

use countersign::export::Header;
use countersign::recorder;
use serde_json::{Map, Value};

use super::head::{FollowPosition, Head, LinkPlace};

/// What is known of a segment without reading it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its place among the outbox's segments, from 1.
    pub number: u64,
    /// Its first link.
    pub first: LinkPlace,
    /// How many links it has.
    pub links: u64,
    /// How many events.
    pub events: u64,
    /// How many bytes they are.
    pub bytes: usize,
    /// Where the chain stands after it.
    pub end: Head,
    /// How far into the followed file it goes, or the segments before it.
    pub followed: Option<FollowPosition>,
    /// The first of the segments in whose place it is, up to the one before it: its chain holds their events.
    pub replaces: Option<u64>,
}

/// The name of a segment's file.
pub(super) fn name(number: u64) -> String {
    format!("{number:012}.ndjson")
}

/// The number of the segment of that name.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".ndjson")?;
    let number = digits.parse().ok()?;
    (self::name(number) == *name).then_some(number)
}

/// The text of a segment.
pub(super) fn write(
    origin: &str,
    followed: Option<&FollowPosition>,
    replaces: Option<u64>,
    lines: &str,
) -> String {
    let mut text = recorder::header(origin);
    let mut note = |name: &str, value: &str| {
        text.truncate(text.len() - "}\n".len());
        text.push_str(",\"");
        text.push_str(name);
        text.push_str("\":");
        text.push_str(value);
        text.push_str("}\n");
    };
    if let Some(followed) = followed.and_then(|followed| serde_json::to_string(followed).ok()) {
        note("followed", &followed);
    }
    if let Some(first) = replaces {
        note("replaces", &first.to_string());
    }
    text.push_str(lines);
    text
}

/// The links of a segment's text: what a log takes.
pub(super) fn links(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, links)| links)
}

/// Reads a segment, which goes on from `before`. The reason when it does not, or is damaged.
pub(super) fn read(
    number: u64,
    text: &str,
    origin: &str,
    before: Option<&Head>,
    followed: Option<&FollowPosition>,
) -> Result<Segment, &'static str> {
    let (header, links) = text.split_once('\n').ok_or("it has no header")?;
    if Header::parse(header.as_bytes()).map_err(|_| "it has no header")?.origin != origin {
        return Err("it is for another log");
    }
    let mut notes: Map<String, Value> = serde_json::from_str(header).map_err(|_| "it has no header")?;
    let own = notes.remove("followed").map(serde_json::from_value::<FollowPosition>).transpose();
    let followed = own.map_err(|_| "its note on the followed file is malformed")?.or(followed.cloned());
    let replaces = notes.remove("replaces").map(|first| first.as_u64().filter(|first| *first < number));
    let replaces =
        replaces.map(|first| first.ok_or("its note on what it replaces is malformed")).transpose()?;
    let mut first: Option<LinkPlace> = None;
    // A chain that is given up for another ends where it is.
    let before = before.filter(|_| replaces.is_none());
    let (mut head, mut signed, mut count, mut events) = (before.cloned(), false, 0, 0);
    for line in links.split_terminator('\n') {
        let (after, place) = Head::after(head.as_ref(), line, origin)?;
        if first.get_or_insert(place).chain != place.chain {
            return Err("it holds more than one chain");
        }
        signed = place.signed;
        count += 1;
        events += u64::from(place.event);
        head = Some(after);
    }
    match (head, first) {
        (Some(end), Some(first)) if signed && text.ends_with('\n') => {
            Ok(Segment { number, first, links: count, events, bytes: links.len(), end, followed, replaces })
        }
        _ => Err("its last link is not signed: it was cut off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_unambiguous() {
        assert_eq!(number(&name(7)), Some(7));
        assert!(name(9) < name(10));
        for other in ["7.ndjson", "position.json", "lock", "+00000000007.ndjson", "0000000000007.ndjson"] {
            assert_eq!(number(other), None, "{other}");
        }
        assert_eq!(number(&name(1_000_000_000_000)), Some(1_000_000_000_000));
    }

    #[test]
    fn the_header_says_how_far_the_file_was_followed() {
        let followed =
            FollowPosition { offset: 7, file: Some((1, 2)), before: "x".into(), ..FollowPosition::default() };
        let text = write("log.example", Some(&followed), None, "");
        assert_eq!(
            text,
            "{\"countersign\":\"export/v1\",\"origin\":\"log.example\",\"followed\":{\"offset\":7,\"file\":[1,2],\"before\":\"x\"}}\n"
        );
        assert!(Header::parse(text.trim_end().as_bytes()).is_ok());
    }
}
