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
    open_named_export(path).map(|(input, _)| input)
}

/// Opens an export as [`open_export`] does, and returns its own name too, without a folder.
pub(crate) fn open_named_export(path: &Path) -> Result<(Input, String), CliError> {
    let mut input = Input::open(path)?;
    let name = file_name(path);
    if !input.starts_with(DETECTION_BYTES, is_page)? {
        return Ok((input, name));
    }
    let bytes = input.all(MAX_MIB)?;
    if !has_evidence(&bytes) {
        return Ok((input, name));
    }
    let file = File::read(&bytes).map_err(|error| CliError::broken(error).within(&shown(path)))?;
    let export = file.export_name().to_owned();
    let name = format!("{}, in {}", plain(&export), input.name());
    Ok((Input::stream(&name, Box::new(Cursor::new(file.export))), export))
}

/// Returns a file's name without its folder, which documents do not reveal.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
