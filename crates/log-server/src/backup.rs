//! Backups: what a log's folder holds, as it was at one moment, in one file.

use std::fs;
use std::io;
use std::path::Path;

use countersign::time::Time;

use crate::sqlite;
use countersign_files::{replace, sync_folder, temporary};
use countersign_log::self_check;
use countersign_log::store::StoreError;

/// The file in a log's folder that says when its newest backup was made, and of how many leaves.
pub const FILE: &str = "backup.txt";

/// A backup that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// When it was begun.
    pub at: Time,
    /// How many leaves it has.
    pub size: u64,
}

/// Copies a folder's database to a file, which it takes the place of when all of it is there and was looked at. A server
/// may be running. What is erased is not in it.
///
/// # Errors
/// What SQLite or the system says; [`StoreError::Damaged`] where the copy is not of the tree that was published, or the
/// folder is the index of a bucket.
pub fn make(folder: &Path, to: &Path, now: Time) -> Result<Backup, StoreError> {
    let failed = |error: io::Error| StoreError::unavailable("writing the backup", error);
    let beside = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only its owner may read it.
    let copy = temporary(beside).map_err(failed)?;
    sqlite::copy(folder, copy.path())?;
    let reader = sqlite::open_copy(copy.path());
    self_check::check(&*reader)?;
    let backup = Backup { at: now, size: reader.size()? };
    drop(reader);
    copy.as_file().sync_all().map_err(failed)?;
    copy.persist(to).map_err(|error| failed(error.error))?;
    sync_folder(beside).map_err(failed)?;
    Ok(backup)
}

/// The newest backup of a folder, as far as that is known.
pub fn newest(folder: &Path) -> Option<Backup> {
    let text = fs::read_to_string(folder.join(FILE)).ok()?;
    let (at, size) = text.trim_end().split_once(' ')?;
    Some(Backup { at: Time::parse(at.as_bytes())?, size: size.parse().ok()? })
}

/// Notes in a folder that a backup of it was made.
///
/// # Errors
/// What the system says. The backup is whole all the same.
pub fn note(folder: &Path, Backup { at, size }: Backup) -> io::Result<()> {
    replace(&folder.join(FILE), format!("{at} {size}\n").as_bytes())
}
