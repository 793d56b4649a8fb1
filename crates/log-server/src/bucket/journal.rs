//! The journal of a log in a folder: a second place that has each commit of the log before it is answered.
//!
//! It is the private part of a [bucket](super), with the same commits: `private/commits`, `private/events`, and
//! `private/erasures`, and for a root log `private/anchors`. It has no public objects and no index of its own, and only one
//! server writes it. These objects differ from those of a bucket:
//!
//! | object | what |
//! | --- | --- |
//! | `private/log` | the log's origin, under a header that no bucket has: a journal can't be served as a bucket |
//! | `private/journal` | where the journal begins: the size of the log and its root hash. What precedes it is in a backup |
//! | `private/mode` | `wait`, or `answer` once a server answered without the journal |
//! | `private/notes/<hash>` | key notes for all tenant logs |
//! | `private/signed/<size>` | the newest signed checkpoint, about once a minute |
//!
//! # Order of writes
//!
//! The database comes first, so the journal is always a prefix of it. A failure of the journal never leaves two histories,
//! and an object that is written late has the same entries as the database.
//!
//! | step | durable after it | a restart after a crash there |
//! | --- | --- | --- |
//! | 1. commit to the database, without the checkpoint to publish | the entries, in the folder | writes them to the journal before it publishes or answers anything |
//! | 2. write the commit to the journal | the entries, in both places | finds the commit in the journal |
//! | 3. publish the checkpoint in the database | the checkpoint | publishes what is durable |
//! | 4. the sequencer remembers the checkpoint, announces it, and answers | see [`sequencer`](countersign_log::sequencer) | as there |
//!
//! If step 2 fails, the commit fails, although the database has it ([`CommitError::Failed`] allows that): emitters send
//! again. With [`JournalMode::Answer`], steps 3 and 4 follow nevertheless.
//!
//! A journal that is behind gets one commit with everything that the database has in addition. If an earlier attempt
//! succeeded after all, its object is kept, and the next commit continues after it.
//!
//! A journal that is ahead belongs to a database that was restored from a backup, or lost its newest commits in a power
//! failure. A start compares the two, and then applies what the database lacks ([`restore`]). A journal of another log, or
//! of another history, is rejected before anything is written.
//!
//! # Erasures
//!
//! An event is erased in the database first, and then in the journal, as in a bucket ([`erase`](super::erase)): its position
//! is recorded, and the objects with its bytes are replaced. The erasure is complete only once both are done. A restore
//! erases again what the journal's erasures name.

mod index;
mod ordinary;
pub(crate) mod restore;
mod state;

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::hash::Hash;
use countersign::hex;
use countersign::note::VerifierKey;
use countersign::time::Time;
use countersign_log::hashes::root_at;
use countersign_log::own_chain::secure_random;
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{Published, Reader, StoreError};
use countersign_log::tables::replaces;
use countersign_log::tenants::tenant::TenantNumber;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path as ObjectPath;
use tokio::runtime::Handle;

pub(crate) use self::index::{ArchivedHead, JournalIndex};
pub(crate) use self::ordinary::JournaledWriter;
pub(crate) use self::ordinary::read_entries;
pub use self::state::{JournalMode, JournalState};

use super::claim::{Claim, LogKind};
use super::codec::{Erasure, SplitCommit, encode_checkpoint};
use super::erase::{ErasedEvents, Scrubber};
use super::layout::in_object;
use super::layout::{Layout, number};
use super::location::Bucket;
use super::objects::{CreateOutcome, MAX_CONCURRENT_REQUESTS, Objects};

/// The minimum time between two signed checkpoints in the journal, in milliseconds.
const SIGNED_INTERVAL_MS: i64 = 60_000;
/// Maximum number of entries in one erasure.
const MAX_ERASURE_ENTRIES: usize = 1 << 20;
/// Number of commits between two progress messages.
const PROGRESS_COMMITS: u64 = 4_096;

/// The journal of a log.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// Its place.
    pub place: Bucket,
    /// The mode: whether answers wait while it can't be written.
    pub mode: JournalMode,
}

/// The place where a journal begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The journal's ID.
    pub(crate) id: String,
    /// The size of the log before its first commit.
    pub(crate) begin: u64,
    /// The root hash of that size.
    pub(crate) root: Hash,
}

impl Place {
    pub(crate) fn encode(&self) -> Vec<u8> {
        format!("{}\n{}\n{}\n", self.id, self.begin, self.root).into_bytes()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split('\n');
        let (id, begin, root) = (lines.next()?, lines.next()?, lines.next()?);
        let root = Hash::from_base64(root)?;
        let place = Self { id: id.to_owned(), begin: begin.parse().ok()?, root };
        (lines.next().is_none() && hex::decode::<16>(id.as_bytes()).is_some()).then_some(place)
    }
}

/// A commit in a journal.
pub(crate) trait JournalCommit: Sized {
    /// Returns the size of the log before it.
    fn base(&self) -> u64;

    /// Returns the size of the log including it.
    fn size(&self) -> u64;

    /// Returns the entries of the ordinary log or the root log.
    fn entries(&self) -> impl Iterator<Item = &str>;

    /// Returns the numbers that events of its entries have, or would have.
    fn events(&self) -> Vec<Range<u64>>;

    /// Returns the heads of tenant logs that it changes.
    fn heads(&self) -> Vec<(TenantNumber, ArchivedHead)>;

    /// Encodes the object.
    fn encode(&self) -> Result<Vec<u8>, StoreError>;

    /// Decodes the object, which may be a stub.
    fn decode(bytes: &[u8]) -> Result<Self, StoreError>;

    /// Splits the object for an erasure.
    fn split(bytes: &[u8]) -> Result<SplitCommit, StoreError>;
}

/// The log that a journal receives.
pub(crate) trait JournaledLog {
    /// The kind of its commits.
    type Commit: JournalCommit;

    /// Returns the number of entries in the database.
    fn size(&self) -> u64;

    /// Returns the entries of the ordinary log or the root log.
    fn entries(&self) -> &dyn Reader;

    /// Returns the heads of all tenant logs.
    fn heads(&self) -> Result<Vec<(TenantNumber, ArchivedHead)>, StoreError>;

    /// Returns a commit with what the journal lacks, from its size `base` on. It may contain less than everything.
    fn commit_from(&self, base: u64, index: &JournalIndex) -> Result<Self::Commit, StoreError>;

    /// Returns the objects that have to exist before a commit: their names and contents.
    fn objects_before(
        &self,
        commit: &Self::Commit,
        layout: &Layout,
    ) -> Result<Vec<(ObjectPath, Vec<u8>)>, StoreError>;

    /// Returns the objects that the journal may lack besides commits.
    fn other_objects(&self, layout: &Layout) -> Result<Vec<(ObjectPath, Vec<u8>)>, StoreError>;

    /// Splits these events into those that exist and those that are erased.
    fn split_erased(&self, events: &[u64]) -> Result<(Vec<u64>, Vec<u64>), StoreError>;

    /// Returns which events in a range are erased.
    fn erased_in(&self, events: &Range<u64>) -> Result<Vec<u64>, StoreError>;
}

/// The journal of a running log.
pub(crate) struct Journal {
    objects: Objects,
    layout: Layout,
    claim: Claim,
    /// The journal's folder, if it is one.
    folder: Option<PathBuf>,
    /// The place as the index names it.
    name: String,
    mode: JournalMode,
    index: JournalIndex,
    state: Arc<JournalState>,
    /// True once the journal was compared with the log.
    is_compared: bool,
    /// True once the journal says what this server does while it can't be written.
    is_mode_written: bool,
    /// True if other objects than commits may be missing.
    lacks_objects: bool,
    /// The last error, the number of errors in a row, and the time from which on the journal is tried again.
    failure: Option<(String, u32, Instant)>,
    /// The time of the newest signed checkpoint in the journal, by the log's clock.
    signed_at: Option<Time>,
    /// The newest published checkpoint.
    published: Option<Published>,
}

impl Journal {
    /// Opens the index of a journal, without contacting the journal.
    pub(crate) fn new(
        folder: &Path,
        kind: LogKind,
        key: &VerifierKey,
        JournalConfig { place, mode }: JournalConfig,
        handle: Handle,
    ) -> Result<Self, StoreError> {
        let name = place.folder.as_ref().map_or_else(
            || format!("{} {}", place.store, place.prefix),
            |folder| folder.display().to_string(),
        );
        let Bucket { store, prefix, folder: in_folder, pause, patience: _, interval: _ } = place;
        let (objects, layout) = (Objects::new(store, pause, handle), Layout::new(prefix));
        Ok(Self {
            claim: Claim::new(kind, &objects, &layout, key),
            objects,
            layout,
            folder: in_folder,
            name,
            mode,
            index: JournalIndex::open(folder)?,
            state: Arc::new(JournalState::new(mode)),
            is_compared: false,
            is_mode_written: false,
            lacks_objects: true,
            failure: None,
            signed_at: None,
            published: None,
        })
    }

    /// Returns the state, which the server's health report and metrics show.
    pub(crate) fn state(&self) -> &Arc<JournalState> {
        &self.state
    }

    /// Reads where the journal begins. `None` for an empty place.
    pub(crate) fn read_place(&self) -> Result<Option<Place>, StoreError> {
        if !self.claim.has_origin()? {
            return Ok(None);
        }
        let path = self.layout.journal();
        let object = self.objects.wait(self.objects.get(&path))?;
        let damaged =
            || in_object(&path)(StoreError::Damaged("the object doesn't say where a journal begins".into()));
        object.map(|object| Place::parse(&object.bytes).ok_or_else(damaged)).transpose()
    }

    /// Compares the journal with the log, and starts it if the place is empty. Writes nothing if it is the journal of
    /// another log, or of another history. Returns the size of the log in the journal.
    pub(crate) fn compare<L: JournaledLog>(&mut self, log: &L) -> Result<u64, StoreError> {
        let known = self.index.journal()?;
        let found = self.read_place()?;
        #[allow(clippy::single_match_else, reason = "both cases are usual")]
        let place = match found {
            Some(place) => place,
            None => {
                if known.is_some_and(|known| known.place == self.name) {
                    let why = "the journal that this log had here is missing; mount its disk, or delete journal.sqlite in the log's folder to start a new one";
                    return Err(StoreError::Damaged(format!("{}: {why}", self.name)));
                }
                self.start(log)?
            }
        };
        self.claim.has_no_other_key()?;
        match self.index.journal()? {
            Some(known) if known.id == place.id => {
                self.index.set_place(&self.name)?;
                self.index.remove_before(place.begin)?;
            }
            _ => {
                self.index.reset(&place, &self.name)?;
                if place.begin == log.size() {
                    self.index.add_heads(log.heads()?.into_iter())?;
                }
            }
        }
        self.follow::<L::Commit>()?;
        self.check_history(log, &place)?;
        // After a change of the log's key, the operator deleted the object.
        self.claim.check_key()?;
        self.follow_erasures()?;
        self.state.begins_at(place.begin);
        self.is_compared = true;
        Ok(self.index.size())
    }

    /// Starts a journal in an empty place.
    fn start<L: JournaledLog>(&self, log: &L) -> Result<Place, StoreError> {
        let id: [u8; 16] =
            secure_random().map_err(|error| StoreError::unavailable("starting the journal", error))?;
        let begin = log.size();
        let place = Place { id: hex::encode(&id), begin, root: root_at(log.entries(), begin)? };
        self.claim.check_origin()?;
        self.claim.check_key()?;
        let path = self.layout.journal();
        if let CreateOutcome::Other(other) = self.objects.wait(self.objects.create(&path, place.encode()))? {
            let damaged = || StoreError::Damaged("the object doesn't say where a journal begins".into());
            return Place::parse(&other).ok_or_else(damaged).map_err(in_object(&path));
        }
        tracing::info!(begin, "the journal begins; a backup must have the entries before it");
        Ok(place)
    }

    /// Adds the commits to the index that it lacks.
    fn follow<C: JournalCommit>(&mut self) -> Result<(), StoreError> {
        let (objects, layout) = (self.objects.clone(), self.layout.clone());
        let next = self.index.size();
        if objects.wait(objects.get(&layout.commit(next)))?.is_none() {
            let folder = layout.commits();
            let after = next.checked_sub(1).map_or_else(|| folder.clone(), |last| layout.commit(last));
            if let Some(later) =
                objects.wait(objects.numbers(&folder, &after))?.into_iter().find(|base| *base >= next)
            {
                let why = format!("the journal lacks entries {next} to {}", later - 1);
                return Err(StoreError::Damaged(why));
            }
            return Ok(());
        }
        let folder = layout.commits();
        let after = next.checked_sub(1).map_or_else(|| folder.clone(), |last| layout.commit(last));
        let bases = objects.wait(objects.numbers(&folder, &after))?;
        let fetching = bases.into_iter().filter(|base| *base >= next).map(|base| {
            let (objects, path) = (&objects, layout.commit(base));
            async move {
                let object = objects.get(&path).await?;
                let missing = || StoreError::Damaged(format!("{path} is missing"));
                let commit = C::decode(&object.ok_or_else(missing)?.bytes).map_err(in_object(&path))?;
                Ok::<_, StoreError>(commit)
            }
        });
        let mut fetched =
            std::pin::pin!(futures_util::stream::iter(fetching).buffered(MAX_CONCURRENT_REQUESTS));
        let mut read = 0;
        while let Some(commit) = objects.wait(fetched.try_next())? {
            if commit.base() != self.index.size() {
                let why = format!("the journal lacks entries {} to {}", self.index.size(), commit.base());
                return Err(StoreError::Damaged(why));
            }
            self.index.add(&commit)?;
            read += 1;
            if read % PROGRESS_COMMITS == 0 {
                tracing::info!(size = self.index.size(), "reading the journal's commits");
            }
        }
        Ok(())
    }

    /// Fails if the journal has another history than the log, or begins after it ends.
    fn check_history<L: JournaledLog>(&self, log: &L, place: &Place) -> Result<(), StoreError> {
        let size = log.size();
        if place.begin > size {
            let why = format!(
                "the journal begins at entry {}, but the log has only {size}; restore a backup with at least {} entries first",
                place.begin, place.begin
            );
            return Err(StoreError::Damaged(why));
        }
        if root_at(log.entries(), place.begin)? != place.root {
            return Err(other_history(place.begin));
        }
        for head in self.signed_heads()?.iter().filter(|head| head.size <= size) {
            if root_at(log.entries(), head.size)? != head.root {
                return Err(other_history(head.size));
            }
        }
        let Some(base) = self.index.last_base_before(size)? else { return Ok(()) };
        let path = self.layout.commit(base);
        let object = self.objects.wait(self.objects.get(&path))?;
        let missing = || StoreError::Damaged(format!("{path} is missing"));
        let commit = L::Commit::decode(&object.ok_or_else(missing)?.bytes).map_err(in_object(&path))?;
        check_entries(&commit, log)
    }

    /// Returns the signed checkpoints in the journal.
    fn signed_heads(&self) -> Result<Vec<SignedHead>, StoreError> {
        let mut heads = Vec::new();
        for meta in self.objects.wait(self.objects.list(&self.layout.all_signed(), None))? {
            let Some(object) = self.objects.wait(self.objects.get(&meta.location))? else { continue };
            let head = str::from_utf8(&object.bytes)
                .ok()
                .and_then(|line| SignedHead::parse(line.strip_suffix('\n')?));
            let damaged = || {
                in_object(&meta.location)(StoreError::Damaged("the object isn't a signed checkpoint".into()))
            };
            heads.push(head.ok_or_else(damaged)?);
        }
        Ok(heads)
    }

    /// Brings the journal up to date. With [`JournalMode::Answer`], a failure of the journal is only noted.
    ///
    /// # Errors
    /// [`StoreError::Journal`] if the journal fails, and the log has to wait for it; other errors if the database fails.
    pub(crate) fn archive<L: JournaledLog>(&mut self, log: &L) -> Result<(), StoreError> {
        match (self.try_archive(log), self.mode) {
            (Err(StoreError::Journal(_)), JournalMode::Answer) => Ok(()),
            (result, _) => result,
        }
    }

    /// Brings the journal up to date, even if the log answers without it.
    pub(crate) fn try_archive<L: JournaledLog>(&mut self, log: &L) -> Result<(), StoreError> {
        let result = match &self.failure {
            Some((why, _, until)) if Instant::now() < *until => Err(StoreError::Journal(why.clone())),
            _ => self.archive_now(log),
        };
        match &result {
            Ok(()) => {
                if self.failure.take().is_some() {
                    tracing::info!("the journal is up to date again");
                }
            }
            Err(StoreError::Journal(why))
                if self.failure.as_ref().is_none_or(|(_, _, until)| Instant::now() >= *until) =>
            {
                let failures = self.failure.as_ref().map_or(0, |(_, failures, _)| *failures);
                if failures == 0 {
                    tracing::error!(error = why, "the journal can't be written");
                }
                let pause = self.mode.pause(failures);
                self.failure = Some((why.clone(), failures.saturating_add(1), Instant::now() + pause));
            }
            Err(_) => {}
        }
        let why = self.failure.as_ref().map(|(why, ..)| why.clone());
        self.state.update(log.size().saturating_sub(self.index.size()), why);
        result
    }

    fn archive_now<L: JournaledLog>(&mut self, log: &L) -> Result<(), StoreError> {
        self.check_mount()?;
        if !self.is_compared {
            let size = self.compare(log).map_err(in_journal)?;
            if size > log.size() {
                let why =
                    "the journal has more entries than the log; restart the server to apply them".to_owned();
                return Err(StoreError::Journal(why));
            }
        }
        // A server that may answer without the journal says so before it does, one that waits once it caught up.
        if self.mode == JournalMode::Answer {
            self.write_mode()?;
        }
        while self.index.size() < log.size() {
            let commit = log.commit_from(self.index.size(), &self.index)?;
            for (path, bytes) in log.objects_before(&commit, &self.layout)? {
                self.request(self.objects.create(&path, bytes))?;
            }
            self.write(&commit, log)?;
        }
        if self.lacks_objects {
            for (path, bytes) in log.other_objects(&self.layout)? {
                self.request(self.objects.create(&path, bytes))?;
            }
            self.lacks_objects = false;
        }
        self.write_mode()
    }

    /// Writes a commit, or adopts the one that an earlier attempt left.
    fn write<L: JournaledLog>(&mut self, commit: &L::Commit, log: &L) -> Result<(), StoreError> {
        let path = self.layout.commit(commit.base());
        let bytes = commit.encode()?;
        match self.request(self.objects.create(&path, bytes))? {
            CreateOutcome::Ours => self.index.add(commit),
            CreateOutcome::Other(other) => {
                let other = L::Commit::decode(&other).map_err(in_object(&path)).map_err(in_journal)?;
                if other.base() != commit.base() || other.size() > log.size() {
                    return Err(in_journal(other_history(commit.base())));
                }
                check_entries(&other, log).map_err(in_journal)?;
                self.index.add(&other)?;
                // Events may have been erased since that attempt.
                let mut erased = Vec::new();
                for events in other.events() {
                    erased.extend(log.erased_in(&events)?);
                }
                if erased.is_empty() { Ok(()) } else { self.scrub(&BTreeSet::from([other.base()]), log) }
            }
        }
    }

    /// Writes an object that is not a commit, now or once the journal can be written.
    ///
    /// # Errors
    /// [`StoreError::Journal`] if the log has to wait for the journal.
    pub(crate) fn add_object(&mut self, path: &ObjectPath, bytes: Vec<u8>) -> Result<(), StoreError> {
        let written = if self.failure.is_some() || !self.is_compared {
            let why =
                self.failure.as_ref().map_or("it has not been compared with the log yet", |(why, ..)| why);
            Err(StoreError::Journal(why.to_owned()))
        } else {
            self.request(self.objects.create(path, bytes)).map(drop)
        };
        if written.is_err() {
            self.lacks_objects = true;
        }
        match (written, self.mode) {
            (Err(StoreError::Journal(_)), JournalMode::Answer) => Ok(()),
            (result, _) => result,
        }
    }

    /// Fails unless the journal has the log up to this size, or the log answers without it.
    pub(crate) fn check_has(&self, size: u64) -> Result<(), StoreError> {
        if self.mode == JournalMode::Answer || self.is_compared && self.index.size() >= size {
            return Ok(());
        }
        let why = self.failure.as_ref().map_or("it is behind the log", |(why, ..)| why);
        Err(StoreError::Journal(why.to_owned()))
    }

    /// Keeps the last published checkpoint of each hour, and about once a minute a signed one. A checkpoint is lost if that
    /// fails, which matters only to a restore.
    pub(crate) fn note_published(&mut self, published: &Published) {
        if let Some(last) = self.published.replace(published.clone())
            && !replaces(published, &last)
            && self.is_compared
            && self.failure.is_none()
        {
            let path = self.layout.kept_checkpoint(last.size);
            let kept =
                encode_checkpoint(&last).and_then(|kept| self.request(self.objects.write(&path, kept)));
            if let Err(error) = kept {
                tracing::warn!(%error, "a checkpoint can't be written to the journal");
            }
        }
        let is_due =
            self.signed_at.is_none_or(|at| (published.at.millis() - at.millis()).abs() >= SIGNED_INTERVAL_MS);
        if !is_due || self.failure.is_some() || !self.is_compared || published.size > self.index.size() {
            return;
        }
        self.signed_at = Some(published.at);
        let written = SignedHead::from_note(&published.note).and_then(|head| {
            let path = self.layout.signed(head.size);
            self.request(self.objects.create(&path, head.to_line().into_bytes()))?;
            let listed = self.request(self.objects.list(&self.layout.all_signed(), None))?;
            let old = listed.into_iter().map(|meta| meta.location);
            let old = old.filter(|location| number(location).is_some_and(|size| size < head.size));
            self.request(self.objects.delete(old.collect()))
        });
        if let Err(error) = written {
            tracing::debug!(%error, "a signed checkpoint can't be written to the journal");
        }
    }

    /// Deletes the secrets of all anchors before tick `end`, except those of these ticks. If the journal can't be written,
    /// they stay until the next call.
    pub(crate) fn delete_anchors(&self, end: u64, except: &[u64]) {
        if self.failure.is_some() || !self.is_compared {
            return;
        }
        let deleted = self.request(self.objects.list(&self.layout.anchors(), None)).and_then(|listed| {
            let tick = |path: &ObjectPath| path.parts().rev().nth(1)?.as_ref().parse::<u64>().ok();
            let paths = listed.into_iter().map(|meta| meta.location);
            let is_superfluous =
                |path: &ObjectPath| tick(path).is_some_and(|tick| tick < end && !except.contains(&tick));
            self.request(self.objects.delete(paths.filter(is_superfluous).collect()))
        });
        if let Err(error) = deleted {
            tracing::warn!(%error, "secrets of anchors can't be deleted from the journal");
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Returns the size of the log in the journal.
    pub(crate) fn size(&self) -> u64 {
        self.index.size()
    }

    /// Records in the journal whether the server answers without it.
    fn write_mode(&mut self) -> Result<(), StoreError> {
        if !self.is_mode_written {
            let mode = format!("{}\n", self.mode).into_bytes();
            self.request(self.objects.write(&self.layout.mode(), mode))?;
            self.is_mode_written = true;
        }
        Ok(())
    }

    /// True if the journal has everything that was answered: no server answered without it.
    pub(crate) fn is_complete(&self) -> Result<bool, StoreError> {
        let mode = self.objects.wait(self.objects.get(&self.layout.mode()))?;
        Ok(mode.is_some_and(|mode| *mode.bytes == *format!("{}\n", JournalMode::Wait).as_bytes()))
    }

    /// Fails if the disk of a journal in a folder isn't mounted anymore: the commits would be written to another disk.
    fn check_mount(&self) -> Result<(), StoreError> {
        let Some(folder) = self.folder.as_deref().filter(|_| self.is_compared) else { return Ok(()) };
        let path = folder.join(self.layout.journal().to_string());
        fs::metadata(&path)
            .map(drop)
            .map_err(|error| StoreError::Journal(format!("{}: {error}", path.display())))
    }

    /// Erases the events of these entries, which the database has erased, in the journal. They are in ascending order, and
    /// `first` is the least number that an event of their log can have.
    ///
    /// # Errors
    /// [`StoreError::Journal`]: the journal may still have some of them.
    pub(crate) fn erase<L: JournaledLog>(
        &mut self,
        first: u64,
        events: &[u64],
        log: &L,
    ) -> Result<(), StoreError> {
        let (_, erased) = log.split_erased(events)?;
        // A commit that is under way may have them.
        self.try_archive(log)?;
        for batch in self.index.without_erasure(&erased)?.chunks(MAX_ERASURE_ENTRIES) {
            self.record_erasure(batch)?;
        }
        let commits = self.index.commits_with(first, &erased)?;
        self.scrub(&commits, log)
    }

    fn record_erasure(&self, events: &[u64]) -> Result<(), StoreError> {
        let erasure = Erasure { leaves: events.to_vec(), done: true }.encode()?;
        loop {
            let next = self.index.next_erasure()?;
            match self.request(self.objects.create(&self.layout.erasure(next), erasure.clone()))? {
                CreateOutcome::Ours => return self.index.add_erasure(next, events),
                CreateOutcome::Other(_) => self.follow_erasures().map_err(in_journal)?,
            }
        }
    }

    /// Adds the erasures to the index that it lacks.
    fn follow_erasures(&self) -> Result<(), StoreError> {
        loop {
            let next = self.index.next_erasure()?;
            let path = self.layout.erasure(next);
            let Some(object) = self.objects.wait(self.objects.get(&path))? else { return Ok(()) };
            let erasure = Erasure::decode(&object.bytes).map_err(in_object(&path))?;
            self.index.add_erasure(next, &erasure.leaves)?;
        }
    }

    /// Removes the events that the database has erased from these commits.
    fn scrub<L: JournaledLog>(&self, commits: &BTreeSet<u64>, log: &L) -> Result<(), StoreError> {
        if commits.is_empty() {
            return Ok(());
        }
        let begin = self.read_place().map_err(in_journal)?.map_or(0, |place| place.begin);
        let mut erased = Vec::with_capacity(commits.len());
        for base in commits.iter().copied().filter(|base| *base >= begin) {
            let mut events = BTreeSet::new();
            for range in self.index.events_of(base)? {
                events.extend(log.erased_in(&range)?);
            }
            erased.push(ErasedEvents { base, entries: 0..u64::MAX, erased: events });
        }
        let scrubber = Scrubber { objects: &self.objects, layout: &self.layout, split: L::Commit::split };
        scrubber.scrub_all(&erased, self.folder.as_deref()).map_err(in_journal)
    }

    /// Blocks the thread until a request is done, for a limited time.
    fn request<T>(&self, request: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let timeout: Duration = self.mode.timeout();
        let answered = self.objects.wait(async { tokio::time::timeout(timeout, request).await });
        let late =
            |_| Err(StoreError::Journal(format!("{}: no answer within {} s", self.name, timeout.as_secs())));
        answered.unwrap_or_else(late).map_err(in_journal)
    }
}

/// Fails if a commit's entries differ from the log's, as far as the log has them.
fn check_entries<L: JournaledLog>(commit: &L::Commit, log: &L) -> Result<(), StoreError> {
    let end = commit.size().min(log.size());
    let mut entries = commit.entries();
    for (index, stored) in log.entries().leaves(commit.base()..end)?.iter().enumerate() {
        if entries.next().is_none_or(|entry| entry.as_bytes() != stored) {
            return Err(other_history(commit.base() + index as u64 + 1));
        }
    }
    Ok(())
}

/// Marks an error as one of the journal.
fn in_journal(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { doing, cause, .. } => StoreError::Journal(format!("{doing}: {cause}")),
        StoreError::Damaged(why) => StoreError::Journal(why),
        error => error,
    }
}

pub(crate) fn other_history(size: u64) -> StoreError {
    StoreError::Damaged(format!(
        "the journal has another history than this log: their first {size} entries differ"
    ))
}
