//! Numbers of things that are kept elsewhere in a list, by what they are called.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hash, RandomState};

/// The numbers by hash, so that a name is kept once. One whose hash is taken has the next that is free.
///
/// There can be as many as lines: a tree grows without a second copy of itself, and hashes fill it evenly whatever the
/// names are.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    by_hash: BTreeMap<u64, usize>,
    hashes: RandomState,
}

impl Numbers {
    /// The number that goes by this name; `is` says whether a number does.
    pub(super) fn find(&self, name: impl Hash, is: impl Fn(usize) -> bool) -> Option<usize> {
        self.probe(self.hashes.hash_one(name), is).ok()
    }

    /// Adds a number whose name is not here yet.
    pub(super) fn add(&mut self, name: impl Hash, number: usize) {
        self.add_hash(self.hashes.hash_one(name), number);
    }

    fn add_hash(&mut self, hash: u64, number: usize) {
        if let Err(free) = self.probe(hash, |_| false) {
            self.by_hash.insert(free, number);
        }
    }

    /// The number, or the hash that is free for it.
    fn probe(&self, mut hash: u64, is: impl Fn(usize) -> bool) -> Result<usize, u64> {
        while let Some(&number) = self.by_hash.get(&hash) {
            if is(number) {
                return Ok(number);
            }
            hash = hash.wrapping_add(1);
        }
        Err(hash)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn names_with_the_same_hash_keep_their_numbers() {
        let mut numbers = Numbers::default();
        for number in 0..5 {
            numbers.add_hash(u64::MAX - 1, number);
        }
        for number in 0..5 {
            assert_eq!(numbers.probe(u64::MAX - 1, |other| other == number), Ok(number));
        }
        assert_eq!(numbers.probe(u64::MAX - 1, |_| false), Err(3));
    }
}
