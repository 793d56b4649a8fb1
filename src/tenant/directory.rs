//! The directory of a tick: a full Merkle tree of 2^depth slots, one for each possible tenant (SPEC section 16.2).

use super::head::Head;
use crate::base64;
use crate::hash::Hash;
use crate::time::Time;

/// Minimum number of levels of a directory.
pub const MIN_DEPTH: u8 = 8;
/// Maximum number of levels of a directory.
pub const MAX_DEPTH: u8 = 32;

/// The length of a salt, in bytes.
pub(super) const SALT_BYTES: usize = 16;

/// Computes the hash of a head in its slot. The salt is fresh in each tick, so the hash reveals nothing.
pub fn head_leaf(head: &Head, salt: &[u8; SALT_BYTES]) -> Hash {
    let origin = head.origin.as_str().as_bytes();
    // An origin has at most 255 bytes.
    let (length, state) = (origin.len() as u8, head.state.to_byte());
    Hash::digest(&[
        b"countersign/v1 head\0",
        salt,
        &[length],
        origin,
        &[state],
        &head.size.to_be_bytes(),
        &head.root.0,
    ])
}

/// Computes the hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::digest(&[b"countersign/v1 node\0", &left.0, &right.0])
}

/// Computes the hash of a directory from its top node.
pub fn directory_hash(depth: u8, top: &Hash) -> Hash {
    Hash::digest(&[b"countersign/v1 directory\0", &[depth], &top.0])
}

/// Computes the top node from the leaf of one slot and its siblings, from the leaf up.
pub fn root_of_path(slot: u32, leaf: &Hash, siblings: &[Hash]) -> Hash {
    siblings.iter().enumerate().fold(*leaf, |hash, (level, sibling)| {
        let is_right = u64::from(slot) >> level & 1 == 1;
        if is_right { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) }
    })
}

/// An entry of the root log: the directory of one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
#[display("{FIRST_WORDS}{time} {}", base64::encode(hash.0))]
pub struct DirectoryEntry {
    /// The time of the tick, by the log server's clock. At least one second later than that of the previous entry.
    pub time: Time,
    /// The [hash](directory_hash) of the directory.
    pub hash: Hash,
}

const FIRST_WORDS: &str = "countersign/v1 directory ";

impl DirectoryEntry {
    /// Parses an entry without its line feed. Returns `None` if it isn't a directory.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, hash) = text.strip_prefix(FIRST_WORDS)?.split_once(' ')?;
        Some(Self { time: Time::parse(time.as_bytes())?, hash: Hash::from_base64(hash)? })
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_path_leads_from_each_slot_to_the_root() {
        let leaves: Vec<Hash> = (0..8).map(|slot| Hash([slot; 32])).collect();
        let pairs = |hashes: &[Hash]| -> Vec<Hash> {
            hashes.as_chunks().0.iter().map(|[left, right]| node_hash(left, right)).collect()
        };
        let (above, below_top) = (pairs(&leaves), pairs(&pairs(&leaves)));
        let top = node_hash(&below_top[0], &below_top[1]);
        for slot in 0..8_u32 {
            let at = |hashes: &[Hash], level: u32| hashes[(slot >> level ^ 1) as usize];
            let siblings = [at(&leaves, 0), at(&above, 1), at(&below_top, 2)];
            let root = root_of_path(slot, &leaves[slot as usize], &siblings);
            assert_eq!(root, top, "{slot}");
            assert_ne!(root_of_path(slot ^ 1, &leaves[slot as usize], &siblings), top);
        }
        assert_ne!(directory_hash(3, &top), directory_hash(4, &top));
    }

    #[test]
    fn entries_round_trip() {
        let entry = DirectoryEntry { time: Time::MAX, hash: Hash([7; 32]) };
        let text = entry.to_string();
        assert_eq!(DirectoryEntry::parse(&text), Some(entry));
        for text in [text.clone() + "\n", text.replacen("v1", "v2", 1), text.replacen(' ', "  ", 2)] {
            assert_eq!(DirectoryEntry::parse(&text), None, "{text:?}");
        }
    }
}
