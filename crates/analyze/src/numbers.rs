//! A hash table of numbers by their texts, which are stored elsewhere.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

/// Returns the text of a number.
pub(crate) type TextOf<'a> = &'a dyn Fn(u32) -> &'a str;

/// A set of numbers, found by their texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    table: HashTable<u32>,
    by: RandomState,
}

impl Numbers {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns the number of a string.
    pub(crate) fn find(&self, text: &str, text_of: TextOf<'_>) -> Option<u32> {
        self.table.find(self.by.hash_one(text), |number| text_of(*number) == text).copied()
    }

    /// Adds a number whose text isn't in the table yet.
    pub(crate) fn insert(&mut self, number: u32, text_of: TextOf<'_>) {
        let by = &self.by;
        self.table.insert_unique(by.hash_one(text_of(number)), number, |other| by.hash_one(text_of(*other)));
    }

    /// Removes a number, whose text must still be available.
    pub(crate) fn remove(&mut self, number: u32, text_of: TextOf<'_>) {
        let hash = self.by.hash_one(text_of(number));
        if let Ok(found) = self.table.find_entry(hash, |other| *other == number) {
            found.remove();
        }
    }

    /// Returns all numbers, in no particular order.
    pub(crate) fn all(&self) -> impl Iterator<Item = u32> + '_ {
        self.table.iter().copied()
    }
}
