//! Checks of a bucket with tenant logs.

use std::path::Path;

use tokio::runtime::Handle;

use super::report::{Problem, Repair, Report};
use super::{check, tenants};
use crate::bucket::{Bucket, LostKind, LostObject, PutBack, TenantBucketCheck};
use crate::erasure_memory::ErasureRecord;
use crate::sqlite;
use countersign_log::store::StoreError;

/// Checks all objects, and the index in a folder if one is given.
pub(super) fn check_objects(
    mut objects: TenantBucketCheck,
    (bucket, handle): (&Bucket, &Handle),
    folder: Option<&Path>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, StoreError> {
    let origin = objects.origin().to_owned();
    let folder = folder.filter(|folder| folder.join(sqlite::FILE).exists());
    // Before the commits are read: a server adds to its index only what is in the bucket.
    let indexed = folder.map(count_ticks).transpose()?.flatten();
    let copies = copies(&objects, (bucket, handle), folder);
    let content = objects.read(copies.as_ref())?;
    let lost: Vec<Problem> = content.lost.into_iter().map(problem).collect();
    if !content.is_complete {
        let tenants = Some(objects.readers().heads()?.len() as u64);
        let mut report = Report { origin, leaves: content.entries, tenants, ..Report::default() };
        for problem in lost {
            report.push(problem);
        }
        return Ok(report);
    }
    let erased = folder.map(ErasureRecord::read).transpose()?.unwrap_or_default();
    let mut on_progress = |done, all| {
        progress(done, all);
        Ok(())
    };
    let mut report =
        tenants::check_logs(objects.readers(), &origin, &erased, &mut on_progress, &mut |_, _| Ok(()))?;
    let found = std::mem::take(&mut report.problems);
    for problem in lost.into_iter().chain(found) {
        report.push(problem);
    }
    report.unfinished = report.unfinished.max(objects.unfinished_erasures() as u64);
    for mismatch in objects.public_mismatches()? {
        report.add("fsck.public", mismatch.place, mismatch.why, Repair::Public);
    }
    for mismatch in objects.missing_anchors()? {
        let has_copy = match &copies {
            Some(copies) => copies.has_object(&mismatch.place)?,
            None => false,
        };
        let repair = if has_copy { Repair::Copy } else { Repair::Anchor };
        report.add("fsck.checkpoint", mismatch.place, mismatch.why, repair);
    }
    if let Some(folder) = folder {
        check_index(&objects, folder, &mut report)?;
    }
    let committed = objects.readers().root().size()?;
    if let Some(indexed) = indexed.filter(|indexed| *indexed > committed) {
        let why = format!(
            "the folder's index has {indexed} ticks, but only {committed} are in the bucket's commits"
        );
        let can_put_back = copies
            .map(|copies| copies.can_put_back(&(committed..indexed), true))
            .transpose()?
            .unwrap_or_default();
        let repair = if can_put_back { Repair::Copy } else { Repair::Commits };
        report.add("fsck.commit", "private/commits", why, repair);
    }
    Ok(report)
}

/// Returns the copies in a server's index, if it can be read.
fn copies(
    objects: &TenantBucketCheck,
    (bucket, handle): (&Bucket, &Handle),
    folder: Option<&Path>,
) -> Option<PutBack> {
    folder.and_then(|folder| objects.copies(bucket, handle, folder).ok())
}

/// Returns the problem of a lost object.
fn problem(LostObject { place, why, kind }: LostObject) -> Problem {
    let (code, repair) = match kind {
        LostKind::Commit { can_put_back: true } => ("fsck.commit", Repair::Copy),
        LostKind::Commit { can_put_back: false } => ("fsck.commit", Repair::Commits),
        LostKind::Entries => ("fsck.entry", Repair::Commits),
        LostKind::Window => ("fsck.object", Repair::Public),
        LostKind::Other => ("fsck.object", Repair::Object),
    };
    Problem { code, place, message: why, repair }
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
        let repair = if problem.repair == Repair::Shown { Repair::Shown } else { Repair::Folder };
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

/// Puts objects back from a server's index, and repairs derived ones.
pub(super) fn repair(
    mut objects: TenantBucketCheck,
    (bucket, handle): (&Bucket, &Handle),
    folder: Option<&Path>,
    report: &Report,
) -> Result<(), StoreError> {
    let repairs = |repair| report.problems.iter().any(|problem| problem.repair == repair);
    if repairs(Repair::Copy)
        && let Some(folder) = folder
    {
        objects.copies(bucket, handle, folder)?.repair()?;
    }
    if repairs(Repair::Public) {
        objects.read(None)?;
        objects.publish_again()?;
    }
    Ok(())
}
