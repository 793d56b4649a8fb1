//! SHA-256 hashes, singly and in batches.

mod digest;
mod lanes;

pub use digest::{Hash, Message};
pub use lanes::{hash_many, hash_nodes};
