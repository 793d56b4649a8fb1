//! Evidence that can be filed (SPEC section 14): a [`sample`] of events that nobody could choose, a report with where it
//! comes from (a [`Frame`]), and a [`File`] that verifies itself.
//!
//! Nothing here does I/O or reads a clock, and nothing here verifies: that is the crate `countersign`.
#![deny(missing_docs, unsafe_code)]

mod comparison;
mod file;
mod frame;
mod inflate;
mod json;
mod sample;

pub use comparison::{SampleRoot, Shown};
pub use file::{File, LONGEST_EXPORT, LONGEST_FILE, LONGEST_PAGE, MARK, has_evidence, is_page};
pub use frame::{
    Block, Described, FORMAT, Frame, LONGEST_COMMENT, LONGEST_FRAME, MOST_PAPERS, MOST_PINS, MOST_SECTIONS,
    Paper, Sampled, Scope, Section, Sliced, Tool, canonical_report, is_frame,
};
pub use sample::{Draw, MOST as MOST_SAMPLED, sample};
