//! Checks of a log's folder: whether every entry, tile, checkpoint, and event, the lookup tables, and the erasures are
//! consistent. Derived data can be repaired.

mod background;
mod batch;
mod bucket;
mod erasures;
mod leaves;
mod pages;
mod repair;
mod report;
mod tenant_bucket;
mod tenants;
mod tree;

use std::path::Path;

use crate::erasure_memory::ErasureRecord;
use crate::heads_file::TenantHeadsFile;
use crate::search;
use crate::signed_file::{self, SignedFile};
use crate::sqlite::{self, ChangeGuard};
use countersign_log::store::StoreError;
use erasures::StoreKind;
use leaves::check_entries;

pub(crate) use background::{BucketAccess, SelfCheck, SelfCheckThread};
pub use background::{CheckResults, CompletedCheck};
pub use bucket::{check_bucket, repair_bucket};
pub use repair::repair;
pub use report::{Problem, Repair, Report};

/// Checks everything in a log's folder. A server may be using it. `progress` gets the number of entries checked so far
/// and the total.
///
/// # Errors
/// If there is no log, or if its database can't be opened.
pub fn check(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    let guards = [sqlite::FILE, search::FILE].map(|file| ChangeGuard::new(&folder.join(file)));
    let report = check_files(folder, progress)?;
    guards.iter().try_for_each(ChangeGuard::check)?;
    Ok(if sqlite::is_index_folder(folder)? { report.for_index() } else { report })
}

fn check_files(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    if sqlite::has_tenants(folder)? {
        return check_tenant_logs(folder, progress);
    }
    let (origin, reader) = sqlite::open_reader(folder)?;
    // Before the entries are counted: a server signs only what is stored.
    let signed = SignedFile::read(folder, &origin)?;
    let erased = ErasureRecord::read(folder)?.entries(&origin);
    let mut report = Report { origin: origin.clone(), ..Report::default() };
    pages::check_all(folder, &mut report)?;
    let mut on_progress = |done, all| {
        progress(done, all);
        Ok(())
    };
    let Report { leaves, events, erased, unfinished, problems, more, .. } =
        check_entries(&reader, &origin, StoreKind::Tables, &erased, &mut on_progress, &mut |_, _| Ok(()))?;
    report.problems.extend(problems);
    let mut report = Report { leaves, events, erased, unfinished, more, ..report };
    check_signed_head(&signed, report.leaves, Repair::Restore, &mut report);
    if ["fsck.database", "fsck.entry", "fsck.event"]
        .iter()
        .any(|code| report.places_of(code).next().is_some())
    {
        // The index can't be checked against damaged events.
        return Ok(report);
    }
    for pages in search::damaged(folder, &*reader)? {
        let place = format!("{} entries {}..{}", search::FILE, pages.start, pages.end);
        report.add("fsck.index", place, "the search index doesn't match the events", Repair::Index);
    }
    Ok(report)
}

/// Checks the root log of a folder, and all its tenant logs.
fn check_tenant_logs(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    let (origin, readers) = sqlite::open_tenant_readers(folder)?;
    // Before the entries are counted: a server signs and remembers only what is stored.
    let signed = SignedFile::read(folder, &origin)?;
    let remembered = TenantHeadsFile::read(folder, &origin)?;
    let erased = ErasureRecord::read(folder)?;
    let stored = readers.root().size()?;
    let mut report = Report { origin: origin.clone(), ..Report::default() };
    pages::check_all(folder, &mut report)?;
    let mut on_progress = |done, all| {
        progress(done, all);
        Ok(())
    };
    let checked = tenants::check_logs(&readers, &origin, &erased, &mut on_progress, &mut |_, _| Ok(()))?;
    report.problems.extend(checked.problems);
    let mut report = Report { problems: report.problems, ..checked };
    check_signed_head(&signed, stored, Repair::Database, &mut report);
    // A backup has neither file.
    if signed.exists || remembered.exists {
        tenants::check_remembered(&*readers, &remembered.heads, &mut report)?;
    }
    tenants::accept_losses(folder, &*readers, &remembered.ended_without_event, &mut report)?;
    tenants::check_numbers(folder, &mut report)?;
    tenants::check_requests(folder, &mut report)?;
    Ok(report)
}

/// Compares the entries with the log's record of what it signed.
fn check_signed_head(
    signed: &signed_file::SignedFileContent,
    stored: u64,
    repair: Repair,
    report: &mut Report,
) {
    let newest = signed.newest().map_or(0, |newest| newest.size);
    if let Some(problem) = &signed.problem {
        report.add("fsck.checkpoint", signed_file::FILE, problem.clone(), repair);
    } else if newest > stored {
        let why = format!("the log signed {newest} entries, but only {stored} are stored");
        report.add("fsck.checkpoint", signed_file::FILE, why, repair);
    }
}
