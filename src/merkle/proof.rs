//! Proofs that a leaf is in a tree, and that one tree is the beginning of another (RFC 6962
//! section 2.1).

use super::subtree::{Subtree, skips};
use super::tree::{empty_root, joined, node_hash};
use crate::error::{Code, Error};
use crate::hash::Hash;

/// Where the hashes of a stored tree come from.
pub trait HashReader {
    /// The roots of complete subtrees of the tree, in the order asked for. One call asks for all
    /// that a proof takes, so that a store can read them together.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from giving every one of them.
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error>;
}

fn refuse(why: impl Into<String>) -> Error {
    Error::new(Code::Proof, why)
}

/// The hashes of the ranges of leaves, each the root of its own tree.
fn range_hashes(ranges: &[Range], reader: &impl HashReader) -> Result<Vec<Hash>, Error> {
    let subtrees = subtrees(ranges);
    let read = reader.read_hashes(&subtrees)?;
    if read.len() != subtrees.len() {
        return Err(refuse(format!("{} hashes were asked for and {} given", subtrees.len(), read.len())));
    }
    let mut rest = &read[..];
    let hash = |&(begin, end): &Range| {
        let (these, after) = rest.split_at(skips(begin, end).count());
        rest = after;
        joined(these.iter().copied())
    };
    Ok(ranges.iter().map(hash).collect())
}

/// The largest power of two below `size`, which is at least 2: the leaves of a tree's left side.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

type Range = (u64, u64);

/// The ranges of leaves beside the way from a range of leaves with that index up to the root, and that range: the first
/// on the way down for which `is_reached` holds.
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

/// The ranges of leaves beside the way from the leaf up to the root.
fn inclusion_ranges(index: u64, size: u64) -> Result<Vec<Range>, Error> {
    if index >= size {
        return Err(refuse(format!("a tree of {size} leaves has no leaf {index}")));
    }
    Ok(ranges_beside(index, size, |(begin, end)| end - begin == 1).0)
}

/// The ranges of leaves that, with the old tree, make up the new one.
fn consistency_ranges(old: u64, new: u64) -> Result<Vec<Range>, Error> {
    if old > new {
        return Err(refuse(format!("a tree of {new} leaves does not hold one of {old}")));
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut ranges, last) = ranges_beside(old - 1, new, |(_, end)| end == old);
    // The old tree's own root need not be told.
    if last.0 != 0 {
        ranges.insert(0, last);
    }
    Ok(ranges)
}

fn subtrees(ranges: &[Range]) -> Vec<Subtree> {
    ranges.iter().flat_map(|&(begin, end)| skips(begin, end)).collect()
}

/// The subtrees whose roots [`inclusion_proof`] asks its reader for.
///
/// # Errors
///
/// [`Code::Proof`] when there is no such leaf.
pub fn inclusion_subtrees(index: u64, size: u64) -> Result<Vec<Subtree>, Error> {
    inclusion_ranges(index, size).map(|ranges| subtrees(&ranges))
}

/// The subtrees whose roots [`consistency_proof`] asks its reader for.
///
/// # Errors
///
/// [`Code::Proof`] when `old` is above `new`.
pub fn consistency_subtrees(old: u64, new: u64) -> Result<Vec<Subtree>, Error> {
    consistency_ranges(old, new).map(|ranges| subtrees(&ranges))
}

/// The proof that the leaf at `index` is in the tree of `size` leaves: the hashes beside the way
/// from the leaf up to the root.
///
/// # Errors
///
/// [`Code::Proof`] when there is no such leaf, or what the reader gives.
pub fn inclusion_proof(index: u64, size: u64, reader: &impl HashReader) -> Result<Vec<Hash>, Error> {
    range_hashes(&inclusion_ranges(index, size)?, reader)
}

/// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves.
///
/// # Errors
///
/// [`Code::Proof`] when `old` is above `new`, or what the reader gives.
pub fn consistency_proof(old: u64, new: u64, reader: &impl HashReader) -> Result<Vec<Hash>, Error> {
    range_hashes(&consistency_ranges(old, new)?, reader)
}

/// The root that an inclusion proof leads to, or `None` where it is not of the length that such a
/// leaf of such a tree takes.
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

/// Checks that `proof` shows the leaf of that hash at `index` in the tree of `size` leaves.
///
/// # Errors
///
/// [`Code::Proof`] when it does not.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), Error> {
    match root_of_inclusion(index, size, leaf, proof) {
        Some(found) if found == *root => Ok(()),
        Some(_) => Err(refuse("the inclusion proof leads to another root")),
        None => Err(refuse(format!("this is not a proof for leaf {index} of {size}"))),
    }
}

/// Checks that `proof` shows the tree of `old` leaves to be the beginning of that of `new`.
///
/// Every tree begins with the tree of no leaves, whose root is the hash of nothing, and the proof
/// of that is empty.
///
/// # Errors
///
/// [`Code::Proof`] when it does not.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    let (first, second) = roots_of_consistency(old, new, old_root, new_root, proof)
        .ok_or_else(|| refuse(format!("this is not a consistency proof from {old} to {new} leaves")))?;
    if first != *old_root {
        return Err(refuse(format!("the consistency proof leads to another root at {old} leaves")));
    }
    if second != *new_root {
        return Err(refuse(format!("the consistency proof leads to another root at {new} leaves")));
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
    // Up to where the old tree's right edge is a left child, both trees share the subtree.
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
