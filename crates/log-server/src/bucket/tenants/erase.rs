//! Erasure of events of tenant logs from a bucket, in the steps of an [ordinary log](super::super::erase).

use std::collections::{BTreeMap, BTreeSet};

use countersign_log::store::StoreError;
use countersign_log::tenants::tenant::TenantNumber;

use super::TenantBucketWriter;
use super::codec::{TickCommit, event_number};
use crate::bucket::codec::Erasure;
use crate::bucket::erase::{ErasedEvents, MAX_ERASURE_ENTRIES, Scrubber};
use crate::bucket::index::Erasures;
use crate::bucket::objects::CreateOutcome;
use crate::bucket::writer::in_object;

impl TenantBucketWriter {
    pub(super) fn erase_events(&mut self, number: TenantNumber, entries: &[u64]) -> Result<u64, StoreError> {
        self.follow()?;
        self.check_turn()?;
        let events: BTreeSet<u64> = entries.iter().map(|index| event_number(number, *index)).collect();
        let (here, erased) = self.index.split_erased(&events.into_iter().collect::<Vec<_>>())?;
        for batch in here.chunks(MAX_ERASURE_ENTRIES) {
            self.add_erasure(batch)?;
        }
        // An earlier attempt may have failed halfway.
        self.index.erase(&erased)?;
        self.scrub(&erased)?;
        self.finish_erasures()?;
        Ok(here.len() as u64)
    }

    /// Records an erasure as an object that every server follows.
    fn add_erasure(&mut self, events: &[u64]) -> Result<(), StoreError> {
        let erasure = Erasure { leaves: events.to_vec(), done: false }.encode()?;
        loop {
            let path = self.layout.erasure(self.erasures.next);
            match self.objects.wait(self.objects.create(&path, erasure.clone()))? {
                // Follows it together with the erasures of other servers.
                CreateOutcome::Ours => return self.follow_erasures(),
                CreateOutcome::Other(_) => self.follow_erasures()?,
            }
        }
    }

    /// Follows the recorded erasures.
    pub(super) fn follow_erasures(&mut self) -> Result<(), StoreError> {
        let (mut events, mut unfinished, mut next) = (Vec::new(), Vec::new(), self.erasures.next);
        while let Some(erasure) = self.read_erasure(next)? {
            if self.lacks_entries(&erasure.leaves)? {
                // Its entries are newer than the commits followed so far.
                self.follow_commits()?;
                if self.lacks_entries(&erasure.leaves)? {
                    return Err(StoreError::Damaged(format!(
                        "erasure {next} is of entries that aren't in the bucket's commits, so the bucket has lost commits"
                    )));
                }
            }
            events.extend(erasure.leaves);
            if !erasure.done {
                unfinished.push(next);
            }
            next += 1;
        }
        if next == self.erasures.next {
            return Ok(());
        }
        self.index.erase(&events)?;
        self.unfinished.extend(unfinished);
        self.erasures.next = next;
        self.save_erasures()
    }

    fn lacks_entries(&self, events: &[u64]) -> Result<bool, StoreError> {
        for event in events {
            if self.index.tick_of(*event)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read_erasure(&self, number: u64) -> Result<Option<Erasure>, StoreError> {
        let path = self.layout.erasure(number);
        let object = self.objects.wait(self.objects.get(&path))?;
        object.map(|object| Erasure::decode(&object.bytes).map_err(in_object(&path))).transpose()
    }

    fn save_erasures(&mut self) -> Result<(), StoreError> {
        let unfinished = self.unfinished.first().copied().unwrap_or(self.erasures.next);
        self.erasures.unfinished = unfinished;
        self.index.set_erasures(Erasures { unfinished, ..self.erasures })
    }

    /// Completes recorded erasures that may be incomplete because a server failed halfway.
    pub(super) fn finish_erasures(&mut self) -> Result<(), StoreError> {
        for number in self.unfinished.clone() {
            let Some(erasure) = self.read_erasure(number)? else {
                return Err(StoreError::Damaged(format!("erasure {number} is missing")));
            };
            if !erasure.done {
                self.scrub(&erasure.leaves)?;
                let done = Erasure { done: true, ..erasure }.encode()?;
                self.objects.wait(self.objects.write(&self.layout.erasure(number), done))?;
            }
            self.unfinished.remove(&number);
            self.save_erasures()?;
        }
        Ok(())
    }

    /// Removes these events, already erased in the index, from all objects.
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
