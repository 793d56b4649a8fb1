//! Mirrors a log: keeps a verified copy of its entries and tiles, serves the copy, and cosigns what it contains
//! (C2SP tlog-mirror).
//!
//! A [`LogCopy`] is a folder. [`pull`] fills it from a log or another mirror, and [`serve`] from uploads; both verify
//! each entry against a checkpoint that the log signed before they store it. The copy remains on one branch of the
//! log's history: an entry or checkpoint that contradicts it is never stored.
#![deny(missing_docs, unsafe_code)]

mod edge_tiles;
mod error;
mod http;
mod log_copy;
mod metrics;
mod package_reader;
mod pull;
mod state_file;

pub use error::MirrorError;
pub use http::{Config, RunningMirror, serve};
pub use log_copy::{LogCopy, MirrorStatus};
pub use metrics::PullMetrics;
pub use pull::{PullObserver, PullOutcome, pull};
