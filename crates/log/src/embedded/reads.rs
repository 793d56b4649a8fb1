//! Who read what: kept where the log is until it is recorded on the log's own chain.

use super::host::Unrecorded;
use crate::reads::{Count, Gathered, Reader, RecordReads, What};
use crate::store::StoreError;

/// Reads that are not recorded yet.
pub(super) struct Reads {
    pub(super) which: RecordReads,
    kept: Box<dyn Unrecorded>,
    pub(super) gathered: Gathered,
}

impl Reads {
    pub(super) fn open(which: RecordReads, kept: Box<dyn Unrecorded>) -> Result<Self, StoreError> {
        let damaged =
            |error: serde_json::Error| StoreError::Damaged(format!("reads that are not recorded: {error}"));
        let gathered = kept.kept()?.map(|text| serde_json::from_str(&text).map_err(damaged)).transpose()?;
        Ok(Self { which, kept, gathered: gathered.unwrap_or_default() })
    }

    /// Keeps what was gathered.
    pub(super) fn keep(&self) -> Result<(), StoreError> {
        let text = serde_json::to_string(&self.gathered);
        let text = text.map_err(|error| StoreError::unavailable("keeping who read what", error))?;
        self.kept.keep((self.gathered.readers() > 0).then_some(&text))
    }
}

/// A read that runs.
pub(super) struct Tally {
    pub(super) reader: Reader,
    pub(super) what: What,
    pub(super) count: Count,
}

impl Tally {
    /// So many events were handed out, in a piece of so many bytes.
    pub(super) fn add(&mut self, events: u64, bytes: usize) {
        self.count.hand_out(events, bytes);
    }
}
