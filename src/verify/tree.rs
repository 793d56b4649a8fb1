//! The check `tree`: the leaves and skips hash to the checkpoints' roots.

use super::FindingCode::{TreePosition, TreeRoot, TreeSkipAlignment, TreeUncovered};
use super::finding::{Findings, Place};
use super::leaves::LeafCursor;
use super::report::Check;
use super::summary::CheckpointEntry;
use crate::hash::Hash;
use crate::merkle::CompactRange;
use crate::phrases::{self, say};

/// The tree's right edge, and the results of comparing checkpoints with it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    edge: CompactRange,
    pub(super) skipped: u64,
    items: u64,
    failed: u64,
    checkpoints: u64,
    /// The first leaf or skip after the last checkpoint.
    uncovered: Option<Place>,
}

impl Tree {
    /// Returns the index of the next leaf to [add](Self::extend).
    pub(super) fn position(&self) -> u64 {
        self.edge.end()
    }

    pub(super) fn root(&self) -> Option<Hash> {
        self.edge.root()
    }

    /// Adds the leaves that the cursor has passed.
    pub(super) fn extend(&mut self, leaves: &mut LeafCursor<'_>) {
        leaves.add_to(&mut self.edge);
    }

    /// Notes a leaf or skip that no checkpoint covers yet.
    pub(super) fn mark_uncovered(&mut self, place: Place) {
        if self.checkpoints > 0 && self.uncovered.is_none() {
            self.uncovered = Some(place);
        }
    }

    /// Adds a skip. Returns false if it cannot be at this position.
    pub(super) fn skip(&mut self, level: u8, hash: &Hash, place: Place, findings: &mut Findings) -> bool {
        let position = self.position();
        let fits = self.edge.append_subtree(level, *hash).is_ok();
        if fits {
            self.skipped += 1 << level;
            self.mark_uncovered(place);
        } else {
            self.items += 1;
            self.failed += 1;
            let message = say!(
                "tree.skip_alignment",
                "entry {position} cannot begin a subtree of 2^{level} entries; the skip is ignored",
                position,
                level
            );
            findings.add(TreeSkipAlignment, place, message);
        }
        fits
    }

    /// Checks a checkpoint. Returns true if its size and root match.
    pub(super) fn checkpoint(
        &mut self,
        checkpoint: &CheckpointEntry,
        place: Place,
        findings: &mut Findings,
    ) -> bool {
        self.items += 1;
        self.checkpoints += 1;
        self.uncovered = None;
        let position = self.position();
        let matches = if checkpoint.size != position {
            let size = checkpoint.size;
            let message = say!(
                "tree.position",
                "a checkpoint of {size} entries follows {position} entries",
                size,
                position
            );
            findings.add(TreePosition, place, message);
            false
        } else if self.root() != Some(checkpoint.root) {
            let message = say!(
                "tree.root",
                "the {position} entries before the checkpoint have a different root hash",
                position
            );
            findings.add(TreeRoot, place, message);
            false
        } else {
            true
        };
        self.failed += u64::from(!matches);
        matches
    }

    pub(super) fn check(&self, findings: &mut Findings) -> Check {
        if let Some(place) = self.uncovered {
            findings.add(TreeUncovered, place, say!(phrases::TREE_UNCOVERED));
        }
        let none = (self.checkpoints == 0).then_some(phrases::REASON_NO_CHECKPOINT);
        let reason = none.or(self.uncovered.map(|_| phrases::TREE_UNCOVERED));
        Check::new(self.items, self.failed, reason)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::verify::leaves::Leaves;

    #[test]
    fn a_skip_after_the_last_checkpoint_is_uncovered() {
        let hash = Hash([7; 32]);
        let (mut tree, mut findings) = (Tree::default(), Findings::default());
        let leaves = Leaves::Hashes(vec![hash, hash]);
        let mut cursor = LeafCursor::new(&leaves);
        (0..2).for_each(|_| cursor.pass());
        tree.extend(&mut cursor);
        let checkpoint = CheckpointEntry {
            size: 2,
            root: tree.root().unwrap(),
            note: String::new(),
            head: None,
            other_origin: None,
            log: None,
            cosignatures: Vec::new(),
            bad_cosignature: false,
        };
        assert!(tree.checkpoint(&checkpoint, Place::line(4), &mut findings));
        assert!(tree.check(&mut findings).passes());
        for (line, level) in [(5, 1), (6, 2)] {
            assert!(tree.skip(level, &hash, Place::line(line), &mut findings));
        }
        assert!(!tree.check(&mut findings).passes());
        assert_eq!(tree.skipped, 6);
        let found: Vec<_> = findings.into_list().iter().map(|found| (found.code, found.line)).collect();
        assert_eq!(found, [(TreeUncovered, 5)]);
    }
}
