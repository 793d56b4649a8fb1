//! Randomness from the seed.

/// A random generator. Each part of the world has its own, so that a change in one part doesn't change what the others
/// draw.
pub struct Random(fastrand::Rng);

impl Random {
    /// Creates the generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Creates another generator, whose seed is drawn from this one.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// Returns true with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.f64() < probability
    }

    /// Returns a number from `low` up to and including `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.u64(low..=high)
    }

    /// Returns a signed number from `low` up to and including `high`.
    pub fn signed(&mut self, low: i64, high: i64) -> i64 {
        self.0.i64(low..=high)
    }

    /// Returns the index of one of `count` items.
    pub fn index(&mut self, count: usize) -> usize {
        self.0.usize(0..count)
    }

    /// Returns one of the items, or `None` if there are none.
    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> Option<&'i T> {
        if items.is_empty() { None } else { items.get(self.index(items.len())) }
    }

    /// Returns random bytes: a nonce, a salt, or the seed of a key.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }
}
