//! Batches of entries.

use roaring::RoaringTreemap;

use countersign_log::store::{EntryReader, StoredLeaf};

/// The number of entries to read at a time.
pub(super) const BATCH_ENTRIES: u64 = 256;

/// Returns the entries of a range, with `None` for each that can't be read.
pub(super) fn read(reader: &dyn EntryReader, range: std::ops::Range<u64>) -> Vec<Option<StoredLeaf>> {
    match reader.leaves_with_events(range.clone()) {
        Ok(leaves) => leaves.into_iter().map(Some).collect(),
        Err(_) => range
            .map(|index| reader.leaves_with_events(index..index + 1).ok().and_then(|mut leaf| leaf.pop()))
            .collect(),
    }
}

/// Formats a set of entries for people.
pub(super) fn format_ranges(leaves: &RoaringTreemap) -> String {
    let (first, last) = (leaves.min().unwrap_or_default(), leaves.max().unwrap_or_default());
    if first == last {
        format!("entry {first}")
    } else {
        format!("{} entries from {first} to {last}", leaves.len())
    }
}
