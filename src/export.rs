//! Exports: files with any subset of a log's entries, the events behind them, and everything needed to verify them
//! offline (SPEC section 7).
//!
//! An export is NDJSON. Its first line is the header. Every other line is an entry, a skip that replaces a subtree of
//! omitted entries, or a checkpoint of exactly the entries before it:
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
mod limits;
pub(crate) mod line;
mod lines;
mod payload;
pub mod writer;

#[cfg(feature = "compress")]
pub use decompress::{Compression, DecompressError, Decompressor};
pub use header::Header;
pub use limits::{MAX_EVENT, MAX_LINE, MAX_LINE_LEVELS, MAX_SKIP_LEVEL};
pub use line::{Item, Line, LineError, Withheld};
pub use lines::LineBuffer;
pub use payload::{Matched, Payload, PayloadError};

pub use crate::merkle::MAX_LEAF;
