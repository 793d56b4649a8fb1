//! A deterministic simulation of a log with its recorders, witnesses, readers, and a lying operator.
//!
//! The log is an ordinary one, or a root log with tenant logs, each of which has recorders and readers of its own.
//!
//! One thread runs the product's own code: the engine with the tables of its store, the outbox and the delivery of
//! recorders, the decisions of witnesses, and the verifier. Disks, clocks, and the network are simulated, and a seed
//! decides everything that happens: which writes fail, when processes are killed, how long messages take. Equal seeds
//! give equal runs, so a seed reproduces a failure.
//!
//! | part | module |
//! | --- | --- |
//! | order of events, randomness, faults, record of a run | [`scheduler`], [`random`], [`faults`], [`settings`], [`trace`] |
//! | log server and its disk | [`server`], [`disk`] |
//! | recorders, their outboxes, and their delivery | [`recorder`], [`outbox_files`], [`delivery`] |
//! | witnesses | [`witness`] |
//! | readers | [`reader`] |
//! | the log operator's lies, and who notices each | [`operator`], [`operator::tenants`] |
//! | what must hold | [`history`], [`model`] |
//! | everything together | [`world`] |
//!
//! These must hold in every run:
//!
//! - An event that the log has proven to contain is in every later export, once, at the proven place.
//! - Once all faults end, every event that a recorder made durable is delivered.
//! - What an honest log shows, to anyone and at any time, is one history, and the verdict on it is `verified`.
//! - Each lie of the operator leads to the finding that SPEC.md promises, for the reader who can notice it. For tenant
//!   logs, [`operator::tenants`] has the table: who notices each lie, and when.
//!
//! In a run with tenant logs, the first three hold for each of them, and also these:
//!
//! - Each published tick proves the head of each tenant log. A tenant log never shrinks from one to the next, and their
//!   times are at least a second apart.
//! - No hash and no salt of a head proof stays from one tick to the next, and all head proofs of a tick have the same
//!   length: what other tenants do shows in nothing else.
#![deny(missing_docs, unsafe_code)]

pub mod delivery;
pub mod disk;
pub mod faults;
pub mod growth_observer;
pub mod history;
pub mod model;
pub mod operator;
pub mod outbox_files;
pub mod random;
pub mod reader;
pub mod recorder;
pub mod scheduler;
pub mod server;
pub mod settings;
pub mod trace;
pub mod witness;
pub mod world;

pub use world::{Run, run, run_kind};
