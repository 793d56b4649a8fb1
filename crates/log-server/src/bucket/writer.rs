//! The sequencer's access to a bucket.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign::hash::Hash;
use countersign::hex;
use countersign::log::{Evidence, Storage};
use countersign::merkle::CompactRange;
use countersign::note::VerifierKey;
use countersign::time::Time;
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::claim::{Claim, LogKind};
use super::codec::{self, Commit};
use super::copies::LogCopies;
use super::erase::newest_events;
use super::erasure_log::{ErasingLog as _, ErasureLog};
use super::index::Index;
use super::layout::{Layout, in_object};
use super::location::Bucket;
use super::objects::{CreateOutcome, MAX_CONCURRENT_REQUESTS, Objects};
use super::publish::Public;
use super::put_back::{PutBack, check_gap, patiently, repair_checkpoint};
use countersign_log::store::{
    Batch, CheckpointWriter, CommitError, EntryWriter, ErasureWriter, ForkWriter, Published, Reader,
    SignedHeadStore, StoreError,
};

/// Number of commits to fetch one at a time before listing how many there are.
pub(super) const COMMITS_BEFORE_LISTING: usize = 4;
/// Number of entries added to the index at a time.
const BATCH_ENTRIES: u64 = 4_096;

/// The writer of a store in a bucket.
pub(super) struct BucketWriter {
    pub(super) claim: Claim,
    pub(super) objects: Objects,
    pub(super) layout: Layout,
    pub(super) index: Index,
    /// The log's key.
    pub(super) key: VerifierKey,
    /// The folder, if the bucket is one.
    pub(super) folder: Option<PathBuf>,
    /// The time for which reads may be behind writes.
    patience: Duration,
    pub(super) public: Public,
    pub(super) erasures: ErasureLog,
    /// Entries whose events were erased since the last call of `erased_meanwhile`.
    pub(super) erased: Vec<u64>,
    /// True while entries are being restored: other objects may refer to entries that are still missing.
    pub(super) restoring: bool,
    /// True if a failed commit may have succeeded, or isn't in the index yet.
    unsure: bool,
}

impl BucketWriter {
    /// Creates a writer with its index in `folder`, without contacting the bucket.
    pub(super) fn new(
        folder: &Path,
        key: &VerifierKey,
        bucket: Bucket,
        handle: Handle,
    ) -> Result<Self, StoreError> {
        let Bucket { store, prefix, folder: in_folder, pause, patience, interval: _ } = bucket;
        let (objects, layout) = (Objects::new(store, pause, handle), Layout::new(prefix));
        let index = Index::open(folder, key.name())?;
        let erasures = ErasureLog::new(objects.clone(), layout.clone());
        let public = Public::new(objects.clone(), layout.clone(), key.clone(), index.reader.clone());
        Ok(Self {
            claim: Claim::new(LogKind::Ordinary, &objects, &layout, key),
            objects,
            layout,
            index,
            key: key.clone(),
            folder: in_folder,
            patience,
            public,
            erasures,
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
            Some(progress) => {
                writer.erasures.continue_from(progress);
                patiently(writer.patience, || writer.put_back_lost(folder))?;
            }
            None => writer.adopt()?,
        }
        writer.claim.check_origin()?;
        writer.claim.check_key()?;
        repair_checkpoint(&writer.objects, &writer.layout)?;
        patiently(writer.patience, || writer.follow_published())?;
        writer.follow_checkpoints()?;
        writer.follow_evidence()?;
        writer.erasures.resume();
        if let Err(error) = writer.finish_erasures() {
            tracing::error!(%error, "an erasure is incomplete; it will be retried with the next one");
        }
        if let Some(published) = writer.index.reader.published()? {
            writer.public.make_public(&published)?;
        }
        Ok(writer)
    }

    pub(super) fn reader(&self) -> Arc<dyn Reader> {
        Arc::clone(&self.index.reader)
    }

    /// Puts back what the bucket lost, if the index in this folder has it.
    fn put_back_lost(&self, folder: &Path) -> Result<(), StoreError> {
        let copies = LogCopies::new(folder, &self.key, self.reader())?;
        let (objects, layout) = (self.objects.clone(), self.layout.clone());
        PutBack::with(objects, layout, &self.key, Box::new(copies)).at_start(self.claim.has_origin()?)
    }

    /// Follows the bucket, and checks that it has everything that was published.
    fn follow_published(&mut self) -> Result<(), StoreError> {
        self.check_newest()?;
        // The head was published before the commits followed next, so they must include all of its entries.
        let head = self.public.read_head()?;
        self.follow_commits()?;
        check_gap(&self.objects, &self.layout, self.index.size())?;
        self.follow()?;
        if let Some(head) = head {
            self.public.check(head.note()).map_err(in_object(&self.layout.checkpoint()))?;
        }
        self.check_tiles()
    }

    /// Checks that the bucket still has the index's newest commit.
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
            "the bucket lacks entries that this folder got from it; it is another bucket or was rolled back"
                .into(),
        ))
    }

    /// Follows everything that other servers did.
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
            for _ in 0..COMMITS_BEFORE_LISTING {
                let next = fetch(&self.objects, &self.layout, self.index.size());
                let Some(commit) = self.objects.wait(next)? else { return Ok(()) };
                self.public.mark_outdated();
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
            let mut fetched =
                std::pin::pin!(futures_util::stream::iter(fetching).buffered(MAX_CONCURRENT_REQUESTS));
            let (mut batch, mut leaves, mut logged) = (Vec::new(), 0, index.size());
            while let Some(commit) = fetched.try_next().await? {
                let Some(commit) = commit else { break };
                leaves += commit.leaves.len() as u64;
                batch.push(commit);
                if leaves >= BATCH_ENTRIES {
                    index.follow(std::mem::take(&mut batch), key)?;
                    leaves = 0;
                    if index.size() - logged >= 64 * BATCH_ENTRIES {
                        logged = index.size();
                        tracing::info!(size = logged, "reading the bucket's commits");
                    }
                }
            }
            if batch.is_empty() { Ok(()) } else { index.follow(batch, key) }
        })
    }

    /// Reads the bucket's evidence into the index.
    fn follow_evidence(&mut self) -> Result<(), StoreError> {
        let kept = self.objects.wait(self.objects.list(&self.layout.all_evidence(), None))?;
        let mut found = Vec::with_capacity(kept.len());
        for meta in kept {
            let path = meta.location;
            let Some(object) = self.objects.wait(self.objects.get(&path))? else { continue };
            let read = read_evidence(&object.bytes);
            found.push(
                read.ok_or_else(|| {
                    in_object(&path)(StoreError::Damaged("the object isn't evidence".into()))
                })?,
            );
        }
        found.sort_by_key(|(time, _)| *time);
        for (time, evidence) in found {
            self.index.sqlite.keep_evidence(&evidence, time)?;
        }
        Ok(())
    }

    /// Writes evidence to the bucket.
    pub(super) fn put_evidence(&self, evidence: &Evidence, time: Time) -> Result<(), StoreError> {
        let path = self.layout.evidence(&evidence_name(evidence));
        // The object with the time of the first sighting is kept.
        self.objects.wait(self.objects.create(&path, write_evidence(evidence, time))).map(drop)
    }
}

/// Reads the commit at `base` with the events that it still has.
pub(super) async fn fetch(
    objects: &Objects,
    layout: &Layout,
    base: u64,
) -> Result<Option<Commit>, StoreError> {
    let path = layout.commit(base);
    let Some(object) = objects.get(&path).await? else { return Ok(None) };
    let mut commit = Commit::decode(&object.bytes).map_err(in_object(&path))?;
    if commit.base != base {
        return Err(in_object(&path)(StoreError::Damaged(format!(
            "the object is the commit at {}",
            commit.base
        ))));
    }
    if commit.events.is_none() {
        commit.events = Some(newest_events(objects, layout, base, base..commit.size()).await?);
    }
    Ok(Some(commit))
}

/// Returns the name of the object with this evidence.
pub(super) fn evidence_name(Evidence { chain, seq, index, refused }: &Evidence) -> String {
    let identity = json!([chain.to_string(), seq, index, refused]).to_string();
    hex::encode(&Hash::digest(&[identity.as_bytes()]).0)
}

pub(super) fn write_evidence(Evidence { chain, seq, index, refused }: &Evidence, time: Time) -> Vec<u8> {
    let evidence = json!({
        "at": time.to_string(), "chain": chain.to_string(), "seq": seq, "index": index, "refused": refused,
    });
    evidence.to_string().into_bytes()
}

pub(super) fn read_evidence(bytes: &[u8]) -> Option<(Time, Evidence)> {
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
        debug_assert!(
            batch.publish.is_none(),
            "a checkpoint is signed only after its entries are in the bucket"
        );
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
            CreateOutcome::Ours => {
                self.index.commit(batch)?;
                self.unsure = false;
                Ok(())
            }
            CreateOutcome::Other(_) => {
                self.follow()?;
                Err(CommitError::Overtaken)
            }
        }
    }

    fn catch_up(&mut self) -> Result<u64, StoreError> {
        self.follow()?;
        self.public.restore_head()?;
        Ok(self.index.size())
    }
}

impl CheckpointWriter for BucketWriter {
    fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        self.public.make_public(published)?;
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
