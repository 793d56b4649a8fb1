//! Detects byte order marks.

/// The byte order mark of UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The hint for UTF-16 text.
pub const UTF_16_HINT: &str = "save the file as UTF-8 without a byte order mark, or convert it with `iconv -f UTF-16 -t UTF-8 FILE`: it is UTF-16, as written by `>` in PowerShell 5";

/// Returns a hint if the text starts with a byte order mark.
pub fn byte_order_mark_hint(text: &[u8]) -> Option<&'static str> {
    if text.starts_with(BYTE_ORDER_MARK) {
        return Some("save the file as UTF-8 without a byte order mark");
    }
    is_utf_16(text).then_some(UTF_16_HINT)
}

/// True if the text starts with a byte order mark of UTF-16.
pub fn is_utf_16(text: &[u8]) -> bool {
    text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff")
}
