//! Seeds of the random numbers of simulated years.

use countersign::hash::Hash;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// A seed determined by log and scenario: the same ones simulate the same years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub Hash);

/// The prefix that separates this hash from hashes for other purposes.
const TAG: &[u8] = b"countersign/risk/v1\n";

impl Seed {
    /// Computes SHA-256 over the tag, the log's root (if any), and the scenario's hash.
    pub fn derive(root: Option<&Hash>, scenario: &Hash) -> Self {
        let root: &[u8] = root.map_or(&[], |root| &root.0);
        Self(Hash::digest(&[TAG, root, &scenario.0]))
    }

    /// Returns the random numbers of one year: PCG XSL RR 128/64, seeded with SHA-256 over the seed and the
    /// year.
    pub(crate) fn year(&self, year: u32) -> Year {
        Year(Pcg64::from_seed(Hash::digest(&[&self.0.0, &year.to_be_bytes()]).0))
    }
}

pub(crate) struct Year(Pcg64);

impl Year {
    /// Returns a number strictly between 0 and 1: an odd multiple of 2^-54.
    pub(crate) fn uniform(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        ((self.0.next_u64() >> 11) as f64 + 0.5) * STEP
    }
}
