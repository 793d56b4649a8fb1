//! The collector: takes submissions from emitters, orders them in an append-only Merkle tree, publishes it as C2SP
//! tlog-tiles, has it witnessed, and serves exports, live streams and proofs.
#![deny(missing_docs, unsafe_code)]

pub mod bucket;
pub mod collector;
pub mod erase;
pub mod export;
pub mod filter;
pub mod hashes;
pub mod metrics;
mod own_chain;
pub mod reading;
pub mod retention;
pub mod search;
mod sequencer;
pub mod serve;
pub mod server;
pub mod sqlite;
pub mod store;
mod tables;
pub mod tokens;
pub mod witness;
mod witnessing;
