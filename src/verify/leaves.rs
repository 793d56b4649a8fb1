//! The leaves of a summary: their hashes, or the subtrees to which merging reduced them.

use super::summary::{Entry, EntryKind};
use crate::hash::Hash;
use crate::merkle::{CompactRange, MAX_SIZE, skips};

/// Replaces a leaf hash that merging dropped.
pub(super) const UNKNOWN: &Hash = &Hash([0; 32]);

#[derive(Clone, Debug)]
pub(super) enum Leaves {
    /// The leaf hashes, in order.
    Hashes(Vec<Hash>),
    Merged(MergedLeaves),
}

/// The subtrees that cover the leaves between two boundaries each.
///
/// Boundaries are the summary's ends, the lines that need the tree's root or add to it (skips, checkpoints, and
/// anchors), and the sizes that were kept for pins.
#[derive(Clone, Debug, Default)]
pub(super) struct MergedLeaves {
    /// The size of the log before the summary.
    pub(super) first: u64,
    /// The sizes of the log that were kept as boundaries, in ascending order.
    pub(super) kept: Vec<u64>,
    /// The hashes of the subtrees, in order.
    pub(super) hashes: Vec<Hash>,
}

impl Default for Leaves {
    fn default() -> Self {
        Self::Hashes(Vec::new())
    }
}

impl Leaves {
    /// Returns the leaf hash at an index, if it was not dropped.
    pub(super) fn get(&self, index: usize) -> Option<&Hash> {
        match self {
            Self::Hashes(hashes) => hashes.get(index),
            Self::Merged(_) => None,
        }
    }

    /// True if there is a hash for each leaf or subtree.
    pub(super) fn are_sound(&self, entries: &[Entry]) -> bool {
        match self {
            Self::Hashes(hashes) => {
                hashes.len() == entries.iter().filter(|entry| entry.kind.is_leaf()).count()
            }
            Self::Merged(merged) => merged.are_sound(entries),
        }
    }
}

impl MergedLeaves {
    fn are_sound(&self, entries: &[Entry]) -> bool {
        if self.first > MAX_SIZE || !self.kept.is_sorted_by(|before, after| before < after) {
            return false;
        }
        let segments = self.segments(entries);
        let hashes: usize = segments.iter().map(|(begin, end)| skips(*begin, *end).count()).sum();
        let is_end = |size: &u64| segment_at(&segments, *size).is_some_and(|(_, end)| end == *size);
        hashes == self.hashes.len() && self.kept.iter().all(is_end)
    }

    /// Returns the first of these sizes of the log whose root was dropped, if there is one.
    #[cfg(all(feature = "parts", not(all(target_arch = "wasm32", target_os = "unknown"))))]
    pub(super) fn dropped(&self, entries: &[Entry], mut sizes: impl Iterator<Item = u64>) -> Option<u64> {
        let segments = self.segments(entries);
        sizes.find(|size| segment_at(&segments, *size).is_some_and(|(_, end)| *size < end))
    }

    /// Returns the sizes of the log at the ends of each run of leaves between two boundaries.
    pub(super) fn segments(&self, entries: &[Entry]) -> Vec<(u64, u64)> {
        let mut kept = self.kept.iter().peekable();
        let (mut begin, mut end) = (self.first, self.first);
        let mut segments = Vec::new();
        for entry in entries {
            if entry.kind.is_leaf() {
                // A log has no room for more leaves.
                end += u64::from(end < MAX_SIZE);
                if kept.next_if(|size| **size == end).is_none() {
                    continue;
                }
            }
            segments.push((begin, end));
            if let EntryKind::Skip(level, _) = entry.kind
                && let Some(after) = after_skip(end, level)
            {
                end = after;
            }
            begin = end;
        }
        segments.push((begin, end));
        segments
    }
}

/// Returns the segment that has the leaf before this size of the log.
fn segment_at(segments: &[(u64, u64)], size: u64) -> Option<(u64, u64)> {
    let segment = segments.get(segments.partition_point(|(_, end)| *end < size))?;
    (segment.0 < size).then_some(*segment)
}

/// Returns the size of the log after a skip; `None` if the skip cannot be at this position.
pub(super) fn after_skip(size: u64, level: u8) -> Option<u64> {
    let mut range = CompactRange::starting_at(size);
    range.append_subtree(level, *UNKNOWN).ok().map(|()| range.end())
}

/// A position in a summary's leaves, which are added to a tree in batches.
pub(super) struct LeafCursor<'a> {
    /// The leaf hashes, or the subtrees' hashes, that were not added yet.
    hashes: &'a [Hash],
    /// The boundaries that were kept, and not passed; `None` if the leaves were not merged.
    kept: Option<&'a [u64]>,
    /// The number of leaves that were passed, but not added yet.
    pending: usize,
}

impl<'a> LeafCursor<'a> {
    pub(super) fn new(leaves: &'a Leaves) -> Self {
        let (hashes, kept) = match leaves {
            Leaves::Hashes(hashes) => (hashes, None),
            Leaves::Merged(merged) => (&merged.hashes, Some(&*merged.kept)),
        };
        Self { hashes, kept, pending: 0 }
    }

    /// Returns the hash of the next leaf; [`UNKNOWN`] if it was dropped.
    pub(super) fn hash(&self) -> &'a Hash {
        match self.kept {
            None => &self.hashes[self.pending],
            Some(_) => UNKNOWN,
        }
    }

    /// Passes the next leaf.
    pub(super) const fn pass(&mut self) {
        self.pending += 1;
    }

    /// Returns the number of leaves that were passed, but not added yet.
    pub(super) const fn pending(&self) -> u64 {
        self.pending as u64
    }

    /// True if the leaves passed so far must be added, because subtrees end at this size of the log.
    #[inline]
    pub(super) fn ends_subtrees(&mut self, size: u64) -> bool {
        match self.kept {
            Some([next, rest @ ..]) if *next == size => {
                self.kept = Some(rest);
                true
            }
            _ => false,
        }
    }

    /// Adds the leaves that were passed.
    pub(super) fn add_to(&mut self, range: &mut CompactRange) {
        let passed = std::mem::take(&mut self.pending);
        if self.kept.is_none() {
            let (leaves, rest) = self.hashes.split_at(passed);
            self.hashes = rest;
            range.extend(leaves);
            return;
        }
        for subtree in skips(range.end(), range.end() + passed as u64) {
            let Some((hash, rest)) = self.hashes.split_first() else { return };
            self.hashes = rest;
            let added = range.append_subtree(subtree.level, *hash);
            debug_assert!(added.is_ok(), "subtrees are aligned");
        }
    }
}
