//! The file in a root log's folder that lists the losses which the operator accepted by ending a stopped tenant log. It
//! isn't part of a backup.
//!
//! Each line is a JSON object: the log's ID, the code of the stop, and what was stored when the log ended. Different
//! entries are damage.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use countersign::hash::Hash;
use countersign::hex;
use countersign_files::{open_private, sync_folder};
use countersign_log::stop::Cause;
use countersign_log::store::StoreError;
use countersign_log::tenants::memory::AcceptedLoss;
use serde::{Deserialize, Serialize};

/// The file's name within the log's folder.
pub const FILE: &str = "accepted-losses.ndjson";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    code: String,
    stored: u64,
    root: String,
}

/// Reads the file of a folder, if it exists. Skips a last line that a crash truncated.
///
/// # Errors
/// [`StoreError::Damaged`] if a line can't be parsed.
pub fn read(folder: &Path) -> Result<Vec<AcceptedLoss>, StoreError> {
    let text = match fs::read_to_string(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| StoreError::disk("reading accepted-losses.ndjson", error))?,
    };
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = complete.lines().zip(1..).filter(|(line, _)| !line.is_empty());
    let losses = lines.map(|(line, number)| {
        parse(line).ok_or_else(|| StoreError::Damaged(format!("{FILE}, line {number} can't be parsed")))
    });
    losses.collect()
}

fn parse(line: &str) -> Option<AcceptedLoss> {
    let Line { id, code, stored, root } = serde_json::from_str(line).ok()?;
    let (id, root) = (hex::decode(id.as_bytes())?, hex::decode(root.as_bytes()).map(Hash)?);
    Some(AcceptedLoss { id, cause: Cause::from_code(&code)?, stored, root })
}

/// Adds a loss durably, unless it is known.
///
/// # Errors
/// If the file can't be read or written.
pub(crate) fn add(folder: &Path, loss: &AcceptedLoss) -> Result<(), StoreError> {
    if read(folder)?.contains(loss) {
        return Ok(());
    }
    let AcceptedLoss { id, cause, stored, root } = loss;
    let line = Line {
        id: hex::encode(id),
        code: cause.code().to_owned(),
        stored: *stored,
        root: hex::encode(&root.0),
    };
    let append = || {
        let line = serde_json::to_string(&line)?;
        let mut file = open_private(&folder.join(FILE), |options| options.append(true).create(true))?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_all()?;
        sync_folder(folder)
    };
    append().map_err(|error: io::Error| StoreError::disk("writing accepted-losses.ndjson", error))
}
