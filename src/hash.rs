//! SHA-256 hashes, and many of them at once.

mod digest;
mod lanes;

pub use digest::{Hash, Message};
pub use lanes::{hash_many, hash_nodes};
