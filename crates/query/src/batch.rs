//! Batches of verified events that the verifier passes to JavaScript: one JSON line for each event, preceded by its
//! position. Lines may also carry the parsed fields.

use std::borrow::Cow;

use countersign::canonical::{Part, TokenKind, Tokens};
use countersign::time::Time;

use crate::value::{Document, Kind};
use crate::{Entry, Read};

/// A verified event.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The line number in the export.
    pub number: i64,
    /// The byte offset of the event in the export. Either all lines of a batch have one, or none.
    pub offset: Option<i64>,
    /// The entry's index in the log.
    pub index: i64,
    /// The chain's identifier: 32 hex digits.
    pub chain: &'a str,
    /// The link's position in its chain.
    pub seq: i64,
    /// The link's time.
    pub time: Time,
    /// True if the key was authorized according to what the verifier knew at the time.
    pub authorized: bool,
    /// The emitter's public key.
    pub vkey: Cow<'a, str>,
    /// The parsed fields as written by [`Read::write_json`], or `null` if no parser fits. `None` if the event has not
    /// been parsed.
    pub read: Option<&'a str>,
    /// The signed event.
    pub event: &'a str,
    /// The complete line.
    pub text: &'a str,
}

const LINE: &str = "{\"line\":";
const OFFSET: &str = ",\"offset\":";
const INDEX: &str = ",\"index\":";
const CHAIN: &str = ",\"chain\":";
const SEQ: &str = ",\"seq\":";
const TIME: &str = ",\"time\":";
const AUTHORIZED: &str = ",\"authorized\":";
const VKEY: &str = ",\"vkey\":";
const PARSED: &str = ",\"parsed\":";
const EVENT: &str = ",\"event\":";

/// A line to write. The fields are those of [`Line`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "documented in Line")]
pub struct NewLine<'a> {
    pub number: u64,
    pub offset: Option<u64>,
    pub index: u64,
    pub chain: &'a str,
    pub seq: u64,
    pub time: Time,
    pub authorized: bool,
    /// The JSON string, with its quotes.
    pub vkey: &'a [u8],
    pub read: Option<&'a str>,
    pub event: &'a str,
}

/// Approximate size of a line without its event, in bytes.
pub const OVERHEAD_BYTES: usize = 320;

impl NewLine<'_> {
    /// Writes the line with its newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Self { number, offset, index, chain, seq, time, authorized, vkey, read, event } = self;
        let mut put = |name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(value);
        };
        put(LINE, number.to_string().as_bytes());
        if let Some(offset) = offset {
            put(OFFSET, offset.to_string().as_bytes());
        }
        put(INDEX, index.to_string().as_bytes());
        put(CHAIN, b"\"");
        put(chain, b"\"");
        put(SEQ, seq.to_string().as_bytes());
        put(TIME, b"\"");
        put(&time.to_string(), b"\"");
        put(AUTHORIZED, if *authorized { b"true" } else { b"false" });
        put(VKEY, vkey);
        if let Some(read) = read {
            put(PARSED, read.as_bytes());
        }
        put(EVENT, event.as_bytes());
        put("}", b"\n");
    }
}

/// Parses a line without its newline. The fields must be in the verifier's order.
pub fn read(text: &str) -> Option<Line<'_>> {
    let mut rest = text;
    let nth = number(&mut rest, LINE)?;
    let is_placed = rest.starts_with(OFFSET);
    let offset = if is_placed { Some(number(&mut rest, OFFSET)?) } else { None };
    let index = number(&mut rest, INDEX)?;
    let chain = string(&mut rest, CHAIN)?;
    let seq = number(&mut rest, SEQ)?;
    let time = Time::parse(string(&mut rest, TIME)?.as_bytes())?;
    rest = rest.strip_prefix(AUTHORIZED)?;
    let authorized = rest.starts_with("true");
    rest = rest.strip_prefix(if authorized { "true" } else { "false" })?;
    let vkey = string(&mut rest, VKEY)?;
    let read = if let Some(read) = rest.strip_prefix(PARSED) {
        let end = value_end(read)?;
        rest = &read[end..];
        Some(&read[..end])
    } else {
        None
    };
    let event = rest.strip_prefix(EVENT)?.strip_suffix('}')?;
    let vkey = if vkey.contains('\\') { Cow::Owned(unescaped(vkey)?) } else { Cow::Borrowed(vkey) };
    Some(Line { number: nth, offset, index, chain, seq, time, authorized, vkey, read, event, text })
}

/// Calls `accept` with each complete line, and returns the number of bytes they span. Returns `None` if a line is not a
/// verified event.
pub fn each<'a>(bytes: &'a [u8], mut accept: impl FnMut(&Line<'a>)) -> Option<usize> {
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Some(0) };
    for line in core::str::from_utf8(&bytes[..end]).ok()?.split('\n') {
        accept(&read(line)?);
    }
    Some(end + 1)
}

impl Line<'_> {
    /// Returns the byte offset of the event in the line.
    pub fn event_offset(&self) -> usize {
        self.text.len() - 1 - self.event.len()
    }

    /// Writes an unparsed line with the parsed fields added, and its newline.
    pub fn write_parsed(&self, read: Option<&Read<'_>>, out: &mut Vec<u8>) {
        let (place, event) = self.text.split_at(self.event_offset() - EVENT.len());
        out.extend_from_slice(place.as_bytes());
        out.extend_from_slice(PARSED.as_bytes());
        write_read(read, out);
        out.extend_from_slice(event.as_bytes());
        out.push(b'\n');
    }

    /// Calls `look` with the event and the parsed fields in the line. Returns `None` if the line has no valid parsed
    /// fields.
    pub fn with_parsed_fields<T>(&self, look: impl FnOnce(&Entry<'_>) -> T) -> Option<T> {
        let read = Document::parse(self.read?)?;
        let read = match read.root() {
            null if null.kind() == Kind::Null => None,
            read => Some(Read::from_json(read)?),
        };
        let document = Document::parse(self.event);
        let event = document.as_ref().map(Document::root);
        let signer = self.vkey.split('+').next();
        let entry =
            Entry { event, roots: &[], read: read.as_ref(), recorded: self.time, chain: self.chain, signer };
        Some(look(&entry))
    }
}

/// Writes the parsed fields as [`Read::write_json`] does, or `null` if no parser fits.
pub fn write_read(read: Option<&Read<'_>>, out: &mut Vec<u8>) {
    match read {
        Some(read) => read.write_json(out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Returns the end of the JSON value at the start of the text.
fn value_end(text: &str) -> Option<usize> {
    let mut tokens = Tokens::new(text);
    let mut depth = 0_usize;
    loop {
        let Part { kind, end, .. } = tokens.next_part()??;
        match kind {
            TokenKind::Object | TokenKind::Array => depth += 1,
            TokenKind::End => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            let quote = usize::from(matches!(kind, TokenKind::Text | TokenKind::EscapedText));
            return Some(end + quote);
        }
    }
}

fn number(rest: &mut &str, name: &str) -> Option<i64> {
    let text = rest.strip_prefix(name)?;
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    *rest = &text[end..];
    text[..end].parse().ok().filter(|number| *number < 1 << 53)
}

/// Parses a string field and returns what is between the quotes, still escaped.
fn string<'a>(rest: &mut &'a str, name: &str) -> Option<&'a str> {
    let text = rest.strip_prefix(name)?;
    let Part { kind, start, end } = Tokens::new(text).next_part()??;
    *rest = text.get(end + 1..)?;
    matches!(kind, TokenKind::Text | TokenKind::EscapedText).then(|| &text[start..end])
}

fn unescaped(raw: &str) -> Option<String> {
    let quoted = format!("\"{raw}\"");
    let document = Document::parse(&quoted)?;
    document.root().string().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"line":7,"index":5,"chain":"00ff","seq":2,"time":"2026-11-20T06:01:02.345Z","authorized":true,"vkey":"a\\\"b+1","event":{"a":"}"}}"#;

    #[test]
    fn reads_a_line_of_the_verifier() {
        let line = read(LINE).unwrap();
        assert_eq!((line.number, line.index, line.seq, line.chain, line.authorized), (7, 5, 2, "00ff", true));
        assert_eq!((&*line.vkey, line.event), ("a\\\"b+1", r#"{"a":"}"}"#));
        assert_eq!(&LINE[line.event_offset()..line.event_offset() + line.event.len()], line.event);
        assert_eq!((line.time.to_string().as_str(), line.offset), ("2026-11-20T06:01:02.345Z", None));
        let placed = LINE.replace(",\"index\"", ",\"offset\":812,\"index\"");
        assert_eq!(read(&placed).unwrap().offset, Some(812));
    }

    /// Returns the line with parsed fields added.
    fn with_read(read: &str) -> String {
        LINE.replace(",\"event\"", &format!(",\"parsed\":{read},\"event\""))
    }

    #[test]
    fn writes_lines_that_read_back() {
        let parsed_as = with_read(r#"{"as":"x","action":"},\"event\":","outcome":"denied"}"#);
        for written in [LINE.to_owned(), LINE.replace(",\"index\"", ",\"offset\":812,\"index\""), parsed_as] {
            let Line { number, offset, index, chain, seq, time, authorized, read, event, .. } =
                super::read(&written).unwrap();
            let (number, index, seq, vkey) =
                (number.cast_unsigned(), index.cast_unsigned(), seq.cast_unsigned(), br#""a\\\"b+1""#);
            let offset = offset.map(i64::cast_unsigned);
            let mut out = Vec::new();
            NewLine { number, offset, index, chain, seq, time, authorized, vkey, read, event }
                .write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{written}\n"));
        }
    }

    #[test]
    fn returns_parsed_fields_if_the_line_has_them() {
        let action = |line: &str| {
            let action = |entry: &Entry<'_>| entry.read.map(|read| read.action.as_deref().map(str::to_owned));
            read(line).unwrap().with_parsed_fields(action)
        };
        assert_eq!(action(LINE), None);
        assert_eq!(action(&with_read("null")), Some(None));
        let denied = r#"{"as":"x","action":"a.b","outcome":"denied"}"#;
        assert_eq!(action(&with_read(denied)), Some(Some(Some("a.b".into()))));
        for other in
            ["{}", "7", r#"{"as":"x","outcome":"?"}"#, r#"{"as":"x","time":"now","outcome":"denied"}"#]
        {
            assert_eq!(action(&with_read(other)), None, "{other}");
        }
        assert!(read(&with_read("]")).is_none() && read(&with_read("[")).is_none());
    }

    #[test]
    fn rejects_other_lines() {
        for cut in 1..LINE.len() {
            let _ = read(&LINE[..cut]);
            assert!(read(&LINE[cut..]).is_none());
        }
        assert!(read("").is_none() && read(&LINE.replace("2026-11-20", "2026-13-20")).is_none());
        assert!(read(&LINE.replace("\"line\":7", "\"line\":99999999999999999")).is_none());
    }
}
