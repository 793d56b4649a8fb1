//! Proofs that a leaf is in a tree (inclusion), and that one tree is the beginning of another (consistency) (RFC 6962
//! section 2.1).

use super::subtree::{Subtree, skips};
use super::tree::{empty_root, joined, node_hash};
use crate::error::{Code, Error};
use crate::hash::Hash;

/// A source of a stored tree's hashes.
pub trait HashReader {
    /// Returns the roots of complete subtrees in the requested order. One call requests all hashes of a proof, so
    /// that a store can read them together.
    ///
    /// # Errors
    ///
    /// An error if the store cannot return every one of them.
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error>;
}

fn refuse(why: impl Into<String>) -> Error {
    Error::new(Code::Proof, why)
}

/// Returns the root of each range of leaves.
fn range_hashes(ranges: &[Range], reader: &impl HashReader) -> Result<Vec<Hash>, Error> {
    let subtrees = subtrees(ranges);
    let read = reader.read_hashes(&subtrees)?;
    if read.len() != subtrees.len() {
        return Err(refuse(format!(
            "the reader returned {} hashes instead of {}",
            read.len(),
            subtrees.len()
        )));
    }
    let mut rest = &read[..];
    let hash = |&(begin, end): &Range| {
        let (these, after) = rest.split_at(skips(begin, end).count());
        rest = after;
        joined(these.iter().copied())
    };
    Ok(ranges.iter().map(hash).collect())
}

/// Returns the largest power of two below `size`, which is at least 2: the number of leaves on a tree's left side.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

type Range = (u64, u64);

/// Walks down from the root towards the leaf `index` until `is_reached` is true for a range. Returns the sibling
/// ranges along the way, from the bottom up, and the range reached.
fn ranges_beside(index: u64, size: u64, is_reached: impl Fn(Range) -> bool) -> (Vec<Range>, Range) {
    let mut ranges = Vec::new();
    let (mut begin, mut end) = (0, size);
    while !is_reached((begin, end)) {
        let middle = begin + split(end - begin);
        if index < middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((begin, middle));
            begin = middle;
        }
    }
    ranges.reverse();
    (ranges, (begin, end))
}

/// Returns the sibling ranges on the path from the leaf to the root.
fn inclusion_ranges(index: u64, size: u64) -> Result<Vec<Range>, Error> {
    if index >= size {
        return Err(refuse(format!("a tree of {size} leaves has no leaf {index}")));
    }
    Ok(ranges_beside(index, size, |(begin, end)| end - begin == 1).0)
}

/// Returns the ranges of leaves that, together with the old tree, make up the new one.
fn consistency_ranges(old: u64, new: u64) -> Result<Vec<Range>, Error> {
    if old > new {
        return Err(refuse(format!("a tree of {new} leaves does not contain a tree of {old}")));
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut ranges, last) = ranges_beside(old - 1, new, |(_, end)| end == old);
    // The verifier knows the old tree's own root.
    if last.0 != 0 {
        ranges.insert(0, last);
    }
    Ok(ranges)
}

fn subtrees(ranges: &[Range]) -> Vec<Subtree> {
    ranges.iter().flat_map(|&(begin, end)| skips(begin, end)).collect()
}

/// Returns the subtrees whose roots [`inclusion_proof`] reads.
///
/// # Errors
///
/// [`Code::Proof`] if there is no such leaf.
pub fn inclusion_subtrees(index: u64, size: u64) -> Result<Vec<Subtree>, Error> {
    inclusion_ranges(index, size).map(|ranges| subtrees(&ranges))
}

/// Returns the subtrees whose roots [`consistency_proof`] reads.
///
/// # Errors
///
/// [`Code::Proof`] if `old` is greater than `new`.
pub fn consistency_subtrees(old: u64, new: u64) -> Result<Vec<Subtree>, Error> {
    consistency_ranges(old, new).map(|ranges| subtrees(&ranges))
}

/// Returns the proof that the leaf at `index` is in the tree of `size` leaves: the sibling hashes on the path from
/// the leaf to the root.
///
/// # Errors
///
/// [`Code::Proof`] if there is no such leaf; or an error of the reader.
pub fn inclusion_proof(index: u64, size: u64, reader: &impl HashReader) -> Result<Vec<Hash>, Error> {
    range_hashes(&inclusion_ranges(index, size)?, reader)
}

/// Returns the proof that the tree of `old` leaves is the beginning of the tree of `new` leaves.
///
/// # Errors
///
/// [`Code::Proof`] if `old` is greater than `new`; or an error of the reader.
pub fn consistency_proof(old: u64, new: u64, reader: &impl HashReader) -> Result<Vec<Hash>, Error> {
    range_hashes(&consistency_ranges(old, new)?, reader)
}

/// Computes the root that an inclusion proof leads to, or `None` if the proof's length is wrong for this index and
/// size.
pub fn root_of_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut index, mut last) = (index, size - 1);
    let mut hash = *leaf;
    let mut proof = proof.iter();
    while last > 0 {
        if index & 1 == 1 {
            hash = node_hash(proof.next()?, &hash);
        } else if index < last {
            hash = node_hash(&hash, proof.next()?);
        }
        (index, last) = (index >> 1, last >> 1);
    }
    proof.next().is_none().then_some(hash)
}

/// Checks the proof that the leaf with hash `leaf` is at `index` in the tree of `size` leaves.
///
/// # Errors
///
/// [`Code::Proof`] if the proof is invalid.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), Error> {
    match root_of_inclusion(index, size, leaf, proof) {
        Some(found) if found == *root => Ok(()),
        Some(_) => Err(refuse("the inclusion proof leads to a different root")),
        None => {
            Err(refuse(format!("the proof does not have the form of a proof for leaf {index} of {size}")))
        }
    }
}

/// Checks the proof that the tree of `old` leaves is the beginning of the tree of `new` leaves.
///
/// Every tree begins with the empty tree, whose root is the hash of nothing; the proof for that is empty.
///
/// # Errors
///
/// [`Code::Proof`] if the proof is invalid.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    let (first, second) = roots_of_consistency(old, new, old_root, new_root, proof).ok_or_else(|| {
        refuse(format!("the proof does not have the form of a consistency proof from {old} to {new} leaves"))
    })?;
    if first != *old_root {
        return Err(refuse(format!("the consistency proof leads to a different root at {old} leaves")));
    }
    if second != *new_root {
        return Err(refuse(format!("the consistency proof leads to a different root at {new} leaves")));
    }
    Ok(())
}

fn roots_of_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Option<(Hash, Hash)> {
    if old > new {
        return None;
    }
    if old == new || old == 0 {
        let first = if old == 0 { empty_root() } else { *old_root };
        return proof.is_empty().then_some((first, if old == new { first } else { *new_root }));
    }
    let mut proof = proof.iter();
    let (mut index, mut last) = (old - 1, new - 1);
    // Both trees share the subtree up to where the old tree's right edge is a left child.
    let level = index.trailing_ones();
    (index, last) = (index >> level, last >> level);
    let seed = if index == 0 { *old_root } else { *proof.next()? };
    let (mut first, mut second) = (seed, seed);
    while last > 0 {
        if index & 1 == 1 {
            let left = proof.next()?;
            first = node_hash(left, &first);
            second = node_hash(left, &second);
        } else if index < last {
            second = node_hash(&second, proof.next()?);
        }
        (index, last) = (index >> 1, last >> 1);
    }
    proof.next().is_none().then_some((first, second))
}
