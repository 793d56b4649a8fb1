//! From the bytes of an input to events: rows of a table or JSON, as the input's name says.

use countersign::{Code, Error};

use crate::errors::Failure;
use crate::io::input;
use crate::io::rows::Rows;
use crate::io::unwrap::{EachEvent, Told, Unwrapper};

/// How every ZIP archive begins, and so what spreadsheets save by themselves.
const ZIP: &[u8] = b"PK\x03\x04";

/// Cuts bytes into events.
pub(crate) struct Cutter {
    has_begun: bool,
    shape: Shape,
}

enum Shape {
    /// What is in a row may be in an envelope.
    Rows(Rows, Unwrapper),
    Json(Unwrapper),
}

impl Cutter {
    /// For an input of this name.
    pub(crate) fn of(name: &str) -> Self {
        let is_table = Rows::are_in(name);
        let unwrapper = Unwrapper::default();
        let shape = if is_table { Shape::Rows(Rows::default(), unwrapper) } else { Shape::Json(unwrapper) };
        Self { has_begun: false, shape }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8], each: &mut EachEvent<'_>) -> Result<(), Failure> {
        if !std::mem::replace(&mut self.has_begun, true) {
            let refused =
                |what: &str, hint| Err(Failure::broken(Error::new(Code::Event, what).with_hint(hint)));
            if bytes.starts_with(ZIP) {
                return refused(
                    "this is a ZIP archive",
                    "unpack it and record the file inside; in a spreadsheet, save the table as CSV in UTF-8",
                );
            }
            if input::is_utf_16(bytes) {
                return refused("not UTF-8", input::UTF_16);
            }
        }
        match &mut self.shape {
            Shape::Rows(rows, unwrapper) => rows.push(bytes, &mut |row| unwrapper.take(&row, each)),
            Shape::Json(unwrapper) => unwrapper.push(bytes, each),
        }
    }

    /// Ends the last event.
    pub(crate) fn finish(&mut self, each: &mut EachEvent<'_>) -> Result<(), Failure> {
        match &mut self.shape {
            Shape::Rows(rows, unwrapper) => rows.finish(&mut |row| unwrapper.take(&row, each)),
            Shape::Json(unwrapper) => unwrapper.finish(each),
        }
    }

    /// From which lists events were taken, and what was left out.
    pub(crate) fn told(&self) -> Told {
        match &self.shape {
            Shape::Rows(_, unwrapper) | Shape::Json(unwrapper) => unwrapper.told().clone(),
        }
    }
}
