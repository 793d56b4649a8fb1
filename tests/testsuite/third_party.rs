//! Third-party vectors. Each test states what it omits and why.

mod checkpoints;
mod ed25519;
mod merkle;
mod ml_dsa;
mod notes;
mod policies;
mod redaction;
mod tiles;
mod tlog_proof;
#[cfg(target_arch = "wasm32")]
mod webcrypto;
mod witness;
