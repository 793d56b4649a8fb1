//! How large an export's parts may be.

/// The largest event, in bytes as it stands.
pub const MAX_EVENT: usize = crate::event::MAX_BYTES;
/// The longest line, in bytes, white space included and the line end not.
pub const MAX_LINE: usize = 1 << 20;
/// How deep a line may nest, itself the first level: an event's 64 levels and the line around it.
pub const MAX_LINE_LEVELS: usize = crate::canonical::MAX_DEPTH + 1;
/// The highest level of a skip: it stands for 2^52 leaves.
pub const MAX_SKIP_LEVEL: u8 = 52;
