//! Erasing events from a bucket.
//!
//! First the erasure is written down, so that every server knows of it. Then each commit that had one of the events
//! gets a next generation of events, without those that are erased; and only when that is there, the commit and the
//! generations before it are replaced by stubs. A generation is created once and never deleted: whoever comes
//! late, with a list of what to keep that is too old, finds its place taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;

use super::codec::{Commit, EVENTS_STUB, Erasure, Events, Generation, KIND, is_stub};
use super::index::Erasures;
use super::layout::{Layout, number};
use super::objects::{AT_ONCE, Created, Objects};
use super::writer::{BucketWriter, at};
use countersign_log::store::StoreError;

/// The most leaves of one erasure.
const MOST_LEAVES: usize = 1 << 20;
/// How often a commit's generations are looked at before it is said that something is wrong with them.
const PASSES: usize = 64;
/// How many files of writes that were interrupted are looked for beside an object in a folder.
const LEFT_BEHIND: u32 = 16;

impl BucketWriter {
    pub(super) fn erase_events(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        self.follow()?;
        let leaves: Vec<u64> = leaves.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let (here, erased) = self.index.with_events(&leaves)?;
        for some in here.chunks(MOST_LEAVES) {
            self.write_down(some)?;
        }
        // It may be asked again because it failed.
        self.index.erase(&erased)?;
        self.scrub(&erased)?;
        self.finish_erasures()?;
        Ok(here.len() as u64)
    }

    /// Adds an erasure to those that every server follows.
    pub(super) fn write_down(&mut self, leaves: &[u64]) -> Result<(), StoreError> {
        let erasure = Erasure { leaves: leaves.to_vec(), done: false }.encode()?;
        loop {
            let path = self.layout.erasure(self.erasures.next);
            match self.objects.wait(self.objects.create(&path, erasure.clone()))? {
                // It is followed like any other, and with it those of other servers.
                Created::Ours => return self.follow_erasures(),
                Created::Other(_) => self.follow_erasures()?,
            }
        }
    }

    /// Follows the erasures that are written down.
    pub(super) fn follow_erasures(&mut self) -> Result<(), StoreError> {
        let mut leaves = Vec::new();
        let mut unfinished = Vec::new();
        let mut next = self.erasures.next;
        while let Some(erasure) = self.read_erasure(next)? {
            if erasure.leaves.last() >= Some(&self.index.size()) {
                // It is of leaves that came after those that were followed just now.
                self.follow_commits()?;
                if erasure.leaves.last() >= Some(&self.index.size()) {
                    return Err(StoreError::Damaged(format!(
                        "erasure {next} is of later leaves than the {} that its commits have: the bucket lost commits",
                        self.index.size()
                    )));
                }
            }
            leaves.extend(erasure.leaves);
            if !erasure.done {
                unfinished.push(next);
            }
            next += 1;
        }
        if next == self.erasures.next {
            return Ok(());
        }
        self.index.erase(&leaves)?;
        self.erased.extend(leaves);
        self.unfinished.extend(unfinished);
        self.erasures.next = next;
        self.save_erasures()
    }

    pub(super) fn read_erasure(&self, number: u64) -> Result<Option<Erasure>, StoreError> {
        let path = self.layout.erasure(number);
        let object = self.objects.wait(self.objects.get(&path))?;
        object.map(|object| Erasure::decode(&object.bytes).map_err(at(&path))).transpose()
    }

    fn save_erasures(&mut self) -> Result<(), StoreError> {
        let unfinished = self.unfinished.first().copied().unwrap_or(self.erasures.next);
        self.erasures.unfinished = unfinished;
        self.index.set_erasures(Erasures { unfinished, ..self.erasures })
    }

    /// Does in the bucket what is written down and perhaps not done, because a server failed in the middle.
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

    /// Takes the events of these leaves, which are erased in the index, out of all objects.
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
        let scrubber = &Scrubber { objects: &self.objects, layout: &self.layout };
        let scrubbing = commits.values().map(|(range, erased)| scrubber.scrub(range.clone(), erased));
        let all = futures_util::stream::iter(scrubbing).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>();
        self.objects.wait(all)?;
        for (range, _) in commits.into_values() {
            self.sweep(range.start)?;
        }
        Ok(())
    }

    /// In a folder, a server that was killed leaves what it was writing beside the object.
    fn sweep(&self, base: u64) -> Result<(), StoreError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let generations = self.objects.wait(self.objects.list(&self.layout.generations(base), None))?;
        let paths = generations.into_iter().map(|meta| meta.location).chain([self.layout.commit(base)]);
        for path in paths {
            for attempt in 1..=LEFT_BEHIND {
                let file: PathBuf = folder.join(format!("{path}#{attempt}"));
                match fs::remove_file(file) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(StoreError::unavailable("erasing", error));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// The events of a commit as its newest generation has them.
pub(super) async fn newest_events(
    objects: &Objects,
    layout: &Layout,
    leaves: Range<u64>,
) -> Result<Events, StoreError> {
    for _ in 0..PASSES {
        let generations = objects.list(&layout.generations(leaves.start), None).await?;
        let Some(newest) = generations.last() else { break };
        let Some(object) = objects.get(&newest.location).await? else { break };
        match Generation::decode(&object.bytes, leaves.clone()).map_err(at(&newest.location))? {
            Generation::Here(events) => return Ok(events),
            // The next one came in between.
            Generation::Stub => {}
        }
    }
    Err(StoreError::Damaged(format!("the events of the commit at {} are missing", leaves.start)))
}

struct Scrubber<'w> {
    objects: &'w Objects,
    layout: &'w Layout,
}

impl Scrubber<'_> {
    /// Looks at a commit's objects, and changes them, until nothing needs to be changed.
    async fn scrub(&self, leaves: Range<u64>, erased: &BTreeSet<u64>) -> Result<(), StoreError> {
        for _ in 0..PASSES {
            if !self.change(&leaves, erased).await? {
                return Ok(());
            }
        }
        let message = format!("the events of the commit at {} come back", leaves.start);
        Err(StoreError::Damaged(message))
    }

    /// Takes the next step, and says whether there was one.
    async fn change(&self, leaves: &Range<u64>, erased: &BTreeSet<u64>) -> Result<bool, StoreError> {
        let base = leaves.start;
        let commit = self.layout.commit(base);
        let generations = self.objects.list(&self.layout.generations(base), None).await?;
        let Some((newest, before)) = generations.split_last() else {
            let commit = self.commit(&commit).await?;
            let Some(events) = commit.events else {
                return Err(StoreError::Damaged(format!("the events of the commit at {base} are missing")));
            };
            return self.next(base, 1, events, erased).await;
        };
        let number = number(&newest.location).ok_or_else(|| {
            StoreError::Damaged(format!("{} is not a generation of events", newest.location))
        })?;
        let Some(object) = self.objects.get(&newest.location).await? else { return Ok(true) };
        match Generation::decode(&object.bytes, leaves.clone()).map_err(at(&newest.location))? {
            Generation::Stub => return Ok(true),
            Generation::Here(events) => {
                if self.next(base, number + 1, events, erased).await? {
                    return Ok(true);
                }
            }
        }
        let mut changed = false;
        for meta in before.iter().filter(|meta| meta.size != EVENTS_STUB.len() as u64) {
            self.objects.write(&meta.location, Generation::Stub.encode()?).await?;
            changed = true;
        }
        if !is_stub(&self.objects.get_first(&commit, KIND).await?) {
            let stub = self.commit(&commit).await?.stub();
            self.objects.write(&commit, stub.encode()?).await?;
            changed = true;
        }
        Ok(changed)
    }

    /// Creates the next generation if there are events that are erased in this one, and says whether there were.
    async fn next(
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
        // Another server may have created it. The next look at it tells.
        self.objects.create(&self.layout.generation(base, generation), next).await?;
        Ok(true)
    }

    async fn commit(&self, path: &Path) -> Result<Commit, StoreError> {
        let object = self.objects.get(path).await?;
        let object = object.ok_or_else(|| StoreError::Damaged(format!("{path} is missing")))?;
        Commit::decode(&object.bytes).map_err(at(path))
    }
}
