//! A whole log server on one thread, with no database and no HTTP server of its own: its host, such as a Durable Object,
//! brings the store, requests with their bodies and the time, sends the answers, and asks witnesses.
//!
//! What it takes, publishes and answers is what `countersign serve` does, by the same code.

mod content;
mod copies;
mod erase;
mod host;
mod live;
mod log_server;
mod looking;
mod reads;
mod record_reads;
mod routes;
mod search_place;
mod sending;
mod witness_round;

pub use crate::api::Cors;
pub use crate::api::sse::{QUIET, QUIET_TEXT};
pub use crate::export::GATHER;
pub use crate::quota::Quota;
pub use crate::reads::RecordReads;
pub use crate::witnessing::{AGAIN, PATIENCE};
pub use content::Content;
pub use copies::Copy;
pub use host::{Copies, Unrecorded};
pub use live::{Further, Live};
pub use log_server::{Config, EmbeddedError, EmbeddedLogServer, Pending};
pub use looking::Looking;
pub use sending::Sending;
pub use witness_round::WitnessRound;
