//! Texts as formats of lines can hold them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text, or as many characters of it as fit into `most` bytes with a mark that says so. Each counts as its picture does,
/// which takes up to three times as much.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    const MARK: &str = "…";
    let length = |char: char| picture(char).unwrap_or(char).len_utf8();
    if text.len().saturating_mul(3) <= most || text.chars().map(length).sum::<usize>() <= most {
        return Cow::Borrowed(text);
    }
    let mut left = most.saturating_sub(MARK.len());
    let fits = |char: &char| left.checked_sub(length(*char)).map(|rest| left = rest).is_some();
    let kept: String = text.chars().take_while(fits).collect();
    Cow::Owned(kept + MARK)
}

/// The picture of a control character, which could end a line or move a cursor; none of any other.
pub(crate) fn picture(character: char) -> Option<char> {
    match character {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + character as u32),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

/// The text with what may not stand in a reference to a resource as `%XX`.
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
