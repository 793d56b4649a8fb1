//! Evidence for filing (SPEC section 14): a [`sample`] of events that no one could choose, a report with its provenance
//! (a [`Frame`]), and a self-verifying [`File`].
//!
//! This crate does no I/O, reads no clock, and doesn't verify exports, which is the task of the crate `countersign`.
#![deny(missing_docs, unsafe_code)]

mod comparison;
mod detections;
mod file;
mod frame;
mod inflate;
mod json;
mod sample;

pub use comparison::{SampleRoot, SelectedEntries, VerifiedEntries};
pub use detections::{
    BlindRuleFacts, CoverageFacts, Detections, EntryCount, LimitFacts, MAX_DETECTIONS, PackFacts,
    RuleFindings, SourceFacts, UnreadFacts,
};
pub use file::{File, MARK, MAX_EXPORT_BYTES, MAX_FILE_BYTES, MAX_PAGE_BYTES, has_evidence, is_page};
pub use frame::{
    Block, Described, Examined, ExportGaps, FORMAT, Frame, MAX_COMMENT_BYTES, MAX_FRAME_BYTES, MAX_PAPERS,
    MAX_PINS, MAX_SECTIONS, Paper, Sampled, Scope, Section, Sliced, Tool, UNRECOGNIZED, canonical_report,
    is_frame,
};
pub use sample::{Draw, MAX_SAMPLED, sample};
