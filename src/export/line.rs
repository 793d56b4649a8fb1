use std::borrow::Cow;

use crate::base64;
use crate::checkpoint::SignedCheckpoint;
use crate::error::{Code, Error};
use crate::hash::Hash;
use crate::integer;
use crate::json::{scan_value, skip_space, string_end, twin, unescape};
use crate::keys::KeyNote;
use crate::link::{ChainId, Link};
use crate::phrases;
use crate::tenant::{Anchor, HeadProof};
use crate::words::words;

use super::{MAX_EVENT, MAX_LEAF, MAX_LINE, MAX_LINE_LEVELS, MAX_SKIP_LEVEL, Payload};

/// A well-formed line of an export, other than the header.
#[derive(Debug)]
pub struct Line<'a> {
    /// The parsed content.
    pub item: Item<'a>,
    /// The number of fields that the format does not define.
    pub unknown_members: u32,
}

/// The content of a line.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all lines are links, and a box each would cost more")]
pub enum Item<'a> {
    /// A link, possibly with its event.
    Link {
        /// The leaf's text.
        text: Cow<'a, str>,
        /// The parsed link.
        link: Link,
        /// The event, if it is shown.
        payload: Option<Payload<'a>>,
        /// The exporter's reason for withholding the event, if given.
        withheld: Option<Withheld>,
    },
    /// A key note.
    Note {
        /// The leaf's text.
        text: Cow<'a, str>,
        /// The parsed key note.
        note: Box<KeyNote>,
    },
    /// A leaf of any other kind.
    Leaf(Vec<u8>),
    /// A skip that replaces 2^`level` omitted entries.
    Skip {
        /// The level of the subtree, 0 to 52.
        level: u8,
        /// The root hash of the omitted entries.
        hash: Hash,
    },
    /// A signed checkpoint of the entries before it.
    Checkpoint {
        /// The signed note.
        text: Cow<'a, str>,
        /// The parsed checkpoint.
        signed: Box<SignedCheckpoint>,
    },
    /// A proof of the tenant log's head after the entries before it.
    Head {
        /// The head proof as received.
        text: Cow<'a, str>,
        /// The parsed proof.
        proof: Box<HeadProof>,
    },
    /// An earlier head of the tenant log, at the entries before it.
    Anchor {
        /// The anchor as received.
        text: Cow<'a, str>,
        /// The parsed anchor.
        anchor: Box<Anchor>,
    },
}

words! {
    /// The exporter's reason for withholding an event; not verified.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Withheld {
        /// Salt and event were deleted.
        Erased = "erased",
        /// The reader is not allowed to see the event.
        Redacted = "redacted",
        /// The reader did not ask for the event.
        Filtered = "filtered",
    }
}

/// Kinds of errors in a line, one for each `format.*` code that a line can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineErrorKind {
    Line,
    Link,
    Note,
    Checkpoint,
    Head,
    LeafSize,
}

/// An error in a line of an export. The line may still have a position in the tree.
#[derive(Debug, derive_more::Display)]
#[display("{}", self.to_error())]
pub struct LineError<'a> {
    pub(crate) fault: LineErrorKind,
    pub(crate) detail: &'static str,
    /// The bytes of the leaf that the line contains despite the error.
    pub(crate) leaf: Option<Cow<'a, [u8]>>,
    /// The chain and seq, if the leaf is a well-formed link.
    pub(crate) place: Option<(ChainId, u64)>,
}

impl<'a> LineError<'a> {
    fn leaf((fault, detail): Reason, leaf: Cow<'a, [u8]>) -> Self {
        Self { fault, detail, leaf: Some(leaf), place: None }
    }

    fn without_place(detail: &'static str) -> Self {
        Self { fault: LineErrorKind::Line, detail, leaf: None, place: None }
    }

    fn head(detail: &'static str) -> Self {
        Self { fault: LineErrorKind::Head, ..Self::without_place(detail) }
    }

    /// Converts to the crate's error.
    pub fn to_error(&self) -> Error {
        Error::new(Code::Export, self.detail)
    }
}

impl core::error::Error for LineError<'_> {}

impl From<LineError<'_>> for Error {
    fn from(error: LineError<'_>) -> Self {
        error.to_error()
    }
}

/// Removes the white space around a line.
pub(crate) fn strip(line: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let first = line.iter().position(|byte| !is_space(byte)).unwrap_or(line.len());
    let last = line.iter().rposition(|byte| !is_space(byte)).map_or(first, |last| last + 1);
    &line[first..last]
}

/// The fields of a line as raw JSON values.
#[derive(Default)]
struct Members<'a> {
    link: Option<Value<'a>>,
    note: Option<Value<'a>>,
    leaf: Option<Value<'a>>,
    skip: Option<Value<'a>>,
    checkpoint: Option<Value<'a>>,
    head: Option<Value<'a>>,
    anchor: Option<Value<'a>>,
    salt: Option<Value<'a>>,
    event: Option<Value<'a>>,
    withheld: Option<Value<'a>>,
    unknown: Vec<Cow<'a, str>>,
    a_kind_twice: bool,
    a_member_twice: bool,
}

#[derive(Clone, Copy)]
struct Value<'a> {
    text: &'a str,
    escapes: bool,
    names_increase: bool,
}

impl<'a> Value<'a> {
    /// Returns the content of a string, or `None` if the value is not a string.
    #[inline]
    fn string(&self) -> Option<Cow<'a, str>> {
        let inner = self.text.strip_prefix('"')?.strip_suffix('"')?;
        Some(if self.escapes { unescape(inner) } else { Cow::Borrowed(inner) })
    }
}

impl<'a> Line<'a> {
    /// Parses a line that is neither blank nor the header.
    ///
    /// # Errors
    /// [`LineError`], which contains the line's position in the tree if the line has one.
    pub fn parse(line: &'a str) -> Result<Self, LineError<'a>> {
        Self::read(line, false)
    }

    /// Like [`parse`](Self::parse). With `extended`, a checkpoint may have extension lines and any origin, which no
    /// export contains.
    pub(crate) fn read(line: &'a str, extended: bool) -> Result<Self, LineError<'a>> {
        if line.len() > MAX_LINE {
            return Err(LineError::without_place(phrases::LINE_TOO_LONG));
        }
        let stripped = line.trim_matches([' ', '\t', '\r']);
        let mut members = read_members(stripped).map_err(LineError::without_place)?;
        members.a_member_twice |= twin(&mut members.unknown).is_some();
        members.classify(extended)
    }
}

#[inline]
fn read_members(line: &str) -> Result<Members<'_>, &'static str> {
    let bytes = line.as_bytes();
    let mut members = Members::default();
    if bytes.first() != Some(&b'{') {
        return Err(phrases::LINE_NOT_OBJECT);
    }
    let mut index = skip_space(bytes, 1);
    if bytes.get(index) == Some(&b'}') {
        index += 1;
    } else {
        loop {
            if bytes.get(index) != Some(&b'"') {
                return Err(phrases::LINE_NOT_OBJECT);
            }
            let (end, escapes) = string_end(bytes, index + 1).map_err(|_| phrases::LINE_NOT_OBJECT)?;
            let raw = &line[index + 1..end - 1];
            let name = if escapes { unescape(raw) } else { Cow::Borrowed(raw) };
            index = skip_space(bytes, end);
            if bytes.get(index) != Some(&b':') {
                return Err(phrases::LINE_NOT_OBJECT);
            }
            let start = skip_space(bytes, index + 1);
            let (end, escapes, names_increase) = if bytes.get(start) == Some(&b'"') {
                let (end, escapes) = string_end(bytes, start + 1).map_err(|_| phrases::LINE_NOT_OBJECT)?;
                (end, escapes, true)
            } else {
                let scanned =
                    scan_value(bytes, start, MAX_LINE_LEVELS - 1).map_err(|_| phrases::LINE_TOO_DEEP)?;
                (scanned.end, false, scanned.names_increase)
            };
            members.put(name, Value { text: &line[start..end], escapes, names_increase });
            index = skip_space(bytes, end);
            match bytes.get(index) {
                Some(b',') => index = skip_space(bytes, index + 1),
                Some(b'}') => break index += 1,
                _ => return Err(phrases::LINE_NOT_OBJECT),
            }
        }
    }
    if index == bytes.len() { Ok(members) } else { Err(phrases::LINE_NOT_OBJECT) }
}

impl<'a> Members<'a> {
    #[inline]
    fn put(&mut self, name: Cow<'a, str>, value: Value<'a>) {
        let (slot, is_kind) = match &*name {
            "link" => (&mut self.link, true),
            "salt" => (&mut self.salt, false),
            "event" => (&mut self.event, false),
            "note" => (&mut self.note, true),
            "leaf" => (&mut self.leaf, true),
            "skip" => (&mut self.skip, true),
            "checkpoint" => (&mut self.checkpoint, true),
            "head" => (&mut self.head, true),
            "anchor" => (&mut self.anchor, true),
            "withheld" => (&mut self.withheld, false),
            _ => return self.unknown.push(name),
        };
        if slot.replace(value).is_some() {
            self.a_member_twice = true;
            self.a_kind_twice |= is_kind;
        }
    }

    fn classify(self, extended: bool) -> Result<Line<'a>, LineError<'a>> {
        let kinds =
            [&self.link, &self.note, &self.leaf, &self.skip, &self.checkpoint, &self.head, &self.anchor];
        if self.a_kind_twice || kinds.iter().filter(|kind| kind.is_some()).count() != 1 {
            return Err(LineError::without_place(if self.unknown.iter().any(|name| name == "countersign") {
                phrases::LINE_SECOND_HEADER
            } else {
                phrases::LINE_KINDS
            }));
        }
        let unknown_members = self.unknown.len() as u32;
        let flaw = if self.a_member_twice {
            Some(phrases::LINE_MEMBER_TWICE)
        } else if self.link.is_none()
            && (self.salt.is_some() || self.event.is_some() || self.withheld.is_some())
        {
            Some(phrases::LINE_EVENT_BESIDE_OTHER)
        } else {
            None
        };
        let item = if let Some(value) = self.link {
            self.link_line(value, flaw)?
        } else if let Some(value) = self.note {
            note_line(value, flaw)?
        } else if let Some(value) = self.leaf {
            opaque_line(value, flaw)?
        } else if let Some(detail) = flaw {
            return Err(LineError::without_place(detail));
        } else if let Some(value) = self.skip {
            skip_line(value).ok_or_else(|| LineError::without_place(phrases::LINE_SKIP))?
        } else if let Some(value) = self.checkpoint {
            checkpoint_line(value, extended)?
        } else if let Some(value) = self.head {
            head_line(value)?
        } else if let Some(value) = self.anchor {
            anchor_line(value)?
        } else {
            return Err(LineError::without_place(phrases::LINE_KINDS));
        };
        Ok(Line { item, unknown_members })
    }

    #[inline]
    fn link_line(&self, value: Value<'a>, flaw: Option<&'static str>) -> Result<Item<'a>, LineError<'a>> {
        let text = value.string().ok_or(LineError::without_place(phrases::LINE_LINK))?;
        match self.link(&text, flaw) {
            Ok((link, payload, withheld)) => Ok(Item::Link { text, link, payload, withheld }),
            Err(reason) => {
                let place = Link::read(&text).map(|link| (link.chain(), link.seq()));
                Err(LineError { place, ..LineError::leaf(reason, into_bytes(text)) })
            }
        }
    }

    #[inline]
    fn link(
        &self,
        text: &str,
        flaw: Option<&'static str>,
    ) -> Result<(Link, OptionalPayload<'a>, Option<Withheld>), Reason> {
        check_leaf(text.len(), flaw)?;
        let (payload, withheld) = self.payload().map_err(|detail| (LineErrorKind::Line, detail))?;
        let link = Link::read(text).ok_or((LineErrorKind::Link, phrases::LINE_LINK_GRAMMAR))?;
        if !matches!(link, Link::Event(_)) && (payload.is_some() || withheld.is_some()) {
            return Err((LineErrorKind::Line, phrases::LINE_EVENT_BESIDE_LINK));
        }
        Ok((link, payload, withheld))
    }

    #[inline]
    fn payload(&self) -> Result<(OptionalPayload<'a>, Option<Withheld>), &'static str> {
        match (&self.salt, &self.event, &self.withheld) {
            (Some(salt), Some(event), None) => {
                let salt = salt.string().and_then(|salt| base64::decode_array(salt.as_bytes()));
                let salt = salt.ok_or(phrases::LINE_SALT)?;
                if !event.text.starts_with('{') {
                    return Err(phrases::LINE_EVENT);
                }
                if event.text.len() > MAX_EVENT {
                    return Err(phrases::LINE_EVENT_SIZE);
                }
                Ok((Some(Payload { salt, event: event.text, names_increase: event.names_increase }), None))
            }
            (None, None, None) => Ok((None, None)),
            (None, None, Some(reason)) => {
                let reason = reason.string().and_then(|word| Withheld::parse(&word));
                Ok((None, Some(reason.ok_or(phrases::LINE_WITHHELD)?)))
            }
            (Some(_), None, _) | (None, Some(_), _) => Err(phrases::LINE_SALT_OR_EVENT_ALONE),
            (Some(_), Some(_), Some(_)) => Err(phrases::LINE_WITHHELD_BESIDE_EVENT),
        }
    }
}

type OptionalPayload<'a> = Option<Payload<'a>>;
type Reason = (LineErrorKind, &'static str);

/// Checks a leaf's length, and that its line has no flaw.
fn check_leaf(length: usize, flaw: Option<&'static str>) -> Result<(), Reason> {
    if length > MAX_LEAF {
        return Err((LineErrorKind::LeafSize, phrases::LINE_ENTRY_SIZE));
    }
    flaw.map_or(Ok(()), |detail| Err((LineErrorKind::Line, detail)))
}

pub(crate) fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

fn note_line<'a>(value: Value<'a>, flaw: Option<&'static str>) -> Result<Item<'a>, LineError<'a>> {
    let text = value.string().ok_or(LineError::without_place(phrases::LINE_NOTE))?;
    let parse = |()| KeyNote::parse(&text).map_err(|_| (LineErrorKind::Note, phrases::LINE_NOTE_GRAMMAR));
    match check_leaf(text.len(), flaw).and_then(parse) {
        Ok(note) => Ok(Item::Note { text, note: Box::new(note) }),
        Err(reason) => Err(LineError::leaf(reason, into_bytes(text))),
    }
}

fn opaque_line<'a>(value: Value<'a>, flaw: Option<&'static str>) -> Result<Item<'a>, LineError<'a>> {
    let bytes = value.string().and_then(|text| base64::decode(text.as_bytes()));
    let bytes = bytes.ok_or(LineError::without_place(phrases::LINE_LEAF))?;
    let hides = core::str::from_utf8(&bytes)
        .is_ok_and(|text| Link::read(text).is_some() || KeyNote::parse(text).is_ok());
    let hidden = hides.then_some(phrases::LINE_HIDDEN_LINK);
    match check_leaf(bytes.len(), flaw.or(hidden)) {
        Ok(()) => Ok(Item::Leaf(bytes)),
        Err(reason) => Err(LineError::leaf(reason, Cow::Owned(bytes))),
    }
}

fn skip_line(value: Value<'_>) -> Option<Item<'_>> {
    let inner = value.text.strip_prefix('[')?.strip_suffix(']')?;
    let (level, hash) = inner.split_once(',')?;
    let space = [' ', '\t', '\r', '\n'];
    let level = integer::parse(level.trim_matches(space).as_bytes())?;
    let level = u8::try_from(level).ok().filter(|&level| level <= MAX_SKIP_LEVEL)?;
    let hash = super::header::string(hash.trim_matches(space))?;
    Some(Item::Skip { level, hash: Hash::from_base64(hash.as_bytes())? })
}

fn checkpoint_line(value: Value<'_>, extended: bool) -> Result<Item<'_>, LineError<'_>> {
    let text = value.string().ok_or(LineError::without_place(phrases::LINE_CHECKPOINT_TEXT))?;
    let parse = if extended { SignedCheckpoint::parse_extended } else { SignedCheckpoint::parse };
    let Ok(signed) = parse(&text) else {
        let detail = phrases::LINE_CHECKPOINT;
        return Err(LineError { fault: LineErrorKind::Checkpoint, ..LineError::without_place(detail) });
    };
    Ok(Item::Checkpoint { text, signed: Box::new(signed) })
}

fn head_line(value: Value<'_>) -> Result<Item<'_>, LineError<'_>> {
    let text = value.string().ok_or(LineError::without_place(phrases::LINE_HEAD_TEXT))?;
    match HeadProof::parse(&text) {
        Ok(proof) => Ok(Item::Head { text, proof: Box::new(proof) }),
        Err(_) => Err(LineError::head(phrases::LINE_HEAD)),
    }
}

fn anchor_line(value: Value<'_>) -> Result<Item<'_>, LineError<'_>> {
    let text = value.string().ok_or(LineError::without_place(phrases::LINE_ANCHOR_TEXT))?;
    match Anchor::parse(&text) {
        Ok(anchor) => Ok(Item::Anchor { text, anchor: Box::new(anchor) }),
        Err(_) => Err(LineError::head(phrases::LINE_ANCHOR)),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const HASH: &str = "T9eQIVpB/PtolM52DdBhQFPZcLntqmFl+FZYb4KHmqw=";

    #[test]
    fn lines_nest_at_most_65_levels_deep() {
        let nested = |levels: usize| {
            let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
            format!("{{\"leaf\":\"AAAA\",\"x\":{open}{close}}}")
        };
        assert!(Line::parse(&nested(MAX_LINE_LEVELS)).is_ok());
        assert!(Line::parse(&nested(MAX_LINE_LEVELS + 1)).is_err());
    }

    #[test]
    fn salt_event_and_withheld_require_a_link() {
        for kind in ["\"leaf\":\"AAAA\"".to_owned(), format!("\"skip\":[0,\"{HASH}\"]")] {
            assert!(Line::parse(&format!("{{{kind}}}")).is_ok());
            for member in ["\"salt\":\"AAAAAAAAAAAAAAAAAAAAAA==\"", "\"event\":{}", "\"withheld\":\"erased\""]
            {
                assert!(Line::parse(&format!("{{{kind},{member}}}")).is_err(), "{kind} {member}");
            }
        }
    }

    #[test]
    fn a_skip_omits_at_most_2_to_the_52_entries() {
        let skip = |level: u8| Line::parse(&format!("{{\"skip\":[{level},\"{HASH}\"]}}")).is_ok();
        assert!(skip(MAX_SKIP_LEVEL));
        assert!(!skip(MAX_SKIP_LEVEL + 1));
    }
}
