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
mod subtree;
mod tile;
mod tree;

pub use bundle::{Bundle, MAX_BUNDLE_BYTES};
pub use compact::CompactRange;
pub use grown::PendingTree;
pub use hashes::{AuthenticHashes, TileHashes, authentic_tiles_for, decode_tile, tiles_for};
pub use proof::{
    HashReader, consistency_proof, consistency_subtrees, inclusion_proof, inclusion_subtrees,
    root_of_inclusion, verify_consistency, verify_inclusion,
};
pub use subtree::{Subtree, skips};
pub use tile::{TILE_HEIGHT, TILE_WIDTH, Tile};
#[cfg(feature = "verify")]
pub(crate) use tree::root_of;
pub use tree::{MAX_LEAF, MAX_SIZE, empty_root, leaf_hash, node_hash};
