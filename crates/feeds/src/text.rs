//! Escapes and truncates strings for line-based formats.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Truncates the text to `max_bytes`, ending in `…` if it was longer. A control character counts as its picture,
/// which is up to three times as long.
pub(crate) fn cut(text: &str, max_bytes: usize) -> Cow<'_, str> {
    const MARK: &str = "…";
    let length = |char: char| picture(char).unwrap_or(char).len_utf8();
    if text.len().saturating_mul(3) <= max_bytes || text.chars().map(length).sum::<usize>() <= max_bytes {
        return Cow::Borrowed(text);
    }
    let mut left = max_bytes.saturating_sub(MARK.len());
    let fits = |char: &char| left.checked_sub(length(*char)).map(|rest| left = rest).is_some();
    let kept: String = text.chars().take_while(fits).collect();
    Cow::Owned(kept + MARK)
}

/// Returns the picture of a control character, which could end a line or move a cursor; `None` for other characters.
pub(crate) fn picture(character: char) -> Option<char> {
    match character {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + character as u32),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

/// Percent-encodes the characters that are not allowed in a URI.
pub(crate) fn uri(text: &str) -> String {
    let mut uri = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:@!$&'()*,;=".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
