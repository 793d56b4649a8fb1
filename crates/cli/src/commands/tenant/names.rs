//! Files with names of tenants.

use std::collections::BTreeSet;
use std::path::Path;

use crate::errors::{CliError, shown};
use crate::io::input::Input;

/// Maximum size of the file, in MiB. 100,000 names of 36 bytes take 4 MiB.
const MAX_MIB: u64 = 64;

/// Reads names, one per line. Empty lines are skipped.
pub(super) fn read(file: &Path) -> Result<Vec<String>, CliError> {
    let text = String::from_utf8(Input::open(file)?.all(MAX_MIB)?).map_err(|_| {
        let hint = "write one name per line, in UTF-8";
        CliError::unusable("io.not_text", "the file is not UTF-8 text", hint).within(&shown(file))
    })?;
    let mut known = BTreeSet::new();
    let names: Vec<String> =
        text.lines().filter(|name| !name.is_empty() && known.insert(*name)).map(str::to_owned).collect();
    if names.is_empty() {
        let hint = "write one name per line";
        return Err(
            CliError::unusable("arguments.invalid", "the file has no names", hint).within(&shown(file))
        );
    }
    Ok(names)
}
