//! Splits inputs into events, as table rows or JSON depending on the input's name.

use crate::encoding;
use crate::error::IngestError;
use crate::rows::Rows;
use crate::unwrap::{EachEvent, UnwrapSummary, Unwrapper};

/// The first bytes of a ZIP archive, and so of spreadsheet files.
const ZIP: &[u8] = b"PK\x03\x04";

/// Splits an input into events. The input's name decides whether it is a table or JSON.
pub struct Cutter {
    has_begun: bool,
    shape: Shape,
}

enum Shape {
    /// Rows may contain envelopes.
    Rows(Rows, Unwrapper),
    Json(Unwrapper),
}

impl Cutter {
    /// Creates a cutter for an input with this name: a table if it ends in `.csv` or `.tsv`, optionally
    /// followed by `.gz` or `.zst`.
    pub fn for_name(name: &str) -> Self {
        let is_table = Rows::is_table_name(name);
        let unwrapper = Unwrapper::default();
        let shape = if is_table { Shape::Rows(Rows::default(), unwrapper) } else { Shape::Json(unwrapper) };
        Self { has_begun: false, shape }
    }

    /// Accepts the next bytes, decompressed, and passes on each event as soon as it is complete.
    ///
    /// # Errors
    /// Returns an error if the format is unknown or an event is too large, and any error of `each`.
    pub fn push<E: From<IngestError>>(&mut self, bytes: &[u8], each: &mut EachEvent<'_, E>) -> Result<(), E> {
        if !std::mem::replace(&mut self.has_begun, true) {
            let refused = |what: &str, hint| Err(IngestError::new(what, hint).into());
            if bytes.starts_with(ZIP) {
                return refused(
                    "the input is a ZIP archive",
                    "unpack it and record the file inside; in a spreadsheet, save the table as CSV in UTF-8",
                );
            }
            if encoding::is_utf_16(bytes) {
                return refused("the input is UTF-16, not UTF-8", encoding::UTF_16_HINT);
            }
        }
        match &mut self.shape {
            Shape::Rows(rows, unwrapper) => rows.push(bytes, &mut |row| unwrapper.push_event(&row, each)),
            Shape::Json(unwrapper) => unwrapper.push(bytes, each),
        }
    }

    /// Ends the input, and passes on a last event that has no terminator.
    ///
    /// # Errors
    /// Returns an error if the input ends within an event or a list, and any error of `each`.
    pub fn finish<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        match &mut self.shape {
            Shape::Rows(rows, unwrapper) => rows.finish(&mut |row| unwrapper.push_event(&row, each)),
            Shape::Json(unwrapper) => unwrapper.finish(each),
        }
    }

    /// Returns the lists that events were extracted from, and the lines that were skipped.
    pub fn summary(&self) -> UnwrapSummary {
        match &self.shape {
            Shape::Rows(_, unwrapper) | Shape::Json(unwrapper) => unwrapper.summary().clone(),
        }
    }
}
