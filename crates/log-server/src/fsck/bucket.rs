//! Checks of a bucket: its objects against each other, and a folder's index against them.

use std::path::Path;
use std::sync::Arc;

use roaring::RoaringTreemap;
use tokio::runtime::Handle;

use super::check;
use super::erasures::StoreKind;
use super::leaves::check_entries;
use super::report::{Problem, Repair, Report};
use super::tenant_bucket;
use crate::bucket::{self, Bucket, BucketRepair, ObjectProblem, ObjectReader, PutBack, TenantBucketCheck};
use crate::erasure_memory::ErasureRecord;
use crate::search;
use crate::sqlite;
use countersign_log::store::{Reader, StoreError, StoredEvent};

/// Checks all objects of a log's bucket, and the index in a folder if one is given. Servers may use them meanwhile.
/// Blocks the thread. `progress` gets the number of entries checked so far and the total.
///
/// # Errors
/// If there is no log, or if the bucket doesn't respond.
pub fn check_bucket(
    bucket: &Bucket,
    handle: &Handle,
    folder: Option<&Path>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, StoreError> {
    if let Some(objects) = TenantBucketCheck::open(bucket, handle)? {
        return tenant_bucket::check_objects(objects, (bucket, handle), folder, progress);
    }
    let objects = Arc::new(ObjectReader::open(bucket.clone(), handle.clone())?);
    let mut report = Report { origin: objects.origin().to_owned(), ..Report::default() };
    let index = folder.map(|folder| check_index(folder, &objects, &mut report)).transpose()?.flatten();
    let erased = folder.map(ErasureRecord::read).transpose()?.unwrap_or_default().entries(objects.origin());
    let (mut here, mut differs) = (RoaringTreemap::new(), None);
    let mut on_progress = |done, all| {
        progress(done, all);
        Ok(())
    };
    let reader: Arc<dyn Reader> = objects.clone();
    let mut check_chunk = |first: u64, leaves: &[_]| {
        for (leaf, at) in leaves.iter().zip(first..) {
            let leaf: &Option<countersign_log::store::StoredLeaf> = leaf;
            if leaf.as_ref().is_some_and(|leaf| matches!(leaf.event, StoredEvent::Here(_))) {
                here.insert(at);
            }
        }
        if differs.is_none() {
            differs = index.as_ref().and_then(|index| first_difference(&**index, first, leaves));
        }
        objects.check_bundle(first, leaves)?;
        objects.check_failure()
    };
    let found = check_entries(
        &reader,
        objects.origin(),
        StoreKind::Objects,
        &erased,
        &mut on_progress,
        &mut check_chunk,
    )?;
    objects.check_failure()?;
    if let Some(leaf) = differs {
        let why = "the folder's index and the bucket have different entries";
        report.add("fsck.folder", format!("entry {leaf}"), why, Repair::Folder);
    }
    report.unfinished = found.unfinished.max(objects.check_erasures(&here)?);
    let problems = objects.take_problems();
    let copies = match (folder, &index) {
        (Some(folder), Some(index)) => {
            let key = bucket::read_key(bucket, handle);
            key.and_then(|key| PutBack::of_log(bucket, handle, folder, &key, index.clone())).ok()
        }
        _ => None,
    };
    let can_put_back = |problem: &ObjectProblem| -> Result<bool, StoreError> {
        let (Some(copies), Some(entries)) = (&copies, &problem.entries) else { return Ok(false) };
        copies.can_put_back(entries, entries.end >= objects.committed())
    };
    let unreadable = problems.iter().any(|problem| problem.code == "fsck.commit");
    for problem in problems {
        let repair = match problem.code {
            "fsck.public" => Repair::Public,
            "fsck.erasure" => Repair::Objects,
            "fsck.commit" if can_put_back(&problem)? => Repair::Copy,
            "fsck.commit" | "fsck.checkpoint" => Repair::Commits,
            _ => Repair::Object,
        };
        report.add(problem.code, problem.place, problem.why, repair);
    }
    for problem in found.problems {
        match problem.code {
            // The problem of the unreadable object is already in the report.
            "fsck.entry" if unreadable => {}
            "fsck.tile" if problem.repair == Repair::Tiles => {
                report.add(
                    "fsck.public",
                    format!("public/{}", problem.place),
                    problem.message,
                    Repair::Public,
                );
            }
            _ => {
                let repair =
                    if problem.repair == Repair::Erasure { Repair::Objects } else { Repair::Commits };
                report.push(Problem { repair, ..problem });
            }
        }
    }
    (report.leaves, report.events, report.erased) = (objects.committed(), found.events, found.erased);
    report.more += found.more;
    Ok(report)
}

/// Checks the index alone. A missing index isn't a problem.
fn check_index(
    folder: &Path,
    objects: &ObjectReader,
    report: &mut Report,
) -> Result<Option<Arc<dyn Reader>>, StoreError> {
    if !folder.join(sqlite::FILE).exists() {
        return Ok(None);
    }
    let (origin, reader) = match sqlite::open_reader(folder) {
        Ok(opened) => opened,
        Err(error) => {
            report.add("fsck.database", sqlite::FILE, error.to_string(), Repair::Folder);
            return Ok(None);
        }
    };
    if origin != objects.origin() {
        let why = format!("this folder belongs to the log {origin:?}, the bucket to {:?}", objects.origin());
        return Err(StoreError::Damaged(why));
    }
    let found = check(folder, &mut |_, _| {})?;
    for problem in found.problems {
        let repair = if problem.repair == Repair::Index { Repair::Index } else { Repair::Folder };
        report.push(Problem { place: format!("{}: {}", sqlite::FILE, problem.place), repair, ..problem });
    }
    report.more += found.more;
    let (here, there) = (reader.size()?, objects.committed());
    if objects.is_behind(here)? {
        let why =
            format!("the folder's index has {here} entries, but only {there} are in the bucket's commits");
        objects.add_gap(there..here, why);
    }
    Ok(Some(reader))
}

/// Returns the first of these entries that differs in the index.
fn first_difference(
    index: &dyn Reader,
    first: u64,
    leaves: &[Option<countersign_log::store::StoredLeaf>],
) -> Option<u64> {
    let end = index.size().ok()?.min(first + leaves.len() as u64);
    let known = index.leaves(first..end.max(first)).ok()?;
    let differs = |(leaf, known): (&Option<countersign_log::store::StoredLeaf>, &Vec<u8>)| {
        leaf.as_ref().is_some_and(|leaf| leaf.leaf != *known)
    };
    leaves.iter().zip(&known).position(differs).map(|place| first + place as u64)
}

/// Repairs what a check of a bucket found and what can be repaired. Servers may be using the bucket, but not the
/// folder. Check it again afterwards.
///
/// # Errors
/// If the bucket or the database fails.
pub fn repair_bucket(
    bucket: Bucket,
    handle: Handle,
    folder: Option<&Path>,
    report: &Report,
) -> Result<(), StoreError> {
    let repairs = |repair| report.problems.iter().any(|problem| problem.repair == repair);
    let tenants = TenantBucketCheck::open(&bucket, &handle)?;
    if repairs(Repair::Copy)
        && tenants.is_none()
        && let Some(folder) = folder
    {
        let key = bucket::read_key(&bucket, &handle)?;
        let (_, index) = sqlite::open_reader(folder)?;
        PutBack::of_log(&bucket, &handle, folder, &key, index)?.repair()?;
    }
    if let Some(objects) = tenants {
        tenant_bucket::repair(objects, (&bucket, &handle), folder, report)?;
        if let Some(folder) = folder.filter(|_| repairs(Repair::Folder)) {
            sqlite::discard(folder)?;
        }
        return Ok(());
    }
    if let Some(folder) = folder {
        if repairs(Repair::Folder) {
            sqlite::discard(folder)?;
        }
        if repairs(Repair::Folder) || repairs(Repair::Index) {
            search::discard(folder)?;
        }
    }
    if repairs(Repair::Public) || repairs(Repair::Objects) {
        let repairing = BucketRepair::begin(bucket, handle)?;
        if repairs(Repair::Public) {
            repairing.publish_again()?;
        }
        if repairs(Repair::Objects) {
            repairing.erase_again()?;
        }
    }
    Ok(())
}
