//! Leaves, some at a time.

use roaring::RoaringTreemap;

use countersign_log::store::{EntryReader, StoredLeaf};

/// The number of leaves that are read at a time.
pub(super) const PORTION: u64 = 256;

/// The leaves of a range; none for each that cannot be read.
pub(super) fn read(reader: &dyn EntryReader, range: std::ops::Range<u64>) -> Vec<Option<StoredLeaf>> {
    match reader.leaves_with_events(range.clone()) {
        Ok(leaves) => leaves.into_iter().map(Some).collect(),
        Err(_) => range
            .map(|index| reader.leaves_with_events(index..index + 1).ok().and_then(|mut leaf| leaf.pop()))
            .collect(),
    }
}

/// Leaves that follow each other, as text.
pub(super) fn stretches(leaves: &RoaringTreemap) -> String {
    let (first, last) = (leaves.min().unwrap_or_default(), leaves.max().unwrap_or_default());
    if first == last {
        format!("leaf {first}")
    } else {
        format!("{} of leaves {first}..={last}", leaves.len())
    }
}
