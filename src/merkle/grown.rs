//! A tree while it grows: the hashes that its storage does not have yet.

use super::{CompactRange, HashReader, Subtree, skips};
use crate::error::{Code, Error};
use crate::hash::{Hash, hash_nodes};

/// The complete subtrees of a tree's right edge as it was, and all that were completed since.
///
/// From these follow the root, the hashes to be stored, and a proof for each leaf that was added, without a read
/// from storage.
///
/// ```
/// use countersign::merkle::{CompactRange, PendingTree, inclusion_proof, leaf_hash, verify_inclusion};
///
/// let leaves: Vec<_> = (0_u8..7).map(|leaf| leaf_hash(&[leaf])).collect();
/// let mut edge = CompactRange::new();
/// edge.extend(&leaves[..3]);
/// let mut tree = PendingTree::new(&edge);
/// tree.extend(&leaves[3..]);
///
/// let proof = inclusion_proof(5, 7, &tree)?;
/// verify_inclusion(5, 7, &leaves[5], &proof, &tree.root())?;
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PendingTree {
    base: u64,
    size: u64,
    /// By level above the leaves.
    levels: Vec<Level>,
}

/// Complete subtrees of one level, next to each other.
#[derive(Clone, Debug)]
struct Level {
    /// How many subtrees of this level are before those here.
    first: u64,
    hashes: Vec<Hash>,
}

impl PendingTree {
    /// Begins with a tree as its right edge knows it: a range that begins at 0.
    pub fn new(edge: &CompactRange) -> Self {
        let base = edge.end();
        let level = |level: u32| Level { first: base >> level, hashes: Vec::new() };
        let mut levels: Vec<Level> = (0..=base.checked_ilog2().unwrap_or(0)).map(level).collect();
        for (subtree, hash) in skips(edge.begin(), base).zip(edge.hashes()) {
            if let Some(level) = levels.get_mut(usize::from(subtree.level)) {
                level.first -= 1;
                level.hashes.push(*hash);
            }
        }
        Self { base, size: base, levels }
    }

    /// How many leaves there were.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds leaves by their hashes: many at once is much faster than one by one.
    pub fn extend(&mut self, leaves: &[Hash]) {
        self.size += leaves.len() as u64;
        self.levels[0].hashes.extend_from_slice(leaves);
        let mut below = 0;
        while self.size >> (below + 1) > 0 {
            if self.levels.len() == below + 1 {
                self.levels.push(Level { first: 0, hashes: Vec::new() });
            }
            let (lower, upper) = self.levels.split_at_mut(below + 1);
            let (Some(children), Some(parents)) = (lower.last(), upper.first_mut()) else { break };
            let done = parents.first + parents.hashes.len() as u64;
            let begin = (2 * done - children.first) as usize;
            let end = begin + 2 * ((self.size >> (below + 1)) - done) as usize;
            hash_nodes(&children.hashes[begin..end], &mut parents.hashes);
            below += 1;
        }
    }

    /// The roots of the complete subtrees of that level that were completed since [`base`](Self::base), and how many
    /// such subtrees come before them.
    pub fn completed(&self, level: u8) -> (u64, &[Hash]) {
        let before = self.base.checked_shr(u32::from(level)).unwrap_or(0);
        let hashes = self
            .levels
            .get(usize::from(level))
            .map_or(&[][..], |known| known.hashes.get((before - known.first) as usize..).unwrap_or_default());
        (before, hashes)
    }

    /// The right edge of the tree as it is now.
    pub fn edge(&self) -> CompactRange {
        let mut edge = CompactRange::new();
        for subtree in skips(0, self.size) {
            let added = self.hash(subtree).and_then(|hash| edge.append_subtree(subtree.level, hash));
            debug_assert!(added.is_ok(), "the right edge is always here");
        }
        edge
    }

    /// The root hash of the tree as it is now.
    pub fn root(&self) -> Hash {
        self.edge().root().unwrap_or_else(super::empty_root)
    }

    fn hash(&self, subtree: Subtree) -> Result<Hash, Error> {
        let Subtree { index, level } = subtree;
        let known = self.levels.get(usize::from(level));
        let hash = known.and_then(|known| {
            let place = (index >> level).checked_sub(known.first)?;
            known.hashes.get(usize::try_from(place).ok()?)
        });
        hash.copied().ok_or_else(|| {
            Error::new(Code::Proof, format!("the subtree of level {level} at leaf {index} is not here"))
        })
    }
}

impl HashReader for PendingTree {
    /// # Errors
    /// [`Code::Proof`] for a subtree that was complete before and is not on the right edge.
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        subtrees.iter().map(|subtree| self.hash(*subtree)).collect()
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::merkle::{inclusion_proof, leaf_hash, verify_inclusion};

    #[test]
    fn any_growth_gives_the_tree_and_a_proof_of_each_new_leaf() {
        let leaves: Vec<Hash> = (0..70_u8).map(|leaf| leaf_hash(&[leaf])).collect();
        for base in 0..leaves.len() {
            for size in base..=leaves.len() {
                let mut edge = CompactRange::new();
                edge.extend(&leaves[..base]);
                let mut tree = PendingTree::new(&edge);
                let middle = base + (size - base) / 3;
                tree.extend(&leaves[base..middle]);
                tree.extend(&leaves[middle..size]);
                let mut whole = CompactRange::new();
                whole.extend(&leaves[..size]);
                assert_eq!(tree.edge(), whole, "{base} {size}");
                assert_eq!(tree.completed(0), (base as u64, &leaves[base..size]));
                for (leaf, index) in leaves[base..size].iter().zip(base as u64..) {
                    let proof = inclusion_proof(index, size as u64, &tree).unwrap();
                    verify_inclusion(index, size as u64, leaf, &proof, &tree.root()).unwrap();
                }
            }
        }
    }

    #[test]
    fn what_was_completed_at_each_level_is_told_once() {
        let leaves: Vec<Hash> = (0..40_u8).map(|leaf| leaf_hash(&[leaf])).collect();
        let mut edge = CompactRange::new();
        edge.extend(&leaves[..21]);
        let mut tree = PendingTree::new(&edge);
        tree.extend(&leaves[21..]);
        for level in 0..7 {
            let (before, hashes) = tree.completed(level);
            assert_eq!(before, 21 >> level);
            assert_eq!(hashes.len() as u64, (40 >> level) - before);
        }
        assert!(tree.hash(Subtree { index: 0, level: 0 }).is_err());
    }
}
