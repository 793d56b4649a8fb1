//! Facts that a merged summary lacks, because merging dropped them.

use super::leaves::Leaves;
use super::sequence::Sequence;
use super::summary::{EntryKind, Summary};
use crate::hash::Hash;
use crate::link::ChainId;

/// The reason why a merged summary can't be verified after the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecidable {
    /// The summary was merged for another position in the log.
    Position { stated: u64, found: u64 },
    /// The root at the size of a pin was dropped.
    Pin(u64),
    /// A chain's first link in the summary is not after its last link before, so its other links may not follow.
    Fork,
}

impl Sequence {
    /// Returns the reason why the next summary can't be verified, if there is one.
    pub(super) fn undecidable(&self, summary: &Summary) -> Option<Undecidable> {
        let Leaves::Merged(merged) = &summary.leaves else { return None };
        let found = self.tree.position();
        if merged.first != found {
            return Some(Undecidable::Position { stated: merged.first, found });
        }
        if self.pins.next_size().is_some()
            && let Some(size) = merged.dropped(&summary.entries, self.pins.next_sizes())
        {
            return Some(Undecidable::Pin(size));
        }
        // Only the first link of each chain in merged summaries states a hash.
        let is_fork = summary.entries.iter().any(|entry| match &entry.kind {
            EntryKind::Link(link) => {
                let id = &summary.chains[link.chain as usize];
                let is_late = |number: usize| self.threads[number].end.seq >= link.seq;
                link.prev.hash().is_some() && self.number(id).is_some_and(is_late)
            }
            _ => false,
        });
        is_fork.then_some(Undecidable::Fork)
    }

    /// Sets the hashes of the chains' last links, after the merged summaries that dropped them.
    pub(super) fn set_ends(&mut self, ends: &[(ChainId, Hash)]) {
        for (id, hash) in ends {
            if let Some(number) = self.number(id) {
                self.threads[number].end.hash = *hash;
            }
        }
    }
}
