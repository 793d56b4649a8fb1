//! Reads that are stored until they are recorded on the log's own chain.

use super::host::Unrecorded;
use crate::reads::{Count, PendingReads, ReadRequest, Reader, RecordReads};
use crate::store::StoreError;

/// Reads that are not recorded yet.
pub(super) struct Reads {
    pub(super) record: RecordReads,
    storage: Box<dyn Unrecorded>,
    pub(super) gathered: PendingReads,
}

impl Reads {
    pub(super) fn open(record: RecordReads, storage: Box<dyn Unrecorded>) -> Result<Self, StoreError> {
        let damaged = |error: serde_json::Error| {
            StoreError::Damaged(format!("the stored reads cannot be parsed: {error}"))
        };
        let gathered =
            storage.stored()?.map(|text| serde_json::from_str(&text).map_err(damaged)).transpose()?;
        Ok(Self { record, storage, gathered: gathered.unwrap_or_default() })
    }

    /// Stores the reads that are not recorded yet.
    pub(super) fn keep(&self) -> Result<(), StoreError> {
        let text = serde_json::to_string(&self.gathered);
        let text = text.map_err(|error| StoreError::disk("storing reads", error))?;
        self.storage.keep((self.gathered.readers() > 0).then_some(&text))
    }
}

/// A read in progress.
pub(super) struct Tally {
    pub(super) reader: Reader,
    pub(super) read: ReadRequest,
    pub(super) count: Count,
}

impl Tally {
    /// Adds events that were sent, in a piece of `bytes` bytes.
    pub(super) fn add(&mut self, events: u64, bytes: usize) {
        self.count.hand_out(events, bytes);
    }
}
