//! Lists in the order of their keys, which are looked up by halving: faster than a hash map where keys are short, and a
//! lot less code.

use core::borrow::Borrow;

/// Values by keys, of which each is there once.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let at = self.0.binary_search_by(|(known, _)| known.borrow().cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The value of a key, which it now has if it had none.
    pub(crate) fn get_or_insert(&mut self, key: K, value: V) -> &V {
        let at = match self.0.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (key, value));
                at
            }
        };
        &self.0[at].1
    }
}

/// Values by keys, of which each may be there several times. It is filled first, sorted once, and then asked.
#[derive(Clone, Debug)]
pub(crate) struct Lists<K, V>(Vec<(K, V)>);

impl<K, V> Default for Lists<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V: Ord> Lists<K, V> {
    pub(crate) fn push(&mut self, key: K, value: V) {
        self.0.push((key, value));
    }

    pub(crate) fn sort(&mut self) {
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// The key of each value.
    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = K> + '_
    where
        K: Copy,
    {
        self.0.iter().map(|(key, _)| *key)
    }

    pub(crate) fn of(&self, key: &K) -> impl Iterator<Item = &V> {
        let from = self.0.partition_point(|(known, _)| known < key);
        self.0[from..].iter().take_while(move |(known, _)| known == key).map(|(_, value)| value)
    }
}
