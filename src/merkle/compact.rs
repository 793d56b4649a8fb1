//! Compact ranges: a range of leaves, represented by the roots of the fewest subtrees that cover it.

use super::subtree::{Subtree, skips};
use super::tree::{MAX_SIZE, joined, node_hash, root_of};
use crate::error::{Code, Error};
use crate::hash::Hash;

/// The leaves from [`begin`](Self::begin) up to but not including [`end`](Self::end), as the hashes of the fewest
/// complete subtrees that cover them.
///
/// A range that begins at 0 is the right edge of a tree. It suffices to add leaves and to compute the root, in memory
/// logarithmic in the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactRange {
    begin: u64,
    end: u64,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    level: u8,
    hash: Hash,
}

impl CompactRange {
    /// Creates an empty range at index 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty range at `begin`, which is at most [`MAX_SIZE`].
    pub fn starting_at(begin: u64) -> Self {
        Self { begin, end: begin, nodes: Vec::new() }
    }

    /// Returns the index of the first leaf.
    pub const fn begin(&self) -> u64 {
        self.begin
    }

    /// Returns the index after the last leaf.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Returns the number of leaves.
    pub const fn size(&self) -> u64 {
        self.end - self.begin
    }

    /// Returns the hashes of the subtrees of [`skips`]`(begin, end)`, in that order.
    pub fn hashes(&self) -> impl DoubleEndedIterator<Item = &Hash> {
        self.nodes.iter().map(|node| &node.hash)
    }

    /// Adds one leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        self.push(Node { level: 0, hash: leaf });
    }

    /// Adds leaves by their hashes. Much faster than adding them one by one.
    pub fn extend(&mut self, leaves: &[Hash]) {
        let mut rest = leaves;
        while let Some(Subtree { level, .. }) = skips(self.end, self.end + rest.len() as u64).next() {
            let (chunk, after) = rest.split_at(1 << level);
            rest = after;
            self.push(Node { level, hash: root_of(chunk) });
        }
    }

    /// Adds 2^level leaves by the root of their subtree.
    ///
    /// # Errors
    ///
    /// [`Code::Proof`] if the end of this range is not a multiple of 2^level, if the level is greater than 52, or if
    /// there would be more leaves than [`MAX_SIZE`]. In this case, the range is unchanged.
    pub fn append_subtree(&mut self, level: u8, root: Hash) -> Result<(), Error> {
        if level > 52 || !self.end.is_multiple_of(1 << level) {
            let why = format!("no subtree of level {level} begins at leaf {}", self.end);
            return Err(Error::new(Code::Proof, why));
        }
        if MAX_SIZE.checked_sub(self.end).is_none_or(|room| room < 1 << level) {
            return Err(Error::new(Code::Proof, "a tree has at most 2^53 - 1 leaves"));
        }
        self.push(Node { level, hash: root });
        Ok(())
    }

    /// Returns the root hash of the tree, or `None` for a range that does not begin at 0.
    pub fn root(&self) -> Option<Hash> {
        (self.begin == 0).then(|| joined(self.hashes().copied()))
    }

    /// Adds an aligned subtree, and joins subtrees that have become complete.
    fn push(&mut self, mut node: Node) {
        self.end += 1 << node.level;
        // The last two subtrees of one level are siblings if the pair is aligned.
        while let Some(last) =
            self.nodes.pop_if(|last| last.level == node.level && self.end >> node.level & 1 == 0)
        {
            node = Node { level: node.level + 1, hash: node_hash(&last.hash, &node.hash) };
        }
        self.nodes.push(node);
    }
}
