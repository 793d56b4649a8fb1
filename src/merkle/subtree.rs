//! Complete subtrees, and the fewest that cover a range of leaves.

/// A complete subtree of 2^level leaves. `index`, its first leaf, is a multiple of 2^level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subtree {
    /// The index of the first leaf.
    pub index: u64,
    /// The height above the leaves: 0 for a leaf.
    pub level: u8,
}

/// Returns the fewest complete subtrees that cover the leaves from `begin` up to but not including `end`, from left
/// to right. Exports write them as skips (SPEC section 7).
///
/// Returns no subtrees if `begin` is not below `end`.
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
