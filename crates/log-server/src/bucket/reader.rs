//! Read access to a log's objects without an index, for checks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::link::{ChainId, Link};
use countersign::log::{Evidence, KeyLookup, Life};
use countersign::merkle::{Bundle, TILE_WIDTH, Tile, leaf_hash};
use countersign::note::VerifierKey;
use countersign::time::Time;
use futures_util::StreamExt as _;
use object_store::path::Path;
use roaring::RoaringTreemap;
use tokio::runtime::Handle;

use super::claim::{self, LogKind};
use super::codec::{Commit, EVENTS_STUB, Erasure, KIND_BYTES, decode_checkpoint, is_stub};
use super::erase::newest_events;
use super::layout::in_object;
use super::layout::{Layout, number};
use super::location::Bucket;
use super::objects::{MAX_CONCURRENT_REQUESTS, Objects};
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{
    CheckpointReader, EntryReader, Erasure as RecordedErasure, ErasureReader, ForkReader, Published,
    StoreError, StoredEvent, StoredLeaf,
};

/// A problem of an object in the bucket, or a missing object.
#[derive(Clone, Debug)]
pub(crate) struct ObjectProblem {
    pub(crate) code: &'static str,
    pub(crate) place: String,
    pub(crate) why: String,
    /// The entries in the commits that are missing or damaged.
    pub(crate) entries: Option<Range<u64>>,
}

/// A reader of the bucket's entries in order.
pub(crate) struct ObjectReader {
    objects: Objects,
    layout: Layout,
    origin: String,
    /// First entries of the commits, in ascending order.
    bases: Vec<u64>,
    /// Known number of entries in commits.
    committed: u64,
    /// Number of published entries.
    size: u64,
    checkpoints: Vec<Published>,
    erasures: Vec<Erasure>,
    /// Entries whose events are erased or being erased.
    erased: RoaringTreemap,
    /// The generations of each commit's events, by where the commit begins: each with its number, and true if it is a
    /// stub.
    generations: BTreeMap<u64, Vec<(u64, bool)>>,
    scan: Mutex<Scan>,
}

#[derive(Default)]
struct Scan {
    /// The commits of the entries read last; `None` if one can't be read.
    commits: BTreeMap<u64, Option<Commit>>,
    /// The chains of the log's own keys.
    own: HashMap<ChainId, VerifierKey>,
    /// Problems by object name.
    problems: BTreeMap<String, ObjectProblem>,
    /// The first error of the bucket. An object that wasn't read for that reason isn't damaged.
    failure: Option<StoreError>,
    /// First entries of the commits with events that remain outside of their newest generation.
    leftovers: BTreeSet<u64>,
}

impl ObjectReader {
    /// Opens the log in the bucket in its present state.
    ///
    /// # Errors
    /// If the bucket contains no log or doesn't respond.
    pub(crate) fn open(bucket: Bucket, handle: Handle) -> Result<Self, StoreError> {
        let Bucket { store, prefix, pause, .. } = bucket;
        let (objects, layout) = (Objects::new(store, pause, handle), Layout::new(prefix));
        let named = objects.wait(objects.get(&layout.log()))?;
        let no_log = || StoreError::bucket("opening the bucket", "the bucket contains no log");
        let named = named.ok_or_else(no_log)?;
        let damaged =
            || in_object(&layout.log())(StoreError::Damaged("the object doesn't name a log".into()));
        let origin = match claim::parse(&named.bytes).ok_or_else(damaged)? {
            (LogKind::Ordinary, origin) => origin.to_owned(),
            (LogKind::Root, _) => {
                let why =
                    "the bucket contains a root log with tenant logs, which can't be checked in this way";
                return Err(StoreError::bucket("opening the bucket", why));
            }
            (LogKind::Journal | LogKind::RootJournal, _) => {
                let why = "the bucket contains the journal of a log in a folder instead of a log";
                return Err(StoreError::unavailable("opening the bucket", why));
            }
        };
        let mut reader = Self {
            bases: objects.wait(objects.numbers(&layout.commits(), &layout.commits()))?,
            objects,
            layout,
            origin,
            committed: 0,
            size: 0,
            checkpoints: Vec::new(),
            erasures: Vec::new(),
            erased: RoaringTreemap::new(),
            generations: BTreeMap::new(),
            scan: Mutex::default(),
        };
        // Erasures come first: events erased after this can't be mistaken for missing.
        reader.read_generations()?;
        reader.read_erasures()?;
        reader.read_checkpoints()?;
        reader.read_end()?;
        Ok(reader)
    }

    /// Returns the log's origin.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the number of entries in commits, published or not.
    pub(crate) fn committed(&self) -> u64 {
        self.committed
    }

    /// Takes the problems of the objects read so far.
    pub(crate) fn take_problems(&self) -> Vec<ObjectProblem> {
        std::mem::take(&mut self.scan().problems).into_values().collect()
    }

    fn scan(&self) -> MutexGuard<'_, Scan> {
        self.scan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_problem(&self, code: &'static str, place: &Path, why: &(impl ToString + ?Sized)) {
        let (place, why) = (place.to_string(), why.to_string());
        let problem = ObjectProblem { code, place: place.clone(), why, entries: None };
        self.scan().problems.entry(place).or_insert(problem);
    }

    /// Adds the problem that the commits with these entries are missing or damaged.
    pub(crate) fn add_gap(&self, entries: Range<u64>, why: String) {
        let place = self.layout.commit(entries.start).to_string();
        let problem =
            ObjectProblem { code: "fsck.commit", place: place.clone(), why, entries: Some(entries) };
        self.scan().problems.entry(place).or_insert(problem);
    }

    fn read_generations(&mut self) -> Result<(), StoreError> {
        let all = self.objects.wait(self.objects.list(&self.layout.all_events(), None))?;
        for meta in all {
            let base = meta.location.parts().rev().nth(1).and_then(|part| part.as_ref().parse().ok());
            let (Some(base), Some(generation)) = (base, number(&meta.location)) else { continue };
            let is_stub = meta.size == EVENTS_STUB.len() as u64;
            self.generations.entry(base).or_default().push((generation, is_stub));
        }
        Ok(())
    }

    fn read_erasures(&mut self) -> Result<(), StoreError> {
        let erasures = self.layout.erasures();
        let listed = self.objects.wait(self.objects.numbers(&erasures, &erasures))?;
        for next in 0..listed.last().map_or(0, |last| last + 1) {
            let path = self.layout.erasure(next);
            let Some(object) = self.objects.wait(self.objects.get(&path))? else {
                self.add_problem("fsck.object", &path, "the object is missing");
                continue;
            };
            match Erasure::decode(&object.bytes) {
                Ok(erasure) => {
                    self.erased.extend(erasure.leaves.iter().copied());
                    self.erasures.push(erasure);
                }
                Err(error) => self.add_problem("fsck.object", &path, &error),
            }
        }
        Ok(())
    }

    fn read_checkpoints(&mut self) -> Result<(), StoreError> {
        let kept = self.objects.wait(self.objects.list(&self.layout.kept_checkpoints(), None))?;
        for meta in kept {
            // A newer one may have replaced it.
            let Some(object) = self.objects.wait(self.objects.get(&meta.location))? else { continue };
            match decode_checkpoint(&object.bytes) {
                Ok(published) => self.checkpoints.push(published),
                Err(error) => self.add_problem("fsck.object", &meta.location, &error),
            }
        }
        let path = self.layout.checkpoint();
        let head = self.objects.wait(self.objects.get(&path))?;
        let note = head.map(|head| String::from_utf8_lossy(&head.bytes).into_owned());
        match note.as_deref().map(SignedCheckpoint::parse) {
            Some(Ok(signed)) if signed.checkpoint.origin == self.origin => {
                self.checkpoints.push(unwitnessed(signed.checkpoint.size, note.unwrap_or_default()));
            }
            Some(Ok(_)) => self.add_problem("fsck.checkpoint", &path, "the checkpoint is from another log"),
            Some(Err(error)) => self.add_problem("fsck.public", &path, &error),
            None if self.bases.is_empty() => {}
            None => self.add_problem("fsck.public", &path, "the object is missing"),
        }
        Ok(())
    }

    /// Determines where the commits end, and reads the signed checkpoints.
    fn read_end(&mut self) -> Result<(), StoreError> {
        let published = self.checkpoints.iter().map(|published| published.size).max().unwrap_or(0);
        if let Some(last) = self.bases.last().copied() {
            let commit = self.objects.wait(self.fetch(last, None));
            // The end of an unreadable commit is known only from what was published.
            self.committed = commit.map_or_else(|_| published.max(last + 1), |commit| commit.size());
        }
        self.size = published.min(self.committed);
        match self.bases.first() {
            Some(first) if *first > 0 => self.add_missing(0..*first),
            None if published > 0 => self.add_missing(0..published),
            _ => {}
        }
        if published > self.committed && self.committed > 0 {
            self.add_missing(self.committed..published);
        }
        let signed = self.objects.wait(self.objects.list(&self.layout.all_signed(), None))?;
        for meta in signed {
            // Older ones are deleted.
            let Some(object) = self.objects.wait(self.objects.get(&meta.location))? else { continue };
            let line = str::from_utf8(&object.bytes).ok().and_then(|line| line.strip_suffix('\n'));
            match line.and_then(SignedHead::parse) {
                Some(head) if head.size <= self.size => {
                    self.checkpoints.push(unwitnessed(head.size, head.note(&self.origin)));
                }
                Some(head) if head.size > self.committed && self.is_behind(head.size)? => {
                    let why = format!(
                        "the checkpoint was signed, but only {} entries are in commits",
                        self.committed
                    );
                    self.add_problem("fsck.checkpoint", &meta.location, &why);
                }
                Some(_) => {}
                None => {
                    self.add_problem("fsck.object", &meta.location, "the object isn't a signed checkpoint");
                }
            }
        }
        Ok(())
    }

    /// True if the bucket still has fewer entries than `size`; servers may have added some since.
    pub(crate) fn is_behind(&self, size: u64) -> Result<bool, StoreError> {
        let later = self.objects.wait(self.objects.get(&self.layout.commit(self.committed)))?;
        Ok(later.is_none() && size > self.committed)
    }

    fn add_missing(&self, entries: Range<u64>) {
        let why = format!("the commits of entries {} to {} are missing", entries.start, entries.end - 1);
        self.add_gap(entries, why);
    }

    /// Reads the commit at `base` with the events that it still has. The error names the object that can't be read.
    async fn fetch(&self, base: u64, end: Option<u64>) -> Result<Commit, (Path, StoreError)> {
        let path = self.layout.commit(base);
        let damaged = |why: String| (path.clone(), StoreError::Damaged(why));
        let object = self.objects.get(&path).await.map_err(|error| (path.clone(), error))?;
        let object = object.ok_or_else(|| damaged("the object is missing".into()))?;
        let mut commit = Commit::decode(&object.bytes).map_err(|error| (path.clone(), error))?;
        if commit.base != base {
            return Err(damaged(format!("the object is the commit at {}", commit.base)));
        }
        match end {
            Some(end) if commit.size() > end => {
                let why =
                    format!("the object has entries {base} to {} instead of {base} to {end}", commit.size());
                return Err(damaged(why));
            }
            Some(end) if commit.size() < end => self.add_missing(commit.size()..end),
            _ => {}
        }
        let generations = self.generations.get(&base);
        if generations.is_some() || commit.events.is_none() {
            let left = commit.events.is_some()
                || generations.is_some_and(|all| all.iter().rev().skip(1).any(|(_, is_stub)| !is_stub));
            if left {
                self.scan().leftovers.insert(base);
            }
            let events = newest_events(&self.objects, &self.layout, base, base..commit.size()).await;
            commit.events = Some(events.map_err(|error| (self.layout.generations(base), error))?);
        }
        Ok(commit)
    }

    /// Loads the commits that contain these entries.
    fn load(&self, range: &Range<u64>) {
        // If one can't be read, its entries are requested one by one, so keep the rest of their bundle loaded.
        let bundle = range.start / TILE_WIDTH * TILE_WIDTH;
        let first = self.bases.partition_point(|base| *base <= bundle).saturating_sub(1);
        let wanted = self.bases[first.min(self.bases.len())..].iter().take_while(|base| **base < range.end);
        let wanted: Vec<u64> = wanted.copied().collect();
        self.scan().commits.retain(|base, _| wanted.first().is_some_and(|first| base >= first));
        let missing: Vec<u64> =
            wanted.into_iter().filter(|base| !self.scan().commits.contains_key(base)).collect();
        let fetching = missing.into_iter().map(|base| {
            let next = self.bases.partition_point(|other| *other <= base);
            let end = self.bases.get(next).copied();
            async move { (base, self.fetch(base, end).await) }
        });
        let fetched =
            futures_util::stream::iter(fetching).buffered(MAX_CONCURRENT_REQUESTS).collect::<Vec<_>>();
        for (base, commit) in self.objects.wait(fetched) {
            let commit = match commit {
                Ok(commit) => Some(commit),
                Err((place, StoreError::Damaged(why))) => {
                    let next = self.bases.partition_point(|other| *other <= base);
                    let end = self.bases.get(next).copied().unwrap_or(self.committed).max(base + 1);
                    let (place, entries) = (place.to_string(), Some(base..end));
                    let problem = ObjectProblem { code: "fsck.commit", place: place.clone(), why, entries };
                    self.scan().problems.entry(place).or_insert(problem);
                    None
                }
                Err((_, error)) => {
                    self.scan().failure.get_or_insert(error);
                    None
                }
            };
            self.scan().commits.insert(base, commit);
        }
    }

    /// Compares an entry bundle, or the beginning of one, with the entries.
    pub(crate) fn check_bundle(&self, first: u64, leaves: &[Option<StoredLeaf>]) -> Result<(), StoreError> {
        let Some(texts) = leaves.iter().map(|leaf| Some(&leaf.as_ref()?.leaf)).collect::<Option<Vec<_>>>()
        else {
            return Ok(());
        };
        let bundle = Bundle { index: first / TILE_WIDTH, width: leaves.len() as u16 };
        let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
        let bytes = Bundle::encode(texts).map_err(damaged)?;
        let found = match self.public(&bundle.path())? {
            None if !bundle.is_full() => {
                self.public(&bundle.full().path())?.map(|bytes| bundle.cut(&bytes).to_vec())
            }
            found => found,
        };
        if found.is_none_or(|found| found != bytes) {
            self.add_problem(
                "fsck.public",
                &self.layout.public(&bundle.path()),
                "the entry bundle is missing or doesn't match the entries",
            );
        }
        Ok(())
    }

    fn public(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.objects.wait(self.objects.get(&self.layout.public(path))) {
            Ok(object) => Ok(object.map(|object| object.bytes.to_vec())),
            Err(error) => {
                let error_copy = StoreError::bucket("reading a public object", &error);
                self.scan().failure.get_or_insert(error);
                Err(error_copy)
            }
        }
    }

    /// Reports whether the bucket answered every request.
    ///
    /// # Errors
    /// The first error since the last call.
    pub(crate) fn check_failure(&self) -> Result<(), StoreError> {
        self.scan().failure.take().map_or(Ok(()), Err)
    }

    /// Checks for events left after their erasure. `here` are the entries whose events were found. Returns the number
    /// of incomplete erasures.
    pub(crate) fn check_erasures(&self, here: &RoaringTreemap) -> Result<u64, StoreError> {
        let mut unfinished = 0;
        let mut being_erased = RoaringTreemap::new();
        for erasure in &self.erasures {
            if erasure.done {
                continue;
            }
            unfinished += 1;
            being_erased.extend(erasure.leaves.iter().copied());
        }
        for (erasure, place) in self.erasures.iter().zip(0..).filter(|(erasure, _)| erasure.done) {
            let mut left = erasure
                .leaves
                .iter()
                .copied()
                .filter(|leaf| here.contains(*leaf) && !being_erased.contains(*leaf));
            if let Some(leaf) = left.next() {
                let why = format!(
                    "the erasure is marked as complete, but the events of entry {leaf} and {} more remain",
                    left.count()
                );
                self.add_problem("fsck.erasure", &self.layout.erasure(place), &why);
            }
        }
        let leftovers = std::mem::take(&mut self.scan().leftovers);
        // If a server erased events in the meantime, the leftovers are checked the next time.
        let newer = self.objects.wait(self.objects.get(&self.layout.erasure(self.erasures.len() as u64)))?;
        for base in leftovers.into_iter().filter(|_| newer.is_none()) {
            let next = self.bases.partition_point(|other| *other <= base);
            let end = self.bases.get(next).copied().unwrap_or(self.committed);
            if being_erased.range_cardinality(base..end) == 0
                && self.objects.wait(self.has_leftovers(base))?
            {
                let why = "an object of this commit still contains erased events";
                self.add_problem("fsck.erasure", &self.layout.commit(base), why);
            }
        }
        Ok(unfinished)
    }

    /// True if events of a commit remain outside of its newest generation.
    async fn has_leftovers(&self, base: u64) -> Result<bool, StoreError> {
        let generations = self.objects.list(&self.layout.generations(base), None).await?;
        let before = generations.split_last().map_or(&[][..], |(_, before)| before);
        if before.iter().any(|meta| meta.size != EVENTS_STUB.len() as u64) {
            return Ok(true);
        }
        let kind = self.objects.get_first(&self.layout.commit(base), KIND_BYTES).await?;
        Ok(!generations.is_empty() && !is_stub(&kind))
    }
}

fn unwitnessed(size: u64, note: String) -> Published {
    Published { size, note, at: Time::MIN, witnessed: false }
}

impl EntryReader for ObjectReader {
    fn size(&self) -> Result<u64, StoreError> {
        Ok(self.size)
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        match self.public(&tile.path())? {
            None if !tile.is_full() => {
                let full = self.public(&tile.full().path())?;
                Ok(full.and_then(|bytes| bytes.get(..usize::from(tile.width) * 32).map(<[u8]>::to_vec)))
            }
            found => Ok(found),
        }
    }

    fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
        let leaves = self.leaves(index..index + 1)?;
        let leaf = leaves.first().ok_or_else(|| StoreError::Damaged(format!("entry {index} is missing")))?;
        Ok(leaf_hash(leaf))
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(self.leaves_with_events(range)?.into_iter().map(|leaf| leaf.leaf).collect())
    }

    fn leaves_with_events(&self, range: Range<u64>) -> Result<Vec<StoredLeaf>, StoreError> {
        self.load(&range);
        let mut scan = self.scan();
        let mut found = Vec::with_capacity((range.end - range.start) as usize);
        for index in range.clone() {
            let commit = scan.commits.range(..=index).next_back().and_then(|(_, commit)| commit.as_ref());
            let place = commit.and_then(|commit| Some((commit, usize::try_from(index - commit.base).ok()?)));
            let leaf = place.and_then(|(commit, place)| Some((commit, commit.leaves.get(place)?)));
            let (commit, leaf) =
                leaf.ok_or_else(|| StoreError::Damaged(format!("entry {index} can't be read")))?;
            let event = match commit.events.as_ref().and_then(|events| events.get(&index)) {
                Some(event) => StoredEvent::Here(event.clone()),
                None if self.erased.contains(index) => StoredEvent::Erased,
                None => StoredEvent::None,
            };
            found.push(StoredLeaf { leaf: leaf.clone().into_bytes(), event });
        }
        for link in found.iter().filter_map(StoredLeaf::link) {
            if let Link::Open(open) = &link
                && open.key.name() == self.origin
            {
                scan.own.insert(link.chain(), open.key.clone());
            }
        }
        Ok(found)
    }

    fn index_of(&self, _: &ChainId, _: u64) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    fn notes(&self, _: Range<u64>) -> Result<Vec<u64>, StoreError> {
        Ok(Vec::new())
    }
}

impl CheckpointReader for ObjectReader {
    fn published(&self) -> Result<Option<Published>, StoreError> {
        Ok(self.checkpoints.iter().max_by_key(|published| published.size).cloned())
    }

    fn checkpoints(&self, sizes: Range<u64>) -> Result<Vec<Published>, StoreError> {
        Ok(self.checkpoints.iter().filter(|published| sizes.contains(&published.size)).cloned().collect())
    }

    fn seen_first(&self) -> Result<Option<Published>, StoreError> {
        Ok(None)
    }
}

impl ForkReader for ObjectReader {
    fn evidence(&self) -> Result<Vec<(Time, Evidence)>, StoreError> {
        Ok(Vec::new())
    }
}

impl ErasureReader for ObjectReader {
    fn erasures(&self, _: Option<u64>, _: u64) -> Result<Vec<RecordedErasure>, StoreError> {
        Ok(Vec::new())
    }

    fn unfinished_erasures(&self) -> Result<Vec<u64>, StoreError> {
        Ok(Vec::new())
    }
}

impl KeyLookup for ObjectReader {
    type Error = StoreError;

    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, StoreError> {
        Ok(self.scan().own.get(chain).cloned())
    }

    fn life(&self, _: &VerifierKey) -> Result<Life, StoreError> {
        Ok(Life::default())
    }

    fn has_note(&self, _: &Hash) -> Result<bool, StoreError> {
        Ok(false)
    }
}
