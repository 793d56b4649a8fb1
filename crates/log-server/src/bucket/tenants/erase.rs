//! Erasure of events of tenant logs from a bucket, in the steps of an [ordinary log](super::super::erase).

use std::collections::BTreeMap;

use countersign_log::store::StoreError;
use countersign_log::tenants::tenant::TenantNumber;

use super::TenantBucketWriter;
use super::codec::{TickCommit, event_number};
use crate::bucket::erase::{ErasedEvents, Scrubber};
use crate::bucket::erasure_log::{ErasingLog, ErasureLog, SplitEntries};
use crate::bucket::index::Erasures;

impl ErasingLog for TenantBucketWriter {
    fn erasures(&self) -> &ErasureLog {
        &self.erasures
    }

    fn erasures_mut(&mut self) -> &mut ErasureLog {
        &mut self.erasures
    }

    fn follow_commits(&mut self) -> Result<(), StoreError> {
        Self::follow_commits(self)
    }

    fn lacks_entries(&self, events: &[u64]) -> Result<bool, StoreError> {
        for event in events {
            if self.index.tick_of(*event)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn split_erased(&self, events: &[u64]) -> Result<SplitEntries, StoreError> {
        let (with_event, erased) = self.index.split_erased(events)?;
        Ok(SplitEntries { with_event, erased })
    }

    fn erase_from_index(&mut self, events: &[u64]) -> Result<(), StoreError> {
        self.index.erase(events)
    }

    fn save_progress(&self, progress: Erasures) -> Result<(), StoreError> {
        self.index.set_erasures(progress)
    }

    fn scrub(&self, events: &[u64]) -> Result<(), StoreError> {
        let mut commits = BTreeMap::new();
        for event in events {
            if let Some(base) = self.index.tick_of(*event)?
                && !commits.contains_key(&base)
            {
                let erased = self.index.erased_in(base)?;
                commits.insert(base, ErasedEvents { base, entries: 0..u64::MAX, erased });
            }
        }
        let scrubber = Scrubber { objects: &self.objects, layout: &self.layout, split: TickCommit::split };
        scrubber.scrub_all(&commits.into_values().collect::<Vec<_>>(), self.folder.as_deref())
    }
}

impl TenantBucketWriter {
    pub(super) fn erase_events(&mut self, number: TenantNumber, entries: &[u64]) -> Result<u64, StoreError> {
        self.follow()?;
        self.check_turn()?;
        self.erase_entries(entries.iter().map(|index| event_number(number, *index)).collect())
    }
}
