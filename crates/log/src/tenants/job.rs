//! Jobs for the sequencer of a root log.

use std::sync::Arc;

use countersign::log::Rules;
use tokio::sync::oneshot;

use super::root_notes::{PlacedReply, RootNote};
use super::tenant::TenantNumber;
use crate::sequencer::Job;
use crate::store::StoreError;

/// A job for the sequencer of a root log.
pub enum TenantJob {
    /// A job for the root log. Submissions and events for it are refused: its only entries are directories.
    Root(Job),
    /// A job for a tenant log.
    Log {
        /// The tenant.
        number: TenantNumber,
        /// The tenant log's acceptance rules in force.
        rules: Arc<Rules>,
        /// The job.
        job: Job,
    },
    /// Stores a key note for all tenant logs, and places it where it is needed.
    PlaceNote {
        /// The note, which an issuer signed.
        note: Box<RootNote>,
        /// Receives the tick from which on the tenant logs that need the note have it.
        reply: PlacedReply,
    },
    /// Makes the next tick.
    Tick,
    /// Fails if this server is on standby.
    CheckActive {
        /// Receives the result of [`TenantWriter::check_active`](super::store::TenantWriter::check_active).
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Counts the submissions whose answers wait for the next tick.
    CountWaiting {
        /// Receives the number.
        reply: oneshot::Sender<usize>,
    },
}
