//! The hashes of a directory's tree (SPEC section 16.2).

use countersign::hash::{Hash, Message, hash_many};

/// Number of pairs hashed together: enough to fill all SIMD lanes, and few enough for the processor's cache.
const BATCH: usize = 256;
/// The prefix of a node's hash input, before its two children.
const NODE: &[u8] = b"countersign/v1 node\0";

/// A full binary tree with all its hashes. Uses 64 bytes of memory per leaf.
pub(super) struct DirectoryTree {
    /// The hashes of each level, from the leaves up to the top node.
    levels: Vec<Vec<Hash>>,
}

impl DirectoryTree {
    /// Computes the tree. The number of leaves must be a power of two.
    pub(super) fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(children) = levels.last().filter(|level| level.len() > 1) {
            let (pairs, _) = children.as_chunks();
            levels.push(hash_pairs(pairs));
        }
        Self { levels }
    }

    /// Replaces leaves, and recomputes the nodes above them, each once. `slots` must be ascending.
    pub(super) fn replace(&mut self, mut slots: Vec<usize>, leaves: &[Hash]) {
        let Some((lowest, above)) = self.levels.split_first_mut() else { return };
        for (slot, leaf) in slots.iter().zip(leaves) {
            lowest[*slot] = *leaf;
        }
        let mut children = lowest;
        for level in above {
            for slot in &mut slots {
                *slot /= 2;
            }
            slots.dedup();
            let pairs: Vec<[Hash; 2]> =
                slots.iter().map(|slot| [children[2 * slot], children[2 * slot + 1]]).collect();
            for (slot, hash) in slots.iter().zip(hash_pairs(&pairs)) {
                level[*slot] = hash;
            }
            children = level;
        }
    }

    /// Returns the top node.
    pub(super) fn top(&self) -> &Hash {
        &self.levels[self.levels.len() - 1][0]
    }

    /// Returns the siblings on the path from a leaf to the top node, from the leaf up.
    pub(super) fn siblings(&self, slot: u32) -> Vec<Hash> {
        let below_top = &self.levels[..self.levels.len() - 1];
        below_top.iter().zip(0_u32..).map(|(level, at)| level[(slot >> at ^ 1) as usize]).collect()
    }

    /// Returns the hashes of a level, counted from the leaves. Empty above the top node.
    pub(super) fn level(&self, level: u8) -> &[Hash] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }
}

/// Returns the nodes this many levels above these hashes, whose number must be a multiple of 2^`levels`.
pub(super) fn hash_levels(mut hashes: Vec<Hash>, levels: u8) -> Vec<Hash> {
    for _ in 0..levels {
        let (pairs, _) = hashes.as_chunks();
        hashes = hash_pairs(pairs);
    }
    hashes
}

/// Returns the nodes above these pairs of hashes.
fn hash_pairs(pairs: &[[Hash; 2]]) -> Vec<Hash> {
    let mut parents = Vec::with_capacity(pairs.len());
    let mut bodies = [[0; 64]; BATCH];
    for pairs in pairs.chunks(BATCH) {
        for (body, [left, right]) in bodies.iter_mut().zip(pairs) {
            body[..32].copy_from_slice(&left.0);
            body[32..].copy_from_slice(&right.0);
        }
        let messages: Vec<_> =
            bodies[..pairs.len()].iter().map(|body| Message { prefix: NODE, body }).collect();
        hash_many(&messages, &mut parents);
    }
    parents
}
