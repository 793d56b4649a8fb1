//! Decoding of escapes in path segments: the only place that decodes `%XX` in calls and descriptions.

use std::borrow::Cow;

/// Decodes the escapes of a segment unless that would change its meaning. Characters that would end the
/// segment or the path, separate parts of it, or make it a template stay escaped, in upper case: an encoded
/// slash is part of a value, and `%3Cscript%3E` isn't a parameter. Spaces, control characters, and invalid
/// UTF-8 also stay escaped.
pub(super) fn decode(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return segment.into();
    }
    let mut text = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some(first) = rest.chars().next() {
        let mut bytes = Vec::new();
        while let Some((byte, after)) = escaped(rest) {
            bytes.push(byte);
            rest = after;
        }
        if bytes.is_empty() {
            text.push(first);
            rest = &rest[first.len_utf8()..];
        }
        for chunk in bytes.utf8_chunks() {
            for char in chunk.valid().chars() {
                if stays_escaped(char, text.is_empty()) {
                    escape(char.encode_utf8(&mut [0; 4]).as_bytes(), &mut text);
                } else {
                    text.push(char);
                }
            }
            escape(chunk.invalid(), &mut text);
        }
    }
    text.into()
}

/// Returns the byte of the escape at the start of a string, and the rest.
fn escaped(text: &str) -> Option<(u8, &str)> {
    let [b'%', high, low, ..] = text.as_bytes() else { return None };
    let [high, low] = [high, low].map(|digit| char::from(*digit).to_digit(16));
    Some(((high? << 4 | low?) as u8, text.get(3..)?))
}

fn stays_escaped(char: char, is_first: bool) -> bool {
    char.is_control() || " /%?#;{}[]<>".contains(char) || char == ':' && is_first
}

fn escape(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
        text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_escapes_that_keep_their_meaning() {
        for (escaped, decoded) in [
            ("jobs", "jobs"),
            ("%6aobs", "jobs"),
            ("caf%C3%A9", "café"),
            ("caf%c3%a9%21", "café!"),
            ("%40me", "@me"),
            ("42%3Acancel", "42:cancel"),
            ("%3Aid", "%3Aid"),
            ("a%2fb", "a%2Fb"),
            ("%7bid%7d", "%7Bid%7D"),
            ("%3Cscript%3E", "%3Cscript%3E"),
            ("a%20b%0a", "a%20b%0A"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%+1%zz", "%+1%zz"),
            ("%é1", "%é1"),
            // Nothing is decoded twice, and invalid UTF-8 stays escaped.
            ("%2541", "%2541"),
            ("%25%34%31", "%2541"),
            ("%ff%41%c3", "%FFA%C3"),
        ] {
            assert_eq!(decode(escaped), decoded, "{escaped}");
            assert_eq!(decode(decoded), decoded, "{escaped}");
        }
    }
}
