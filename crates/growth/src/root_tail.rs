//! The last entries of the root log, with which ticks are proven.

use std::collections::VecDeque;

use countersign::Error;
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, HashReader, Subtree, inclusion_proof, skips};

/// The maximum number of entries. They take 64 KiB.
const MAX_ENTRIES: usize = 2048;

/// The last entries of the root log, by their leaf hashes, and the edge of the tree before them.
#[derive(Clone, Debug)]
pub(crate) struct RootTail {
    edge: CompactRange,
    entries: VecDeque<Hash>,
}

impl RootTail {
    /// Creates the tail without entries after this edge.
    pub(crate) const fn new(edge: CompactRange) -> Self {
        Self { edge, entries: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, entry: Hash) {
        self.entries.push_back(entry);
        if self.entries.len() > MAX_ENTRIES
            && let Some(oldest) = self.entries.pop_front()
        {
            self.edge.append(oldest);
        }
    }

    fn size(&self) -> u64 {
        self.edge.end() + self.entries.len() as u64
    }

    /// Returns the root hash of the root log of this size, if it ends among the entries or right before them.
    pub(crate) fn root_at(&self, size: u64) -> Option<Hash> {
        let count = usize::try_from(size.checked_sub(self.edge.end())?).ok()?;
        let mut edge = self.edge.clone();
        (count <= self.entries.len())
            .then(|| self.entries.iter().take(count).for_each(|entry| edge.append(*entry)))?;
        edge.root()
    }

    /// Returns the inclusion proof of a tick that is among the entries.
    pub(crate) fn inclusion_proof(&self, tick: u64) -> Option<Vec<Hash>> {
        let is_here = self.edge.end() <= tick;
        is_here.then(|| inclusion_proof(tick, self.size(), self).ok())?
    }

    /// Returns the root of a subtree, if the tail determines it.
    fn subtree(&self, subtree: Subtree) -> Option<Hash> {
        let (begin, end) = (subtree.index, subtree.index.checked_add(1 << subtree.level)?);
        let mut range = CompactRange::starting_at(begin);
        for (tree, hash) in skips(0, self.edge.end()).zip(self.edge.hashes()) {
            if begin <= tree.index && tree.index < end {
                range.append_subtree(tree.level, *hash).ok()?;
            }
        }
        while range.end() < end {
            let at = usize::try_from(range.end().checked_sub(self.edge.end())?).ok()?;
            range.append(*self.entries.get(at)?);
        }
        let mut hashes = range.hashes();
        let root = hashes.next().copied()?;
        (range.end() == end && hashes.next().is_none()).then_some(root)
    }
}

impl HashReader for RootTail {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let missing = |subtree: &Subtree| {
            let message = format!("no hash of the ticks from {} on", subtree.index);
            Error::new(countersign::error::Code::Proof, message)
        };
        subtrees.iter().map(|subtree| self.subtree(*subtree).ok_or_else(|| missing(subtree))).collect()
    }
}

#[cfg(test)]
mod tests {
    use countersign::merkle::{leaf_hash, verify_inclusion};

    use super::*;

    #[test]
    fn proves_each_entry_of_the_tail() {
        for start in 0..20_u64 {
            let mut edge = CompactRange::new();
            (0..start).for_each(|nth| edge.append(leaf_hash(&nth.to_be_bytes())));
            let mut tail = RootTail::new(edge.clone());
            for size in start + 1..start + 20 {
                let entry = leaf_hash(&(size - 1).to_be_bytes());
                edge.append(entry);
                tail.push(entry);
                let root = edge.root().unwrap();
                assert_eq!(tail.root_at(size), Some(root));
                for tick in 0..size {
                    let proof = tail.inclusion_proof(tick);
                    assert_eq!(proof.is_some(), tick >= start);
                    let leaf = leaf_hash(&tick.to_be_bytes());
                    assert!(
                        proof.is_none_or(|proof| verify_inclusion(tick, size, &leaf, &proof, &root).is_ok())
                    );
                }
            }
            assert_eq!(
                (tail.root_at(start + 20), start > 0 && tail.root_at(start - 1).is_some()),
                (None, false)
            );
        }
    }

    #[test]
    fn forgets_the_oldest_entries() {
        let mut tail = RootTail::new(CompactRange::new());
        let count = MAX_ENTRIES as u64 + 3;
        (0..count).for_each(|nth| tail.push(leaf_hash(&nth.to_be_bytes())));
        assert_eq!((tail.entries.len(), tail.size()), (MAX_ENTRIES, count));
        assert!(tail.inclusion_proof(2).is_none() && tail.inclusion_proof(3).is_some());
    }
}
