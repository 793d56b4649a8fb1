//! Checks of a bucket with tenant logs.

use std::path::Path;

use super::report::{Problem, Repair, Report};
use super::{check, tenants};
use crate::bucket::TenantBucketCheck;
use crate::sqlite;
use countersign_log::store::StoreError;

/// Checks all objects, and the index in a folder if one is given.
pub(super) fn check_objects(
    mut objects: TenantBucketCheck,
    folder: Option<&Path>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, StoreError> {
    let origin = objects.origin().to_owned();
    let folder = folder.filter(|folder| folder.join(sqlite::FILE).exists());
    // Before the commits are read: a server adds to its index only what is in the bucket.
    let indexed = folder.map(count_ticks).transpose()?.flatten();
    if let Err(error) = objects.read() {
        let StoreError::Damaged(why) = error else { return Err(error) };
        let mut report = Report { origin, ..Report::default() };
        report.add("fsck.commit", "private", why, Repair::Not);
        return Ok(report);
    }
    let mut on_progress = |done, all| {
        progress(done, all);
        Ok(())
    };
    let mut report = tenants::check_logs(objects.readers(), &origin, &mut on_progress, &mut |_, _| Ok(()))?;
    report.unfinished = report.unfinished.max(objects.unfinished_erasures() as u64);
    for mismatch in objects.public_mismatches()? {
        report.add("fsck.public", mismatch.place, mismatch.why, Repair::Public);
    }
    for mismatch in objects.missing_anchors()? {
        report.add("fsck.checkpoint", mismatch.place, mismatch.why, Repair::Not);
    }
    if let Some(folder) = folder {
        check_index(&objects, folder, &mut report)?;
    }
    let committed = objects.readers().root().size()?;
    if let Some(indexed) = indexed.filter(|indexed| *indexed > committed) {
        let why = format!(
            "the folder's index has {indexed} ticks, but only {committed} are in the bucket's commits"
        );
        report.add("fsck.commit", "private/commits", why, Repair::Not);
    }
    Ok(report)
}

/// Returns the number of ticks in a server's index. `None` if it can't be read.
fn count_ticks(folder: &Path) -> Result<Option<u64>, StoreError> {
    match sqlite::open_tenant_readers(folder) {
        Ok((_, readers)) => readers.root().size().map(Some),
        Err(StoreError::Damaged(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks a server's index.
fn check_index(objects: &TenantBucketCheck, folder: &Path, report: &mut Report) -> Result<(), StoreError> {
    let found = match check(folder, &mut |_, _| {}) {
        Ok(found) => found,
        Err(StoreError::Damaged(why)) => {
            report.add("fsck.database", sqlite::FILE, why, Repair::Folder);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if found.origin != objects.origin() {
        let why = format!(
            "this folder belongs to the log {:?}, the bucket to {:?}",
            found.origin,
            objects.origin()
        );
        return Err(StoreError::Damaged(why));
    }
    for problem in found.problems {
        let place = format!("{}: {}", sqlite::FILE, problem.place);
        // The server's own record of what it showed doesn't depend on the index.
        let repair = if problem.repair == Repair::Database { Repair::Not } else { Repair::Folder };
        report.push(Problem { place, repair, ..problem });
    }
    report.more += found.more;
    let (_, readers) = sqlite::open_tenant_readers(folder)?;
    let index = readers.root();
    if !objects.is_same_log(&*index)? {
        let why = "the folder's index and the bucket have different ticks";
        report.add("fsck.folder", sqlite::FILE, why, Repair::Folder);
    }
    Ok(())
}

/// Repairs public objects.
pub(super) fn repair(mut objects: TenantBucketCheck, report: &Report) -> Result<(), StoreError> {
    if report.problems.iter().any(|problem| problem.repair == Repair::Public) {
        objects.read()?;
        objects.publish_again()?;
    }
    Ok(())
}
