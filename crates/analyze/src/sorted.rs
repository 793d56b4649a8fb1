//! Lists in the order of their keys, which are looked up by halving: faster than a hash map where keys are short, and a
//! lot less code.

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
