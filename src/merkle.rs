//! The RFC 6962 Merkle tree over a log's leaves (SPEC section 2).
//!
//! A leaf's hash is `H(0x00 ‖ leaf)`, a node's is `H(0x01 ‖ left ‖ right)`, and the tree over n
//! leaves has on its left the largest complete subtree: that of the largest power of two below n.
//!
//! ```
//! use countersign::merkle::{CompactRange, leaf_hash, node_hash};
//!
//! let [a, b, c] = [b"a", b"b", b"c"].map(|leaf| leaf_hash(leaf));
//! let mut tree = CompactRange::new();
//! tree.extend(&[a, b, c]);
//! assert_eq!(tree.root(), Some(node_hash(&node_hash(&a, &b), &c)));
//! ```

mod bundle;
mod compact;
mod grown;
mod hashes;
mod proof;
mod tile;

pub use bundle::{Bundle, MAX_BUNDLE_BYTES};
pub use compact::CompactRange;
pub use grown::Grown;
pub use hashes::{AuthenticHashes, TileHashes, authentic_tiles_for, decode_tile, tiles_for};
pub use proof::{
    HashReader, consistency_proof, consistency_subtrees, inclusion_proof, inclusion_subtrees,
    root_of_inclusion, verify_consistency, verify_inclusion,
};
pub use tile::{TILE_HEIGHT, TILE_WIDTH, Tile};

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
fn joined(roots: impl IntoIterator<Item = Hash, IntoIter: DoubleEndedIterator>) -> Hash {
    roots.into_iter().rev().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
}

/// A complete subtree of 2^level leaves, the first of them at `index`, a multiple of 2^level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subtree {
    /// The index of its first leaf.
    pub index: u64,
    /// The height above the leaves: 0 for a leaf.
    pub level: u8,
}

/// The fewest complete subtrees that cover the leaves from `begin` up to, and not including,
/// `end`, from left to right: what an export writes as skips (SPEC section 7).
///
/// There are none when `begin` is not below `end`.
///
/// ```
/// use countersign::merkle::skips;
/// let cover: Vec<_> = skips(3, 13).map(|tree| (tree.index, tree.level)).collect();
/// assert_eq!(cover, [(3, 0), (4, 2), (8, 2), (12, 0)]);
/// ```
pub fn skips(begin: u64, end: u64) -> impl Iterator<Item = Subtree> {
    let mut index = begin;
    core::iter::from_fn(move || {
        let left = end.checked_sub(index).filter(|&left| left > 0)?;
        let level = index.trailing_zeros().min(left.ilog2());
        let subtree = Subtree { index, level: level as u8 };
        index += 1 << level;
        Some(subtree)
    })
}
