//! Canonical JSON (RFC 8785, JCS), the form in which a recorder stores events (SPEC section 3).
//!
//! Canonical text has no white space, fields sorted by the UTF-16 code units of their names, strings with as few
//! escapes as possible, and numbers as ECMAScript writes them. Equal values have equal bytes, so a commit still
//! matches after the event passed through a JSON column or a tool like `jq`.
//!
//! ```
//! use countersign::canonical::canonicalize;
//!
//! assert_eq!(canonicalize(br#" { "b": 1.50, "a": "\u20ac" } "#)?, "{\"a\":\"€\",\"b\":1.5}".as_bytes());
//!
//! let error = canonicalize(br#"{"id": 9007199254740993}"#).unwrap_err();
//! assert_eq!(error.member.as_deref(), Some("id"));
//! # Ok::<(), countersign::Error>(())
//! ```
//!
//! Values that I-JSON (RFC 7493) cannot represent are rejected, never changed: invalid UTF-8, duplicate names, lone
//! surrogates, and numbers that as doubles are not finite or have a magnitude above 2^53 − 1.

mod number;
mod tokens;

use core::cmp::Ordering;
use std::borrow::Cow;
use std::collections::BinaryHeap;

use crate::error::{Code, Error};
use crate::json::{self, JsonError};
use crate::redaction::{REDACTED, Secrecy};

pub use crate::redaction::Redaction;
pub use number::{decimal, double, es6 as number};
pub use tokens::{Part, Raw, Token, TokenKind, Tokens};

/// Maximum nesting depth of a value. The value itself is level 1.
pub const MAX_DEPTH: usize = 64;

/// Returns the canonical form of one JSON value.
///
/// # Errors
/// [`Code::Event`] if the text is not JSON or if I-JSON cannot represent it, with the name of the field
/// nearest to the error, if there is one. If the text is not JSON, the error names no field.
pub fn canonicalize(json: &[u8]) -> Result<Vec<u8>, Error> {
    write(json, number::Range::Exact, &Redaction::none(), None).map(|written| written.text)
}

/// Returns the canonical form by RFC 8785 alone: like [`canonicalize`], but numbers may be any finite double.
///
/// # Errors
/// The errors of [`canonicalize`].
pub fn rfc8785(json: &[u8]) -> Result<Vec<u8>, Error> {
    write(json, number::Range::Finite, &Redaction::none(), None).map(|written| written.text)
}

/// The canonical form of a value.
pub(crate) struct Written {
    pub(crate) text: Vec<u8>,
    /// The number of redacted values or parts of strings.
    pub(crate) redacted: usize,
}

/// A field of the parsed value before redaction.
pub(crate) struct Listed<'a> {
    /// The number of objects and arrays around the field's object.
    pub(crate) depth: usize,
    pub(crate) name: Cow<'a, str>,
    /// The text, starting at the field's value.
    pub(crate) value: &'a str,
}

/// Like [`canonicalize`], with redaction. Appends all fields to `list`, if given.
pub(crate) fn canonicalize_redacted<'a>(
    json: &'a [u8],
    redaction: &Redaction,
    list: Option<&mut Vec<Listed<'a>>>,
) -> Result<Written, Error> {
    write(json, number::Range::Exact, redaction, list)
}

fn write<'a>(
    json: &'a [u8],
    range: number::Range,
    redaction: &Redaction,
    list: Option<&mut Vec<Listed<'a>>>,
) -> Result<Written, Error> {
    let (text, whole) = match core::str::from_utf8(json) {
        Ok(text) => (text, true),
        // Walk the part before the error to find the field that it is in.
        Err(fault) => (core::str::from_utf8(&json[..fault.valid_up_to()]).unwrap_or_default(), false),
    };
    let mut writer = Writer {
        text,
        range,
        redaction,
        list,
        out: Vec::with_capacity(text.len()),
        frames: Vec::with_capacity(8),
        members: Vec::with_capacity(32),
        sorted: Vec::new(),
        in_name: false,
        redacted: 0,
        kept: 0,
    };
    let written = writer.value_and_end();
    let member = writer.nearest_member();
    match written {
        _ if !whole => Err(refuse(IJsonError::Utf8, member)),
        Err(fault) => Err(refuse(fault, member)),
        Ok(()) => Ok(Written { text: writer.out, redacted: writer.redacted }),
    }
}

/// An obstacle to representing a value in I-JSON.
#[derive(derive_more::From)]
enum IJsonError {
    Utf8,
    #[from]
    Json(JsonError),
    Number,
    Duplicate(String),
}

#[cold]
fn refuse(fault: IJsonError, nearest: Option<String>) -> Error {
    let (message, member, hint) = match fault {
        IJsonError::Utf8 => ("the text is not UTF-8", nearest, "encode the JSON text as UTF-8"),
        IJsonError::Json(JsonError::Syntax) => ("the text is not JSON", None, "check it against RFC 8259"),
        IJsonError::Json(JsonError::Depth) => {
            ("the value is nested deeper than 64 levels", nearest, "record deeper values as a string")
        }
        IJsonError::Json(JsonError::Surrogate) => {
            ("a string contains half of a surrogate pair", nearest, "write both halves, or U+FFFD")
        }
        IJsonError::Number => {
            let message = "a number is not finite or has a magnitude above 2^53 - 1";
            (message, nearest, "record such a number as a string")
        }
        IJsonError::Duplicate(name) => {
            ("a field name occurs twice in an object", Some(name), "keep only one of the two fields")
        }
    };
    member.into_iter().fold(Error::new(Code::Event, message).with_hint(hint), Error::in_member)
}

/// An object or array that is being written.
struct Frame {
    is_object: bool,
    /// For an array, how to redact it at its end; for an object, how to treat its fields.
    secrecy: Secrecy,
    /// The number of redacted values and of other values before this one.
    redacted: usize,
    kept: usize,
    /// The treatment of this array's next element, if the previous element determines it; then, true if that
    /// element's index is even.
    next: Secrecy,
    is_even: bool,
    /// True if the names so far are in strictly ascending order.
    sorted: bool,
    /// The start of this value in the output.
    start: usize,
    /// The length of `members` when this value began.
    members: usize,
}

/// A field of an object that is being written.
#[derive(Clone, Copy)]
struct Member<'a> {
    /// The name as written in the input, between the quotes.
    name: &'a str,
    escapes: bool,
    /// The field's start in the output.
    start: usize,
    /// True if its value is kept on request.
    is_kept: bool,
}

impl<'a> Member<'a> {
    fn unescaped(&self) -> Cow<'a, str> {
        if self.escapes { json::unescape(self.name) } else { Cow::Borrowed(self.name) }
    }
}

/// Orders by RFC 8785: by the UTF-16 code units of the unescaped names.
impl Ord for Member<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.escapes || other.escapes {
            compare_names(&json::unescape(self.name), &json::unescape(other.name))
        } else {
            compare_names(self.name, other.name)
        }
    }
}

impl PartialOrd for Member<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Member<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Member<'_> {}

/// Compares two field names in the order of canonical JSON: by UTF-16 code units (RFC 8785, section 3.2.3).
///
/// ```
/// use countersign::canonical::compare_names;
///
/// assert!(compare_names("\u{1f600}", "\u{fb33}").is_lt());
/// ```
pub fn compare_names(a: &str, b: &str) -> Ordering {
    // UTF-8 sorts by code points. The two orders differ only between a character above U+FFFF, which is a surrogate
    // pair in UTF-16, and one from U+E000 on, whose first byte is 0xEE or 0xEF.
    let rank = |byte: u8| if byte == 0xee || byte == 0xef { byte + 0x10 } else { byte };
    match a.bytes().zip(b.bytes()).find(|(a, b)| a != b) {
        Some((a, b)) => rank(a).cmp(&rank(b)),
        None => a.len().cmp(&b.len()),
    }
}

/// A single-pass writer of a value's canonical form. Nesting is on `frames`, so depth costs no stack.
struct Writer<'a, 'w> {
    text: &'a str,
    range: number::Range,
    redaction: &'w Redaction,
    list: Option<&'w mut Vec<Listed<'a>>>,
    out: Vec<u8>,
    frames: Vec<Frame>,
    /// The fields of all open objects, the outermost first.
    members: Vec<Member<'a>>,
    /// Scratch space for sorting an object's fields.
    sorted: Vec<u8>,
    /// True while the walk is within a field's name.
    in_name: bool,
    /// The number of redacted values, and of strings, numbers, and literals that were not redacted.
    redacted: usize,
    kept: usize,
}

impl<'a> Writer<'a, '_> {
    fn byte(&self, index: usize) -> u8 {
        self.text.as_bytes().get(index).copied().unwrap_or(0)
    }

    /// Returns a slice that begins and ends at ASCII characters.
    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn value_and_end(&mut self) -> Result<(), IJsonError> {
        let text = self.text.as_bytes();
        let mut index = json::skip_space(text, 0);
        let mut secrecy = Secrecy::Open;
        loop {
            let first = self.byte(index);
            if first == b'{' || first == b'[' {
                if self.frames.len() == MAX_DEPTH {
                    return Err(JsonError::Depth.into());
                }
                let is_object = first == b'{';
                self.frames.push(Frame {
                    is_object,
                    secrecy,
                    redacted: self.redacted,
                    kept: self.kept,
                    next: Secrecy::Open,
                    is_even: true,
                    sorted: true,
                    start: self.out.len(),
                    members: self.members.len(),
                });
                self.out.push(first);
                index = json::skip_space(text, index + 1);
                if self.byte(index) != first + 2 {
                    if is_object {
                        (index, secrecy) = self.name(index)?;
                    } else {
                        secrecy = secrecy.of_element();
                    }
                    continue;
                }
                self.close()?;
                index += 1;
            } else {
                index = self.scalar(index, secrecy)?;
            }
            loop {
                let Some(frame) = self.frames.last() else {
                    let end = json::skip_space(text, index);
                    return if end == text.len() { Ok(()) } else { Err(JsonError::Syntax.into()) };
                };
                let is_object = frame.is_object;
                index = json::skip_space(text, index);
                match self.byte(index) {
                    b',' => {
                        self.out.push(b',');
                        secrecy =
                            if frame.next == Secrecy::Open { frame.secrecy.of_element() } else { frame.next };
                        index = json::skip_space(text, index + 1);
                        if is_object {
                            (index, secrecy) = self.name(index)?;
                        }
                        break;
                    }
                    b'}' if is_object => self.close()?,
                    b']' if !is_object => self.close()?,
                    _ => return Err(JsonError::Syntax.into()),
                }
                index += 1;
            }
        }
    }

    /// Writes a name and its colon. Returns the index of the value, and how to redact it.
    fn name(&mut self, index: usize) -> Result<(usize, Secrecy), IJsonError> {
        let text = self.text.as_bytes();
        if self.byte(index) != b'"' {
            return Err(JsonError::Syntax.into());
        }
        self.in_name = true;
        let (end, escapes) = json::string_end(text, index + 1)?;
        let member =
            Member { name: self.slice(index + 1, end - 1), escapes, start: self.out.len(), is_kept: false };
        if let Some(frame) = self.frames.last_mut()
            && let [.., last] = &self.members[frame.members..]
        {
            frame.sorted &= *last < member;
        }
        self.members.push(member);
        self.string(index, end, escapes);
        self.out.push(b':');
        let colon = json::skip_space(text, end);
        if self.byte(colon) != b':' {
            return Err(JsonError::Syntax.into());
        }
        self.in_name = false;
        let index = json::skip_space(text, colon + 1);
        let name = member.unescaped();
        let object = self.frames.last().map_or(Secrecy::Open, |frame| frame.secrecy);
        let secrecy = self.redaction.of_member(object, &name, || self.path().map(Member::unescaped));
        if let Some(member) = self.members.last_mut() {
            member.is_kept = secrecy == Secrecy::Kept;
        }
        if let Some(list) = &mut self.list {
            list.push(Listed {
                depth: self.frames.len().saturating_sub(1),
                name,
                value: self.text.get(index..).unwrap_or_default(),
            });
        }
        Ok((index, secrecy))
    }

    /// Returns the field that is being written and those around it, the innermost first.
    fn path(&self) -> impl Iterator<Item = &Member<'a>> {
        let mut end = self.members.len();
        self.frames.iter().rev().filter_map(move |frame| {
            let last = self.members[frame.members..end].last();
            end = frame.members;
            last
        })
    }

    /// Writes the string from `index` up to `end`, including its quotes.
    fn string(&mut self, index: usize, end: usize, escapes: bool) {
        if escapes {
            write_string(&json::unescape(self.slice(index + 1, end - 1)), &mut self.out);
        } else {
            self.out.extend_from_slice(self.slice(index, end).as_bytes());
        }
    }

    /// Writes a string, number, or literal. Returns the index after it.
    fn scalar(&mut self, index: usize, secrecy: Secrecy) -> Result<usize, IJsonError> {
        let text = self.text.as_bytes();
        let start = self.out.len();
        let end = match self.byte(index) {
            b'"' => {
                let (end, escapes) = json::string_end(text, index + 1)?;
                if secrecy == Secrecy::Path {
                    let path = json::unescape(self.slice(index + 1, end - 1));
                    write_string(&self.redaction.shape(&path), &mut self.out);
                } else {
                    self.string(index, end, escapes);
                }
                end
            }
            b'-' | b'0'..=b'9' => {
                let end = json::number_end(text, index)?;
                if !number::canonicalize(self.slice(index, end), self.range, &mut self.out) {
                    return Err(IJsonError::Number);
                }
                end
            }
            _ => {
                let rest = &text[index..];
                let word =
                    ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word.as_bytes()));
                let word = word.ok_or(JsonError::Syntax)?;
                self.out.extend_from_slice(word.as_bytes());
                self.kept += 1;
                return Ok(index + word.len());
            }
        };
        let is_string = self.byte(index) == b'"';
        let next = if is_string { self.of_next(start) } else { Secrecy::Open };
        if self.redaction.hides(secrecy, &self.out[start..]) {
            self.redact(start);
        } else {
            self.kept += 1;
            if is_string {
                self.redacted += self.redaction.mask(&mut self.out, start, secrecy);
            }
        }
        if let Some(frame) = self.frames.last_mut() {
            (frame.next, frame.is_even) = (next, !frame.is_even);
        }
        Ok(end)
    }

    /// Returns how to treat the array element after the string at `start` in the output.
    fn of_next(&self, start: usize) -> Secrecy {
        let [outer @ .., frame] = &self.frames[..] else { return Secrecy::Open };
        if frame.is_object || frame.secrecy != Secrecy::Open {
            return Secrecy::Open;
        }
        // Two-element lists of pairs, and lists that alternate names and values.
        let is_pair = outer.last().is_some_and(|outer| !outer.is_object);
        let is_headers = || self.members.last().is_some_and(|member| member.name.ends_with("eaders"));
        self.redaction.of_next(&self.out[start..], frame.is_even && (is_pair || is_headers()))
    }

    /// Replaces the value that begins at `start` in the output.
    fn redact(&mut self, start: usize) {
        self.out.truncate(start);
        self.out.push(b'"');
        self.out.extend_from_slice(REDACTED);
        self.out.push(b'"');
        self.redacted += 1;
    }

    /// Closes the innermost object or array.
    fn close(&mut self) -> Result<(), IJsonError> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let is_all = self.kept == frame.kept && self.redacted > frame.redacted;
        if !frame.is_object && frame.secrecy.is_whole() && (is_all || frame.secrecy == Secrecy::Named) {
            // Its redacted elements count as one.
            self.redacted = frame.redacted;
            self.redact(frame.start);
            return Ok(());
        }
        self.redact_labeled(&frame);
        if !frame.sorted {
            self.sort(&frame)?;
        }
        self.members.truncate(frame.members);
        self.out.push(if frame.is_object { b'}' } else { b']' });
        Ok(())
    }

    /// Redacts the values that an object has next to a secret's name: `{"name": "password", "value": …}`.
    fn redact_labeled(&mut self, frame: &Frame) {
        let has_end = |member: &Member<'_>, end: &str| {
            let at = member.name.len().saturating_sub(end.len());
            !member.escapes && member.name.get(at..).is_some_and(|last| last.eq_ignore_ascii_case(end))
        };
        let members = &self.members[frame.members..];
        if !(2..=MAX_INSERTION_SORT).contains(&members.len())
            || !members.iter().any(|member| has_end(member, "value"))
        {
            return;
        }
        let value_of = |nth: usize| {
            let end = members.get(nth + 1).map_or(self.out.len(), |next| next.start - 1);
            // Skip the quotes and the colon.
            members[nth].start + members[nth].name.len() + 3..end
        };
        let is_label = |nth: &usize| {
            (has_end(&members[*nth], "name") || has_end(&members[*nth], "key"))
                && self.redaction.of_next(&self.out[value_of(*nth)], true) != Secrecy::Open
        };
        if !(0..members.len()).any(|nth| is_label(&nth)) {
            return;
        }
        let is_hidden = |value: &[u8]| {
            matches!(value, [b'"' | b'-' | b'0'..=b'9', ..])
                && !value.ends_with(b"[redacted]\"")
                && self.redaction.hides(Secrecy::Secret, value)
        };
        let hidden: Vec<_> = (0..members.len())
            .filter(|nth| has_end(&members[*nth], "value") && !members[*nth].is_kept)
            .map(|nth| (nth, value_of(nth)))
            .filter(|(_, value)| is_hidden(&self.out[value.clone()]))
            .collect();
        for (nth, value) in hidden.into_iter().rev() {
            let after = self.out.split_off(value.end);
            let old = self.out.len();
            self.redact(value.start);
            for member in self.members[frame.members..].iter_mut().skip(nth + 1) {
                member.start = member.start + self.out.len() - old;
            }
            self.out.extend_from_slice(&after);
        }
    }

    /// Sorts the fields of the innermost object.
    fn sort(&mut self, frame: &Frame) -> Result<(), IJsonError> {
        let members = &self.members[frame.members..];
        // A field ends before the comma that precedes the next one.
        let ends = members.iter().skip(1).map(|next| next.start - 1).chain([self.out.len()]);
        let sorted = in_order(members.iter().copied().zip(ends).collect());
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(IJsonError::Duplicate(json::unescape(pair[0].0.name).into_owned()));
        }
        // Reserve once for all objects: usually none is longer than the text.
        self.sorted.reserve(self.text.len());
        for (member, end) in sorted {
            self.sorted.push(if self.sorted.is_empty() { b'{' } else { b',' });
            self.sorted.extend_from_slice(&self.out[member.start..end]);
        }
        self.out.truncate(frame.start);
        self.out.append(&mut self.sorted);
        Ok(())
    }

    /// Returns the name of the innermost field whose value the walk is in.
    fn nearest_member(&self) -> Option<String> {
        let outer = match self.frames.last() {
            Some(frame) if self.in_name => &self.members[..frame.members],
            _ => &self.members,
        };
        let nearest = outer.last()?;
        Some(json::unescape(nearest.name).into_owned())
    }
}

/// Maximum number of fields sorted by insertion. More are sorted by a heap, which is less code than a sort.
const MAX_INSERTION_SORT: usize = 16;

/// Sorts fields, each with the index of its end.
fn in_order(mut members: Vec<(Member<'_>, usize)>) -> Vec<(Member<'_>, usize)> {
    if members.len() > MAX_INSERTION_SORT {
        return BinaryHeap::from(members).into_sorted_vec();
    }
    for next in 1..members.len() {
        let mut at = next;
        while at > 0 && members[at] < members[at - 1] {
            members.swap(at, at - 1);
            at -= 1;
        }
    }
    members
}

/// Appends `text` as a canonical JSON string, quotes included.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        // Copy runs of plain characters at once.
        let (plain, more) = rest.split_at(json::plain_end(rest, 0));
        out.extend_from_slice(plain);
        let Some((&byte, more)) = more.split_first() else { break };
        rest = more;
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0c => b'f',
            0x0d => b'r',
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                continue;
            }
        };
        out.extend([b'\\', short]);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn canonical(json: &str) -> String {
        String::from_utf8(canonicalize(json.as_bytes()).unwrap()).unwrap()
    }

    fn error_of(json: &[u8]) -> (String, Option<String>) {
        let error = canonicalize(json).unwrap_err();
        (error.message.clone(), error.member.clone())
    }

    #[test]
    fn sorts_by_utf16_code_units() {
        let sorted = "{\"\":1,\"\\n\":1,\"A\":1,\"a\":1,\"aa\":1,\"é\":1,\"\u{d7ff}\":1,\"😀\":1,\"\u{e000}\":1,\"\u{ffff}\":1}";
        let members: Vec<&str> = sorted[1..sorted.len() - 1].split(',').collect();
        let reversed: Vec<&str> = members.into_iter().rev().collect();
        assert_eq!(canonical(&format!("{{{}}}", reversed.join(","))), sorted);
        assert_eq!(canonical(sorted), sorted);
    }

    #[test]
    fn sorts_few_fields_and_many() {
        for count in [2, MAX_INSERTION_SORT, MAX_INSERTION_SORT + 1, 1000] {
            let members: Vec<String> = (0..count).map(|nth| format!("\"m{nth:04}\":{nth}")).collect();
            // Each field once, because no count is a multiple of 7.
            let mixed: Vec<&str> = (0..count).map(|nth| &*members[(nth * 7 + 1) % count]).collect();
            let object = |members: &[&str]| format!("{{{}}}", members.join(","));
            assert_eq!(canonical(&object(&mixed)), format!("{{{}}}", members.join(",")));
            let twice = object(&[&mixed[..], &mixed[..1]].concat());
            assert_eq!(error_of(twice.as_bytes()).0, "a field name occurs twice in an object");
        }
    }

    #[test]
    fn sorts_by_unescaped_names() {
        assert_eq!(canonical(r#"{"\u0062":1,"a":2}"#), r#"{"a":2,"b":1}"#);
        assert_eq!(canonical(r#"{"\"":1,"!":2}"#), r#"{"!":2,"\"":1}"#);
        assert_eq!(canonical(r#"{"[":1,"\n":2}"#), r#"{"\n":2,"[":1}"#);
    }

    #[test]
    fn escapes_control_characters_like_rfc_8785() {
        let all: String = (0..0x20_u8).map(char::from).collect();
        let mut out = Vec::new();
        write_string(&all, &mut out);
        let expected = r"\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f"
            .to_owned()
            + r"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f";
        assert_eq!(String::from_utf8(out).unwrap(), format!("\"{expected}\""));
    }

    #[test]
    fn names_the_field_nearest_to_the_error() {
        for (json, member) in [
            (r#"{"a":{"b":[[1e999]]}}"#, Some("b")),
            (r#"{"a":{"b":1,"\ud800":2}}"#, Some("a")),
            (r#"{"a":{"b":1},"c":[{"d":{}},"\ud800"]}"#, Some("c")),
            (r#"{"a":1,"\ud800":2}"#, None),
            (r#"[{"a":1},1e999]"#, None),
            (r#"[{"a":1},{"b":1e999}]"#, Some("b")),
            (r#"{"x":{"b":1,"a":1,"b":1}}"#, Some("b")),
            (r#"{"x":1"#, None),
        ] {
            assert_eq!(error_of(json.as_bytes()).1.as_deref(), member, "{json}");
        }
        assert_eq!(
            error_of(b"{\"a\":{\"b\":\"x\xff\"}}"),
            ("the text is not UTF-8".into(), Some("b".into()))
        );
        assert_eq!(error_of(b"{\"a\xff\":1}"), ("the text is not UTF-8".into(), None));
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64));
        assert_eq!(
            error_of(deep.as_bytes()),
            ("the value is nested deeper than 64 levels".into(), Some("a".into()))
        );
    }

    #[test]
    fn limits_depth() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(canonical(&nested(MAX_DEPTH)), nested(MAX_DEPTH));
        assert!(canonicalize(nested(MAX_DEPTH + 1).as_bytes()).is_err());
    }

    #[test]
    fn finds_duplicates_however_escaped() {
        for json in [r#"{"a":1,"a":1}"#, r#"{"b":1,"a":1,"\u0062":1}"#, r#"{"😀":1,"\ud83d\ude00":1}"#] {
            assert_eq!(error_of(json.as_bytes()).0, "a field name occurs twice in an object", "{json}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
            (-1e15..1e15).prop_map(Value::from),
            (-1.0..1.0).prop_map(Value::from),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number,
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Converts numbers to doubles, because canonical numbers keep no more.
    fn with_doubles(value: &Value) -> Value {
        match value {
            Value::Number(number) => number.to_string().parse::<f64>().unwrap().into(),
            Value::Array(items) => items.iter().map(with_doubles).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), with_doubles(value))).collect()
            }
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn keeps_the_value_and_is_idempotent(value in value()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let once = canonical(&text);
                prop_assert_eq!(&canonical(&once), &once);
                let read: Value = serde_json::from_str(&once).unwrap();
                prop_assert_eq!(with_doubles(&read), with_doubles(&value));
            }
        }

        #[test]
        fn compares_names_like_utf16(a in any::<String>(), b in any::<String>()) {
            prop_assert_eq!(compare_names(&a, &b), a.encode_utf16().cmp(b.encode_utf16()));
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = canonicalize(&bytes);
        }

        #[test]
        fn never_panics_on_what_looks_like_json(text in r#"[\[\]{}",:0-9.eE+ a\\u-]{0,60}"#) {
            if let Ok(once) = canonicalize(text.as_bytes()) {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
                prop_assert_eq!(canonicalize(&once).unwrap(), once);
            }
        }
    }
}
