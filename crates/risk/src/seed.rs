//! What makes the numbers of each simulated year.

use countersign::hash::Hash;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// What log and scenario determine: who has both draws the same years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub Hash);

/// What makes this hash another than any that is made for other ends.
const TAG: &[u8] = b"countersign/risk/v1\n";

impl Seed {
    /// SHA-256 over the tag, the log's root, or nothing in its place, and the scenario's hash.
    pub fn of(root: Option<&Hash>, scenario: &Hash) -> Self {
        let root: &[u8] = root.map_or(&[], |root| &root.0);
        Self(Hash::of(&[TAG, root, &scenario.0]))
    }

    /// The numbers of one year: PCG XSL RR 128/64, seeded by SHA-256 over this and the year.
    pub(crate) fn year(&self, year: u32) -> Year {
        Year(Pcg64::from_seed(Hash::of(&[&self.0.0, &year.to_be_bytes()]).0))
    }
}

pub(crate) struct Year(Pcg64);

impl Year {
    /// A number between 0 and 1, and neither of them: an odd multiple of 2^-54.
    pub(crate) fn uniform(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        ((self.0.next_u64() >> 11) as f64 + 0.5) * STEP
    }
}
