//! Backups: a consistent copy of a log's database in one file.

use std::fs;
use std::io;
use std::path::Path;

use countersign::time::Time;
use tokio::runtime::Handle;

use crate::bucket::{self, Bucket, BucketRepair, Pruned, TenantBucketCheck};
use crate::erasure_memory::repeat_in_folder;
use crate::sqlite;
use countersign_files::{replace, sync_folder, temporary};
use countersign_log::self_check;
use countersign_log::store::StoreError;

/// The file in a log's folder with the time and size of its newest backup.
pub const FILE: &str = "backup.txt";

/// The record of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// When the backup was started.
    pub at: Time,
    /// Number of entries in it.
    pub size: u64,
}

/// Copies a folder's database to the file `to`, which is replaced once the copy is complete and checked. A server may
/// be running. Erased events aren't in the copy: if the database has some again after a restore, they are erased first. If
/// the folder has the index of a bucket, the copy is the database of a log in a folder, with everything that the server has
/// followed.
///
/// # Errors
/// If SQLite or the system fails; [`StoreError::Damaged`] if the copy doesn't match the published tree.
pub fn make(folder: &Path, to: &Path, now: Time) -> Result<Backup, StoreError> {
    let failed = |error: io::Error| StoreError::disk("writing the backup", error);
    repeat_in_folder(folder, now)?;
    let beside = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The temporary file is readable only by its owner.
    let copy = temporary(beside).map_err(failed)?;
    sqlite::copy(folder, copy.path())?;
    let reader = sqlite::open_copy(copy.path())?;
    self_check::check(&*reader)?;
    let backup = Backup { at: now, size: reader.size()? };
    drop(reader);
    copy.as_file().sync_all().map_err(failed)?;
    copy.persist(to).map_err(|error| failed(error.error))?;
    sync_folder(beside).map_err(failed)?;
    Ok(backup)
}

/// Copies the log in a bucket to the file `to`, as [`make`] does. Servers may be running. Blocks the thread.
///
/// # Errors
/// If the bucket, SQLite, or the system fails; [`StoreError::Damaged`] if the bucket lost objects, or contains no log.
pub fn make_from_bucket(bucket: Bucket, handle: Handle, to: &Path, now: Time) -> Result<Backup, StoreError> {
    if let Some(mut tenants) = TenantBucketCheck::open(&bucket, &handle)? {
        let content = tenants.read(None)?;
        if let Some(lost) = content.lost.first() {
            let more = content.lost.len() - 1;
            return Err(StoreError::Damaged(format!("{}: {} ({more} more problems)", lost.place, lost.why)));
        }
        return make(tenants.into_index()?.path(), to, now);
    }
    make(BucketRepair::begin(bucket, handle)?.into_index().path(), to, now)
}

/// Deletes from a journal what a backup has. The backup was just made and checked.
///
/// # Errors
/// [`StoreError`] if the place has no journal of this log, or the store fails.
pub fn prune_journal(backup: &Path, place: Bucket, handle: &Handle) -> Result<Pruned, StoreError> {
    let origin = sqlite::identify_file(backup)?;
    bucket::prune(place, &origin, &*sqlite::open_copy(backup)?, handle)
}

/// Returns the newest backup of a folder, if one is recorded.
pub fn newest(folder: &Path) -> Option<Backup> {
    let text = fs::read_to_string(folder.join(FILE)).ok()?;
    let (at, size) = text.trim_end().split_once(' ')?;
    Some(Backup { at: Time::parse(at.as_bytes())?, size: size.parse().ok()? })
}

/// Records in a folder that a backup of it was made.
///
/// # Errors
/// If the file can't be written. The backup itself is complete.
pub fn note(folder: &Path, Backup { at, size }: Backup) -> io::Result<()> {
    replace(&folder.join(FILE), format!("{at} {size}\n").as_bytes())
}
