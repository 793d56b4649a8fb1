//! Cuts the bytes of an input into events: rows of a table or JSON, as the input's name says.

use crate::encoding;
use crate::error::IngestError;
use crate::rows::Rows;
use crate::unwrap::{EachEvent, UnwrapSummary, Unwrapper};

/// How every ZIP archive begins, and so what spreadsheets save by themselves.
const ZIP: &[u8] = b"PK\x03\x04";

/// Cuts the bytes of an input into events. Tables and JSON are told apart by the input's name.
pub struct Cutter {
    has_begun: bool,
    shape: Shape,
}

enum Shape {
    /// What is in a row may be in an envelope.
    Rows(Rows, Unwrapper),
    Json(Unwrapper),
}

impl Cutter {
    /// Creates a cutter for an input of this name: a table if it ends in `.csv` or `.tsv`, before `.gz` or `.zst`.
    pub fn for_name(name: &str) -> Self {
        let is_table = Rows::are_in(name);
        let unwrapper = Unwrapper::default();
        let shape = if is_table { Shape::Rows(Rows::default(), unwrapper) } else { Shape::Json(unwrapper) };
        Self { has_begun: false, shape }
    }

    /// Takes the next bytes, decompressed, and hands out each event as soon as it has ended.
    ///
    /// # Errors
    /// If the bytes are of no known shape, or an event is too large; and any error of `each`.
    pub fn push<E: From<IngestError>>(&mut self, bytes: &[u8], each: &mut EachEvent<'_, E>) -> Result<(), E> {
        if !std::mem::replace(&mut self.has_begun, true) {
            let refused = |what: &str, hint| Err(IngestError::new(what, hint).into());
            if bytes.starts_with(ZIP) {
                return refused(
                    "this is a ZIP archive",
                    "unpack it and record the file inside; in a spreadsheet, save the table as CSV in UTF-8",
                );
            }
            if encoding::is_utf_16(bytes) {
                return refused("not UTF-8", encoding::UTF_16_HINT);
            }
        }
        match &mut self.shape {
            Shape::Rows(rows, unwrapper) => rows.push(bytes, &mut |row| unwrapper.take(&row, each)),
            Shape::Json(unwrapper) => unwrapper.push(bytes, each),
        }
    }

    /// Ends the input, and hands out the last event if only the end of the input ends it.
    ///
    /// # Errors
    /// If the input ends within an event or a list; and any error of `each`.
    pub fn finish<E: From<IngestError>>(&mut self, each: &mut EachEvent<'_, E>) -> Result<(), E> {
        match &mut self.shape {
            Shape::Rows(rows, unwrapper) => rows.finish(&mut |row| unwrapper.take(&row, each)),
            Shape::Json(unwrapper) => unwrapper.finish(each),
        }
    }

    /// Returns from which lists events were taken, and what was left out.
    pub fn summary(&self) -> UnwrapSummary {
        match &self.shape {
            Shape::Rows(_, unwrapper) | Shape::Json(unwrapper) => unwrapper.summary().clone(),
        }
    }
}
