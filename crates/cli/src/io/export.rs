//! Reading an export item by item, for the commands that make another one of it.

use countersign::export::{Header, Item, Line};
use countersign::verify::FindingCode;
use countersign::{Code, Error};

use crate::errors::CliError;
use crate::io::input::Input;

/// A part of an export, in the order in which they come.
pub(crate) enum Part<'a> {
    /// The header; comes once, first.
    Header(&'a Header),
    /// What a line after it stands for, and its number.
    Item(u64, &'a Item<'a>),
}

/// Hands out the parts of an export, and stops at what is none.
pub(crate) fn read(
    input: &mut Input,
    doing: &'static str,
    mut part: impl FnMut(Part<'_>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut begun = false;
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
            CliError::broken(error).or_hint("`countersign verify` says what else is wrong")
        };
        let text = str::from_utf8(line.bytes)
            .map_err(|_| malformed(Error::new(Code::Export, "malformed line: not UTF-8")))?;
        let parsed = Line::parse(text).map_err(|error| malformed(error.to_error()))?;
        part(Part::Item(line.number, &parsed.item))
    })?;
    if begun { Ok(()) } else { Err(empty().within(&name)) }
}

fn cut_off() -> Error {
    Error::new(Code::Export, "the file ends in the middle of this line")
        .with_hint(FindingCode::FormatTruncated.hint())
}

/// There is no line that could be a header.
pub(crate) fn empty() -> CliError {
    CliError::from(Header::parse(b"").err().unwrap_or_else(cut_off).at_line(1))
}
