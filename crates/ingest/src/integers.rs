//! Converts integers above 2^53 − 1 to strings, because JSON numbers can't represent them exactly. Such
//! integers are identifiers and times in small units.

use std::borrow::Cow;

use countersign::integer::MAX;

/// Returns JSON in which each such integer is a string of the same digits. Leaves invalid JSON otherwise
/// unchanged.
pub fn large_to_strings(json: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        let begins = at;
        at = match byte {
            b'"' => end_of_string(json, at),
            b'-' | b'0'..=b'9' => end_of_number(json, at),
            _ => at + 1,
        };
        let token = &json[begins..at];
        if is_large(token) {
            out.extend_from_slice(&json[copied..begins]);
            out.push(b'"');
            out.extend_from_slice(token);
            out.push(b'"');
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.extend_from_slice(&json[copied..]);
    Cow::Owned(out)
}

fn end_of_string(json: &[u8], begins: usize) -> usize {
    let mut at = begins + 1;
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if json[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    json.len()
}

fn end_of_number(json: &[u8], begins: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    json[begins..].iter().position(|byte| !is_part(byte)).map_or(json.len(), |length| begins + length)
}

/// True for an integer in JSON's grammar that a double can't represent exactly.
fn is_large(token: &[u8]) -> bool {
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    if !digits.iter().all(u8::is_ascii_digit) || digits.first().is_none_or(|first| *first == b'0') {
        return false;
    }
    // A number with more digits than any `u64` is larger.
    str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u64>().map_or(true, |value| value > MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_integers_become_strings_and_nothing_else_changes() {
        for (json, texts) in [
            (r#"{"a":9007199254740992}"#, r#"{"a":"9007199254740992"}"#),
            (
                r#"{"a":[-9007199254740992, 638543210123456789]}"#,
                r#"{"a":["-9007199254740992", "638543210123456789"]}"#,
            ),
            (r#"{"a":99999999999999999999999999}"#, r#"{"a":"99999999999999999999999999"}"#),
            ("9007199254740992", "\"9007199254740992\""),
        ] {
            assert_eq!(large_to_strings(json.as_bytes()), texts.as_bytes());
        }
        for same in [
            r#"{"a":9007199254740991,"b":-9007199254740991,"c":1.5e300,"d":0}"#,
            r#"{"9007199254740992":"9007199254740992","b":"\"9007199254740992"}"#,
            r#"{"a":09007199254740992,"b":9007199254740992.0,"c":9007199254740992e0,"d":--9007199254740992}"#,
            r#"{"a":"9007199254740992\"#,
            "-",
            "",
        ] {
            assert_eq!(large_to_strings(same.as_bytes()), same.as_bytes());
        }
    }
}
