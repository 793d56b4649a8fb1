//! Verification in parts, possibly on different machines.
//!
//! [`summarize`] writes a summary file for one part of an export, and [`merge`] makes a smaller one of those of adjacent
//! parts. [`verify`] combines the files of all parts into the same report as verifying the export directly;
//! [`visit_links`] also passes on the verified events of some parts. Only these need the reader's input: a summary
//! contains no trust file and no pins.
//!
//! [`examine`] writes a [`Piece`]: a summary, with what an examiner made of each event. [`visit_pieces`] verifies from
//! the pieces of all parts, and visits the verified events with that.
//!
//! ```
//! use std::io::Cursor;
//!
//! use countersign::verify::{Options, Verdict};
//! use countersign::verify::parts::{Part, PartsError, Stored, summarize, verify};
//!
//! let export = b"{\"countersign\":\"export/v1\",\"origin\":\"log.example/audit\"}\n";
//! let summaries = (1..=2).map(|number| {
//!     let mut file = Cursor::new(export);
//!     let part = Part::locate(&mut file, number, 2)?;
//!     let mut summary = Vec::new();
//!     let out = |bytes: &[u8]| Ok::<(), PartsError>(summary.extend_from_slice(bytes));
//!     summarize(file, &part, 1, out, |_| ())?;
//!     Stored::open(Cursor::new(summary))
//! });
//! let summaries = summaries.collect::<Result<_, _>>()?;
//! let verification = verify(summaries, Options::default(), 1, |_| ()).map_err(|unusable| unusable.why)?;
//! assert_eq!(verification.report.verdict, Verdict::NotChecked); // there is nothing in it
//! # Ok::<(), PartsError>(())
//! ```
//!
//! Summaries are trusted input. A summary states that hashes match and signatures are valid, and its author could
//! have written anything. This module checks only that summaries are complete, belong to one file, and cover it.

mod arrange;
mod error;
mod format;
mod join;
mod merge;
mod part;
mod pieces;
mod reduce;
mod stored;
mod summarize;
mod writer;

pub use error::{PartsError, SummaryError};
pub use join::{MergeOptions, merge};
pub use merge::{PartsVerification, verify, visit_links};
pub use part::Part;
pub use pieces::{ItemCodec, Piece, VisitPiecesError, examine, visit_pieces};
pub use stored::Stored;
pub use summarize::summarize;
