//! Exports out of a store: any part of a log as a stream of lines that verifies by itself (SPEC section 7).
//!
//! An export is made in two passes. [`Exporter::plan`], or [`Exporter::begin`] step by step, finds out which leaves it has: the ones that are asked for,
//! the links that prove them, every key note, the open links of the chains shown, and the checkpoints that tell when
//! they were there. [`Plan::lines`] then writes them, a piece at a time and only as fast as they are taken. In memory
//! are a bitmap of leaves, a few numbers for each chain shown and each checkpoint, and one page of leaves.
//!
//! Nothing beyond the newest published checkpoint is ever in an export.

mod attest;
mod candidates;
mod explain;
mod exporter;
mod gathering;
mod lines;
mod plan;
mod planning;
mod request;
mod skips;
mod stretch;

pub use attest::{Had, void_grants};
pub use candidates::{Candidates, Entries, Index};
pub use explain::{Explained, Explaining};
pub use exporter::Exporter;
pub use lines::{Line, Lines};
pub use plan::Plan;
pub use planning::Planning;
pub use request::{ExportError, GATHER, PAGE, Request};
