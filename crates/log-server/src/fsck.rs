//! Whether a log's folder holds what the log says: every leaf, tile, checkpoint and event, what is found by them, and what
//! was erased. What is derived from the rest can be made anew.

mod background;
mod bucket;
mod erasures;
mod leaves;
mod pages;
mod portion;
mod repair;
mod report;
mod tree;

use std::path::Path;

use crate::search;
use crate::signed_file::{self, SignedFile};
use crate::sqlite::{self, Unchanged};
use countersign_log::store::StoreError;
use erasures::From;
use leaves::check_entries;

pub(crate) use background::{Checked, Checking};
pub use background::{Found, Newest};
pub use bucket::{check_bucket, repair_bucket};
pub use repair::repair;
pub use report::{Problem, Repair, Report};

/// Checks all that a log's folder holds. A server may be using it. `progress` is told how many leaves of how many were
/// looked at.
///
/// # Errors
/// When there is no log, or its database cannot be opened at all.
pub fn check(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    let unchanged = [sqlite::FILE, search::FILE].map(|file| Unchanged::since_now(&folder.join(file)));
    let report = check_files(folder, progress)?;
    unchanged.iter().try_for_each(Unchanged::check)?;
    Ok(report)
}

fn check_files(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    let (origin, reader) = sqlite::open_reader(folder)?;
    // Before the leaves are counted: a server signs what is stored.
    let signed = SignedFile::look(folder, &origin)?;
    let mut report = Report { origin: origin.clone(), ..Report::default() };
    pages::check_all(folder, &mut report)?;
    let mut going_on = |done, all| {
        progress(done, all);
        Ok(())
    };
    let Report { leaves, events, erased, unfinished, problems, more, .. } =
        check_entries(&reader, &origin, From::Tables, &mut going_on, &mut |_, _| Ok(()))?;
    report.problems.extend(problems);
    let mut report = Report { leaves, events, erased, unfinished, more, ..report };
    remembered(&signed, &mut report);
    if ["fsck.database", "fsck.entry", "fsck.event"]
        .iter()
        .any(|code| report.places_of(code).next().is_some())
    {
        // The index is of events that are damaged.
        return Ok(report);
    }
    for pages in search::damaged(folder, &*reader)? {
        let place = format!("{} leaves {}..{}", search::FILE, pages.start, pages.end);
        report.tell("fsck.index", place, "the search index is not that of the events", Repair::Index);
    }
    Ok(report)
}

/// Compares what is here with what the log remembers to have signed.
fn remembered(signed: &signed_file::Found, report: &mut Report) {
    let newest = signed.newest().map_or(0, |newest| newest.size);
    if let Some(problem) = &signed.problem {
        report.tell("fsck.checkpoint", signed_file::FILE, problem.clone(), Repair::Restore);
    } else if newest > report.leaves {
        let why = format!("the log signed {newest} leaves, and {} are here", report.leaves);
        report.tell("fsck.checkpoint", signed_file::FILE, why, Repair::Restore);
    }
}
