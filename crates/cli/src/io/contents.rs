//! The export that a command is given: a file of its own, or the one in an evidence file.

use std::io::Cursor;
use std::path::Path;

use countersign_evidence::{File, MAX_FILE_BYTES, has_evidence, is_page};

use crate::errors::{CliError, shown};
use crate::io::input::Input;
use crate::io::style::plain;

/// So much of a file tells whether it is a page.
const FIRST: usize = 16;
const MOST_MIB: u64 = (MAX_FILE_BYTES >> 20) as u64;

/// An export, or the one in an evidence file: that one's hashes are checked, and all that it brings beside the export, such as
/// whom its writer trusted, is left aside.
pub(crate) fn contents(path: &Path) -> Result<Input, CliError> {
    let mut input = Input::open(path)?;
    if !input.begins(FIRST, is_page)? {
        return Ok(input);
    }
    let bytes = input.all(MOST_MIB)?;
    if !has_evidence(&bytes) {
        return Ok(input);
    }
    let file = File::read(&bytes).map_err(|error| CliError::broken(error).within(&shown(path)))?;
    let name = format!("{}, in {}", plain(file.export_name()), input.name());
    Ok(Input::stream(&name, Box::new(Cursor::new(file.export))))
}
