//! Exports: files that hold any subset of a log's leaves, the events behind them, and what it takes to
//! verify them offline (SPEC section 7).
//!
//! An export is NDJSON. Its first line is the header; every other line stands for a leaf, for a subtree of
//! leaves that are not here, or for a checkpoint of exactly the leaves up to it:
//!
//! ```
//! use countersign::export::{Header, Item, Line};
//!
//! let header = Header::parse(br#"{"countersign":"export/v1","origin":"log.example/audit","range":[0,2]}"#)?;
//! assert_eq!(header.range, Some((0, Some(2))));
//!
//! let skip = r#"{"skip":[1,"HpQxLmBSgSpRXEAqbnQ4ks5t/0Dj7bKZVX6n9Uw9pko="]}"#;
//! let line = Line::parse(skip).map_err(|malformed| malformed.to_error())?;
//! assert!(matches!(line.item, Item::Skip { level: 1, .. }));
//! # Ok::<(), countersign::Error>(())
//! ```

#[cfg(feature = "compress")]
mod decompress;
mod header;
pub(crate) mod line;
mod lines;
mod payload;
pub mod writer;

#[cfg(feature = "compress")]
pub use decompress::{Compression, DecompressError, Decompressor};
pub use header::Header;
pub use line::{Item, Line, Malformed, Withheld};
pub use lines::LineBuffer;
pub use payload::{Matched, Mismatch, Payload};

pub use crate::merkle::MAX_LEAF;

/// What to do about a file that ends too early, for people.
pub(crate) const CUT_OFF: &str = "most likely its download broke off, or is still under way: fetch it again";

/// The largest event, in bytes as it stands.
pub const MAX_EVENT: usize = crate::event::MAX_BYTES;
/// The longest line, in bytes, white space included and the line end not.
pub const MAX_LINE: usize = 1 << 20;
/// How deep a line may nest, itself the first level: an event's 64 levels and the line around it.
pub const MAX_LINE_LEVELS: usize = crate::canonical::MAX_DEPTH + 1;
/// The highest level of a skip: it stands for 2^52 leaves.
pub const MAX_SKIP_LEVEL: u8 = 52;
