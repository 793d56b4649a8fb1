//! Verification of a log from its tiles in parts, possibly on different machines.
//!
//! All parts are of the tree of one checkpoint. [`summarize`] checks the entry bundles of one part against their tiles
//! of level 0, and writes a summary. [`Parts::verify`] combines the summaries of all parts: it reads the tiles above
//! level 0, one for each 65,536 entries, and returns what [`parallel::verify`](super::parallel::verify) returns for the
//! whole log. Only this step needs the reader's input.
//!
//! ```
//! use std::io::Cursor;
//!
//! use countersign::check::Walk;
//! use countersign::check::parts::{Part, Parts, Stored, summarize};
//! use countersign::checkpoint::SignedCheckpoint;
//! use countersign::merkle::{Bundle, leaf_hash};
//! use countersign::verify::parts::PartsError;
//! use countersign::verify::Options;
//!
//! let leaf = b"a leaf";
//! let note = format!("log.example/other\n1\n{}\n\n— log.example/other AAAAAAAA\n", leaf_hash(leaf));
//! let walk = Walk::new(SignedCheckpoint::parse_extended(&note)?);
//! let part = Part::new(&walk, 1, 1);
//! let mut summary = Vec::new();
//! let resources = [Bundle::encode([leaf])?, leaf_hash(leaf).0.to_vec()].map(|bytes| Ok(Some(bytes)));
//! let out = |bytes: &[u8]| Ok::<(), PartsError>(summary.extend_from_slice(bytes));
//! summarize(&part, 1, resources.into_iter(), out, || ()).expect("all resources were read");
//!
//! let stored = Stored::open(Cursor::new(summary)).expect("a summary");
//! let parts = Parts::arrange(vec![stored]).expect("all parts");
//! assert_eq!(parts.resources().count(), 0); // a tree of one leaf has no tile above level 0
//! let options = Options { tiles: true, ..Options::default() };
//! let verified = parts.verify(options, 1, std::iter::empty(), || ()).map_err(|error: Failure| error);
//! assert_eq!(verified.expect("complete summaries").0.bundles, 1);
//! # #[derive(Debug)]
//! # struct Failure;
//! # impl From<countersign::verify::parts::SummaryError> for Failure {
//! #     fn from(_: countersign::verify::parts::SummaryError) -> Self { Self }
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```
//!
//! Summaries are trusted input, as those of [`verify::parts`](crate::verify::parts) are.

mod file;
mod frame;
mod merge;
mod part;
mod summarize;

pub use file::Stored;
pub use merge::Parts;
pub use part::Part;
pub use summarize::summarize;
