//! Parts: what verifying needs to know of a part of an export, as a file that another machine can take up.
//!
//! [`summarize`] writes such a file for one part of an export, and [`verify`] makes of the files of all parts the
//! report that verifying the export itself gives. Everything that a reader brings is for the second step alone:
//! no trust file and no pin is in a summary.
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
//! A summary is believed. It says that hashes match and signatures are valid, and who made it could have written
//! anything. What is looked at here is whether it came whole, and whether all are of one file and cover it.

mod error;
mod format;
mod merge;
mod part;
mod stored;
mod summarize;

pub use error::{PartsError, SummaryError};
pub use merge::verify;
pub use part::Part;
pub use stored::Stored;
pub use summarize::summarize;
