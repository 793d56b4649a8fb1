//! A hash index from names to the numbers of items stored elsewhere.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};

/// Item numbers by hash, so that names are stored only once, with the items: there can be as many items as
/// lines. A collision takes the next free hash.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    by_hash: HashMap<u64, usize>,
    hashes: RandomState,
}

impl Numbers {
    /// Returns the numbers of the items that may have this name, including all that do.
    pub(super) fn like(&self, name: impl Hash) -> impl Iterator<Item = usize> {
        self.from(self.hashes.hash_one(name))
    }

    /// Adds a number with this name.
    pub(super) fn add(&mut self, name: impl Hash, number: usize) {
        self.add_hash(self.hashes.hash_one(name), number);
    }

    fn from(&self, hash: u64) -> impl Iterator<Item = usize> {
        (0..).map_while(move |step| self.by_hash.get(&hash.wrapping_add(step)).copied())
    }

    fn add_hash(&mut self, hash: u64, number: usize) {
        let taken = self.from(hash).count() as u64;
        self.by_hash.insert(hash.wrapping_add(taken), number);
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn colliding_names_keep_their_numbers() {
        let mut numbers = Numbers::default();
        for number in 0..5 {
            numbers.add_hash(u64::MAX - 1, number);
        }
        assert!(numbers.from(u64::MAX - 1).eq(0..5));
        assert!(numbers.from(1).eq(3..5));
        assert_eq!(numbers.from(4).next(), None);
    }
}
