//! Checks leaves, and what follows from them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::erasures::{Erasures, From};
use super::portion::{PORTION, read};
use super::report::Report;
use super::tree::Tree;
use countersign_log::store::{Reader, StoreError, StoredLeaf};

/// Another look at leaves, from an index on.
pub(super) type Also<'a> = &'a mut dyn FnMut(u64, &[Option<StoredLeaf>]) -> Result<(), StoreError>;

/// Checks leaves, tiles, checkpoints, events and erasures. A server may be using them, and take as long as it likes: what is
/// stored or erased meanwhile is no problem. `pace` is told how many leaves of how many were looked at, and may end it; `also` has
/// another look at leaves, those of an entry bundle at a time.
pub(super) fn check_entries(
    reader: &Arc<dyn Reader>,
    origin: &str,
    from: From,
    pace: &mut dyn FnMut(u64, u64) -> Result<(), StoreError>,
    also: Also<'_>,
) -> Result<Report, StoreError> {
    let mut report = Report { origin: origin.to_owned(), ..Report::default() };
    let size = reader.size()?;
    let mut tree = Tree::new(reader, size)?;
    let mut erasures = Erasures::new(reader, origin.to_owned(), from);
    let mut first = 0;
    while first < size {
        pace(first, size)?;
        let end = size.min(first + PORTION);
        let leaves = read(&**reader, first..end);
        tree.take(first, &leaves);
        also(first, &leaves)?;
        for (leaf, index) in leaves.iter().zip(first..) {
            if let Some(leaf) = leaf {
                erasures.take(index, leaf, &mut report);
            }
        }
        first = end;
    }
    pace(size, size)?;
    report.leaves = size;
    tree.end(&mut report);
    erasures.end(size, &mut report);
    // What else does not fit a damaged leaf is not at fault.
    let leaves: BTreeSet<String> = report.places_of("fsck.entry").cloned().collect();
    report.problems.retain(|problem| problem.code == "fsck.entry" || !leaves.contains(&problem.place));
    Ok(report)
}
