//! Hooks for a host without a clock of its own, which decides when ticks are due and makes them itself.

use std::sync::Arc;

use countersign::log::Rules;
use countersign::time::Time;

use super::{RunningTenantSequencer, TenantSequencer};
use crate::store::StoreError;

impl TenantSequencer {
    /// Begins as [`begin`](Self::begin) does, but never makes a tick. The host makes the first one once it knows that
    /// its storage was not restored: a restored log must not sign another entry in the place of one that it signed
    /// before.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub fn begin_without_tick(self) -> Result<RunningTenantSequencer, StoreError> {
        let mut running = self.prepare()?;
        running.signer.show_witnesses_at_start(&*running.writer, &running.edge)?;
        Ok(running)
    }
}

impl RunningTenantSequencer {
    /// Makes a tick. Whether or not it succeeds, all waiting submissions are answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn make_tick(&mut self) -> Result<(), StoreError> {
        self.tick()
    }

    /// Returns the stated time of the last tick. The next one must be at least a second later.
    pub const fn last_tick(&self) -> Option<Time> {
        self.last
    }

    /// True if entries, or revocations for all tenant logs, wait for the next tick.
    pub fn has_waiting(&self) -> bool {
        self.root_notes.has_work() || self.waiting.values().any(|log| !log.judged.is_empty())
    }

    /// Returns the root log's rules in force.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.signer.rules()
    }

    /// Signs the newest checkpoint and sends it to witnesses, even if they have seen it.
    pub(crate) fn show_witnesses(&mut self) -> Result<(), StoreError> {
        self.signer.show_witnesses(&self.edge)
    }
}
