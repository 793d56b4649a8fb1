//! A tokenizer for JSON text that copies nothing.

use std::borrow::Cow;

use super::MAX_DEPTH;
use crate::error::{Code, Error};
use crate::json;

/// A token of a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// The start of an object.
    Object,
    /// The start of an array.
    Array,
    /// The end of the innermost object or array.
    End,
    /// A field's name; its value follows.
    Name(Raw<'a>),
    /// A string.
    Text(Raw<'a>),
    /// A number as written. In canonical JSON, numbers are written as in ECMAScript.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// The kind of a token, for callers that store positions instead of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// The start of an object.
    Object,
    /// The start of an array.
    Array,
    /// The end of the innermost object or array.
    End,
    /// A field's name without escapes, between its quotes.
    Name,
    /// A field's name with escapes.
    EscapedName,
    /// A string without escapes, between its quotes.
    Text,
    /// A string with escapes.
    EscapedText,
    /// A number.
    Number,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`.
    Null,
}

/// The position and kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The token's kind.
    pub kind: TokenKind,
    /// The index of its first byte.
    pub start: usize,
    /// The index after its last byte.
    pub end: usize,
}

impl Part {
    /// Returns the raw text of a name or string, between its quotes. `text` is the whole JSON text.
    #[inline]
    pub fn raw(self, text: &str) -> Raw<'_> {
        let escapes = matches!(self.kind, TokenKind::EscapedName | TokenKind::EscapedText);
        Raw { raw: text.get(self.start..self.end).unwrap_or_default(), escapes }
    }

    /// Returns the token. `text` is the whole JSON text.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    pub fn token(self, text: &str) -> Token<'_> {
        let raw = || self.raw(text);
        match self.kind {
            TokenKind::Object => Token::Object,
            TokenKind::Array => Token::Array,
            TokenKind::End => Token::End,
            TokenKind::Name | TokenKind::EscapedName => Token::Name(raw()),
            TokenKind::Text | TokenKind::EscapedText => Token::Text(raw()),
            TokenKind::Number => Token::Number(raw().as_written()),
            TokenKind::True => Token::Bool(true),
            TokenKind::False => Token::Bool(false),
            TokenKind::Null => Token::Null,
        }
    }
}

/// The raw text between a string's quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    raw: &'a str,
    escapes: bool,
}

impl<'a> Raw<'a> {
    /// Returns the text as written, including escapes.
    pub const fn as_written(self) -> &'a str {
        self.raw
    }

    /// Returns the unescaped text.
    // Inlined because every string of an event passes through here, and few have escapes.
    #[inline]
    pub fn text(self) -> Cow<'a, str> {
        if self.escapes { json::unescape(self.raw) } else { Cow::Borrowed(self.raw) }
    }
}

/// An iterator over the tokens of one JSON value that nests at most [`MAX_DEPTH`] deep. Ends after the value or at
/// the first error.
///
/// ```
/// use countersign::canonical::{Token, Tokens};
///
/// let mut tokens = Tokens::new(r#"{"n":[1,true]}"#);
/// assert_eq!(tokens.next().transpose()?, Some(Token::Object));
/// assert!(matches!(tokens.next().transpose()?, Some(Token::Name(name)) if name.text() == "n"));
/// assert_eq!(tokens.next().transpose()?, Some(Token::Array));
/// assert_eq!(tokens.next().transpose()?, Some(Token::Number("1")));
/// assert_eq!(tokens.skip(3).count(), 0);
/// assert!(Tokens::new("[1,]").any(|token| token.is_err()));
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a str,
    index: usize,
    /// A bit for each level around the open one, the outermost first: 1 for an object.
    objects: u64,
    depth: u32,
    /// The closing bracket of the open level; 0 outside of all.
    closing: u8,
    next: Next,
    ends: json::Ends,
}

/// The token that the grammar expects next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Value,
    /// The first element or name, or the end of the level.
    First,
    /// A comma, or the end of the level.
    Comma,
    Done,
}

impl<'a> Tokens<'a> {
    /// Creates an iterator over the tokens of a JSON text.
    pub const fn new(text: &'a str) -> Self {
        Self {
            text,
            index: 0,
            objects: 0,
            depth: 0,
            closing: 0,
            next: Next::Value,
            ends: json::Ends::unknown(),
        }
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.index).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        self.index = json::skip_space(self.text.as_bytes(), self.index);
    }

    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    fn open(&mut self, is_object: bool) -> Option<Part> {
        if self.depth as usize == MAX_DEPTH {
            return None;
        }
        self.objects = self.objects << 1 | u64::from(self.closing == b'}');
        self.depth += 1;
        self.closing = if is_object { b'}' } else { b']' };
        self.next = Next::First;
        Some(self.part(if is_object { TokenKind::Object } else { TokenKind::Array }, 1))
    }

    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    fn close(&mut self) -> Part {
        self.depth -= 1;
        self.closing = if self.objects & 1 == 1 { b'}' } else { b']' };
        self.objects >>= 1;
        self.after_value();
        self.part(TokenKind::End, 1)
    }

    fn after_value(&mut self) {
        self.next = if self.depth == 0 { Next::Done } else { Next::Comma };
    }

    /// Consumes `length` bytes as one token.
    fn part(&mut self, kind: TokenKind, length: usize) -> Part {
        let start = self.index;
        self.index += length;
        Part { kind, start, end: self.index }
    }

    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    fn string(&mut self, plain: TokenKind, escaped: TokenKind) -> Option<Part> {
        if self.byte() != b'"' {
            return None;
        }
        let start = self.index + 1;
        let (end, escapes) = json::next_string_end(self.text.as_bytes(), start, &mut self.ends).ok()?;
        self.index = end;
        Some(Part { kind: if escapes { escaped } else { plain }, start, end: end - 1 })
    }

    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    fn name(&mut self) -> Option<Part> {
        let name = self.string(TokenKind::Name, TokenKind::EscapedName)?;
        self.space();
        if self.byte() != b':' {
            return None;
        }
        self.index += 1;
        self.next = Next::Value;
        Some(name)
    }

    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    fn value(&mut self) -> Option<Part> {
        let part = match self.byte() {
            b'{' => return self.open(true),
            b'[' => return self.open(false),
            b'"' => self.string(TokenKind::Text, TokenKind::EscapedText)?,
            b'-' | b'0'..=b'9' => {
                let end = json::number_end(self.text.as_bytes(), self.index).ok()?;
                self.part(TokenKind::Number, end - self.index)
            }
            _ => {
                let rest = &self.text.as_bytes()[self.index..];
                let words =
                    [("true", TokenKind::True), ("false", TokenKind::False), ("null", TokenKind::Null)];
                let (word, kind) = words.into_iter().find(|(word, _)| rest.starts_with(word.as_bytes()))?;
                self.part(kind, word.len())
            }
        };
        self.after_value();
        Some(part)
    }

    /// Returns the name and the value of the next field if both are strings without escapes and no white
    /// space surrounds them, which is the most common case in canonical JSON. If this returns `None`, there
    /// may still be a field: call [`Self::next_part`].
    #[cfg(not(target_arch = "wasm32"))]
    #[inline]
    pub fn next_plain_member(&mut self) -> Option<[Part; 2]> {
        let text = self.text.as_bytes();
        let quote = match self.next {
            Next::First => self.index,
            Next::Comma if self.byte() == b',' => self.index + 1,
            _ => return None,
        };
        if self.closing != b'}' || text.get(quote) != Some(&b'"') {
            return None;
        }
        let start = quote + 1;
        let end = self.ends.next(text, start);
        let name = Part { kind: TokenKind::Name, start, end };
        if !text.get(end..)?.starts_with(b"\":\"") {
            return None;
        }
        let start = end + 3;
        let end = self.ends.next(text, start);
        let value = Part { kind: TokenKind::Text, start, end };
        if text.get(end) != Some(&b'"') {
            return None;
        }
        self.index = end + 1;
        self.next = Next::Comma;
        Some([name, value])
    }

    /// Like the iterator's `next`, but returns the token's position and kind instead of its text. Returns
    /// `None` if the text is not JSON or nests too deep; don't call it after that.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    pub fn next_part(&mut self) -> Option<Option<Part>> {
        self.space();
        match self.next {
            Next::First | Next::Comma if self.byte() == self.closing => return Some(Some(self.close())),
            Next::Comma => {
                if self.byte() != b',' {
                    return None;
                }
                self.index += 1;
                self.space();
            }
            Next::Done => return (self.index == self.text.len()).then_some(None),
            Next::Value | Next::First => {}
        }
        let is_name = self.next != Next::Value && self.closing == b'}';
        let part = if is_name { self.name()? } else { self.value()? };
        Some(Some(part))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(part) = self.next_part() else {
            // Stop: nothing after an error is parsed.
            *self = Self { index: self.text.len(), depth: 0, next: Next::Done, ..*self };
            return Some(Err(Error::new(
                Code::Event,
                "the text is not JSON, or is nested deeper than 64 levels",
            )));
        };
        part.map(|part| Ok(part.token(self.text)))
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use proptest::prelude::*;

    use super::*;

    /// Writes the tokens back as JSON.
    fn written(text: &str) -> Option<String> {
        let mut out = String::new();
        let mut open = Vec::new();
        for token in Tokens::new(text) {
            let token = token.ok()?;
            if !matches!(token, Token::End) && !out.is_empty() && !out.ends_with(['{', '[', ':']) {
                out.push(',');
            }
            match token {
                Token::Object => {
                    open.push('}');
                    out.push('{');
                }
                Token::Array => {
                    open.push(']');
                    out.push('[');
                }
                Token::End => out.push(open.pop()?),
                Token::Name(name) => out.extend(["\"", name.as_written(), "\":"]),
                Token::Text(text) => out.extend(["\"", text.as_written(), "\""]),
                Token::Number(number) => out += number,
                Token::Bool(yes) => out += &yes.to_string(),
                Token::Null => out += "null",
            }
        }
        Some(out)
    }

    #[test]
    fn accepts_exactly_json() {
        for text in ["0", "{}", "[]", r#"{"a":{},"b":[[],{"c":"\"x"}],"d":null}"#, "\"\\u0041\"", "[{},{}]"] {
            assert_eq!(written(text).as_deref(), Some(text));
        }
        for text in ["", "{", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{,}", "1 2", "[}", "nul", "]", "{]"] {
            assert_eq!(written(text), None, "{text}");
        }
        let turns = r#"[{"a":"#.repeat(32) + "1" + &"}]".repeat(32);
        assert_eq!(written(&turns).as_ref(), Some(&turns));
        assert!(written(&("[".repeat(64) + &"]".repeat(64))).is_some());
        assert!(written(&("[".repeat(65) + &"]".repeat(65))).is_none());
    }

    #[test]
    fn parts_have_their_position() {
        let text = r#" {"a\u0062": "\n", "c" :[ -1.5e2 ,true,false,null,"d"]} "#;
        let mut tokens = Tokens::new(text);
        let parts = core::iter::from_fn(|| tokens.next_part().expect("JSON"));
        let positions: Vec<_> = parts.map(|part| (part.kind, &text[part.start..part.end])).collect();
        let expected = [
            (TokenKind::Object, "{"),
            (TokenKind::EscapedName, r"a\u0062"),
            (TokenKind::EscapedText, r"\n"),
            (TokenKind::Name, "c"),
            (TokenKind::Array, "["),
            (TokenKind::Number, "-1.5e2"),
            (TokenKind::True, "true"),
            (TokenKind::False, "false"),
            (TokenKind::Null, "null"),
            (TokenKind::Text, "d"),
            (TokenKind::End, "]"),
            (TokenKind::End, "}"),
        ];
        assert_eq!(positions, expected);
        assert!(matches!(Tokens::new(text).nth(1), Some(Ok(Token::Name(name))) if name.text() == "ab"));
        assert!(matches!(Tokens::new(text).nth(2), Some(Ok(Token::Text(string))) if string.text() == "\n"));
    }

    #[test]
    fn ends_after_an_error() {
        let good: Vec<bool> = Tokens::new("[1,] 2").map(|token| token.is_ok()).collect();
        assert_eq!(good, [true, true, false]);
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn parts(text: &str, takes_members: bool) -> Option<Vec<Part>> {
        let mut tokens = Tokens::new(text);
        let mut parts = Vec::new();
        loop {
            while let Some(member) = takes_members.then(|| tokens.next_plain_member()).flatten() {
                parts.extend(member);
            }
            match tokens.next_part()? {
                Some(part) => parts.push(part),
                None => return Some(parts),
            }
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn plain_fields_have_their_position() {
        // Try all positions of the blocks that are scanned together.
        for length in 0..200 {
            let (name, value) = ("n".repeat(length), "v".repeat(length / 2));
            let text = format!(r#"{{"{name}":"{value}","b":{{"c":"","d":1,"e":"f"}},"g":["h"],"i\n":"j"}}"#);
            let plain = parts(&text, true).unwrap();
            assert_eq!(Some(&plain), parts(&text, false).as_ref(), "{text}");
            assert_eq!(plain.len(), 19);
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest! {
        #[test]
        fn plain_fields_agree_with_parts(text in r#"[\[{](["a]":"(a|\\n| |\x01){0,70}"[,}]|[\[\]{}",: 1a]|"a":){0,9}[}\]]{0,3}"#) {
            prop_assert_eq!(parts(&text, true), parts(&text, false));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_canonical_writer(text in r#"[\[\]{}",:0-9.eE+ a\\u-]{0,60}"#) {
            if let Ok(canonical) = crate::canonical::canonicalize(text.as_bytes()) {
                let canonical = String::from_utf8(canonical).unwrap();
                prop_assert!(written(&text).is_some());
                prop_assert_eq!(written(&canonical), Some(canonical));
            } else {
                // Duplicate names and numbers that are too large are still JSON.
                let read: Result<serde_json::Value, _> = serde_json::from_str(&text);
                prop_assert_eq!(written(&text).is_some(), read.is_ok());
            }
        }
    }
}
