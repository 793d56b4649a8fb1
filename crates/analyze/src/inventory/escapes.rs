//! What the segments of a path say, however they are escaped: the only place that reads `%XX` in calls and descriptions.

use std::borrow::Cow;

/// A segment with its escapes read, as far as it means the same then. What would end the segment or the path, separate
/// something within it, or make it a template stays escaped, in upper case: an encoded slash is part of a value, and
/// `%3Cscript%3E` is no parameter. So do spaces, controls, and bytes that are not UTF-8.
pub(super) fn read(segment: &str) -> Cow<'_, str> {
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
            for said in chunk.valid().chars() {
                if stays(said, text.is_empty()) {
                    escape(said.encode_utf8(&mut [0; 4]).as_bytes(), &mut text);
                } else {
                    text.push(said);
                }
            }
            escape(chunk.invalid(), &mut text);
        }
    }
    text.into()
}

/// The byte that a text begins with an escape of, and what follows.
fn escaped(text: &str) -> Option<(u8, &str)> {
    let [b'%', high, low, ..] = text.as_bytes() else { return None };
    let [high, low] = [high, low].map(|digit| char::from(*digit).to_digit(16));
    Some(((high? << 4 | low?) as u8, text.get(3..)?))
}

fn stays(said: char, is_first: bool) -> bool {
    said.is_control() || " /%?#;{}[]<>".contains(said) || said == ':' && is_first
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
    fn escapes_are_read_where_they_mean_the_same() {
        for (written, says) in [
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
            // Nothing is read twice, and what is no text stays.
            ("%2541", "%2541"),
            ("%25%34%31", "%2541"),
            ("%ff%41%c3", "%FFA%C3"),
        ] {
            assert_eq!(read(written), says, "{written}");
            assert_eq!(read(says), says, "{written}");
        }
    }
}
