//! Slicing: makes a smaller export from a larger one, with everything that verifies it (SPEC section 7).
//!
//! Entries that are omitted are replaced by skips, the smallest number possible. Entries that are shown keep their
//! chain's open link, and the links up to the next signed one, without their events. All key notes are kept. So are the
//! checkpoints that prove when entries existed: the last one, one for each day in which entries shown were added, the
//! newest before each revocation's `since`, and the newest within a day of each grant's end. If it isn't known whose
//! cosignatures the verifier requires, as many more are kept as any quorum could need.
//!
//! The input is read twice. A [`Survey`] reads it and makes a [`Plan`]; a [`Slicer`] reads it again and writes the
//! slice:
//!
//! ```
//! use countersign::export::writer::Writer;
//! use countersign::export::{Header, Line};
//! use countersign_slice::{Selection, Survey};
//! # let export = include_str!("../../../tests/vectors/log-two-chains/export.ndjson");
//!
//! let header = Header::parse(export.lines().next().unwrap().as_bytes())?;
//! let lines = || export.lines().zip(1..).skip(1);
//! let parse = |line| Line::parse(line).map_err(|malformed| malformed.to_error());
//! let selection = Selection::all().matching(|_, event| event.contains("document.read"));
//!
//! let mut survey = Survey::new(&header, &selection, None);
//! for (line, number) in lines() {
//!     survey.line(number, &parse(line)?.item)?;
//! }
//! let plan = survey.finish()?;
//!
//! let mut out = Writer::new();
//! let mut slicer = plan.slicer(&mut out);
//! for (line, number) in lines() {
//!     slicer.line(number, &parse(line)?.item, &mut out)?;
//! }
//! slicer.finish(&mut out)?;
//! assert_eq!(out.as_str().matches("\"event\":").count(), 2);
//! # Ok::<(), countersign::Error>(())
//! ```
//!
//! Several slices can be made in the same two passes: see [`Survey::of_all`] and [`Slicers`].
//!
//! An export without checkpoints has no tree, so it can't have skips. It can be sliced by withholding events, and by
//! omitting whole chains.
//!
//! [`explain`] shows how a slice proves its event, step by step.

mod attest;
pub mod explain;
mod selection;
mod slicer;
mod survey;

pub use selection::Selection;
pub use slicer::{Plan, Slicer, Slicers};
pub use survey::Survey;
