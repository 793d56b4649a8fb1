//! Erasure of events from a bucket.
//!
//! 1. The erasure is recorded as an object, so that every server learns of it.
//! 2. Each commit with one of the events gets a new generation of events without them.
//! 3. Only once that exists, the commit and its older generations are replaced by stubs.
//!
//! A generation is created once and never deleted, so a server with an outdated list of events to keep can't bring
//! them back: the generation that it would create exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;

use super::codec::{Commit, EVENTS_STUB, Events, Generation, KIND_BYTES, SplitCommit, is_stub};
use super::erasure_log::{ErasingLog, ErasureLog, SplitEntries};
use super::index::Erasures;
use super::layout::in_object;
use super::layout::{Layout, number};
use super::objects::{MAX_CONCURRENT_REQUESTS, Objects};
use super::writer::BucketWriter;
use countersign_log::store::StoreError;

/// Number of attempts to process a commit's generations before they are reported as damaged.
const MAX_PASSES: usize = 64;
/// Number of leftover files of interrupted writes to look for next to an object in a folder.
const MAX_STALE_FILES: u32 = 16;

impl ErasingLog for BucketWriter {
    fn erasures(&self) -> &ErasureLog {
        &self.erasures
    }

    fn erasures_mut(&mut self) -> &mut ErasureLog {
        &mut self.erasures
    }

    fn follow_commits(&mut self) -> Result<(), StoreError> {
        Self::follow_commits(self)
    }

    fn lacks_entries(&self, entries: &[u64]) -> Result<bool, StoreError> {
        Ok(entries.last() >= Some(&self.index.size()))
    }

    fn split_erased(&self, entries: &[u64]) -> Result<SplitEntries, StoreError> {
        let (with_event, erased) = self.index.with_events(entries)?;
        Ok(SplitEntries { with_event, erased })
    }

    fn erase_from_index(&mut self, entries: &[u64]) -> Result<(), StoreError> {
        self.index.erase(entries)?;
        self.erased.extend(entries);
        Ok(())
    }

    fn save_progress(&self, progress: Erasures) -> Result<(), StoreError> {
        self.index.set_erasures(progress)
    }

    fn scrub(&self, entries: &[u64]) -> Result<(), StoreError> {
        Self::scrub(self, entries)
    }
}

impl BucketWriter {
    pub(super) fn erase_events(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        self.follow()?;
        self.erase_entries(leaves.iter().copied().collect())
    }

    /// Removes the events of these entries, already erased in the index, from all objects.
    pub(super) fn scrub(&self, leaves: &[u64]) -> Result<(), StoreError> {
        let mut commits: BTreeMap<u64, (Range<u64>, BTreeSet<u64>)> = BTreeMap::new();
        let mut end = 0;
        for leaf in leaves.iter().copied() {
            if leaf < end {
                continue;
            }
            let range = self.index.commit_of(leaf)?;
            end = range.end;
            let erased = self.index.erased_in(&range)?.into_iter().collect();
            commits.insert(range.start, (range, erased));
        }
        let scrubber = Scrubber { objects: &self.objects, layout: &self.layout, split: Commit::split };
        let commits = commits.into_values().map(|(entries, erased)| ErasedEvents {
            base: entries.start,
            entries,
            erased,
        });
        scrubber.scrub_all(&commits.collect::<Vec<_>>(), self.folder.as_deref())
    }
}

/// The erased events of a commit.
pub(super) struct ErasedEvents {
    /// The number in the names of the commit's objects.
    pub(super) base: u64,
    /// The bounds of the numbers by which the commit's objects have its events.
    pub(super) entries: Range<u64>,
    /// The numbers of the events that are erased.
    pub(super) erased: BTreeSet<u64>,
}

impl Scrubber<'_> {
    /// Erases these events from all objects. `folder` is the bucket's folder, if the bucket is one.
    pub(super) fn scrub_all(
        &self,
        commits: &[ErasedEvents],
        folder: Option<&FilePath>,
    ) -> Result<(), StoreError> {
        let scrubbing = commits.iter().map(|commit| self.scrub(commit));
        let all = futures_util::stream::iter(scrubbing)
            .buffer_unordered(MAX_CONCURRENT_REQUESTS)
            .try_collect::<Vec<()>>();
        self.objects.wait(all)?;
        let Some(folder) = folder else { return Ok(()) };
        commits.iter().try_for_each(|commit| self.remove_stale_files(commit.base, folder))
    }

    /// Removes partial writes that a killed server left next to the objects in a folder.
    fn remove_stale_files(&self, base: u64, folder: &FilePath) -> Result<(), StoreError> {
        let generations = self.objects.wait(self.objects.list(&self.layout.generations(base), None))?;
        let paths = generations.into_iter().map(|meta| meta.location).chain([self.layout.commit(base)]);
        for path in paths {
            for attempt in 1..=MAX_STALE_FILES {
                let file: PathBuf = folder.join(format!("{path}#{attempt}"));
                match fs::remove_file(file) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(StoreError::disk("erasing", error));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// Returns the events of the commit at `base` from their newest generation. Their numbers are in `leaves`.
pub(super) async fn newest_events(
    objects: &Objects,
    layout: &Layout,
    base: u64,
    leaves: Range<u64>,
) -> Result<Events, StoreError> {
    for _ in 0..MAX_PASSES {
        let generations = objects.list(&layout.generations(base), None).await?;
        let Some(newest) = generations.last() else { break };
        let Some(object) = objects.get(&newest.location).await? else { break };
        match Generation::decode(&object.bytes, leaves.clone()).map_err(in_object(&newest.location))? {
            Generation::Here(events) => return Ok(events),
            // Another server has created the next one in the meantime.
            Generation::Stub => {}
        }
    }
    Err(StoreError::Damaged(format!("the events of the commit at {base} are missing")))
}

/// Removes events from a bucket's objects.
pub(super) struct Scrubber<'w> {
    pub(super) objects: &'w Objects,
    pub(super) layout: &'w Layout,
    /// Splits a commit's object.
    pub(super) split: fn(&[u8]) -> Result<SplitCommit, StoreError>,
}

impl Scrubber<'_> {
    /// Steps through the erasure of a commit's events until nothing is left to do.
    async fn scrub(&self, commit: &ErasedEvents) -> Result<(), StoreError> {
        for _ in 0..MAX_PASSES {
            if !self.step(commit).await? {
                return Ok(());
            }
        }
        let message = format!("events of the commit at {} reappear after their erasure", commit.base);
        Err(StoreError::Damaged(message))
    }

    /// Takes the next step. Returns false if there was none.
    async fn step(&self, ErasedEvents { base, entries, erased }: &ErasedEvents) -> Result<bool, StoreError> {
        let base = *base;
        let commit = self.layout.commit(base);
        let generations = self.objects.list(&self.layout.generations(base), None).await?;
        let Some((newest, before)) = generations.split_last() else {
            let Some(events) = self.commit(&commit).await?.events else {
                return Err(StoreError::Damaged(format!("the events of the commit at {base} are missing")));
            };
            return self.write_next_generation(base, 1, events, erased).await;
        };
        let number = number(&newest.location).ok_or_else(|| {
            StoreError::Damaged(format!("{} isn't a generation of events", newest.location))
        })?;
        let Some(object) = self.objects.get(&newest.location).await? else { return Ok(true) };
        match Generation::decode(&object.bytes, entries.clone()).map_err(in_object(&newest.location))? {
            Generation::Stub => return Ok(true),
            Generation::Here(events) => {
                if self.write_next_generation(base, number + 1, events, erased).await? {
                    return Ok(true);
                }
            }
        }
        let mut changed = false;
        for meta in before.iter().filter(|meta| meta.size != EVENTS_STUB.len() as u64) {
            self.objects.write(&meta.location, Generation::Stub.encode()?).await?;
            changed = true;
        }
        if !is_stub(&self.objects.get_first(&commit, KIND_BYTES).await?) {
            let stub = self.commit(&commit).await?.stub;
            self.objects.write(&commit, stub).await?;
            changed = true;
        }
        Ok(changed)
    }

    /// Creates the next generation if this one has erased events. Returns whether it had any.
    async fn write_next_generation(
        &self,
        base: u64,
        generation: u64,
        mut events: Events,
        erased: &BTreeSet<u64>,
    ) -> Result<bool, StoreError> {
        let count = events.len();
        events.retain(|index, _| !erased.contains(index));
        if events.len() == count {
            return Ok(false);
        }
        let next = Generation::Here(events).encode()?;
        // Another server may have created it; the next step reads it.
        self.objects.create(&self.layout.generation(base, generation), next).await?;
        Ok(true)
    }

    async fn commit(&self, path: &Path) -> Result<SplitCommit, StoreError> {
        let object = self.objects.get(path).await?;
        let object = object.ok_or_else(|| StoreError::Damaged(format!("{path} is missing")))?;
        (self.split)(&object.bytes).map_err(in_object(path))
    }
}
