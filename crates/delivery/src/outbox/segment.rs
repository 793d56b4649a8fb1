//! A segment: one signed run of a chain in a separate file, in export format.
//!
//! The field `followed` in its header records the position in the followed file that its events reach. It
//! becomes durable in the same step as their links.

use countersign::export::Header;
use countersign::recorder;
use serde_json::{Map, Value};

use super::head::{FollowPosition, Head, LinkPlace};

/// The properties of a segment, kept in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The number of the segment in the outbox, from 1.
    pub number: u64,
    /// The first link.
    pub first: LinkPlace,
    /// The number of links.
    pub links: u64,
    /// The number of events.
    pub events: u64,
    /// The size of the links in bytes.
    pub bytes: usize,
    /// The state of the chain after it.
    pub end: Head,
    /// The position in the followed file after it, or after earlier segments if it has none.
    pub followed: Option<FollowPosition>,
    /// The first of the segments that this one replaces, up to the one before it. Its chain contains their events.
    pub replaces: Option<u64>,
}

/// Returns the name of a segment's file.
pub(super) fn name(number: u64) -> String {
    format!("{number:012}.ndjson")
}

/// Returns the number of the segment with this file name.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".ndjson")?;
    let number = digits.parse().ok()?;
    (self::name(number) == *name).then_some(number)
}

/// Returns the content of a segment's file.
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

/// Returns the links of a segment's file, as a log accepts them.
pub(super) fn links(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, links)| links)
}

/// Parses a segment, which must continue from `before`. Returns the reason if it doesn't, or is invalid.
pub(super) fn read(
    number: u64,
    text: &str,
    origin: &str,
    before: Option<&Head>,
    followed: Option<&FollowPosition>,
) -> Result<Segment, &'static str> {
    let (header, links) = text.split_once('\n').ok_or("the segment has no header")?;
    if Header::parse(header.as_bytes()).map_err(|_| "the segment has no header")?.origin != origin {
        return Err("the segment is for another log");
    }
    let mut notes: Map<String, Value> =
        serde_json::from_str(header).map_err(|_| "the segment has no header")?;
    let own = notes.remove("followed").map(serde_json::from_value::<FollowPosition>).transpose();
    let followed = own.map_err(|_| "the header field `followed` is malformed")?.or(followed.cloned());
    let replaces = notes.remove("replaces").map(|first| first.as_u64().filter(|first| *first < number));
    let replaces =
        replaces.map(|first| first.ok_or("the header field `replaces` is malformed")).transpose()?;
    let mut first: Option<LinkPlace> = None;
    // An abandoned chain has no continuation.
    let before = before.filter(|_| replaces.is_none());
    let (mut head, mut signed, mut count, mut events) = (before.cloned(), false, 0, 0);
    for line in links.split_terminator('\n') {
        let (after, place) = Head::after(head.as_ref(), line, origin)?;
        if first.get_or_insert(place).chain != place.chain {
            return Err("the segment contains more than one chain");
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
        _ => Err("the last link of the segment is not signed, so the file is truncated"),
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
    fn header_has_the_position_in_the_followed_file() {
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
