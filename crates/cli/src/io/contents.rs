//! Opens the export that a command reads: a file, or the export in an evidence file.

use std::io::Cursor;
use std::path::Path;

use countersign_evidence::{File, MAX_FILE_BYTES, has_evidence, is_page};

use crate::errors::{CliError, shown};
use crate::io::input::Input;
use crate::io::style::plain;

/// The number of bytes that show whether a file is a page.
const DETECTION_BYTES: usize = 16;
const MAX_MIB: u64 = (MAX_FILE_BYTES >> 20) as u64;

/// Opens an export, or the export in an evidence file, whose hash is checked. Everything else in an evidence file,
/// such as its author's trust file, is ignored.
pub(crate) fn open_export(path: &Path) -> Result<Input, CliError> {
    let mut input = Input::open(path)?;
    if !input.starts_with(DETECTION_BYTES, is_page)? {
        return Ok(input);
    }
    let bytes = input.all(MAX_MIB)?;
    if !has_evidence(&bytes) {
        return Ok(input);
    }
    let file = File::read(&bytes).map_err(|error| CliError::broken(error).within(&shown(path)))?;
    let name = format!("{}, in {}", plain(file.export_name()), input.name());
    Ok(Input::stream(&name, Box::new(Cursor::new(file.export))))
}
