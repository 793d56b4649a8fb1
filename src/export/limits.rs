//! Size limits of exports.

/// Maximum size of an event as it is in the export, in bytes.
pub const MAX_EVENT: usize = crate::event::MAX_BYTES;
/// Maximum length of a line in bytes, including white space but not the line end.
pub const MAX_LINE: usize = 1 << 20;
/// Maximum nesting of a line: an event's 64 levels and the line's own object.
pub const MAX_LINE_LEVELS: usize = crate::canonical::MAX_DEPTH + 1;
/// Maximum level of a skip, which replaces 2^52 entries.
pub const MAX_SKIP_LEVEL: u8 = 52;
