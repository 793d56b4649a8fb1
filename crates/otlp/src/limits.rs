//! Limits of exports and records.

/// Maximum number of records of an export.
pub const MAX_RECORDS: usize = 10_000;
/// Maximum size of a record in bytes, as sent.
pub const MAX_RECORD_BYTES: usize = 1 << 20;
/// Maximum number of levels of an attribute or body. In JSON, each level takes up to four levels of the 128 that the
/// parser accepts.
pub const MAX_DEPTH: usize = 24;
/// Maximum size in bytes of the service's name and version, and of the scope's name. Each record's event repeats them.
pub const MAX_NAME_BYTES: usize = 256;
