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
mod tree;

use std::path::Path;

use crate::search;
use crate::signed_file::{self, SignedFile};
use crate::sqlite::{self, ChangeGuard};
use countersign_log::store::StoreError;
use erasures::StoreKind;
use leaves::check_entries;

pub use background::{CheckResults, CompletedCheck};
pub(crate) use background::{SelfCheck, SelfCheckThread};
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
    Ok(report)
}

fn check_files(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    let (origin, reader) = sqlite::open_reader(folder)?;
    // Before the entries are counted: a server signs only what is stored.
    let signed = SignedFile::read(folder, &origin)?;
    let mut report = Report { origin: origin.clone(), ..Report::default() };
    pages::check_all(folder, &mut report)?;
    let mut on_progress = |done, all| {
        progress(done, all);
        Ok(())
    };
    let Report { leaves, events, erased, unfinished, problems, more, .. } =
        check_entries(&reader, &origin, StoreKind::Tables, &mut on_progress, &mut |_, _| Ok(()))?;
    report.problems.extend(problems);
    let mut report = Report { leaves, events, erased, unfinished, more, ..report };
    check_signed_head(&signed, &mut report);
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

/// Compares the entries with the log's record of what it signed.
fn check_signed_head(signed: &signed_file::SignedFileContent, report: &mut Report) {
    let newest = signed.newest().map_or(0, |newest| newest.size);
    if let Some(problem) = &signed.problem {
        report.add("fsck.checkpoint", signed_file::FILE, problem.clone(), Repair::Restore);
    } else if newest > report.leaves {
        let why = format!("the log signed {newest} entries, but only {} are stored", report.leaves);
        report.add("fsck.checkpoint", signed_file::FILE, why, Repair::Restore);
    }
}
