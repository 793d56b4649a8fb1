//! The engine of a log: accepts submissions from emitters, orders them in an append-only Merkle tree, publishes it as
//! C2SP tlog-tiles, has it witnessed, and makes exports, live views, and proofs.
//!
//! It uses no threads, files, sockets, or database, and compiles to WebAssembly. It has two hosts: the crate
//! `countersign-log-server` (`countersign serve`), and [`embedded`], a whole log for a Durable Object.
//!
//! | to do | module |
//! | --- | --- |
//! | decide the order of entries, sign, publish | [`sequencer`], which describes the commit protocol |
//! | read submissions and answer them | [`body`], [`submission`], [`quota`] |
//! | store a log | [`store`], the traits; [`tables`], the same for any SQL database |
//! | remember what was signed, and stop when it is contradicted | [`signed_memory`], [`stop`], [`self_check`] |
//! | make exports and live views | [`export`], [`event_filter`] |
//! | erase events | [`erase`] |
//! | have checkpoints cosigned, compare clocks with witnesses | [`witnessing`], [`clock`] |
//! | sign checkpoints for COSE receipts | [`tree_signer`] |
//! | upload entries to mirrors | [`mirroring`] |
//! | decide who may read, and record who did | [`tokens`], [`reads`] |
//! | count events, and report problems | [`metrics`], [`condition`], [`part`], [`failure_reports`] |
//! | parse HTTP requests and make responses, for both hosts | [`api`] |
#![deny(missing_docs, unsafe_code)]

pub mod api;
pub mod body;
pub mod clock;
pub mod condition;
pub mod embedded;
pub mod entry_matcher;
pub mod erase;
pub mod event_filter;
pub mod evidence;
pub mod export;
pub mod failure_reports;
pub mod hashes;
pub mod metrics;
pub mod mirroring;
pub mod own_chain;
pub mod part;
pub mod quota;
pub mod reads;
pub mod rejected;
pub mod self_check;
pub mod sequencer;
pub mod signed_memory;
pub mod stop;
mod stopwatch;
pub mod store;
pub mod submission;
pub mod tables;
pub mod tenants;
pub mod tokens;
pub mod tree_signer;
pub mod witnessing;
