//! Reads an export item by item, for commands that derive another one from it.

use countersign::export::{Header, Item, Line};
use countersign::verify::FindingCode;
use countersign::{Code, Error};

use crate::errors::CliError;
use crate::io::input::Input;

/// A part of an export.
pub(crate) enum Part<'a> {
    /// The header, which comes once and first.
    Header(&'a Header),
    /// The number of a line after the header, and its item.
    Item(u64, &'a Item<'a>),
}

/// Calls `part` with each part of an export, and fails at the first malformed line.
pub(crate) fn read(
    input: &mut Input,
    doing: &'static str,
    part: impl FnMut(Part<'_>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    read_from(input, true, doing, part)
}

/// Reads an export from its beginning, or without a header from a later line.
pub(crate) fn read_from(
    input: &mut Input,
    has_header: bool,
    doing: &'static str,
    mut part: impl FnMut(Part<'_>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut begun = !has_header;
    let name = input.name().to_owned();
    input.lines(doing, |line| {
        if line.is_blank() {
            return Ok(());
        }
        if !begun {
            begun = true;
            return part(Part::Header(&Header::parse(line.bytes)?));
        }
        let malformed = |error: Error| {
            let error = if line.ended { error } else { cut_off() };
            CliError::broken(error).or_hint("run `countersign verify` for all problems")
        };
        let text = str::from_utf8(line.bytes)
            .map_err(|_| malformed(Error::new(Code::Export, "the line is not UTF-8")))?;
        let parsed = Line::parse(text).map_err(|error| malformed(error.to_error()))?;
        part(Part::Item(line.number, &parsed.item))
    })?;
    if begun { Ok(()) } else { Err(empty().within(&name)) }
}

fn cut_off() -> Error {
    Error::new(Code::Export, "the file ends in the middle of this line")
        .with_hint(FindingCode::FormatTruncated.hint())
}

/// Returns the error of an export without a header.
pub(crate) fn empty() -> CliError {
    CliError::from(Header::parse(b"").err().unwrap_or_else(cut_off).at_line(1))
}
