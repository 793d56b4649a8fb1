//! A log as its objects have it, without an index: for whoever checks them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::link::{ChainId, Link};
use countersign::log::{Evidence, Known, Life};
use countersign::merkle::{Bundle, TILE_WIDTH, Tile, leaf_hash};
use countersign::note::VerifierKey;
use countersign::time::Time;
use futures_util::StreamExt as _;
use object_store::path::Path;
use roaring::RoaringTreemap;
use tokio::runtime::Handle;

use super::codec::{Commit, EVENTS_STUB, Erasure, KIND, decode_checkpoint, is_stub};
use super::erase::newest_events;
use super::layout::{Layout, number};
use super::location::Bucket;
use super::objects::{AT_ONCE, Objects};
use super::writer::at;
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{
    CheckpointReader, EntryReader, Erasure as Recorded, ErasureReader, ForkReader, Published, StoreError,
    StoredEvent, StoredLeaf,
};

/// What the first line of `private/log` says.
const BEGIN: &str = "countersign log v1\n";

/// A problem of an object in the bucket, or of one that is missing.
#[derive(Clone, Debug)]
pub(crate) struct ObjectProblem {
    pub(crate) code: &'static str,
    pub(crate) place: String,
    pub(crate) why: String,
}

/// Reads the leaves of a bucket in their order.
pub(crate) struct ObjectReader {
    objects: Objects,
    layout: Layout,
    origin: String,
    /// Where commits begin, ascending.
    bases: Vec<u64>,
    /// How many leaves are in commits, as far as that is known.
    committed: u64,
    /// How many of them are published.
    size: u64,
    checkpoints: Vec<Published>,
    erasures: Vec<Erasure>,
    /// The leaves whose events are erased, or are to be.
    erased: RoaringTreemap,
    /// The generations of events that a commit has, by where it begins: their numbers, and whether each is a stub.
    generations: BTreeMap<u64, Vec<(u64, bool)>>,
    scan: Mutex<Scan>,
}

#[derive(Default)]
struct Scan {
    /// The commits of the leaves that were read last; none where one cannot be read.
    commits: BTreeMap<u64, Option<Commit>>,
    /// The chains of the log's own keys.
    own: HashMap<ChainId, VerifierKey>,
    /// By the objects' names.
    faults: BTreeMap<String, ObjectProblem>,
    /// What the bucket failed with: what was not answered is not damaged.
    failure: Option<StoreError>,
    /// Where commits begin of which more is left than should be.
    leftovers: BTreeSet<u64>,
}

impl ObjectReader {
    /// Of the log in that bucket, as it is now.
    ///
    /// # Errors
    /// Where there is none, or the bucket does not answer.
    pub(crate) fn open(bucket: Bucket, handle: Handle) -> Result<Self, StoreError> {
        let Bucket { store, prefix, pause, .. } = bucket;
        let (objects, layout) = (Objects::new(store, pause, handle), Layout::new(prefix));
        let named = objects.wait(objects.get(&layout.log()))?;
        let no_log = || StoreError::unavailable("opening the bucket", "there is no log in it");
        let named = named.ok_or_else(no_log)?;
        let text = str::from_utf8(&named.bytes).ok();
        let origin = text.and_then(|text| text.strip_prefix(BEGIN)?.strip_suffix('\n'));
        let damaged = || at(&layout.log())(StoreError::Damaged("it does not name a log".into()));
        let origin = origin.ok_or_else(damaged)?.to_owned();
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
        // Erasures first: what is erased later is no fault of what is read later.
        reader.read_generations()?;
        reader.read_erasures()?;
        reader.read_checkpoints()?;
        reader.read_end()?;
        Ok(reader)
    }

    /// The log's origin.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves are in commits, published or not.
    pub(crate) fn committed(&self) -> u64 {
        self.committed
    }

    /// What is wrong with objects that were read so far, taken out.
    pub(crate) fn faults(&self) -> Vec<ObjectProblem> {
        std::mem::take(&mut self.scan().faults).into_values().collect()
    }

    fn scan(&self) -> MutexGuard<'_, Scan> {
        self.scan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, code: &'static str, place: &Path, why: &(impl ToString + ?Sized)) {
        let (place, why) = (place.to_string(), why.to_string());
        self.scan().faults.entry(place.clone()).or_insert(ObjectProblem { code, place, why });
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
        for next in 0.. {
            let path = self.layout.erasure(next);
            let Some(object) = self.objects.wait(self.objects.get(&path))? else { break };
            match Erasure::decode(&object.bytes) {
                Ok(erasure) => {
                    self.erased.extend(erasure.leaves.iter().copied());
                    self.erasures.push(erasure);
                }
                Err(error) => self.tell("fsck.object", &path, &error),
            }
        }
        Ok(())
    }

    fn read_checkpoints(&mut self) -> Result<(), StoreError> {
        let kept = self.objects.wait(self.objects.list(&self.layout.kept_checkpoints(), None))?;
        for meta in kept {
            // A newer one may have taken its place.
            let Some(object) = self.objects.wait(self.objects.get(&meta.location))? else { continue };
            match decode_checkpoint(&object.bytes) {
                Ok(published) => self.checkpoints.push(published),
                Err(error) => self.tell("fsck.object", &meta.location, &error),
            }
        }
        let path = self.layout.checkpoint();
        let head = self.objects.wait(self.objects.get(&path))?;
        let note = head.map(|head| String::from_utf8_lossy(&head.bytes).into_owned());
        match note.as_deref().map(SignedCheckpoint::parse) {
            Some(Ok(signed)) if signed.checkpoint.origin == self.origin => {
                self.checkpoints.push(seen(signed.checkpoint.size, note.unwrap_or_default()));
            }
            Some(Ok(_)) => self.tell("fsck.checkpoint", &path, "it is of another log"),
            Some(Err(error)) => self.tell("fsck.public", &path, &error),
            None if self.bases.is_empty() => {}
            None => self.tell("fsck.public", &path, "it is missing"),
        }
        Ok(())
    }

    /// How far commits go, and what was signed of them.
    fn read_end(&mut self) -> Result<(), StoreError> {
        let published = self.checkpoints.iter().map(|published| published.size).max().unwrap_or(0);
        if let Some(last) = self.bases.last().copied() {
            let commit = self.objects.wait(self.fetch(last, None));
            // Where one ends that cannot be read is known by what was published alone.
            self.committed = commit.map_or_else(|_| published.max(last + 1), |commit| commit.size());
        }
        self.size = published.min(self.committed);
        let signed = self.objects.wait(self.objects.list(&self.layout.all_signed(), None))?;
        for meta in signed {
            // Older ones are deleted.
            let Some(object) = self.objects.wait(self.objects.get(&meta.location))? else { continue };
            let line = str::from_utf8(&object.bytes).ok().and_then(|line| line.strip_suffix('\n'));
            match line.and_then(SignedHead::parse) {
                Some(head) if head.size <= self.size => {
                    self.checkpoints.push(seen(head.size, head.note(&self.origin)));
                }
                Some(head) if head.size > self.committed && self.is_behind(head.size)? => {
                    let why = format!("it was signed, and {} leaves are in commits", self.committed);
                    self.tell("fsck.checkpoint", &meta.location, &why);
                }
                Some(_) => {}
                None => self.tell("fsck.object", &meta.location, "it is not a checkpoint that was signed"),
            }
        }
        Ok(())
    }

    /// Whether there are still fewer leaves than that: servers may have added some since.
    pub(crate) fn is_behind(&self, size: u64) -> Result<bool, StoreError> {
        let later = self.objects.wait(self.objects.get(&self.layout.commit(self.committed)))?;
        Ok(later.is_none() && size > self.committed)
    }

    /// The commit that begins there, with the events that it still has; or which object cannot be read.
    async fn fetch(&self, base: u64, end: Option<u64>) -> Result<Commit, (Path, StoreError)> {
        let path = self.layout.commit(base);
        let damaged = |why: String| (path.clone(), StoreError::Damaged(why));
        let object = self.objects.get(&path).await.map_err(|error| (path.clone(), error))?;
        let object = object.ok_or_else(|| damaged("it is missing".into()))?;
        let mut commit = Commit::decode(&object.bytes).map_err(|error| (path.clone(), error))?;
        if commit.base != base || end.is_some_and(|end| commit.size() != end) {
            let (first, last) = (commit.base, commit.size());
            let why = match end {
                Some(end) => {
                    format!("it has the leaves {first} to {last}, and those from {base} to {end} are missing")
                }
                None => format!("it is the commit at {first}"),
            };
            return Err(damaged(why));
        }
        let generations = self.generations.get(&base);
        if generations.is_some() || commit.events.is_none() {
            let left = commit.events.is_some()
                || generations.is_some_and(|all| all.iter().rev().skip(1).any(|(_, is_stub)| !is_stub));
            if left {
                self.scan().leftovers.insert(base);
            }
            let events = newest_events(&self.objects, &self.layout, base..commit.size()).await;
            commit.events = Some(events.map_err(|error| (self.layout.generations(base), error))?);
        }
        Ok(commit)
    }

    /// Has the commits at hand that hold these leaves.
    fn load(&self, range: &Range<u64>) {
        // Where one cannot be read its neighbors are asked for one by one, and are at hand.
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
        let fetched = futures_util::stream::iter(fetching).buffered(AT_ONCE).collect::<Vec<_>>();
        for (base, commit) in self.objects.wait(fetched) {
            let commit = match commit {
                Ok(commit) => Some(commit),
                Err((place, StoreError::Damaged(why))) => {
                    self.tell("fsck.commit", &place, &why);
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

    /// Compares the entry bundle of leaves that begin one with the leaves.
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
            self.tell(
                "fsck.public",
                &self.layout.public(&bundle.path()),
                "it is missing, or not of the leaves",
            );
        }
        Ok(())
    }

    fn public(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.objects.wait(self.objects.get(&self.layout.public(path))) {
            Ok(object) => Ok(object.map(|object| object.bytes.to_vec())),
            Err(error) => {
                let again = StoreError::unavailable("reading what is public", &error);
                self.scan().failure.get_or_insert(error);
                Err(again)
            }
        }
    }

    /// Whether the bucket answered all that it was asked.
    ///
    /// # Errors
    /// What it failed with first.
    pub(crate) fn has_answered(&self) -> Result<(), StoreError> {
        self.scan().failure.take().map_or(Ok(()), Err)
    }

    /// What is left where it was erased. `here` are the leaves whose events were found. Gives how many erasures are not
    /// done yet.
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
                let why =
                    format!("it is done, and the events of leaf {leaf} and {} more are here", left.count());
                self.tell("fsck.erasure", &self.layout.erasure(place), &why);
            }
        }
        let leftovers = std::mem::take(&mut self.scan().leftovers);
        // What a server erased meanwhile is looked at the next time.
        let newer = self.objects.wait(self.objects.get(&self.layout.erasure(self.erasures.len() as u64)))?;
        for base in leftovers.into_iter().filter(|_| newer.is_none()) {
            let next = self.bases.partition_point(|other| *other <= base);
            let end = self.bases.get(next).copied().unwrap_or(self.committed);
            if being_erased.range_cardinality(base..end) == 0
                && self.objects.wait(self.has_leftovers(base))?
            {
                let why = "an object of this commit still has events that are erased";
                self.tell("fsck.erasure", &self.layout.commit(base), why);
            }
        }
        Ok(unfinished)
    }

    /// Whether more is left of a commit's events than its newest generation.
    async fn has_leftovers(&self, base: u64) -> Result<bool, StoreError> {
        let generations = self.objects.list(&self.layout.generations(base), None).await?;
        let before = generations.split_last().map_or(&[][..], |(_, before)| before);
        if before.iter().any(|meta| meta.size != EVENTS_STUB.len() as u64) {
            return Ok(true);
        }
        let kind = self.objects.get_first(&self.layout.commit(base), KIND).await?;
        Ok(!generations.is_empty() && !is_stub(&kind))
    }
}

fn seen(size: u64, note: String) -> Published {
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
        let leaf = leaves.first().ok_or_else(|| StoreError::Damaged(format!("leaf {index} is missing")))?;
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
                leaf.ok_or_else(|| StoreError::Damaged(format!("leaf {index} cannot be read")))?;
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
    fn erasures(&self, _: Option<u64>, _: u64) -> Result<Vec<Recorded>, StoreError> {
        Ok(Vec::new())
    }

    fn unfinished_erasures(&self) -> Result<Vec<u64>, StoreError> {
        Ok(Vec::new())
    }
}

impl Known for ObjectReader {
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
