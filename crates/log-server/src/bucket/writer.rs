//! The sequencer's half.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::log::{Evidence, Storage};
use countersign::merkle::CompactRange;
use countersign::note::VerifierKey;
use countersign::time::Time;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path as ObjectPath;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::codec::{self, Commit};
use super::erase::newest_events;
use super::index::{Erasures, Index};
use super::layout::Layout;
use super::location::Bucket;
use super::objects::{AT_ONCE, Created, Objects};
use super::publish::Public;
use countersign_log::store::{
    Batch, CheckpointWriter, CommitError, EntryWriter, ErasureWriter, ForkWriter, Published, Reader,
    SignedHeadStore, StoreError,
};

/// After so many commits of other servers, one by one, it is asked how many there are.
const ONE_BY_ONE: usize = 4;
/// How many leaves are taken into the index at one time.
const PORTION: u64 = 4_096;

/// The sequencer's half of a store in a bucket.
pub(super) struct BucketWriter {
    pub(super) objects: Objects,
    pub(super) layout: Layout,
    pub(super) index: Index,
    /// The log's key.
    pub(super) key: VerifierKey,
    /// The folder, where the bucket is one.
    pub(super) folder: Option<PathBuf>,
    pub(super) public: Public,
    pub(super) erasures: Erasures,
    /// Erasures that are perhaps not done in the bucket.
    pub(super) unfinished: BTreeSet<u64>,
    /// Leaves whose events were erased since this was asked for last.
    pub(super) erased: Vec<u64>,
    /// Leaves are put back: what else is in the bucket may be of more than there is.
    pub(super) restoring: bool,
    /// A commit may have been done though it failed, or is not in the index yet.
    unsure: bool,
}

impl BucketWriter {
    /// With an index that is in that folder. Nothing is asked of the bucket yet.
    pub(super) fn new(
        folder: &Path,
        key: &VerifierKey,
        bucket: Bucket,
        handle: Handle,
    ) -> Result<Self, StoreError> {
        let Bucket { store, prefix, folder: in_folder, pause, interval: _ } = bucket;
        Ok(Self {
            objects: Objects::new(store, pause, handle),
            layout: Layout::new(prefix),
            index: Index::open(folder, key.name())?,
            key: key.clone(),
            folder: in_folder,
            public: Public::default(),
            erasures: Erasures::default(),
            unfinished: BTreeSet::new(),
            erased: Vec::new(),
            restoring: false,
            unsure: false,
        })
    }

    pub(super) fn open(
        folder: &Path,
        key: &VerifierKey,
        bucket: Bucket,
        handle: Handle,
    ) -> Result<Self, StoreError> {
        let mut writer = Self::new(folder, key, bucket, handle)?;
        match writer.index.erasures()? {
            Some(erasures) => writer.erasures = erasures,
            None => writer.adopt()?,
        }
        writer.check_origin()?;
        writer.check_key()?;
        writer.check_newest()?;
        // It was published before what is followed next, so all of it must come.
        let head = writer.read_head()?;
        writer.follow()?;
        if let Some(head) = head {
            writer.check(head.note()).map_err(at(&writer.layout.checkpoint()))?;
        }
        writer.check_tiles()?;
        writer.follow_checkpoints()?;
        writer.follow_evidence()?;
        writer.unfinished.extend(writer.erasures.unfinished..writer.erasures.next);
        if let Err(error) = writer.finish_erasures() {
            tracing::error!(%error, "an erasure is not finished: it goes on with the next");
        }
        if let Some(published) = writer.index.reader.published()? {
            writer.make_public(&published)?;
        }
        Ok(writer)
    }

    pub(super) fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.index.reader)
    }

    /// What says whose bucket it is.
    fn origin(&self) -> Vec<u8> {
        format!("countersign log v1\n{}\n", self.key.name()).into_bytes()
    }

    fn other_origin(&self, other: &[u8]) -> StoreError {
        let other = String::from_utf8_lossy(other).into_owned();
        StoreError::Damaged(format!("the bucket holds the log {other:?}, not {:?}", self.key.name()))
    }

    /// Whether the bucket is this log's; it may be nobody's so far.
    pub(super) fn has_origin(&self) -> Result<bool, StoreError> {
        match self.objects.wait(self.objects.get(&self.layout.log()))? {
            Some(object) if *object.bytes == *self.origin() => Ok(true),
            Some(object) => Err(self.other_origin(&object.bytes)),
            None => Ok(false),
        }
    }

    /// The bucket is this log's from now on; and it refuses to create what is there.
    pub(super) fn check_origin(&self) -> Result<(), StoreError> {
        let (path, origin) = (self.layout.log(), self.origin());
        if let Created::Other(other) = self.objects.wait(self.objects.create(&path, origin.clone()))? {
            return Err(self.other_origin(&other));
        }
        if self.objects.wait(self.objects.create_once(&path, origin))? {
            let why =
                "this object store creates objects that are there already: two servers would fork the log";
            return Err(StoreError::unavailable("opening the bucket", why));
        }
        Ok(())
    }

    /// All servers of a log sign with one key.
    pub(super) fn check_key(&self) -> Result<(), StoreError> {
        let (path, key) = (self.layout.key(), format!("{}\n", self.key).into_bytes());
        if let Created::Other(other) = self.objects.wait(self.objects.create(&path, key))? {
            let message = format!(
                "the servers of this log sign with the key {}, and this one with {}; if the log's key is changed, stop \
                 them all first and delete {path}",
                String::from_utf8_lossy(&other).trim_end(),
                self.key
            );
            return Err(StoreError::Damaged(message));
        }
        Ok(())
    }

    /// The bucket still has what the index had from it last.
    fn check_newest(&self) -> Result<(), StoreError> {
        let Some(range) = self.index.last_commit()? else { return Ok(()) };
        let commit = self.objects.wait(fetch(&self.objects, &self.layout, range.start))?;
        let leaves = self.index.reader.leaves(range)?;
        let same = commit.is_some_and(|commit| {
            commit.leaves.len() == leaves.len()
                && commit.leaves.iter().zip(&leaves).all(|(one, other)| one.as_bytes() == other)
        });
        if same {
            return Ok(());
        }
        Err(StoreError::Damaged(
            "the bucket has not what this folder had from it: it is another one, or was rolled back".into(),
        ))
    }

    /// Follows all that other servers did.
    pub(super) fn follow(&mut self) -> Result<(), StoreError> {
        if self.restoring {
            let next = self.objects.wait(fetch(&self.objects, &self.layout, self.index.size()))?;
            self.unsure = false;
            return next.map_or(Ok(()), |commit| self.index.follow(vec![commit], &self.key));
        }
        self.follow_commits()?;
        self.follow_erasures()?;
        self.unsure = false;
        Ok(())
    }

    /// Follows the bucket's commits.
    pub(super) fn follow_commits(&mut self) -> Result<(), StoreError> {
        loop {
            for _ in 0..ONE_BY_ONE {
                let next = fetch(&self.objects, &self.layout, self.index.size());
                let Some(commit) = self.objects.wait(next)? else { return Ok(()) };
                self.public.outdate();
                self.index.follow(vec![commit], &self.key)?;
            }
            self.follow_many()?;
        }
    }

    fn follow_many(&mut self) -> Result<(), StoreError> {
        let Some(last) = self.index.last_commit()? else { return Ok(()) };
        let (objects, layout) = (self.objects.clone(), self.layout.clone());
        let (index, key) = (&mut self.index, &self.key);
        objects.wait(async {
            let bases = objects.numbers(&layout.commits(), &layout.commit(last.start)).await?;
            let fetching = bases.into_iter().map(|base| fetch(&objects, &layout, base));
            let mut fetched = std::pin::pin!(futures_util::stream::iter(fetching).buffered(AT_ONCE));
            let (mut some, mut leaves, mut told) = (Vec::new(), 0, index.size());
            while let Some(commit) = fetched.try_next().await? {
                let Some(commit) = commit else { break };
                leaves += commit.leaves.len() as u64;
                some.push(commit);
                if leaves >= PORTION {
                    index.follow(std::mem::take(&mut some), key)?;
                    leaves = 0;
                    if index.size() - told >= 64 * PORTION {
                        told = index.size();
                        tracing::info!(size = told, "following the bucket");
                    }
                }
            }
            if some.is_empty() { Ok(()) } else { index.follow(some, key) }
        })
    }

    /// Takes over the evidence that the bucket keeps.
    fn follow_evidence(&mut self) -> Result<(), StoreError> {
        let kept = self.objects.wait(self.objects.list(&self.layout.all_evidence(), None))?;
        let mut found = Vec::with_capacity(kept.len());
        for meta in kept {
            let path = meta.location;
            let Some(object) = self.objects.wait(self.objects.get(&path))? else { continue };
            let read = read_evidence(&object.bytes);
            found.push(read.ok_or_else(|| at(&path)(StoreError::Damaged("it is not evidence".into())))?);
        }
        found.sort_by_key(|(time, _)| *time);
        for (time, evidence) in found {
            self.index.sqlite.keep_evidence(&evidence, time)?;
        }
        Ok(())
    }

    /// Puts evidence into the bucket.
    pub(super) fn put_evidence(&self, evidence: &Evidence, time: Time) -> Result<(), StoreError> {
        let bytes = write_evidence(evidence, time);
        let Evidence { chain, seq, index, refused } = evidence;
        let what = json!([chain.to_string(), seq, index, refused]).to_string();
        let name = Hash::of(&[what.as_bytes()]).0.iter().fold(String::new(), |mut name, byte| {
            // Writing to a string does not fail.
            let _ = write!(name, "{byte:02x}");
            name
        });
        // The first time that it was seen stays.
        self.objects.wait(self.objects.create(&self.layout.evidence(&name), bytes)).map(drop)
    }
}

/// The commit at that size, with the events that it still has.
pub(super) async fn fetch(
    objects: &Objects,
    layout: &Layout,
    base: u64,
) -> Result<Option<Commit>, StoreError> {
    let path = layout.commit(base);
    let Some(object) = objects.get(&path).await? else { return Ok(None) };
    let mut commit = Commit::decode(&object.bytes).map_err(at(&path))?;
    if commit.base != base {
        return Err(at(&path)(StoreError::Damaged(format!("it is the commit at {}", commit.base))));
    }
    if commit.events.is_none() {
        commit.events = Some(newest_events(objects, layout, base..commit.size()).await?);
    }
    Ok(Some(commit))
}

/// Says which object is damaged.
pub(super) fn at(path: &ObjectPath) -> impl Fn(StoreError) -> StoreError {
    move |error| match error {
        StoreError::Damaged(why) => StoreError::Damaged(format!("{path}: {why}")),
        error @ (StoreError::Unavailable { .. } | StoreError::Stopped(_)) => error,
    }
}

fn write_evidence(Evidence { chain, seq, index, refused }: &Evidence, time: Time) -> Vec<u8> {
    let evidence = json!({
        "at": time.to_string(), "chain": chain.to_string(), "seq": seq, "index": index, "refused": refused,
    });
    evidence.to_string().into_bytes()
}

fn read_evidence(bytes: &[u8]) -> Option<(Time, Evidence)> {
    let evidence: Value = serde_json::from_slice(bytes).ok()?;
    let text = |name: &str| evidence.get(name)?.as_str();
    let refused = evidence.get("refused")?.as_array()?.iter().map(|link| Some(link.as_str()?.to_owned()));
    Some((
        text("at")?.parse().ok()?,
        Evidence {
            chain: countersign::link::ChainId::parse(text("chain")?.as_bytes())?,
            seq: evidence.get("seq")?.as_u64()?,
            index: match evidence.get("index")? {
                Value::Null => None,
                index => Some(index.as_u64()?),
            },
            refused: refused.collect::<Option<_>>()?,
        },
    ))
}

impl EntryWriter for BucketWriter {
    fn size(&self) -> u64 {
        self.index.size()
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        Ok(self.index.edge().clone())
    }

    fn state(&self) -> &dyn Storage<Error = StoreError> {
        self.index.sqlite.state()
    }

    fn signs_before_commit(&self) -> bool {
        false
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
        debug_assert!(batch.publish.is_none(), "no checkpoint is signed before its leaves are in the bucket");
        let growth = batch.growth;
        self.index.note_signed_size(batch.signed_size);
        if self.unsure {
            self.follow()?;
        }
        if growth.base() != self.index.size() {
            return Err(CommitError::Overtaken);
        }
        let commit = codec::encode_growth(growth)?;
        self.unsure = true;
        let path = self.layout.commit(growth.base());
        match self.objects.wait(self.objects.create(&path, commit))? {
            Created::Ours => {
                self.index.commit(batch)?;
                self.unsure = false;
                Ok(())
            }
            Created::Other(_) => {
                self.follow()?;
                Err(CommitError::Overtaken)
            }
        }
    }

    fn catch_up(&mut self) -> Result<u64, StoreError> {
        self.follow()?;
        self.restore_head()?;
        Ok(self.index.size())
    }
}

impl CheckpointWriter for BucketWriter {
    fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        self.make_public(published)?;
        self.index.sqlite.publish(published)
    }
}

impl SignedHeadStore for BucketWriter {
    fn signed_size(&self) -> Result<Option<u64>, StoreError> {
        self.index.sqlite.signed_size()
    }

    fn forget_signed_size(&mut self) -> Result<(), StoreError> {
        self.index.sqlite.forget_signed_size()
    }
}

impl ForkWriter for BucketWriter {
    fn keep_evidence(&mut self, evidence: &Evidence, at: Time) -> Result<(), StoreError> {
        if self.index.sqlite.has_room_for(evidence)? {
            self.put_evidence(evidence, at)?;
        }
        self.index.sqlite.keep_evidence(evidence, at)
    }
}

impl ErasureWriter for BucketWriter {
    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        self.erase_events(leaves)
    }

    fn finish_erasure(&mut self, record: u64, at: Time) -> Result<(), StoreError> {
        self.index.sqlite.finish_erasure(record, at)
    }

    fn find_erasures(&mut self, key: &VerifierKey) -> Result<(), StoreError> {
        self.index.sqlite.find_erasures(key)
    }

    fn erased_meanwhile(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.erased)
    }
}
