//! Lists of distinct values, to serialize each value once.

use std::collections::HashMap;

use serde::Serialize;

/// The positions of the values that are in a list already.
#[derive(Default)]
pub(crate) struct Interner(HashMap<Vec<u8>, u32>);

impl Interner {
    /// Returns the position of a value in a list, to which it is added if it is new.
    pub(crate) fn intern<T: Serialize>(&mut self, value: T, values: &mut Vec<T>) -> u32 {
        let key = written(&value);
        *self.0.entry(key).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        })
    }

    pub(crate) fn intern_all<T: Serialize>(&mut self, from: Vec<T>, values: &mut Vec<T>) -> Vec<u32> {
        from.into_iter().map(|value| self.intern(value, values)).collect()
    }
}

/// Serializes a value.
pub(crate) fn written(value: &impl Serialize) -> Vec<u8> {
    // Writing into memory can't fail.
    postcard::to_stdvec(value).unwrap_or_default()
}
