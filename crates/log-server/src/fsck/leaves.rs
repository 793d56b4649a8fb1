//! The check of all entries and of the data derived from them.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign::hash::Hash;
use roaring::RoaringTreemap;

use super::batch::{BATCH_ENTRIES, read};
use super::erasures::{Erasures, StoreKind};
use super::report::Report;
use super::tree::Tree;
use countersign_log::store::{Reader, StoreError, StoredLeaf};

/// A further check of a batch of entries, called with the index of its first.
pub(super) type CheckBatch<'a> = &'a mut dyn FnMut(u64, &[Option<StoredLeaf>]) -> Result<(), StoreError>;

/// Checks entries, tiles, checkpoints, events, and erasures. A server may be using them, and the check may
/// take any amount of time: entries stored or erased in the meantime aren't problems. `pace` gets the number
/// of entries checked so far and the total, and may stop the check. `also` gets the entries of one entry
/// bundle at a time. `remembered` are the entries that the folder remembers as erased.
pub(super) fn check_entries(
    reader: &Arc<dyn Reader>,
    origin: &str,
    from: StoreKind,
    remembered: &RoaringTreemap,
    pace: &mut dyn FnMut(u64, u64) -> Result<(), StoreError>,
    also: CheckBatch<'_>,
) -> Result<Report, StoreError> {
    check_log(reader, origin, from, None, remembered, pace, also)
}

/// Checks a log as [`check_entries`] does. A tenant log has a head, its size and root hash, instead of checkpoints, and
/// `origin` is that of its root log.
pub(super) fn check_log(
    reader: &Arc<dyn Reader>,
    origin: &str,
    from: StoreKind,
    head: Option<(u64, Hash)>,
    remembered: &RoaringTreemap,
    pace: &mut dyn FnMut(u64, u64) -> Result<(), StoreError>,
    also: CheckBatch<'_>,
) -> Result<Report, StoreError> {
    let mut report = Report { origin: origin.to_owned(), ..Report::default() };
    let size = reader.size()?;
    let mut tree = Tree::new(reader, size, head)?;
    let mut erasures = Erasures::new(reader, origin.to_owned(), from);
    let mut first = 0;
    while first < size {
        pace(first, size)?;
        let end = size.min(first + BATCH_ENTRIES);
        let leaves = read(&**reader, first..end);
        tree.add_batch(first, &leaves);
        also(first, &leaves)?;
        for (leaf, index) in leaves.iter().zip(first..) {
            if let Some(leaf) = leaf {
                erasures.check(index, leaf, &mut report);
            }
        }
        first = end;
    }
    pace(size, size)?;
    report.leaves = size;
    tree.finish(&mut report);
    erasures.finish(size, remembered, &mut report);
    // Other mismatches of a damaged entry are consequences, not separate problems.
    let leaves: BTreeSet<String> = report.places_of("fsck.entry").cloned().collect();
    report.problems.retain(|problem| problem.code == "fsck.entry" || !leaves.contains(&problem.place));
    Ok(report)
}
