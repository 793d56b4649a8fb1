//! A JSON scanner (RFC 8259): finds where values end and what is wrong with them, without parsing into a tree.
//!
//! All functions expect valid UTF-8. None recurses, so depth costs no stack.

mod plain;

pub(crate) use plain::Ends;

use core::str::Chars;
use std::borrow::Cow;

/// The reason why text is not acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// The text does not match the grammar of RFC 8259.
    Syntax,
    /// The nesting is deeper than allowed.
    Depth,
    /// Half of a surrogate pair, which I-JSON forbids.
    Surrogate,
}

/// The result of scanning a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// The index after the value.
    pub(crate) end: usize,
    /// True if every object's field names are in strictly ascending order as written, which proves that none is
    /// duplicate. `false` proves nothing.
    pub(crate) names_increase: bool,
}

/// Maximum nesting that [`scan_value`] supports.
pub(crate) const MAX_LEVELS: usize = 65;

#[inline]
fn at(text: &[u8], index: usize) -> u8 {
    text.get(index).copied().unwrap_or(0)
}

/// Returns the index of the first byte at or after `index` that is not JSON white space.
#[inline]
pub(crate) fn skip_space(text: &[u8], mut index: usize) -> usize {
    while matches!(at(text, index), b' ' | b'\t' | b'\n' | b'\r') {
        index += 1;
    }
    index
}

/// Finds the end of a string. `index` is after the opening quote. Returns the index after the closing quote, and true
/// if there are escapes.
#[inline]
pub(crate) fn string_end(text: &[u8], index: usize) -> Result<(usize, bool), JsonError> {
    string_end_from(text, plain_end(text, index))
}

/// Like [`string_end`], for callers that scan all strings of a JSON text in order.
#[inline]
pub(crate) fn next_string_end(
    text: &[u8],
    index: usize,
    ends: &mut Ends,
) -> Result<(usize, bool), JsonError> {
    string_end_from(text, ends.next(text, index))
}

/// Like [`string_end`], from the end of the string's first plain characters.
#[inline]
fn string_end_from(text: &[u8], end: usize) -> Result<(usize, bool), JsonError> {
    if at(text, end) == b'"' { Ok((end + 1, false)) } else { escaped_end(text, end) }
}

/// Like [`string_end`], from the first byte that is neither plain nor a quote.
#[inline(never)]
fn escaped_end(text: &[u8], mut index: usize) -> Result<(usize, bool), JsonError> {
    loop {
        match at(text, index) {
            b'"' => return Ok((index + 1, true)),
            b'\\' => index = plain_end(text, escape_end(text, index + 1)?),
            _ => return Err(JsonError::Syntax),
        }
    }
}

/// Returns the index of the first quote, backslash, or control character at or after `index`, or the text's end.
#[inline]
pub(crate) fn plain_end(text: &[u8], mut index: usize) -> usize {
    while let Some(block) = text.get(index..).and_then(<[u8]>::first_chunk) {
        match plain::length(block) {
            Some(length) => return index + length,
            None => index += plain::BLOCK,
        }
    }
    while text.get(index).is_some_and(|&b| b >= 0x20 && b != b'"' && b != b'\\') {
        index += 1;
    }
    index
}

/// Returns the index after an escape. `index` is after the backslash. A surrogate pair counts as one escape.
fn escape_end(text: &[u8], index: usize) -> Result<usize, JsonError> {
    match at(text, index) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(index + 1),
        b'u' => unit_end(text, index),
        _ => Err(JsonError::Syntax),
    }
}

/// Returns the index after a `\u` escape, from its `u`. Not inlined: few strings have one, and engines compile what
/// is called.
#[inline(never)]
fn unit_end(text: &[u8], index: usize) -> Result<usize, JsonError> {
    match hex4(text, index + 1)? {
        0xd800..=0xdbff => {
            if at(text, index + 5) != b'\\' || at(text, index + 6) != b'u' {
                return Err(JsonError::Surrogate);
            }
            match hex4(text, index + 7)? {
                0xdc00..=0xdfff => Ok(index + 11),
                _ => Err(JsonError::Surrogate),
            }
        }
        0xdc00..=0xdfff => Err(JsonError::Surrogate),
        _ => Ok(index + 5),
    }
}

fn hex4(text: &[u8], index: usize) -> Result<u32, JsonError> {
    let digits = text.get(index..index + 4).ok_or(JsonError::Syntax)?;
    digits.iter().try_fold(0, |value, &byte| {
        let digit = char::from(byte).to_digit(16).ok_or(JsonError::Syntax)?;
        Ok(value << 4 | digit)
    })
}

/// Returns the index after a number, from its first byte.
#[inline]
pub(crate) fn number_end(text: &[u8], mut index: usize) -> Result<usize, JsonError> {
    let digits = |mut index: usize| {
        let first = index;
        while at(text, index).is_ascii_digit() {
            index += 1;
        }
        if index == first { Err(JsonError::Syntax) } else { Ok(index) }
    };
    if at(text, index) == b'-' {
        index += 1;
    }
    index = if at(text, index) == b'0' { index + 1 } else { digits(index)? };
    if at(text, index) == b'.' {
        index = digits(index + 1)?;
    }
    if matches!(at(text, index), b'e' | b'E') {
        index += 1;
        if matches!(at(text, index), b'+' | b'-') {
            index += 1;
        }
        index = digits(index)?;
    }
    Ok(index)
}

/// Returns the index after a string, number, or literal, from its first byte.
#[inline]
fn scalar_end(text: &[u8], index: usize) -> Result<usize, JsonError> {
    let literal = |word: &[u8]| {
        if text[index..].starts_with(word) { Ok(index + word.len()) } else { Err(JsonError::Syntax) }
    };
    match at(text, index) {
        b'"' => string_end(text, index + 1).map(|(end, _)| end),
        b'-' | b'0'..=b'9' => number_end(text, index),
        b't' => literal(b"true"),
        b'f' => literal(b"false"),
        b'n' => literal(b"null"),
        _ => Err(JsonError::Syntax),
    }
}

/// The range of an object's last field name between its quotes. A start of 0 means that there is none,
/// because no name can start there.
type Name = (u32, u32);

/// Scans the value at `start`, nested at most `levels` deep (at most [`MAX_LEVELS`]).
pub(crate) fn scan_value(text: &[u8], start: usize, levels: usize) -> Result<Scanned, JsonError> {
    // A bit for each open value, the innermost one's last: 1 for an object.
    let mut objects = 0_u128;
    let mut names: [Name; MAX_LEVELS] = [(0, 0); MAX_LEVELS];
    let levels = levels.min(MAX_LEVELS);
    let mut depth = 0;
    let mut names_increase = true;
    let mut index = start;

    loop {
        // Names are parsed at only one place in the code, so that the compiler inlines it.
        if objects & 1 == 1 {
            index = name_end(text, index, &mut names[depth - 1], &mut names_increase)?;
        }
        let byte = at(text, index);
        if byte == b'{' || byte == b'[' {
            if depth == levels {
                return Err(JsonError::Depth);
            }
            index = skip_space(text, index + 1);
            // '}' and ']' are two code points after their opening brackets.
            if at(text, index) == byte + 2 {
                index += 1;
            } else {
                objects = objects << 1 | u128::from(byte == b'{');
                names[depth] = (0, 0);
                depth += 1;
                continue;
            }
        } else {
            index = scalar_end(text, index)?;
        }
        loop {
            if depth == 0 {
                return Ok(Scanned { end: index, names_increase });
            }
            index = skip_space(text, index);
            match (at(text, index), objects & 1) {
                (b',', _) => {
                    index = skip_space(text, index + 1);
                    break;
                }
                (b'}', 1) | (b']', 0) => {
                    objects >>= 1;
                    depth -= 1;
                }
                _ => return Err(JsonError::Syntax),
            }
            index += 1;
        }
    }
}

/// Parses a field name from its opening quote. Returns the index of the value's first byte.
#[inline]
fn name_end(text: &[u8], index: usize, last: &mut Name, increase: &mut bool) -> Result<usize, JsonError> {
    if at(text, index) != b'"' {
        return Err(JsonError::Syntax);
    }
    let (end, escapes) = string_end(text, index + 1)?;
    let before = last.0 as usize..last.1 as usize;
    let name = &text[index + 1..end - 1];
    *increase &= !escapes && (before.start == 0 || precedes(&text[before], name));
    // Lines have at most one MiB, so the indexes fit.
    *last = (index as u32 + 1, end as u32 - 1);
    let colon = skip_space(text, end);
    if at(text, colon) != b':' {
        return Err(JsonError::Syntax);
    }
    Ok(skip_space(text, colon + 1))
}

/// Compares two names. Most differ in their first byte already.
#[inline]
fn precedes(a: &[u8], b: &[u8]) -> bool {
    match (a.first(), b.first()) {
        (Some(a), Some(b)) if a != b => a < b,
        _ => a < b,
    }
}

/// Returns the index after a well-formed value and the white space that follows it.
fn value_end(text: &[u8], mut index: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match *text.get(index)? {
            b'"' => index = string_end(text, index + 1).ok()?.0,
            b'{' | b'[' => {
                depth += 1;
                index += 1;
                continue;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                index += 1;
            }
            _ => index += 1,
        }
        if depth == 0 && matches!(text.get(index), None | Some(b',' | b'}' | b']')) {
            return Some(index);
        }
    }
}

/// An iterator over the fields of a well-formed object: unescaped names, and values as written.
pub(crate) struct Members<'a> {
    object: &'a str,
    index: usize,
}

impl<'a> Members<'a> {
    pub(crate) fn new(object: &'a str) -> Self {
        Self { object, index: 1 }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.object.as_bytes();
        let quote = skip_space(text, self.index);
        if at(text, quote) != b'"' {
            return None;
        }
        let (end, _) = string_end(text, quote + 1).ok()?;
        let name = self.object.get(quote + 1..end - 1)?;
        let value = skip_space(text, skip_space(text, end) + 1);
        let end = value_end(text, value)?;
        self.index = end + 1;
        Some((unescape(name), self.object.get(value..end)?.trim_ascii_end()))
    }
}

/// Returns the content of a scanned string. `raw` is the text between its quotes.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|byte| byte == b'\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.bytes().position(|byte| byte == b'\\') {
        text.push_str(&rest[..at]);
        let mut after = rest[at + 1..].chars();
        text.push(match after.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => escaped_character(&mut after),
            Some(other) => other,
            None => break,
        });
        rest = after.as_str();
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Returns the character whose UTF-16 code units follow `\u` in hex.
#[inline(never)]
fn escaped_character(rest: &mut Chars<'_>) -> char {
    let unit = |rest: &mut Chars<'_>| {
        rest.take(4).fold(0, |unit, digit| unit << 4 | digit.to_digit(16).unwrap_or(0))
    };
    let mut code = unit(rest);
    if (0xd800..0xdc00).contains(&code) {
        // The other half follows with its own `\u`.
        rest.nth(1);
        code = 0x1_0000 + ((code & 0x3ff) << 10 | unit(rest) & 0x3ff);
    }
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Returns a name that occurs twice, if any.
pub(crate) fn twin<'n>(names: &'n mut [Cow<'_, str>]) -> Option<&'n str> {
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| &*pair[0])
}

/// Returns the name of a field that an object within `value` has twice, if any. Compares unescaped names. `value`
/// must have been scanned.
pub(crate) fn duplicate_name(value: &str) -> Option<String> {
    let text = value.as_bytes();
    let mut open: Vec<Option<Vec<Cow<'_, str>>>> = Vec::new();
    let mut index = 0;
    while index < text.len() {
        match text[index] {
            b'{' => open.push(Some(Vec::new())),
            b'[' => open.push(None),
            b'}' | b']' => {
                if let Some(Some(mut names)) = open.pop()
                    && let Some(name) = twin(&mut names)
                {
                    return Some(name.to_owned());
                }
            }
            b'"' => {
                let (end, _) = string_end(text, index + 1).ok()?;
                let after = skip_space(text, end);
                // A colon follows field names only.
                if at(text, after) == b':'
                    && let Some(Some(names)) = open.last_mut()
                {
                    names.push(unescape(&value[index + 1..end - 1]));
                }
                index = end;
                continue;
            }
            _ => {}
        }
        index += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn scan(text: &str) -> Result<Scanned, JsonError> {
        scan_value(text.as_bytes(), 0, 64)
    }

    #[test]
    fn scans_to_the_end_of_the_value() {
        for (text, end) in [
            ("{} ", 2),
            ("[1,2]x", 5),
            ("\"a\\\"b\",", 6),
            ("-0.5e+7]", 7),
            ("null", 4),
            ("false", 5),
            ("0", 1),
        ] {
            assert_eq!(scan(text).unwrap().end, end, "{text}");
        }
    }

    #[test]
    fn brackets_must_match() {
        for text in [
            "[1}",
            "{\"a\":1]",
            "[{]}",
            "{\"a\":[1}]",
            "[[1],{\"a\":2]}",
            "1]",
            "[1",
            "{\"a\":[]",
            "[\"a\":1]",
            "{1}",
        ] {
            let whole = scan(text).is_ok_and(|scanned| scanned.end == text.len());
            assert!(!whole && crate::canonical::canonicalize(text.as_bytes()).is_err(), "{text}");
        }
        for text in ["[[],{},[{}]]", "{\"a\":[{\"b\":[]}],\"c\":{}}"] {
            assert_eq!(scan(text).unwrap().end, text.len(), "{text}");
        }
    }

    #[test]
    fn control_characters_are_invalid_anywhere_in_strings() {
        for length in 0..70 {
            for (mark, is_string) in [(0x01_u8, false), (0x1f, false), (b' ', true), (0x7f, true)] {
                let text = [&[b' '; 70][..length], &[mark], b"   \""].concat();
                let end = is_string.then_some((text.len(), false));
                assert_eq!(string_end(&text, 0).ok(), end, "{length} {mark}");
            }
        }
    }

    #[test]
    fn duplicate_names_are_found_in_nested_objects() {
        let text = r#"{"a":"b","b":[{"c":1,"d":2,"c":{}}],"a\u0062":0}"#;
        assert_eq!(duplicate_name(text).as_deref(), Some("c"));
        assert_eq!(duplicate_name(r#"{"ab":1,"a\u0062":0}"#).as_deref(), Some("ab"));
        assert_eq!(duplicate_name(r#"{"a":{"b":{}},"b":{"a":"a"}}"#), None);
    }

    #[test]
    fn finds_the_end_of_well_formed_values() {
        let values = [
            r#""a\"}]""#,
            "0",
            "-1.5e-7",
            "true",
            "null",
            "{}",
            "[]",
            r#"{"a":[1,{"b":"]"}],"c":{}}"#,
            "[[],[0]]",
        ];
        for value in values {
            for rest in ["", ",1", "}", "]"] {
                let text = format!("{value}{rest}");
                assert_eq!(value_end(text.as_bytes(), 0), Some(value.len()), "{text}");
            }
        }
        for text in ["", "[", "{\"a\":1", "\"a"] {
            assert_eq!(value_end(text.as_bytes(), 0), None, "{text}");
        }
    }

    #[test]
    fn finds_the_end_of_strings_of_every_length() {
        for length in 0..120 {
            for end in ["\"", "\\n\"", "\u{1}", ""] {
                let text = format!("\"{}{end}", "é".repeat(length / 2) + &"x".repeat(length % 2));
                let expected = if end.ends_with('"') { Ok(text.len()) } else { Err(JsonError::Syntax) };
                assert_eq!(scan(&text).map(|scanned| scanned.end), expected, "{text:?}");
                assert!(string_end(text.as_bytes(), text.len() + 1).is_err());
            }
        }
    }

    #[test]
    fn rejects_invalid_json() {
        for text in [
            "",
            "{",
            "[",
            "{]",
            "[}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1,]",
            "[,1]",
            "\"a",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "-",
            "+1",
            ".5",
            "1.",
            "1e",
            "1e+",
            "tru",
            "nul",
            "{a:1}",
            "'a'",
            "\u{feff}1",
        ] {
            assert_eq!(scan(text), Err(JsonError::Syntax), "{text}");
        }
        for text in ["\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\""] {
            assert_eq!(scan(text), Err(JsonError::Surrogate), "{text}");
        }
        assert_eq!(scan(&"[".repeat(65)), Err(JsonError::Depth));
        assert!(scan(&format!("{}{}", "[".repeat(64), "]".repeat(64))).is_ok());
    }

    #[test]
    fn detects_ascending_names() {
        assert!(scan(r#"{"a":1,"b":{"a":1},"c":2}"#).unwrap().names_increase);
        for text in [r#"{"b":1,"a":1}"#, r#"{"a":1,"a":1}"#, r#"{"\u0061":1}"#, r#"[{"x":{"b":1,"a":2}}]"#] {
            assert!(!scan(text).unwrap().names_increase, "{text}");
        }
    }

    #[test]
    fn finds_duplicate_names_however_escaped() {
        for text in
            [r#"{"a":1,"b":2,"a":3}"#, r#"{"x":[{"a":1,"\u0061":2}]}"#, r#"{"😀":1,"\ud83d\ude00":2}"#]
        {
            assert!(duplicate_name(text).is_some(), "{text}");
        }
        for text in [r#"{"b":1,"a":{"b":"b","c":"b"}}"#, r#"["a","a",{"a":"a"}]"#, r#"{"a":{},"b":"}{\":"}"#]
        {
            assert_eq!(duplicate_name(text), None, "{text}");
        }
    }

    #[test]
    fn unescapes_strings() {
        assert_eq!(unescape(r#"a\"\\\/\b\f\n\r\t\u20ac\ud83d\ude00z"#), "a\"\\/\u{8}\u{c}\n\r\t€😀z");
        assert!(matches!(unescape("plain"), Cow::Borrowed("plain")));
    }
}
