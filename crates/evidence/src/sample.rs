//! A sample of events for testing that no one could choose (SPEC section 14).
//!
//! Anyone who knows the root beforehand could try seeds until one draws convenient events, and anyone who knows the
//! seed could try entries of the log. The seed is therefore agreed on before the checkpoint whose root is used exists,
//! or without looking at it.

use std::collections::BTreeSet;

use countersign::hash::Hash;

/// The prefix of the hash of a drawn entry.
const TAG: &[u8] = b"countersign/sample/v1\n";

/// The maximum size of a sample.
pub const MAX_SAMPLED: usize = 10_000;

/// Draws a sample from candidates that arrive in any order and any number of batches.
///
/// It stores at most as many entries as it draws.
#[derive(Clone, Debug)]
pub struct Draw {
    begin: Vec<u8>,
    wanted: usize,
    drawn: BTreeSet<(Hash, u64)>,
}

impl Draw {
    /// Starts a draw with the root of a checkpoint, the agreed seed, and the size of the sample.
    pub fn new(root: &Hash, seed: &str, wanted: usize) -> Self {
        let begin = [TAG, &root.0, &(seed.len() as u64).to_be_bytes(), seed.as_bytes()].concat();
        Self { begin, wanted, drawn: BTreeSet::new() }
    }

    /// Adds a candidate. Repeated ones change nothing.
    pub fn offer(&mut self, leaf: u64) {
        self.keep((self.rank(leaf), leaf));
    }

    fn rank(&self, leaf: u64) -> Hash {
        Hash::digest(&[&self.begin, &leaf.to_be_bytes()])
    }

    /// Adds what another draw with the same root, seed, and size drew from other candidates.
    pub fn merge(&mut self, other: Self) {
        for drawn in other.drawn {
            self.keep(drawn);
        }
    }

    /// Returns the entries in the order in which they are drawn: a smaller sample is a prefix of a larger one.
    pub fn finish(self) -> Vec<u64> {
        self.drawn.into_iter().map(|(_, leaf)| leaf).collect()
    }

    fn keep(&mut self, candidate: (Hash, u64)) {
        if self.drawn.len() == self.wanted && self.drawn.last().is_none_or(|last| candidate >= *last) {
            return;
        }
        self.drawn.insert(candidate);
        if self.drawn.len() > self.wanted {
            self.drawn.pop_last();
        }
    }
}

/// Returns the `n` candidates that root and seed draw, in the order in which they are drawn; all of them if there are
/// fewer.
///
/// ```
/// use countersign::hash::Hash;
/// use countersign_evidence::sample;
///
/// let root = Hash([7; 32]);
/// let drawn = sample(&root, "Q4 2026, agreed on 5 January", 0..1000, 3);
/// assert_eq!(drawn, sample(&root, "Q4 2026, agreed on 5 January", (0..1000).rev(), 25)[..3]);
/// ```
pub fn sample(root: &Hash, seed: &str, candidates: impl Iterator<Item = u64>, n: usize) -> Vec<u64> {
    let mut draw = Draw::new(root, seed, n);
    for leaf in candidates {
        draw.offer(leaf);
    }
    draw.finish()
}

/// True if root and seed draw these entries in this order, each once, whatever the other candidates are.
pub(crate) fn is_drawn_in_order(root: &Hash, seed: &str, leaves: &[u64]) -> bool {
    let draw = Draw::new(root, seed, 0);
    leaves.is_sorted_by(|one, next| draw.rank(*one) < draw.rank(*next))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Compares with the example in SPEC section 14, computed with Python's hashlib.
    #[test]
    fn draws_the_example_of_the_specification() {
        let root = Hash(core::array::from_fn(|place| place as u8));
        assert_eq!(sample(&root, "2026-Q4", 0..100, 5), [7, 58, 38, 61, 34]);
        let first = Hash::digest(&[&Draw::new(&root, "2026-Q4", 1).begin, &7_u64.to_be_bytes()]);
        assert_eq!(
            countersign::hex::encode(&first.0),
            "03b9e49caf326a0d59687b8b416f1e85c9ff971b37b596f1d04f438e2b93ccad"
        );
    }

    #[test]
    fn seed_and_root_change_the_sample() {
        let root = Hash([1; 32]);
        let one = sample(&root, "a", 0..1000, 10);
        assert_ne!(one, sample(&root, "b", 0..1000, 10));
        assert_ne!(one, sample(&Hash([2; 32]), "a", 0..1000, 10));
        assert_ne!(one, sample(&root, "a\0", 0..1000, 10));
    }

    #[test]
    fn handles_too_few_candidates() {
        let root = Hash([1; 32]);
        assert!(sample(&root, "", 0..10, 0).is_empty());
        assert!(sample(&root, "", core::iter::empty(), 10).is_empty());
        let mut all = sample(&root, "", 0..7, 10);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
    }

    proptest! {
        #[test]
        fn order_batches_and_repetition_do_not_matter(
            leaves in prop::collection::btree_set(0..1_u64 << 53, 0..200),
            seed in ".{0,20}",
            root: [u8; 32],
            n in 0..50_usize,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
            swaps in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..50),
        ) {
            let root = Hash(root);
            let expected = sample(&root, &seed, leaves.iter().copied(), n);
            prop_assert_eq!(expected.len(), n.min(leaves.len()));

            let mut shuffled: Vec<u64> = leaves.iter().copied().collect();
            if !shuffled.is_empty() {
                for (one, other) in swaps {
                    let (one, other) = (one.index(shuffled.len()), other.index(shuffled.len()));
                    shuffled.swap(one, other);
                }
            }
            prop_assert_eq!(&sample(&root, &seed, shuffled.iter().copied(), n), &expected);
            let twice = shuffled.iter().chain(&shuffled).copied();
            prop_assert_eq!(&sample(&root, &seed, twice, n), &expected);

            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(shuffled.len() + 1)).collect();
            places.extend([0, shuffled.len()]);
            places.sort_unstable();
            let mut merged = Draw::new(&root, &seed, n);
            for ends in places.windows(2).rev() {
                let mut part = Draw::new(&root, &seed, n);
                shuffled[ends[0]..ends[1]].iter().for_each(|leaf| part.offer(*leaf));
                merged.merge(part);
            }
            prop_assert_eq!(merged.finish(), expected);
        }
    }
}
