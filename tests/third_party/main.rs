//! Other people's vectors. Each test says what it leaves out, and why.

#[path = "../common/files.rs"]
mod files;
#[path = "../common/third_party.rs"]
mod vectors;

#[path = "../common/value.rs"]
mod value;

mod checkpoints;
mod ed25519;
mod merkle;
mod notes;
mod policies;
mod tiles;
mod tlog_proof;
mod witness;
