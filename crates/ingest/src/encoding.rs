//! Recognizes byte order marks.

/// The byte order mark of UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The hint for UTF-16 text.
pub const UTF_16_HINT: &str = "this is UTF-16 text, as PowerShell 5 writes it with `>`: save it as UTF-8 without a byte order mark, or convert it with `iconv -f UTF-16 -t UTF-8 FILE`";

/// Returns a hint if the text begins with a byte order mark.
pub fn byte_order_mark_hint(text: &[u8]) -> Option<&'static str> {
    if text.starts_with(BYTE_ORDER_MARK) {
        return Some("it begins with a byte order mark: save the file as UTF-8 without one");
    }
    is_utf_16(text).then_some(UTF_16_HINT)
}

/// True if the text begins with a byte order mark of UTF-16.
pub fn is_utf_16(text: &[u8]) -> bool {
    text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff")
}
