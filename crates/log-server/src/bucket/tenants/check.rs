//! The check of a bucket with tenant logs. It reads all commits into a temporary index, as a server does, which verifies
//! each of them, and then compares the bucket's other objects with the index.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use countersign::hex;
use countersign::note::VerifierKey;
use countersign::tenant::{MIN_DEPTH, required_anchors};
use countersign_log::hashes::root_at;
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{Reader, StoreError};
use countersign_log::tenants::store::TenantReaders;
use countersign_log::tenants::tenant::{TenantId, TenantNumber};
use futures_util::StreamExt as _;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::codec::TickCommit;
use super::codec::entry_name;
use super::index::TenantIndex;
use super::{Fetched, TenantBucketWriter, Windowed, decode, fetch, fetch_secret};
use crate::bucket::claim::{self, LogKind};
use crate::bucket::erasure_log::ErasingLog as _;
use crate::bucket::layout::in_object;
use crate::bucket::layout::{Layout, number};
use crate::bucket::location::Bucket;
use crate::bucket::objects::{MAX_CONCURRENT_REQUESTS, Objects};
use crate::bucket::put_back::PutBack;
use crate::bucket::repair::read_key;
use crate::sqlite;

/// Number of ticks read at a time.
const BATCH_TICKS: u64 = 256;

/// A bucket with tenant logs, read into a temporary index.
pub(crate) struct TenantBucketCheck {
    writer: TenantBucketWriter,
    key: VerifierKey,
    index: TempDir,
}

/// The result of a bucket's check.
#[derive(Default)]
pub(crate) struct BucketContent {
    /// True if the temporary index has all commits.
    pub(crate) is_complete: bool,
    /// The number of entries in the commits that can be read.
    pub(crate) entries: u64,
    /// The lost and damaged objects, and the logs that lack entries.
    pub(crate) lost: Vec<LostObject>,
}

/// An object that is missing or damaged, or a tenant log that lacks entries.
pub(crate) struct LostObject {
    /// The object's name, or the tenant log.
    pub(crate) place: String,
    pub(crate) why: String,
    pub(crate) kind: LostKind,
}

/// The kind of a lost object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LostKind {
    Commit {
        can_put_back: bool,
    },
    /// Entries of a tenant log.
    Entries,
    Window,
    Other,
}

impl BucketContent {
    /// Adds what is wrong with an object, which the message names first.
    fn add(&mut self, read: Result<(), StoreError>) -> Result<(), StoreError> {
        let why = match read {
            Ok(()) => return Ok(()),
            Err(StoreError::Damaged(why)) => why,
            Err(error) => return Err(error),
        };
        let named = why.split_once(": ").filter(|(place, _)| place.contains('/') && !place.contains(' '));
        let (place, why) = named.map_or(("private", &*why), |named| named);
        self.lost.push(LostObject { place: place.to_owned(), why: why.to_owned(), kind: LostKind::Other });
        Ok(())
    }

    /// Adds a missing commit, for which `why` is empty, to those before it, or a damaged one.
    fn add_commit(
        &mut self,
        layout: &Layout,
        gap: &mut Option<Range<u64>>,
        tick: u64,
        why: &str,
        can_put_back: bool,
    ) {
        let path = layout.commit(tick);
        let kind = LostKind::Commit { can_put_back };
        if !why.is_empty() {
            let why = why.strip_prefix(&format!("{path}: ")).unwrap_or(why).to_owned();
            self.lost.push(LostObject { place: path.to_string(), why, kind });
            return;
        }
        if let Some(ticks) = gap
            && ticks.end == tick
            && let Some(last) = self.lost.last_mut()
            && last.kind == kind
        {
            ticks.end += 1;
            last.why = format!("the commits of ticks {} to {tick} are missing", ticks.start);
            return;
        }
        *gap = Some(tick..tick + 1);
        let why = format!("the commit of tick {tick} is missing");
        self.lost.push(LostObject { place: path.to_string(), why, kind });
    }
}

/// The entries that tenant logs have in the commits that can be read, after one that is lost.
#[derive(Default)]
struct Survey {
    logs: BTreeMap<TenantNumber, SurveyedLog>,
}

#[derive(Default)]
struct SurveyedLog {
    /// The log's ID, if a commit that can be read has it.
    id: Option<TenantId>,
    /// The entries that are lost.
    lost: Vec<Range<u64>>,
    /// The number of entries so far.
    size: u64,
}

impl Survey {
    /// Starts with the logs in an index.
    fn start(&mut self, index: &TenantIndex) -> Result<(), StoreError> {
        for head in index.readers.heads()? {
            let log = SurveyedLog { id: Some(head.id), lost: Vec::new(), size: head.size };
            self.logs.insert(head.number, log);
        }
        Ok(())
    }

    fn add(&mut self, commit: &TickCommit) {
        for tenant in &commit.additions.tenants {
            self.logs.entry(tenant.number).or_default().id = Some(tenant.id);
        }
        for part in &commit.parts {
            let log = self.logs.entry(part.number).or_default();
            log.reach(part.base);
            log.size = part.base + part.leaves.len() as u64;
        }
        for head in &commit.heads {
            self.logs.entry(head.number).or_default().reach(head.size);
        }
    }

    fn finish(self, content: &mut BucketContent) {
        for (number, SurveyedLog { id, lost, .. }) in self.logs {
            let place = id.map_or_else(|| format!("log {number}"), |id| format!("t/{}", hex::encode(&id)));
            for Range { start, end } in lost {
                let why = if end - start == 1 {
                    format!("entry {start} is in a lost commit")
                } else {
                    format!("entries {start} to {} are in lost commits", end - 1)
                };
                content.lost.push(LostObject { place: place.clone(), why, kind: LostKind::Entries });
            }
        }
    }
}

impl SurveyedLog {
    /// Counts the entries before `size` that no commit had as lost.
    fn reach(&mut self, size: u64) {
        if size > self.size {
            self.lost.push(self.size..size);
            self.size = size;
        }
    }
}

/// A problem of an object.
pub(crate) struct ObjectMismatch {
    /// The object's name.
    pub(crate) place: String,
    pub(crate) why: &'static str,
}

impl TenantBucketCheck {
    /// Opens the bucket if it contains a root log with tenant logs. Reads nothing but the log's name and key.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn open(bucket: &Bucket, handle: &Handle) -> Result<Option<Self>, StoreError> {
        let objects = Objects::new(bucket.store.clone(), bucket.pause, handle.clone());
        let layout = Layout::new(bucket.prefix.clone());
        let named = objects.wait(objects.get(&layout.log()))?;
        if !named.is_some_and(|named| matches!(claim::parse(&named.bytes), Some((LogKind::Root, _)))) {
            return Ok(None);
        }
        let key = read_key(&objects, &layout)?;
        let index = tempfile::tempdir().map_err(|error| StoreError::disk("creating an index", error))?;
        let mut writer =
            TenantBucketWriter::new(index.path(), &key, MIN_DEPTH, bucket.clone(), handle.clone())?;
        writer.is_check = true;
        Ok(Some(Self { writer, key, index }))
    }

    pub(crate) fn origin(&self) -> &str {
        self.key.name()
    }

    pub(crate) fn readers(&self) -> &Arc<dyn TenantReaders> {
        &self.writer.index.readers
    }

    /// Returns the folder of the temporary index, as in a server's folder, and closes the index.
    ///
    /// # Errors
    /// If the index fails.
    pub(crate) fn into_index(self) -> Result<TempDir, StoreError> {
        self.writer.index.set_erasures(self.writer.erasures.progress())?;
        Ok(self.index)
    }

    /// Returns the copies in a server's index.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub(crate) fn copies(
        &self,
        bucket: &Bucket,
        handle: &Handle,
        folder: &Path,
    ) -> Result<PutBack, StoreError> {
        let (_, readers) = sqlite::open_tenant_readers(folder)?;
        PutBack::of_tenants(bucket, handle, folder, &self.key, readers)
    }

    /// Reads all commits, erasures, checkpoints, and evidence, and compares the windows with the commits. Goes on after a
    /// missing or damaged commit: with the copy of a server's index, or by looking at the later commits alone.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn read(&mut self, copies: Option<&PutBack>) -> Result<BucketContent, StoreError> {
        let mut content = BucketContent { is_complete: true, ..BucketContent::default() };
        self.read_commits(copies, &mut content)?;
        for (path, _) in &self.writer.wrong_windows {
            let why = "the window differs from the commits".to_owned();
            content.lost.push(LostObject { place: path.to_string(), why, kind: LostKind::Window });
        }
        if content.is_complete {
            content.add(self.writer.follow_erasures())?;
        }
        content.add(self.writer.follow_checkpoints())?;
        content.add(self.writer.follow_evidence())?;
        let head = match self.writer.public.read_head() {
            Ok(head) => head,
            Err(error) => {
                content.add(Err(error))?;
                None
            }
        };
        if content.is_complete
            && let Some(head) = head
        {
            let path = self.writer.layout.checkpoint();
            content.add(self.writer.public.check(head.note()).map_err(in_object(&path)))?;
        }
        self.check_signed(&mut content)?;
        Ok(content)
    }

    fn read_commits(
        &mut self,
        copies: Option<&PutBack>,
        content: &mut BucketContent,
    ) -> Result<(), StoreError> {
        let (objects, layout) = (self.writer.objects.clone(), self.writer.layout.clone());
        let listed = objects.wait(objects.numbers(&layout.commits(), &layout.commits()))?;
        let end = listed.last().map_or(0, |last| last + 1);
        let end = end.max(self.published_size()?);
        let mut survey = Survey::default();
        let mut gap: Option<Range<u64>> = None;
        let mut first = 0;
        while first < end {
            let ticks = first..end.min(first + BATCH_TICKS);
            first = ticks.end;
            let fetching = ticks.clone().map(|tick| fetch(&objects, &layout, tick));
            let fetched = futures_util::stream::iter(fetching).buffered(MAX_CONCURRENT_REQUESTS);
            let fetched: Vec<_> = objects.wait(fetched.collect());
            for (tick, fetched) in ticks.zip(fetched) {
                let problem = match fetched {
                    Ok(Some(fetched)) => {
                        content.entries +=
                            fetched.commit.parts.iter().map(|part| part.leaves.len() as u64).sum::<u64>() + 1;
                        if !content.is_complete {
                            survey.add(&fetched.commit);
                            continue;
                        }
                        match self.writer.add(fetched) {
                            Ok(()) => continue,
                            Err(StoreError::Damaged(why)) => why,
                            Err(error) => return Err(error),
                        }
                    }
                    Ok(None) => String::new(),
                    Err(StoreError::Damaged(why)) => why,
                    Err(error) => return Err(error),
                };
                let is_at_end = listed.last().is_none_or(|last| tick > *last);
                let can_put_back = copies
                    .map(|copies| copies.can_put_back(&(tick..tick + 1), is_at_end))
                    .transpose()?
                    .unwrap_or_default();
                content.add_commit(&layout, &mut gap, tick, &problem, can_put_back);
                if !content.is_complete {
                    continue;
                }
                let copy =
                    copies.filter(|_| can_put_back).map(|copies| copies.copy(tick)).transpose()?.flatten();
                let Some(bytes) = copy else {
                    content.is_complete = false;
                    survey.start(&self.writer.index)?;
                    continue;
                };
                let commit = decode(&bytes, tick)?;
                let secret = objects.wait(fetch_secret(&objects, &layout, &commit))?;
                let bytes = commit.has_no_events().then_some(bytes);
                let windowed = Windowed { bytes, is_from_window: false };
                self.writer.add(Fetched { commit, secret, windowed })?;
            }
        }
        if !content.is_complete {
            survey.finish(content);
        }
        Ok(())
    }

    /// Returns the greatest size of which the bucket has a record: that was signed, or published.
    fn published_size(&self) -> Result<u64, StoreError> {
        let (objects, layout) = (&self.writer.objects, &self.writer.layout);
        let signed = objects.wait(objects.list(&layout.all_signed(), None))?;
        let signed = signed.iter().filter_map(|meta| number(&meta.location)).max();
        let kept = objects.wait(objects.list(&layout.kept_checkpoints(), None))?;
        let kept = kept.iter().filter_map(|meta| number(&meta.location)).max();
        Ok(signed.max(kept).unwrap_or(0))
    }

    /// Adds each record of what was signed that can't be read.
    fn check_signed(&self, content: &mut BucketContent) -> Result<(), StoreError> {
        let (objects, layout) = (&self.writer.objects, &self.writer.layout);
        for meta in objects.wait(objects.list(&layout.all_signed(), None))? {
            let Some(object) = objects.wait(objects.get(&meta.location))? else { continue };
            let line = str::from_utf8(&object.bytes).ok().and_then(|line| line.strip_suffix('\n'));
            if line.and_then(SignedHead::parse).is_none() {
                let why = "the object isn't a signed checkpoint".into();
                content.add(Err(in_object(&meta.location)(StoreError::Damaged(why))))?;
            }
        }
        Ok(())
    }

    /// Returns the number of recorded erasures that may be incomplete.
    pub(crate) fn unfinished_erasures(&self) -> usize {
        self.writer.erasures.unfinished()
    }

    /// Returns the public objects that differ from the commits, or are missing.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn public_mismatches(&self) -> Result<Vec<ObjectMismatch>, StoreError> {
        let (objects, public) = (&self.writer.objects, &self.writer.public);
        let Some(published) = self.readers().root().published()? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for object in public.objects_of(0, published.size) {
            let (path, expected) = object?;
            let path = self.writer.layout.public(&path);
            let why = match objects.wait(objects.get(&path))? {
                Some(object) if object.bytes == expected => continue,
                Some(_) => "the object differs from the commits",
                // A server may have published more since, and replaced a partial tile.
                None if path.as_ref().contains(".p/") => continue,
                None => "the object is missing",
            };
            found.push(ObjectMismatch { place: path.to_string(), why });
        }
        Ok(found)
    }

    /// Returns the secrets of anchors that are missing although the newest head requires them.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn missing_anchors(&self) -> Result<Vec<ObjectMismatch>, StoreError> {
        let Some(newest) = self.writer.index.size().checked_sub(1) else { return Ok(Vec::new()) };
        let (objects, root) = (&self.writer.objects, self.readers().root());
        let mut found = Vec::new();
        for tick in required_anchors(newest) {
            let entry = root.leaves(tick..tick + 1)?.pop().unwrap_or_default();
            let path = self.writer.layout.anchor(tick, &entry_name(&entry));
            if objects.wait(objects.get(&path))?.is_none() {
                let why = "the secret of an anchor is missing, so exports lack the anchor";
                found.push(ObjectMismatch { place: path.to_string(), why });
            }
        }
        Ok(found)
    }

    /// True if the ticks of a server's index are those of the bucket, as far as both have them.
    ///
    /// # Errors
    /// If one of the indexes fails.
    pub(crate) fn is_same_log(&self, index: &dyn Reader) -> Result<bool, StoreError> {
        let root = self.readers().root();
        let size = index.size()?.min(root.size()?);
        Ok(size == 0 || root_at(index, size)? == root_at(&*root, size)?)
    }

    /// Writes all tiles and entry bundles of the root log again.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn publish_again(&self) -> Result<(), StoreError> {
        for (path, window) in &self.writer.wrong_windows {
            self.writer.objects.wait(self.writer.objects.write(path, window.clone()))?;
        }
        let published = self.readers().root().published()?;
        published.map_or(Ok(()), |published| self.writer.public.write_tiles(0, published.size))
    }
}
