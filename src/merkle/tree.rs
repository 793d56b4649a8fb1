//! Hashes of leaves and nodes, and size limits of a tree.

use crate::hash::{Hash, hash_nodes};
use crate::integer;

/// Maximum number of leaves in a tree: 2^53 − 1, so that JSON can represent every index and size.
pub const MAX_SIZE: u64 = integer::MAX;

/// Maximum size of a leaf, in bytes.
pub const MAX_LEAF: usize = 65_535;

/// Computes the hash of a leaf, `H(0x00 ‖ leaf)`, which is also `prev` of the next link.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash::digest(&[&[0], leaf])
}

/// Computes the hash of an inner node, `H(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::digest(&[&[1], &left.0, &right.0])
}

/// Returns the root of the empty tree: the hash of nothing.
pub fn empty_root() -> Hash {
    Hash::digest(&[])
}

/// Computes the root over hashes whose number is a power of two.
pub(crate) fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [root] => *root,
        _ => {
            let mut parents = Vec::with_capacity(hashes.len() / 2);
            hash_nodes(hashes, &mut parents);
            root_of(&parents)
        }
    }
}

/// Computes the root of the tree composed of complete subtrees, given their roots from left to right.
pub(super) fn joined(roots: impl IntoIterator<Item = Hash, IntoIter: DoubleEndedIterator>) -> Hash {
    roots.into_iter().rev().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
}
