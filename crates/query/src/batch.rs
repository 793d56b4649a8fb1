//! Batches of verified events as the verifier hands them to JavaScript: a line for each event, with its place before it.
//! Who has read the events hands on lines that say besides what a parser makes of them.

use std::borrow::Cow;

use countersign::canonical::{Part, TokenKind, Tokens};
use countersign::time::Time;

use crate::value::{Document, Kind};
use crate::{Entry, Read};

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
    /// Whether the key was authorized, as far as was known.
    pub authorized: bool,
    /// The emitter's key.
    pub vkey: Cow<'a, str>,
    /// What a parser makes of the event, as [`Read::write_json`] writes it, or `null` where none fits; none where nobody
    /// has read it.
    pub read: Option<&'a str>,
    /// The event as it was signed.
    pub event: &'a str,
    /// The line itself.
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
const READ: &str = ",\"read\":";
const EVENT: &str = ",\"event\":";

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
    pub authorized: bool,
    /// A string of JSON, with its quotes.
    pub vkey: &'a [u8],
    pub read: Option<&'a str>,
    pub event: &'a str,
}

/// About what a line has beside the event, in bytes.
pub const BESIDE: usize = 320;

impl NewLine<'_> {
    /// Writes it, with its end.
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
            put(READ, read.as_bytes());
        }
        put(EVENT, event.as_bytes());
        put("}", b"\n");
    }
}

/// Reads a line without its end, by the members and the order that the verifier writes them in.
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
    let read = if let Some(read) = rest.strip_prefix(READ) {
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
    /// Where the event begins on the line.
    pub fn at(&self) -> usize {
        self.text.len() - 1 - self.event.len()
    }

    /// Writes a line that nobody has read, with its end and with what a parser makes of the event.
    pub fn write_as_read(&self, read: Option<&Read<'_>>, out: &mut Vec<u8>) {
        let (place, event) = self.text.split_at(self.at() - EVENT.len());
        out.extend_from_slice(place.as_bytes());
        out.extend_from_slice(READ.as_bytes());
        write_read(read, out);
        out.extend_from_slice(event.as_bytes());
        out.push(b'\n');
    }

    /// Looks at the event, and at what the line says that a parser makes of it. None where it does not say that.
    pub fn look_as_read<T>(&self, look: impl FnOnce(&Entry<'_>) -> T) -> Option<T> {
        let read = Document::parse(self.read?)?;
        let read = match read.root() {
            null if null.kind() == Kind::Null => None,
            read => Some(Read::of_json(read)?),
        };
        let document = Document::parse(self.event);
        let event = document.as_ref().map(Document::root);
        let signer = self.vkey.split('+').next();
        let entry =
            Entry { event, roots: &[], read: read.as_ref(), recorded: self.time, chain: self.chain, signer };
        Some(look(&entry))
    }
}

/// Writes what a parser makes of an event, as [`Read::write_json`] does, or `null`.
pub fn write_read(read: Option<&Read<'_>>, out: &mut Vec<u8>) {
    match read {
        Some(read) => read.write_json(out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Where the value ends that a text begins with.
fn value_end(text: &str) -> Option<usize> {
    let mut tokens = Tokens::of(text);
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

    const LINE: &str = r#"{"line":7,"index":5,"chain":"00ff","seq":2,"time":"2026-11-20T06:01:02.345Z","authorized":true,"vkey":"a\\\"b+1","event":{"a":"}"}}"#;

    #[test]
    fn reads_what_the_verifier_writes() {
        let line = read(LINE).unwrap();
        assert_eq!((line.number, line.index, line.seq, line.chain, line.authorized), (7, 5, 2, "00ff", true));
        assert_eq!((&*line.vkey, line.event), ("a\\\"b+1", r#"{"a":"}"}"#));
        assert_eq!(&LINE[line.at()..line.at() + line.event.len()], line.event);
        assert_eq!((line.time.to_string().as_str(), line.offset), ("2026-11-20T06:01:02.345Z", None));
        let placed = LINE.replace(",\"index\"", ",\"offset\":812,\"index\"");
        assert_eq!(read(&placed).unwrap().offset, Some(812));
    }

    /// The same, with what a parser makes of the event.
    fn as_read(read: &str) -> String {
        LINE.replace(",\"event\"", &format!(",\"read\":{read},\"event\""))
    }

    #[test]
    fn writes_what_it_reads() {
        let parsed_as = as_read(r#"{"as":"x","action":"},\"event\":","outcome":"denied"}"#);
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
    fn says_what_was_read_where_somebody_has_read() {
        let action = |line: &str| {
            let action = |entry: &Entry<'_>| entry.read.map(|read| read.action.as_deref().map(str::to_owned));
            read(line).unwrap().look_as_read(action)
        };
        assert_eq!(action(LINE), None);
        assert_eq!(action(&as_read("null")), Some(None));
        let denied = r#"{"as":"x","action":"a.b","outcome":"denied"}"#;
        assert_eq!(action(&as_read(denied)), Some(Some(Some("a.b".into()))));
        for other in
            ["{}", "7", r#"{"as":"x","outcome":"?"}"#, r#"{"as":"x","time":"now","outcome":"denied"}"#]
        {
            assert_eq!(action(&as_read(other)), None, "{other}");
        }
        assert!(read(&as_read("]")).is_none() && read(&as_read("[")).is_none());
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
