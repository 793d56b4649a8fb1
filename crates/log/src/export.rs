//! Exports from a store: any part of a log as a stream of lines that can be verified on its own (SPEC section 7).
//!
//! An export is made in two passes. The first, [`Exporter::plan`], or [`Exporter::begin`] in steps, determines its
//! entries: those requested, the links that prove them, every key note, the open links of all chains shown, and the
//! checkpoints that prove when the entries existed. The second, [`Plan::lines`], writes them in pieces, only as fast as
//! they are read. Memory holds a bitmap of entries, a few numbers for each chain shown and each checkpoint, and one
//! page of entries.
//!
//! An export never contains anything beyond the newest published checkpoint.

mod attest;
mod candidates;
mod explain;
mod exporter;
mod lines;
mod live_state;
mod newest;
mod plan;
mod planning;
mod range_search;
mod request;
mod selection;
mod skips;

pub use attest::{Had, void_grants};
pub use candidates::{Candidates, Entries, Index};
pub use explain::{Explained, Explaining};
pub use exporter::Exporter;
pub use lines::{Line, Lines};
pub use live_state::LiveState;
pub use newest::{NewestState, WatchedCheckpoint};
pub use plan::Plan;
pub use planning::Planning;
pub use request::{ExportError, GATHER, PAGE, Request};
