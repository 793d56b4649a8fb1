//! Puts lost and damaged objects of a bucket back from a server's index.
//!
//! | the bucket's commit | what is done | why that is safe |
//! | --- | --- | --- |
//! | missing | it is created, unless it exists | the bucket decides: if only a read was stale, nothing changes |
//! | damaged | the version that was read is replaced | another server's write makes the replacement fail |
//! | there, with other entries | nothing: it is another log's, or the logs were forked | a copy never replaces a commit that can be read |
//!
//! If any event of a commit was erased, its remaining events are put back first, as a generation, and then the commit
//! without events. Until then, no erasure of the commit's events can complete, so a copy that was read before an erasure
//! never outlives it: the erasure still has to remove it. If a server ends in between, the next one continues.
//!
//! Commits at the end are put back only if nothing that was signed is missing here. If the bucket's record of what was
//! signed is older than this server's, the whole bucket was rolled back, and another server may have continued from it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use countersign::checkpoint::SignedCheckpoint;
use countersign::merkle::{Bundle, Tile};
use countersign::note::VerifierKey;
use object_store::UpdateVersion;
use object_store::path::Path as ObjectPath;
use roaring::RoaringTreemap;
use tokio::runtime::Handle;

use super::codec::{Erasure, Generation, decode_checkpoint, encode_checkpoint};
use super::commit_names::newest_commits;
use super::copies::{CommitCopies, CommitCopy, LogCopies};
use super::layout::in_object;
use super::layout::{Layout, number};
use super::location::Bucket;
use super::objects::{Objects, ReplaceOutcome};
use super::publish::{Public, is_head};
use super::tenants::TickCopies;
use crate::signed_file::head_of;
use countersign_log::hashes::root_at;
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{Reader, StoreError};
use countersign_log::tenants::store::TenantReaders;

/// Number of commits whose names are compared at a time.
const BATCH_COMMITS: u64 = 65_536;
/// Number of signed heads to put back.
const SIGNED_HEADS: usize = 16;

/// The commits to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitRange {
    All,
    Newest,
}

/// The state of a commit in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CommitState {
    /// It is there, or only a read was stale.
    Present,
    /// It was missing or damaged, and is there again.
    PutBack,
    /// It is missing or damaged, for this reason, and there is no proven copy.
    Lost(String),
}

/// The objects of a bucket, with the copies in a server's index.
pub(crate) struct PutBack {
    objects: Objects,
    layout: Layout,
    key: VerifierKey,
    copies: Box<dyn CommitCopies>,
}

/// The state of a commit's object.
enum ObjectCondition {
    Sound { is_stub: bool },
    Missing,
    Damaged(String, UpdateVersion),
}

/// The outcome of comparing the names of commits.
#[derive(Debug, Default)]
pub(crate) struct MissingCommits {
    /// The numbers of the commits that the index has and the bucket doesn't list.
    pub(crate) missing: BTreeSet<u64>,
    /// The greatest number in the list.
    pub(crate) last: Option<u64>,
}

impl PutBack {
    /// Uses the index of an ordinary log in a folder, which `index` reads.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub(crate) fn of_log(
        bucket: &Bucket,
        handle: &Handle,
        folder: &Path,
        key: &VerifierKey,
        index: Arc<dyn Reader>,
    ) -> Result<Self, StoreError> {
        let copies = LogCopies::new(folder, key, index)?;
        let (objects, layout) = access(bucket, handle);
        Ok(Self::with(objects, layout, key, Box::new(copies)))
    }

    /// Uses the index of a root log in a folder, which `index` reads.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub(crate) fn of_tenants(
        bucket: &Bucket,
        handle: &Handle,
        folder: &Path,
        key: &VerifierKey,
        index: Arc<dyn TenantReaders>,
    ) -> Result<Self, StoreError> {
        let copies = TickCopies::new(folder, key, index)?;
        let (objects, layout) = access(bucket, handle);
        Ok(Self::with(objects, layout, key, Box::new(copies)))
    }

    pub(super) fn with(
        objects: Objects,
        layout: Layout,
        key: &VerifierKey,
        copies: Box<dyn CommitCopies>,
    ) -> Self {
        Self { objects, layout, key: key.clone(), copies }
    }

    /// Returns the name of a commit's object.
    pub(crate) fn name(&self, base: u64) -> String {
        self.layout.commit(base).to_string()
    }

    /// Returns the folder of the index.
    pub(crate) fn folder(&self) -> &Path {
        self.copies.folder()
    }

    /// Compares the names of commits in the index and in the bucket. `go_on` is called now and then, and ends the
    /// comparison if it returns false.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn missing(
        &self,
        which: CommitRange,
        go_on: &dyn Fn() -> bool,
    ) -> Result<MissingCommits, StoreError> {
        let mut first = match which {
            CommitRange::All => 0,
            CommitRange::Newest => newest_commits(self.folder())?,
        };
        let mut found = MissingCommits::default();
        while go_on() {
            let known = self.copies.known(first, BATCH_COMMITS)?;
            let (Some(start), Some(last)) = (known.first(), known.last()) else { break };
            let commits = self.layout.commits();
            let before =
                start.checked_sub(1).map_or_else(|| commits.clone(), |base| self.layout.commit(base));
            let missing = self.objects.wait(self.objects.missing(&commits, &before, &known))?;
            found.last = known.iter().rfind(|base| !missing.contains(base)).copied().or(found.last);
            found.missing.extend(missing);
            first = last + 1;
        }
        Ok(found)
    }

    /// Returns why commits at the end can't be put back: more may have been signed. `None` if nothing that was signed is
    /// missing in the index.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn doubt(&self) -> Result<Option<String>, StoreError> {
        let recorded = self.recorded()?;
        let known = self.copies.signed().newest();
        let size = self.copies.reader().size()?;
        Ok(match recorded {
            None => Some("the bucket has no record of what was signed anymore".into()),
            Some(recorded) if recorded.size < known => Some(format!(
                "the bucket's record of what was signed ends at {} entries, but {known} were signed, so the whole bucket was \
                 rolled back, or is another one",
                recorded.size
            )),
            Some(recorded) if recorded.size > size => {
                Some(format!("{} entries were signed, but this folder has only {size}", recorded.size))
            }
            Some(recorded) if root_at(&**self.copies.reader(), recorded.size)? != recorded.root => Some(
                format!("the log signed a tree of {} entries that differs from this folder's", recorded.size),
            ),
            Some(_) => None,
        })
    }

    /// Returns the trees that the folder knows to be signed, in ascending order.
    pub(crate) fn signed(&self) -> &[SignedHead] {
        self.copies.signed().heads()
    }

    /// Returns the newest head of which the bucket has a record: that was signed, or published.
    ///
    /// # Errors
    /// If the bucket fails.
    pub(crate) fn recorded(&self) -> Result<Option<SignedHead>, StoreError> {
        let signed = self.objects.wait(self.objects.list(&self.layout.all_signed(), None))?;
        let mut notes = Vec::new();
        if let Some(newest) = signed.iter().max_by_key(|meta| number(&meta.location))
            && let Some(object) = self.objects.wait(self.objects.get(&newest.location))?
            && let Some(head) =
                str::from_utf8(&object.bytes).ok().and_then(|line| SignedHead::parse(line.trim_end()))
        {
            notes.push(head.note(self.key.name()));
        }
        if let Some(object) = self.objects.wait(self.objects.get(&self.layout.checkpoint()))?
            && let Ok(note) = str::from_utf8(&object.bytes)
        {
            notes.push(note.to_owned());
        }
        let keys = [self.key.clone()];
        let heads = notes.iter().filter_map(|note| head_of(note, &keys));
        Ok(heads.max_by_key(|head| head.size))
    }

    /// Returns the numbers of the events whose erasure is recorded in the bucket, but which the index hasn't followed.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn newly_erased(&self) -> Result<RoaringTreemap, StoreError> {
        let mut erased = RoaringTreemap::new();
        for next in self.copies.erasures()?.next.. {
            let path = self.layout.erasure(next);
            let Some(object) = self.objects.wait(self.objects.get(&path))? else { break };
            erased.extend(Erasure::decode(&object.bytes).map_err(in_object(&path))?.leaves);
        }
        Ok(erased)
    }

    /// Returns the proven copy of a commit as one object.
    ///
    /// # Errors
    /// If the index fails.
    pub(crate) fn copy(&self, base: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.copies.copy(base, &RoaringTreemap::new())?.map(|copy| copy.whole))
    }

    /// True if the index has proven copies of all commits with these entries, and they can be put back. `is_at_end` is
    /// true if the bucket has no later commit.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn can_put_back(&self, entries: &Range<u64>, is_at_end: bool) -> Result<bool, StoreError> {
        if is_at_end && self.doubt()?.is_some() {
            return Ok(false);
        }
        let mut next = entries.start;
        while next < entries.end {
            let known = self.copies.known(next, 1_024)?;
            if known.first() != Some(&next) {
                return Ok(false);
            }
            for base in known.into_iter().take_while(|base| *base < entries.end) {
                if self.copies.copy(base, &RoaringTreemap::new())?.is_none() {
                    return Ok(false);
                }
                next = base + 1;
            }
            next = self.copies.known(next, 1)?.first().copied().unwrap_or(entries.end);
        }
        Ok(true)
    }

    /// Puts all lost and damaged objects back.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a commit can't be put back; other errors if the bucket or the index fails.
    pub(crate) fn repair(&self) -> Result<(), StoreError> {
        let go_on = || true;
        let mut lost = self.put_all_back(&self.missing(CommitRange::All, &go_on)?, &go_on)?;
        lost.extend(self.read_commits(0, u64::MAX >> 1, &go_on)?.1);
        self.put_others_back()?;
        let Some((base, why)) = lost.first() else { return Ok(()) };
        Err(StoreError::Damaged(format!("{}: {why}", self.name(*base))))
    }

    /// Puts a commit back, with its events, if it is missing or damaged.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the commit has other entries than the index; other errors if the bucket or the index
    /// fails.
    pub(crate) fn put_back(&self, base: u64, erased: &RoaringTreemap) -> Result<CommitState, StoreError> {
        let path = self.layout.commit(base);
        let copy = self.copies.copy(base, erased)?;
        let found = self.find(&path, copy.as_ref())?;
        let Some(copy) = copy else {
            let why = match found {
                ObjectCondition::Sound { .. } => return Ok(CommitState::Present),
                ObjectCondition::Missing => "the object is missing".to_owned(),
                ObjectCondition::Damaged(why, _) => why,
            };
            return Ok(CommitState::Lost(format!("{why}, and this folder has no proven copy of it")));
        };
        let (has_generation, restored) = self.put_events_back(base, &copy, &found)?;
        let bytes = if has_generation { &copy.stub } else { &copy.whole };
        let written = match found {
            ObjectCondition::Sound { .. } => false,
            ObjectCondition::Missing => self.objects.wait(self.objects.create_once(&path, bytes.clone()))?,
            ObjectCondition::Damaged(_, version) => self.replace(&path, version, bytes)?,
        };
        Ok(if written || restored { CommitState::PutBack } else { CommitState::Present })
    }

    /// Reads the object of a commit.
    fn find(&self, path: &ObjectPath, copy: Option<&CommitCopy>) -> Result<ObjectCondition, StoreError> {
        let Some(object) = self.objects.wait(self.objects.get(path))? else {
            return Ok(ObjectCondition::Missing);
        };
        match self.copies.split(&object.bytes) {
            Ok(split) if copy.is_none_or(|copy| copy.stub == split.stub) => {
                Ok(ObjectCondition::Sound { is_stub: split.events.is_none() })
            }
            Ok(_) => {
                let why = "the bucket and this folder have different entries";
                Err(in_object(path)(StoreError::Damaged(why.into())))
            }
            Err(StoreError::Damaged(why)) => Ok(ObjectCondition::Damaged(why, object.version)),
            Err(error) => Err(error),
        }
    }

    /// Puts the newest generation of a commit's events back, if the commit needs one. Returns whether it has one, and
    /// whether it was put back.
    fn put_events_back(
        &self,
        base: u64,
        copy: &CommitCopy,
        found: &ObjectCondition,
    ) -> Result<(bool, bool), StoreError> {
        if matches!(found, ObjectCondition::Sound { is_stub: false }) {
            return Ok((false, false));
        }
        let generations = self.objects.wait(self.objects.list(&self.layout.generations(base), None))?;
        let Some(newest) = generations.last() else {
            let is_needed = match found {
                ObjectCondition::Sound { is_stub } => *is_stub,
                ObjectCondition::Missing | ObjectCondition::Damaged(..) => copy.has_erased,
            };
            if is_needed {
                let path = self.layout.generation(base, 1);
                return Ok((true, self.objects.wait(self.objects.create_once(&path, copy.generation()?))?));
            }
            return Ok((false, false));
        };
        let Some(object) = self.objects.wait(self.objects.get(&newest.location))? else {
            return Ok((true, false));
        };
        let restored = match Generation::decode(&object.bytes, copy.numbers.clone()) {
            Ok(Generation::Here(_)) => false,
            // The next one was lost.
            Ok(Generation::Stub) => {
                let next = number(&newest.location).map_or(1, |number| number + 1);
                let path = self.layout.generation(base, next);
                self.objects.wait(self.objects.create_once(&path, copy.generation()?))?
            }
            Err(StoreError::Damaged(_)) => {
                self.replace(&newest.location, object.version, &copy.generation()?)?
            }
            Err(error) => return Err(error),
        };
        Ok((true, restored))
    }

    /// Replaces the version of an object that was read. Returns false if another server replaced it in the meantime.
    fn replace(&self, path: &ObjectPath, version: UpdateVersion, bytes: &[u8]) -> Result<bool, StoreError> {
        let replaced = self.objects.replace(path, Some(version), bytes.to_vec());
        match self.objects.wait(replaced)? {
            ReplaceOutcome::Yes(_) => Ok(true),
            ReplaceOutcome::Changed => Ok(false),
            // Folders and a few stores. Each server would write the same entries.
            ReplaceOutcome::Unconditional => {
                self.objects.wait(self.objects.write(path, bytes.to_vec()))?;
                Ok(true)
            }
        }
    }

    /// Puts these commits back, and logs each one. Returns those that can't be put back, each with the reason. `doubt` is
    /// why commits after `last` can't be.
    ///
    /// # Errors
    /// Those of [`put_back`](Self::put_back).
    pub(crate) fn put_all_back(
        &self,
        MissingCommits { missing, last }: &MissingCommits,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        let mut lost = Vec::new();
        if missing.is_empty() {
            return Ok(lost);
        }
        let erased = self.newly_erased()?;
        let mut doubt = None;
        let (mut count, mut before) = (0_u64, None);
        for base in missing {
            if !go_on() {
                break;
            }
            let is_at_end = last.is_none_or(|last| *base > last);
            if is_at_end {
                let doubt = match &mut doubt {
                    Some(doubt) => doubt,
                    none => none.insert(self.doubt()?),
                };
                if let Some(doubt) = doubt {
                    lost.push((*base, doubt.clone()));
                    continue;
                }
            }
            // The commit before a gap shows that the bucket has this log.
            self.check_before(*base, &mut before, &erased)?;
            match self.put_back(*base, &erased)? {
                CommitState::Present => {}
                CommitState::PutBack => {
                    count += 1;
                    if count <= 10 || count.is_multiple_of(4096) {
                        tracing::warn!(
                            path = self.name(*base),
                            count,
                            "the bucket lost a commit; it was put back from this folder"
                        );
                    }
                }
                CommitState::Lost(why) => lost.push((*base, why)),
            }
        }
        if count > 0 {
            tracing::warn!(count, "commits that the bucket lost were put back from this folder");
        }
        Ok(lost)
    }

    /// Puts these commits back as far as the index has them, because the log operator confirms that nothing newer was
    /// signed.
    ///
    /// # Errors
    /// Those of [`put_back`](Self::put_back).
    pub(crate) fn put_confirmed_back(&self, found: &MissingCommits) -> Result<(), StoreError> {
        let confirmed = MissingCommits { missing: found.missing.clone(), last: Some(u64::MAX) };
        self.put_all_back(&confirmed, &|| true).map(drop)
    }

    /// Compares the commit before this one with the index, unless that is `checked`.
    fn check_before(
        &self,
        base: u64,
        checked: &mut Option<u64>,
        erased: &RoaringTreemap,
    ) -> Result<(), StoreError> {
        let before = checked.replace(base);
        let Some(end) = base.checked_sub(1) else { return Ok(()) };
        let neighbor = self.copies.before(end)?;
        if neighbor.is_none() || neighbor == before {
            return Ok(());
        }
        let neighbor = neighbor.unwrap_or_default();
        let copy = self.copies.copy(neighbor, erased)?;
        self.find(&self.layout.commit(neighbor), copy.as_ref()).map(drop)
    }

    /// Puts back what the bucket lost before a server uses it. Looks at the newest commits, and at all of them only if one
    /// is missing. `has_origin` is false if the object that names the log is missing.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a commit is lost, or may be; other errors if the bucket or the index fails.
    pub(super) fn at_start(&self, has_origin: bool) -> Result<(), StoreError> {
        let size = self.copies.reader().size()?;
        let Some(newest) = self.copies.before(size.saturating_sub(1))?.filter(|_| size > 0) else {
            return Ok(());
        };
        if !has_origin && !has_checkpoint(&self.objects, &self.layout, &self.key)? {
            let why = "the bucket is empty, but this folder has the index of a log in a bucket; it is another bucket, or everything \
                       in it was lost";
            return Err(StoreError::Damaged(why.into()));
        }
        let found = self.missing(CommitRange::Newest, &|| true)?;
        let mut lost = Vec::new();
        if found.missing.is_empty() {
            if let CommitState::Lost(why) = self.put_back(newest, &self.newly_erased()?)? {
                lost.push((newest, why));
            }
        } else {
            let found = self.missing(CommitRange::All, &|| true)?;
            lost = self.put_all_back(&found, &|| true)?;
            if lost.is_empty() {
                self.put_others_back()?;
            }
            // Others don't prevent a start: the log can be read, and the self-check reports them.
            lost.retain(|(base, _)| found.last.is_none_or(|last| *base > last));
        }
        let Some((base, why)) = lost.first() else { return Ok(()) };
        let more =
            if lost.len() == 1 { String::new() } else { format!(" ({} more are lost)", lost.len() - 1) };
        Err(StoreError::Damaged(format!("{}: {why}{more}", self.name(*base))))
    }

    /// Reads at most `max` commits from `first` on, and puts damaged ones back. Returns where the next pass continues, or
    /// 0 after the last commit, and the commits that are lost.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn read_commits(
        &self,
        first: u64,
        max: u64,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(u64, Vec<(u64, String)>), StoreError> {
        let known = self.copies.known(first, max)?;
        let lost = self.check_commits(&known, go_on)?;
        let is_last = (known.len() as u64) < max;
        Ok((known.last().filter(|_| !is_last).map_or(0, |last| last + 1), lost))
    }

    /// Reads these commits, and puts damaged ones back. Returns those that are lost.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn check_commits(
        &self,
        commits: &[u64],
        go_on: &dyn Fn() -> bool,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        let mut lost = Vec::new();
        if commits.is_empty() {
            return Ok(lost);
        }
        let erased = self.newly_erased()?;
        for base in commits {
            if !go_on() {
                break;
            }
            match self.put_back(*base, &erased) {
                Ok(CommitState::Present) => {}
                Ok(CommitState::PutBack) => {
                    tracing::warn!(path = self.name(*base), "a damaged commit was put back from this folder");
                }
                Ok(CommitState::Lost(why)) | Err(StoreError::Damaged(why)) => lost.push((*base, why)),
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }

    /// Puts objects other than commits back: recorded erasures, checkpoints, and the record of what was signed.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn put_others_back(&self) -> Result<(), StoreError> {
        self.put_erasures_back()?;
        let index = self.copies.reader();
        let kept = self.objects.wait(self.objects.list(&self.layout.kept_checkpoints(), None))?;
        let kept: BTreeSet<u64> = kept.iter().filter_map(|meta| number(&meta.location)).collect();
        for published in index.checkpoints(0..index.size()? + 1)? {
            if !kept.contains(&published.size) {
                let path = self.layout.kept_checkpoint(published.size);
                self.objects.wait(self.objects.create_once(&path, encode_checkpoint(&published)?))?;
            }
        }
        let signed = self.objects.wait(self.objects.list(&self.layout.all_signed(), None))?;
        if signed.is_empty() && self.doubt()?.is_none() {
            self.put_signed_back(self.signed())?;
        }
        self.copies.each_other(
            &self.layout,
            &mut |prefix| {
                let listed = self.objects.wait(self.objects.list(prefix, None))?;
                Ok(listed.into_iter().map(|meta| meta.location).collect())
            },
            &mut |path, bytes| {
                if self.objects.wait(self.objects.create_once(path, bytes))? {
                    tracing::warn!(%path, "the bucket lost an object; it was put back from this folder");
                }
                Ok(())
            },
        )
    }

    /// True if the index has the object with this name, other than a commit.
    ///
    /// # Errors
    /// If the index fails.
    pub(crate) fn has_object(&self, name: &str) -> Result<bool, StoreError> {
        let mut is_found = false;
        self.copies.each_other(&self.layout, &mut |_| Ok(BTreeSet::new()), &mut |path, _| {
            is_found |= path.as_ref() == name;
            Ok(())
        })?;
        Ok(is_found)
    }

    /// Adds the newest of these heads, which are in ascending order, to the bucket's record of what was signed.
    ///
    /// # Errors
    /// If the bucket fails.
    pub(crate) fn put_signed_back(&self, heads: &[SignedHead]) -> Result<(), StoreError> {
        for head in &heads[heads.len().saturating_sub(SIGNED_HEADS)..] {
            let path = self.layout.signed(head.size);
            self.objects.wait(self.objects.create_once(&path, head.to_line().into_bytes()))?;
        }
        Ok(())
    }

    /// Puts recorded erasures back. Which one had which entries is unknown, so the first one gets all of them.
    fn put_erasures_back(&self) -> Result<(), StoreError> {
        let recorded = self.copies.erasures()?.next;
        let mut missing = Vec::new();
        for number in 0..recorded {
            let path = self.layout.erasure(number);
            match self.objects.wait(self.objects.get(&path))? {
                Some(object) if Erasure::decode(&object.bytes).is_ok() => {}
                found => missing.push((path, found.map(|object| object.version))),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let mut leaves = self.copies.all_erased()?;
        for (path, version) in missing {
            if leaves.is_empty() {
                break;
            }
            let bytes = Erasure { leaves: leaves.clone(), done: false }.encode()?;
            tracing::warn!(%path, "the bucket lost the record of an erasure; it was put back from this folder");
            match version {
                None => _ = self.objects.wait(self.objects.create_once(&path, bytes))?,
                Some(version) => _ = self.replace(&path, version, &bytes)?,
            }
            leaves.truncate(1);
        }
        Ok(())
    }

    /// Writes missing tiles and entry bundles again, and the public checkpoint if it can't be read.
    ///
    /// # Errors
    /// If the bucket or the index fails.
    pub(crate) fn publish_missing(&self) -> Result<(), StoreError> {
        let index = self.copies.reader();
        let Some(published) = index.published()? else { return Ok(()) };
        let listed = self.objects.wait(self.objects.list(&self.layout.public("tile"), None))?;
        let listed: BTreeSet<String> = listed.into_iter().map(|meta| meta.location.to_string()).collect();
        let size = published.size;
        let paths = Tile::grown(0, size)
            .filter(|tile| tile.is_full())
            .map(Tile::path)
            .chain(Bundle::grown(0, size).filter(|bundle| bundle.is_full()).map(Bundle::path));
        let is_missing = |path: &String| !listed.contains(self.layout.public(path).as_ref());
        let missing: BTreeSet<String> = paths.filter(is_missing).collect();
        let public = Public::new(self.objects.clone(), self.layout.clone(), self.key.clone(), index.clone());
        if !missing.is_empty() {
            for object in public.objects_of(0, size) {
                let (path, bytes) = object?;
                if missing.contains(&path) {
                    tracing::warn!(path, "the bucket lost a public object; it was written again");
                    self.objects.wait(self.objects.write(&self.layout.public(&path), bytes))?;
                }
            }
        }
        self.publish_checkpoint(&published.note)
    }

    /// Writes the public checkpoint again if it is missing or can't be read: the newest one that is stored, or this one.
    fn publish_checkpoint(&self, note: &str) -> Result<(), StoreError> {
        let path = self.layout.checkpoint();
        let head = self.objects.wait(self.objects.get(&path))?;
        if head.as_ref().is_some_and(|head| is_head(&head.bytes)) {
            return Ok(());
        }
        let kept = self.objects.wait(self.objects.list(&self.layout.kept_checkpoints(), None))?;
        let newest = match kept.last() {
            Some(newest) => self.objects.wait(self.objects.get(&newest.location))?,
            None => None,
        };
        let newest = newest.and_then(|newest| decode_checkpoint(&newest.bytes).ok());
        let note = newest.map_or_else(|| note.to_owned(), |newest| newest.note);
        tracing::warn!(%path, "the public checkpoint can't be read; it was written again");
        match head {
            None => _ = self.objects.wait(self.objects.create_once(&path, note.into_bytes()))?,
            Some(head) => _ = self.replace(&path, head.version, note.as_bytes())?,
        }
        Ok(())
    }
}

/// Returns access to the objects of a bucket.
fn access(bucket: &Bucket, handle: &Handle) -> (Objects, Layout) {
    (Objects::new(bucket.store.clone(), bucket.pause, handle.clone()), Layout::new(bucket.prefix.clone()))
}

/// Deletes a public checkpoint that can't be read. The next one that is published takes its place, and the newest one is
/// also among the private objects.
pub(super) fn repair_checkpoint(objects: &Objects, layout: &Layout) -> Result<(), StoreError> {
    let path = layout.checkpoint();
    if let Some(head) = objects.wait(objects.get(&path))?
        && !is_head(&head.bytes)
    {
        tracing::warn!(%path, "the public checkpoint can't be read; it is written again");
        objects.wait(objects.delete(vec![path]))?;
    }
    Ok(())
}

/// True if the bucket contains the log with this key, although it lost the object that says so: it has a checkpoint that
/// the log published.
pub(super) fn has_checkpoint(
    objects: &Objects,
    layout: &Layout,
    key: &VerifierKey,
) -> Result<bool, StoreError> {
    let object = objects.wait(objects.get(&layout.checkpoint()))?;
    let note = object.and_then(|object| String::from_utf8(object.bytes.to_vec()).ok());
    let signed = note.and_then(|note| SignedCheckpoint::parse(&note).ok());
    Ok(signed.is_some_and(|signed| signed.checkpoint.origin == key.name() && signed.is_signed_by(key)))
}

/// Fails if the commit at `size` is missing, although there are later ones.
pub(super) fn check_gap(objects: &Objects, layout: &Layout, size: u64) -> Result<(), StoreError> {
    let path = layout.commit(size);
    let later = objects.wait(objects.numbers(&layout.commits(), &path))?.len();
    // Another server may have created it in the meantime.
    if later == 0 || objects.wait(objects.get(&path))?.is_some() {
        return Ok(());
    }
    let why = format!("the object is missing, although there are later commits ({later})");
    Err(in_object(&path)(StoreError::Damaged(why)))
}

/// Repeats a comparison of a bucket with what is known about it until it succeeds, for as long as reads of the bucket may
/// be behind its writes: a cache or a gateway in front of it may answer with a state of some seconds ago.
pub(super) fn patiently<T>(
    patience: Duration,
    mut compare: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let started = Instant::now();
    loop {
        match compare() {
            Err(StoreError::Damaged(why)) if started.elapsed() < patience => {
                tracing::warn!(
                    why,
                    "the bucket lacks something, or reads of it are behind its writes; looking again"
                );
                thread::sleep(patience / 4);
            }
            compared => return compared,
        }
    }
}
