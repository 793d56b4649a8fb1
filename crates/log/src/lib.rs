//! The engine of a log: takes submissions from emitters, orders them in an append-only Merkle tree, publishes it as C2SP
//! tlog-tiles, has it witnessed, and makes exports, live views and proofs.
//!
//! It has no threads, files, sockets or database of its own, and compiles to WebAssembly. Its hosts are the crate
//! `countersign-log-server`, which is `countersign serve`, and [`embedded`], a whole log that a Durable Object hosts.
//!
//! | to do | module |
//! | --- | --- |
//! | decide the order of entries, sign, publish | [`sequencer`], which describes the commit protocol |
//! | read what is submitted, and answer it | [`body`], [`submitting`], [`quota`] |
//! | store a log | [`store`], the traits; [`tables`], the same for any SQL database |
//! | remember what was signed, and stop when it is contradicted | [`signed_memory`], [`stop`], [`self_check`] |
//! | make exports and live views | [`export`], [`event_filter`] |
//! | erase events | [`erase`] |
//! | have checkpoints cosigned, compare clocks with witnesses | [`witnessing`], [`clock`] |
//! | decide who may read, and record who did | [`tokens`], [`reads`] |
//! | count, and tell what may be wrong | [`metrics`], [`condition`] |
//! | read HTTP requests and make answers, whoever serves them | [`api`] |
#![deny(missing_docs, unsafe_code)]

pub mod api;
pub mod body;
pub mod clock;
pub mod condition;
pub mod embedded;
pub mod erase;
pub mod event_filter;
pub mod evidence;
pub mod export;
pub mod hashes;
pub mod looking;
pub mod metrics;
pub mod own_chain;
pub mod quota;
pub mod reads;
pub mod rejected;
pub mod self_check;
pub mod sequencer;
pub mod signed_memory;
pub mod stop;
pub mod store;
pub mod submitting;
pub mod tables;
pub mod tokens;
pub mod witnessing;
