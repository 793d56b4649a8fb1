//! The collector: takes submissions from emitters, orders them in an append-only Merkle tree, publishes it as C2SP
//! tlog-tiles, has it witnessed, and serves exports, live streams and proofs.
#![deny(missing_docs, unsafe_code)]

mod api;
pub mod asked;
#[cfg(feature = "server")]
pub mod backup;
#[cfg(feature = "server")]
pub mod bucket;
pub mod clock;
#[cfg(feature = "server")]
pub mod collector;
#[cfg(feature = "server")]
pub mod control_files;
#[cfg(feature = "server")]
mod disk;
pub mod embedded;
pub mod erase;
pub mod evidence;
pub mod export;
#[cfg(feature = "server")]
mod files;
#[cfg(feature = "server")]
pub mod findings;
#[cfg(feature = "server")]
pub mod fsck;
pub mod hashes;
#[cfg(feature = "server")]
pub mod lock;
pub mod metrics;
#[cfg(feature = "server")]
pub mod oidc;
mod own_chain;
#[cfg(feature = "server")]
pub mod own_entries;
#[cfg(feature = "server")]
mod own_view;
pub mod quota;
#[cfg(feature = "server")]
pub mod reading;
pub mod reads;
#[cfg(feature = "server")]
pub mod reason;
#[cfg(feature = "server")]
pub mod restore;
#[cfg(feature = "server")]
pub mod retention;
#[cfg(feature = "server")]
pub mod search;
mod self_check;
mod sequencer;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod server;
pub mod signed;
#[cfg(feature = "server")]
pub mod sqlite;
pub mod stop;
pub mod store;
mod strangers;
mod submitting;
pub mod tables;
pub mod tokens;
#[cfg(feature = "server")]
mod turns;
#[cfg(feature = "server")]
pub mod witness;
mod witnessing;
