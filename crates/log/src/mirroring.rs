//! Uploads of entries to mirrors (C2SP tlog-mirror): entry packages, their proofs, and a mirror's answers.
//!
//! A package has the entries of one entry bundle, or its last ones, and proves that the bundle's entries up to there are
//! a node of the tree of a checkpoint. Such a tree is also a tree over the roots of its bundles, so the proof is that of
//! a leaf's inclusion there.
//!
//! ```
//! use countersign::merkle::{CompactRange, PendingTree, leaf_hash};
//! use countersign_log::mirroring::{bundle_root, package_proof, verify_package};
//!
//! let leaves: Vec<_> = (0..600_u32).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
//! let mut tree = PendingTree::new(&CompactRange::new());
//! tree.extend(&leaves);
//!
//! let proof = package_proof(2, 600, &tree)?;
//! assert!(verify_package(2, 600, &bundle_root(&leaves[512..]), &proof, &tree.root()));
//! # Ok::<(), countersign::Error>(())
//! ```

use countersign::Error;
use countersign::base64;
use countersign::hash::Hash;
use countersign::merkle::{
    CompactRange, HashReader, Subtree, TILE_HEIGHT, TILE_WIDTH, empty_root, inclusion_proof,
    inclusion_subtrees, node_hash, root_of_inclusion, skips,
};

/// The maximum number of packages in one upload.
pub const MAX_PACKAGES: u64 = 32;
/// The maximum number of hashes in a package's proof.
pub const MAX_PROOF: usize = 63;
/// The content type of [`MirrorInfo`].
pub const INFO_CONTENT_TYPE: &str = "text/x.tlog.mirror-info";
/// The maximum size of a mirror's answer, in bytes.
pub const MAX_ANSWER_BYTES: usize = 1 << 18;

/// The hashes of a tree over bundle roots, computed from the tree over entries.
struct BundleHashes<'r, R> {
    entries: &'r R,
    /// The number of entries.
    size: u64,
}

impl<R: HashReader> HashReader for BundleHashes<'_, R> {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let wanted: Vec<Vec<Subtree>> =
            subtrees.iter().map(|subtree| entry_subtrees(*subtree, self.size).collect()).collect();
        let mut hashes = self.entries.read_hashes(&wanted.concat())?.into_iter();
        let joined = |parts: &Vec<Subtree>| {
            let hashes: Vec<Hash> = hashes.by_ref().take(parts.len()).collect();
            join(&hashes)
        };
        Ok(wanted.iter().map(joined).collect())
    }
}

/// Returns the complete subtrees of entries below a subtree of bundles. The last bundle may be partial.
fn entry_subtrees(bundles: Subtree, size: u64) -> impl Iterator<Item = Subtree> {
    let first = bundles.index * TILE_WIDTH;
    skips(first, size.min(first + (TILE_WIDTH << bundles.level)))
}

/// Returns the root over the roots of adjacent complete subtrees, which get smaller from left to right.
fn join(roots: &[Hash]) -> Hash {
    let mut roots = roots.iter().rev();
    let last = roots.next().copied().unwrap_or_else(empty_root);
    roots.fold(last, |right, left| node_hash(left, &right))
}

/// Returns the root over the leaf hashes of one bundle, which may be partial.
pub fn bundle_root(leaves: &[Hash]) -> Hash {
    let mut tree = CompactRange::new();
    tree.extend(leaves);
    tree.root().unwrap_or_else(empty_root)
}

/// Returns the subtrees whose roots [`package_proof`] reads.
///
/// # Errors
/// If the tree has no such bundle.
pub fn package_subtrees(bundle: u64, size: u64) -> Result<Vec<Subtree>, Error> {
    let subtrees = inclusion_subtrees(bundle, size.div_ceil(TILE_WIDTH))?;
    Ok(subtrees.into_iter().flat_map(|subtree| entry_subtrees(subtree, size)).collect())
}

/// Returns the proof that a bundle's root is a node of the tree of `size` entries.
///
/// # Errors
/// If the tree has no such bundle, or an error of the reader.
pub fn package_proof(bundle: u64, size: u64, reader: &impl HashReader) -> Result<Vec<Hash>, Error> {
    inclusion_proof(bundle, size.div_ceil(TILE_WIDTH), &BundleHashes { entries: reader, size })
}

/// True if the proof shows that the bundle's root is a node of the tree of `size` entries with the root `tree`.
pub fn verify_package(bundle: u64, size: u64, root: &Hash, proof: &[Hash], tree: &Hash) -> bool {
    root_of_inclusion(bundle, size.div_ceil(TILE_WIDTH), root, proof) == Some(*tree)
}

/// The beginning of an upload: the entries that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadHead {
    /// The log's origin.
    pub origin: String,
    /// The index of the first entry.
    pub start: u64,
    /// The size of the mirror's pending checkpoint, up to which entries are uploaded.
    pub end: u64,
    /// The mirror's ticket, which may be empty.
    pub ticket: Vec<u8>,
}

impl UploadHead {
    /// Encodes the head; `None` if the origin or the ticket is longer than 65,535 bytes.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&u16::try_from(self.origin.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(self.origin.as_bytes());
        bytes.extend_from_slice(&self.start.to_be_bytes());
        bytes.extend_from_slice(&self.end.to_be_bytes());
        bytes.extend_from_slice(&u16::try_from(self.ticket.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(&self.ticket);
        Some(bytes)
    }

    /// Returns the packages that the entries from `start` up to `end` consist of.
    pub fn packages(&self) -> impl Iterator<Item = PackagePlace> + use<> {
        let (start, end) = (self.start, self.end);
        let bundles = if start < end { start / TILE_WIDTH..end.div_ceil(TILE_WIDTH) } else { 0..0 };
        bundles.map(move |bundle| PackagePlace {
            bundle,
            start: start.max(bundle << TILE_HEIGHT),
            end: end.min((bundle + 1) << TILE_HEIGHT),
        })
    }
}

/// The entries of one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackagePlace {
    /// The number of the bundle that contains them.
    pub bundle: u64,
    /// The index of the first entry.
    pub start: u64,
    /// The index after the last entry.
    pub end: u64,
}

/// Appends a package to an upload. Each entry has at most 65,535 bytes.
pub fn push_package<L: AsRef<[u8]>>(upload: &mut Vec<u8>, entries: &[L], proof: &[Hash]) {
    for entry in entries {
        let entry = entry.as_ref();
        upload.extend_from_slice(&(entry.len() as u16).to_be_bytes());
        upload.extend_from_slice(entry);
    }
    upload.push(proof.len() as u8);
    for hash in proof {
        upload.extend_from_slice(&hash.0);
    }
}

/// A mirror's state, in its answers 202 and 409 to an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorInfo {
    /// The size of a pending checkpoint.
    pub pending: u64,
    /// The index of the first entry that the mirror lacks.
    pub next: u64,
    /// A ticket to send with the next upload.
    pub ticket: Vec<u8>,
}

impl MirrorInfo {
    /// Parses the body of an answer.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let text = str::from_utf8(body).ok()?.strip_suffix('\n')?;
        let mut lines = text.split('\n');
        let number = |line: &str| countersign::integer::parse(line.as_bytes());
        let (pending, next) = (number(lines.next()?)?, number(lines.next()?)?);
        let ticket = base64::decode(lines.next()?)?;
        lines.next().is_none().then_some(Self { pending, next, ticket })
    }

    /// Returns the body of an answer.
    pub fn to_body(&self) -> String {
        format!("{}\n{}\n{}\n", self.pending, self.next, base64::encode(&self.ticket))
    }
}

#[cfg(test)]
mod tests {
    use countersign::merkle::{PendingTree, leaf_hash};

    use super::*;

    #[test]
    fn every_bundle_of_a_tree_is_proven_and_no_other() {
        let leaves: Vec<Hash> = (0..3_000_u32).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
        for size in [1, 2, 255, 256, 257, 511, 512, 513, 768, 1_000, 1_024, 1_025, 1_537, 2_999, 3_000] {
            let mut tree = PendingTree::new(&CompactRange::new());
            tree.extend(&leaves[..size]);
            let (root, size) = (tree.root(), size as u64);
            for bundle in 0..size.div_ceil(TILE_WIDTH) {
                let first = (bundle * TILE_WIDTH) as usize;
                let end = size.min((bundle + 1) * TILE_WIDTH) as usize;
                let hash = bundle_root(&leaves[first..end]);
                let proof = package_proof(bundle, size, &tree).unwrap();
                assert!(verify_package(bundle, size, &hash, &proof, &root), "{bundle} of {size}");
                let fewer = bundle_root(&leaves[first..end - 1]);
                assert!(!verify_package(bundle, size, &fewer, &proof, &root), "{bundle} of {size}");
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(!verify_package(bundle, size, &hash, shorter, &root), "{bundle} of {size}");
                    assert!(!verify_package(bundle ^ 1, size, &hash, &proof, &root), "{bundle} of {size}");
                }
                let subtrees = package_subtrees(bundle, size).unwrap();
                assert!(tree.read_hashes(&subtrees).is_ok());
            }
            assert!(package_proof(size.div_ceil(TILE_WIDTH), size, &tree).is_err());
        }
    }

    #[test]
    fn packages_are_aligned_to_bundles() {
        let places = |start, end| {
            let head = UploadHead { origin: String::new(), start, end, ticket: Vec::new() };
            head.packages().map(|place| (place.bundle, place.start, place.end)).collect::<Vec<_>>()
        };
        assert_eq!(places(0, 0), []);
        assert_eq!(places(300, 300), []);
        assert_eq!(places(256, 512), [(1, 256, 512)]);
        assert_eq!(places(300, 700), [(1, 300, 512), (2, 512, 700)]);
    }

    #[test]
    fn a_mirror_s_state_has_one_form() {
        let info = MirrorInfo { pending: 700, next: 256, ticket: b"ticket".to_vec() };
        assert_eq!(MirrorInfo::parse(info.to_body().as_bytes()), Some(info));
        for wrong in ["", "1\n2\n", "1\n2\n\n\n", "01\n2\n\n", "1\n-2\n\n", "1\n2\n*\n"] {
            assert_eq!(MirrorInfo::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
