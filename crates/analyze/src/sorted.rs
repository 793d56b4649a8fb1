//! Sorted lists with binary search: faster than a hash map for short keys, and far less code.

/// A multimap. It is filled first, sorted once, and then queried.
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

    /// Returns the key of each value.
    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = K> + '_
    where
        K: Copy,
    {
        self.0.iter().map(|(key, _)| *key)
    }

    pub(crate) fn get(&self, key: &K) -> impl Iterator<Item = &V> {
        let from = self.0.partition_point(|(known, _)| known < key);
        self.0[from..].iter().take_while(move |(known, _)| known == key).map(|(_, value)| value)
    }
}
