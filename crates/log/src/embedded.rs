//! A whole log on one thread, without its own database or HTTP server. Its host, such as a Durable Object,
//! provides the store, requests with their bodies, and the time. It sends the responses and calls witnesses.
//!
//! It accepts, publishes, and answers exactly as `countersign serve` does, with the same code.

mod content;
mod copies;
mod engine;
mod erase;
mod export_stream;
mod host;
mod live;
mod log_server;
mod pending;
mod reads;
mod record_reads;
mod routes;
mod search;
mod search_slot;
mod tenants;
mod witness_round;

pub use crate::api::Cors;
pub use crate::api::sse::{QUIET, QUIET_TEXT};
pub use crate::export::GATHER;
pub use crate::quota::Quota;
pub use crate::reads::RecordReads;
pub use crate::tenants::waiting::WaitingRoom;
pub use crate::witnessing::{AGAIN, PATIENCE};
pub use content::Content;
pub use copies::Copy;
pub use export_stream::ExportStream;
pub use host::{Copies, TenantHost, Unrecorded};
pub use live::{Live, LiveStep};
pub use log_server::{Config, EmbeddedError, EmbeddedLogServer};
pub use pending::Pending;
pub use search::Search;
pub use tenants::{EmbeddedTenants, MAX_INTERVAL, TickRule};
pub use witness_round::WitnessRound;
