//! The hashes of leaves and nodes, and how large a tree may be.

use crate::hash::{Hash, hash_nodes};
use crate::integer;

/// The most leaves that a tree may have: 2^53 − 1, so that JSON can carry every index and size.
pub const MAX_SIZE: u64 = integer::MAX;

/// The largest leaf, in bytes.
pub const MAX_LEAF: usize = 65_535;

/// `H(0x00 ‖ leaf)`: the hash of a leaf, and the `prev` of the link after it.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash::of(&[&[0], leaf])
}

/// `H(0x01 ‖ left ‖ right)`: the hash of the node above two others.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[1], &left.0, &right.0])
}

/// The root of the tree without leaves: the hash of nothing.
pub fn empty_root() -> Hash {
    Hash::of(&[])
}

/// The root over a power of two of hashes.
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

/// The root of the tree that complete subtrees make up, given their roots from left to right.
pub(super) fn joined(roots: impl IntoIterator<Item = Hash, IntoIter: DoubleEndedIterator>) -> Hash {
    roots.into_iter().rev().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
}
