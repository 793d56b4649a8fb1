//! The recorded erasures of a bucket: a server records its own, follows those of other servers, and completes them.

use std::collections::BTreeSet;

use super::codec::Erasure;
use super::index::Erasures;
use super::layout::Layout;
use super::layout::in_object;
use super::objects::{CreateOutcome, Objects};
use countersign_log::store::StoreError;

/// Maximum number of entries in one erasure.
const MAX_ERASURE_ENTRIES: usize = 1 << 20;

/// The recorded erasures of a bucket, as far as a server has followed them.
pub(super) struct ErasureLog {
    objects: Objects,
    layout: Layout,
    progress: Erasures,
    /// The number of erasures that may be incomplete in the bucket.
    unfinished: BTreeSet<u64>,
}

impl ErasureLog {
    pub(super) fn new(objects: Objects, layout: Layout) -> Self {
        Self { objects, layout, progress: Erasures::default(), unfinished: BTreeSet::new() }
    }

    /// Continues with the progress in an index.
    pub(super) fn continue_from(&mut self, progress: Erasures) {
        self.progress = progress;
    }

    pub(super) fn progress(&self) -> Erasures {
        self.progress
    }

    /// Counts the erasures as unfinished that an earlier run may have left incomplete.
    pub(super) fn resume(&mut self) {
        self.unfinished.extend(self.progress.unfinished..self.progress.next);
    }

    /// Returns the number of erasures that may be incomplete.
    pub(super) fn unfinished(&self) -> usize {
        self.unfinished.len()
    }

    /// Reads the erasure with this number.
    pub(super) fn read(&self, number: u64) -> Result<Option<Erasure>, StoreError> {
        let path = self.layout.erasure(number);
        let object = self.objects.wait(self.objects.get(&path))?;
        object.map(|object| Erasure::decode(&object.bytes).map_err(in_object(&path))).transpose()
    }
}

/// Entries whose events are to be erased.
pub(super) struct SplitEntries {
    /// Those that still have an event.
    pub(super) with_event: Vec<u64>,
    pub(super) erased: Vec<u64>,
}

/// A log in a bucket whose events can be erased. Entries are given by the numbers that its objects use.
pub(super) trait ErasingLog {
    fn erasures(&self) -> &ErasureLog;

    fn erasures_mut(&mut self) -> &mut ErasureLog;

    /// Follows the bucket's commits.
    fn follow_commits(&mut self) -> Result<(), StoreError>;

    /// True if the commits followed so far lack one of these entries, which are in ascending order.
    fn lacks_entries(&self, entries: &[u64]) -> Result<bool, StoreError>;

    /// Splits these entries into those with an event and those whose event is erased. Ignores all others.
    fn split_erased(&self, entries: &[u64]) -> Result<SplitEntries, StoreError>;

    /// Erases the events of these entries from the index.
    fn erase_from_index(&mut self, entries: &[u64]) -> Result<(), StoreError>;

    /// Stores the progress in the index.
    fn save_progress(&self, progress: Erasures) -> Result<(), StoreError>;

    /// Removes the events of these entries, already erased in the index, from all objects.
    fn scrub(&self, entries: &[u64]) -> Result<(), StoreError>;

    /// Erases the events of these entries, and returns how many there were. The bucket has been followed.
    fn erase_entries(&mut self, entries: BTreeSet<u64>) -> Result<u64, StoreError> {
        let entries: Vec<u64> = entries.into_iter().collect();
        let SplitEntries { with_event, erased } = self.split_erased(&entries)?;
        for batch in with_event.chunks(MAX_ERASURE_ENTRIES) {
            self.add_erasure(batch)?;
        }
        // An earlier attempt may have failed halfway.
        self.erase_from_index(&erased)?;
        self.scrub(&erased)?;
        self.finish_erasures()?;
        Ok(with_event.len() as u64)
    }

    /// Records an erasure as an object that every server follows.
    fn add_erasure(&mut self, entries: &[u64]) -> Result<(), StoreError> {
        let erasure = Erasure { leaves: entries.to_vec(), done: false }.encode()?;
        loop {
            let ErasureLog { objects, layout, progress, .. } = self.erasures();
            let path = layout.erasure(progress.next);
            match objects.wait(objects.create(&path, erasure.clone()))? {
                // Follows it together with the erasures of other servers.
                CreateOutcome::Ours => return self.follow_erasures(),
                CreateOutcome::Other(_) => self.follow_erasures()?,
            }
        }
    }

    /// Follows the recorded erasures.
    fn follow_erasures(&mut self) -> Result<(), StoreError> {
        let (mut entries, mut unfinished, mut next) = (Vec::new(), Vec::new(), self.erasures().progress.next);
        while let Some(erasure) = self.erasures().read(next)? {
            if self.lacks_entries(&erasure.leaves)? {
                // Its entries are newer than the commits followed so far.
                self.follow_commits()?;
                if self.lacks_entries(&erasure.leaves)? {
                    return Err(StoreError::Damaged(format!(
                        "erasure {next} is of entries that the bucket's commits don't show: reads are behind writes, or commits were lost"
                    )));
                }
            }
            entries.extend(erasure.leaves);
            if !erasure.done {
                unfinished.push(next);
            }
            next += 1;
        }
        if next == self.erasures().progress.next {
            return Ok(());
        }
        self.erase_from_index(&entries)?;
        let log = self.erasures_mut();
        log.unfinished.extend(unfinished);
        log.progress.next = next;
        self.save()
    }

    /// Completes recorded erasures that may be incomplete because a server failed halfway.
    fn finish_erasures(&mut self) -> Result<(), StoreError> {
        for number in self.erasures().unfinished.clone() {
            let Some(erasure) = self.erasures().read(number)? else {
                return Err(StoreError::Damaged(format!("erasure {number} is missing")));
            };
            if !erasure.done {
                self.scrub(&erasure.leaves)?;
                let done = Erasure { done: true, ..erasure }.encode()?;
                let ErasureLog { objects, layout, .. } = self.erasures();
                objects.wait(objects.write(&layout.erasure(number), done))?;
            }
            self.erasures_mut().unfinished.remove(&number);
            self.save()?;
        }
        Ok(())
    }

    /// Stores the progress.
    fn save(&mut self) -> Result<(), StoreError> {
        let log = self.erasures_mut();
        log.progress.unfinished = log.unfinished.first().copied().unwrap_or(log.progress.next);
        let progress = log.progress;
        self.save_progress(progress)
    }
}
