//! Other people's vectors. Each test says what it leaves out, and why.

#[path = "../common/files.rs"]
mod files;
#[path = "../common/third_party.rs"]
mod vectors;

#[path = "../common/value.rs"]
mod value;
#[cfg(target_arch = "wasm32")]
#[path = "../common/webcrypto.rs"]
mod webcrypto;

mod checkpoints;
mod ed25519;
mod merkle;
mod notes;
mod policies;
mod redaction;
mod tiles;
mod tlog_proof;
#[cfg(target_arch = "wasm32")]
#[path = "webcrypto.rs"]
mod webcrypto_peer;
mod witness;
