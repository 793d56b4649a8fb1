//! Batches of verified events as the verifier hands them to JavaScript: a line for each event, with its place before it.

use core::fmt;
use std::borrow::Cow;

use countersign::canonical::{Part, TokenKind, Tokens};
use countersign::time::Time;

use crate::value::Document;
use crate::{Entry, Readings};

/// One line.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The line of the export.
    pub number: i64,
    /// Where the event begins in the export, in bytes, if its lines say so: all of a batch do, or none.
    pub offset: Option<i64>,
    /// The leaf's index.
    pub index: i64,
    /// The chain: 32 hex digits.
    pub chain: &'a str,
    /// The link's place in its chain.
    pub seq: i64,
    /// The link's time.
    pub time: Time,
    /// Whether the key was authorised, as far as was known.
    pub authorised: bool,
    /// The emitter's key.
    pub vkey: Cow<'a, str>,
    /// The event as it was signed.
    pub event: &'a str,
    /// Where the event begins on the line.
    pub at: usize,
}

const OFFSET: &str = ",\"offset\":";

/// A line to be written. Its members are those of [`Line`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Line has them")]
pub struct NewLine<'a> {
    pub number: u64,
    pub offset: Option<u64>,
    pub index: u64,
    pub chain: &'a str,
    pub seq: u64,
    pub time: Time,
    pub authorised: bool,
    /// A string of JSON, with its quotes.
    pub vkey: &'a [u8],
    pub event: &'a str,
}

/// About what a line has beside the event, in bytes.
pub const BESIDE: usize = 320;

struct Offset(Option<u64>);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(f, "{OFFSET}{offset}"))
    }
}

impl NewLine<'_> {
    /// Writes it, with its end.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Self { number, offset, index, chain, seq, time, authorised, vkey, event } = self;
        let offset = Offset(*offset);
        let place = format!(
            "{{\"line\":{number}{offset},\"index\":{index},\"chain\":\"{chain}\",\"seq\":{seq},\
             \"time\":\"{time}\",\"authorised\":{authorised},\"vkey\":"
        );
        out.extend_from_slice(place.as_bytes());
        out.extend_from_slice(vkey);
        out.extend_from_slice(b",\"event\":");
        out.extend_from_slice(event.as_bytes());
        out.extend_from_slice(b"}\n");
    }
}

/// Reads a line without its end, by the members and the order that the verifier writes them in.
pub fn read(text: &str) -> Option<Line<'_>> {
    let mut rest = text;
    let nth = number(&mut rest, "{\"line\":")?;
    let is_placed = rest.starts_with(OFFSET);
    let offset = if is_placed { Some(number(&mut rest, OFFSET)?) } else { None };
    let index = number(&mut rest, ",\"index\":")?;
    let chain = string(&mut rest, ",\"chain\":")?;
    let seq = number(&mut rest, ",\"seq\":")?;
    let time = Time::parse(string(&mut rest, ",\"time\":")?.as_bytes())?;
    rest = rest.strip_prefix(",\"authorised\":")?;
    let authorised = rest.starts_with("true");
    rest = rest.strip_prefix(if authorised { "true" } else { "false" })?;
    let vkey = string(&mut rest, ",\"vkey\":")?;
    let event = rest.strip_prefix(",\"event\":")?.strip_suffix('}')?;
    let vkey = if vkey.contains('\\') { Cow::Owned(unescaped(vkey)?) } else { Cow::Borrowed(vkey) };
    let at = text.len() - 1 - event.len();
    Some(Line { number: nth, offset, index, chain, seq, time, authorised, vkey, event, at })
}

/// Reads the whole lines that bytes begin with, one after the other, and says how many bytes these are. `None` where one
/// of them is no verified event.
pub fn each<'a>(bytes: &'a [u8], mut take: impl FnMut(&Line<'a>)) -> Option<usize> {
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Some(0) };
    for line in core::str::from_utf8(&bytes[..end]).ok()?.split('\n') {
        take(&read(line)?);
    }
    Some(end + 1)
}

impl Line<'_> {
    /// Looks at the event, and at what a reading makes of it.
    pub fn look<T>(&self, readings: &Readings, look: impl FnOnce(&Entry<'_>) -> T) -> T {
        self.unread(|entry| {
            let read = entry.event.as_ref().and_then(|event| readings.read(event));
            look(&Entry { read: read.as_ref(), ..*entry })
        })
    }

    /// Looks at the event, without a reading.
    pub fn unread<T>(&self, look: impl FnOnce(&Entry<'_>) -> T) -> T {
        let document = Document::parse(self.event);
        let event = document.as_ref().map(Document::root);
        let signer = self.vkey.split('+').next();
        look(&Entry { event, read: None, recorded: self.time, chain: self.chain, signer })
    }
}

fn number(rest: &mut &str, name: &str) -> Option<i64> {
    let text = rest.strip_prefix(name)?;
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    *rest = &text[end..];
    text[..end].parse().ok().filter(|number| *number < 1 << 53)
}

/// What stands between a string's quotes.
fn string<'a>(rest: &mut &'a str, name: &str) -> Option<&'a str> {
    let text = rest.strip_prefix(name)?;
    let Part { kind, start, end } = Tokens::of(text).next_part()??;
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

    const LINE: &str = r#"{"line":7,"index":5,"chain":"00ff","seq":2,"time":"2026-11-20T06:01:02.345Z","authorised":true,"vkey":"a\\\"b+1","event":{"a":"}"}}"#;

    #[test]
    fn reads_what_the_verifier_writes() {
        let line = read(LINE).unwrap();
        assert_eq!((line.number, line.index, line.seq, line.chain, line.authorised), (7, 5, 2, "00ff", true));
        assert_eq!((&*line.vkey, line.event), ("a\\\"b+1", r#"{"a":"}"}"#));
        assert_eq!(&LINE[line.at..line.at + line.event.len()], line.event);
        assert_eq!((line.time.to_string().as_str(), line.offset), ("2026-11-20T06:01:02.345Z", None));
        let placed = LINE.replace(",\"index\"", ",\"offset\":812,\"index\"");
        assert_eq!(read(&placed).unwrap().offset, Some(812));
    }

    #[test]
    fn writes_what_it_reads() {
        for offset in [None, Some(812)] {
            let written = match offset {
                None => LINE.to_owned(),
                Some(offset) => LINE.replace(",\"index\"", &format!(",\"offset\":{offset},\"index\"")),
            };
            let Line { number, index, chain, seq, time, authorised, event, .. } = read(&written).unwrap();
            let (number, index, seq, vkey) =
                (number.cast_unsigned(), index.cast_unsigned(), seq.cast_unsigned(), br#""a\\\"b+1""#);
            let mut out = Vec::new();
            NewLine { number, offset, index, chain, seq, time, authorised, vkey, event }.write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{written}\n"));
        }
    }

    #[test]
    fn reads_nothing_else() {
        for cut in 1..LINE.len() {
            let _ = read(&LINE[..cut]);
            assert!(read(&LINE[cut..]).is_none());
        }
        assert!(read("").is_none() && read(&LINE.replace("2026-11-20", "2026-13-20")).is_none());
        assert!(read(&LINE.replace("\"line\":7", "\"line\":99999999999999999")).is_none());
    }
}
