//! A root log with tenant logs in a bucket. Several servers may share it, but only one of them makes the ticks.
//!
//! The logs consist of the root log's commits, one for each tick: `private/commits/<tick>` has the root log's entry, the
//! new tenants with their names and IDs, the heads that changed, and the new entries of each tenant log with their events.
//! The bucket refuses to create an object that exists, so for each tick, one server decides everything. The object names
//! are those of an [ordinary log](super), with these differences:
//!
//! | object | what |
//! | --- | --- |
//! | `private/commits/<tick>` | the tick, see above; also the heads of earlier ticks that are kept, which can't be computed again, the logs that continue those that moved, and new key notes for all tenant logs |
//! | `private/events/<tick>/<generation>` | the events that such a commit still has, by the tenants' numbers and the entries' indexes |
//! | `private/windows/<number>` | the commits of 256 ticks, as far as they have no events ([`windows`]) |
//! | `private/erasures/<number>` | the same numbers of erased events |
//! | `private/turn` | the ID of the server that started or took over last; see [standby](#standby) |
//! | `private/anchors/<tick>/<hash of the entry>` | the secret of an anchor's directory, from which the directory is computed; deleted once no head requires it |
//! | `private/evidence/<hash>` | rejected forks, with the tenants' numbers |
//! | `public/checkpoint`, `public/tile/…` | the root log |
//!
//! Tiles of tenant logs are not in the bucket: servers compute them from the commits. Nothing below `public/` is about a
//! tenant.
//!
//! # Standby
//!
//! A commit names the server that made it. A server whose tick was taken by another one is on standby: it makes no tick,
//! proves no head, and answers 503. It follows the other server at each of its own ticks.
//!
//! | who takes over | when |
//! | --- | --- |
//! | a server that starts | at once: the other one is probably about to be stopped. It writes its ID to `private/turn`. The other one reads that before each tick, and goes on standby. If it was in the midst of a tick, the new server tries again at its next ticks, [`CLAIMS_AT_START`] times |
//! | a server on standby | after [`TAKEOVER_TICKS`] of its own ticks without a commit, or twice as many as the other server needed lately for one, because a slow server is not a dead one |
//!
//! A server that takes over writes its ID to `private/turn` too, so that the other one doesn't compete with it. A server
//! never takes over from one that makes ticks, except at its start, so each start changes the roles at most once. Which
//! one makes a tick is not a question of safety: the bucket decides. `private/turn` may be lost, stale, or late.

mod apply;
mod check;
mod codec;
mod copies;
mod erase;
mod heads;
mod index;
mod journal;
mod windows;

use std::collections::VecDeque;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign::hash::Hash;
use countersign::log::{Evidence, Storage};
use countersign::merkle::CompactRange;
use countersign::note::VerifierKey;
use countersign::time::Time;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::path::Path as ObjectPath;
use tokio::runtime::Handle;

use self::codec::{Additions, ServerId, TickCommit, decode_secret, encode_secret, entry_name};
use self::index::TenantIndex;
use self::windows::{NewestCommits, WINDOW_TICKS, Window};
use super::claim::{Claim, LogKind};
use super::erase::newest_events;
use super::erasure_log::{ErasingLog as _, ErasureLog};
use super::layout::Layout;
use super::layout::in_object;
use super::location::Bucket;
use super::objects::{CreateOutcome, MAX_CONCURRENT_REQUESTS, Objects};
use super::publish::{Public, check_tiles};
use super::put_back::{PutBack, check_gap, patiently, repair_checkpoint};
use super::signed::SignedObjects;
use super::writer::{COMMITS_BEFORE_LISTING, read_evidence, write_evidence};
use countersign_log::own_chain::secure_random;
use countersign_log::store::{
    CheckpointWriter, CommitError, Published, SignedHeadStore, StoreError, TreeStore,
};
use countersign_log::tenants::anchors::{is_anchor, required_before};
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::requests::StoredRequest;
use countersign_log::tenants::root_notes::{RootNote, StoredRootNote};
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::store::{KeptHead, TenantStore, TenantWriter, TickBatch};
use countersign_log::tenants::tenant::{Tenant, TenantId, TenantNumber};

pub(crate) use self::check::{LostKind, LostObject, TenantBucketCheck};
pub(super) use self::copies::TickCopies;
pub(crate) use self::heads::HeadsOfBucket;
pub(crate) use self::journal::JournaledTenantWriter;

/// The number of its own ticks without a commit of another server after which a server on standby takes over.
const TAKEOVER_TICKS: u32 = 5;
/// The number of times that a server takes over at once although another one was faster than its first tick.
const CLAIMS_AT_START: u32 = 3;
/// The number of commits of the other server for which a server on standby remembers how long they took.
const REMEMBERED_WAITS: usize = 8;
/// The maximum number of its own ticks that a server on standby expects a commit to take.
const MAX_WAIT_TICKS: u32 = 30;
/// The number of commits between two progress messages.
const PROGRESS_TICKS: u64 = 4_096;

/// Opens the root log with `key` in a bucket, with its index in an existing folder. Creates it if the bucket is empty;
/// `depth` is then that of the first directory. Follows the bucket to its newest commit before it returns.
///
/// # Errors
/// [`StoreError::Damaged`] if folder and bucket belong to different logs, or if the bucket has lost objects; other
/// errors if bucket or database fail.
pub(crate) fn open(
    folder: &Path,
    key: &VerifierKey,
    depth: u8,
    bucket: Bucket,
    handle: Handle,
) -> Result<(TenantStore, SignedObjects), StoreError> {
    let mut writer = TenantBucketWriter::new(folder, key, depth, bucket, handle)?;
    writer.open(folder)?;
    let readers = writer.index.readers.clone();
    let signed = SignedObjects::open(writer.objects.clone(), writer.layout.clone())?;
    Ok((TenantStore { writer: Box::new(writer), readers }, signed))
}

/// The writer of a root log in a bucket.
pub(super) struct TenantBucketWriter {
    objects: Objects,
    layout: Layout,
    index: TenantIndex,
    key: VerifierKey,
    /// The folder, if the bucket is one.
    folder: Option<PathBuf>,
    /// The time for which reads may be behind writes.
    patience: Duration,
    claim: Claim,
    public: Public,
    erasures: ErasureLog,
    /// This server.
    server: ServerId,
    /// Heads to keep with the next commit.
    kept: Vec<KeptHead>,
    /// Key notes for all tenant logs to store with the next commit.
    notes: Vec<RootNote>,
    /// The hashes of those to mark as placed with the next commit.
    placed: Vec<Hash>,
    /// The newest commits, for the next window.
    newest: NewestCommits,
    /// True if all commits are read, and windows are compared with them, as a check does. Otherwise windows are used, and
    /// created.
    is_check: bool,
    /// Windows that differ from the commits, with what they should have. A check finds them.
    wrong_windows: Vec<(ObjectPath, Vec<u8>)>,
    /// True if a failed commit may have succeeded, or isn't in the index yet.
    unsure: bool,
    /// True once the bucket was followed to its newest commit.
    is_open: bool,
    /// On standby, the number of this server's ticks since another one made the last commit.
    standby: Option<u32>,
    /// The number of times that this server still takes over at once, until it has made a tick.
    claims: u32,
    role: Role,
    /// The newest published tick when anchors were last deleted from the index.
    anchors_deleted_at: Option<u64>,
    /// The number of ticks in the last progress message, or in the index at first.
    logged: u64,
}

/// The role of a server, as it was last logged, and what decides when it changes.
#[derive(Default)]
struct Role {
    /// True once this server has written its ID to `private/turn`.
    has_claimed: bool,
    /// True if this server logged that it is on standby.
    is_standby: bool,
    /// The reason why this server takes over, once its next tick succeeds.
    taking_over: Option<&'static str>,
    /// The number of this server's ticks from one commit of the other server to the next, for the last few ones.
    waits: VecDeque<u32>,
}

impl Role {
    /// Returns the number of this server's ticks without a commit after which it takes over.
    fn patience(&self) -> u32 {
        let longest = self.waits.iter().copied().max().unwrap_or(0);
        TAKEOVER_TICKS.max(2 * longest.min(MAX_WAIT_TICKS))
    }

    /// Counts a commit of the other server, for which this one waited this many of its own ticks.
    fn waited(&mut self, ticks: u32) {
        self.waits.push_back(ticks);
        if self.waits.len() > REMEMBERED_WAITS {
            self.waits.pop_front();
        }
    }

    fn log_standby(&mut self) {
        if !self.is_standby {
            tracing::warn!("another server of this log makes the ticks; this one is on standby");
        }
        (self.is_standby, self.taking_over) = (true, None);
    }

    /// Logs a takeover, once a tick of this server succeeded.
    fn log_tick(&mut self) {
        if let Some(why) = self.taking_over.take() {
            tracing::warn!("the other server of this log {why}; this one takes over");
        }
        self.is_standby = false;
        self.waits.clear();
    }
}

impl TenantBucketWriter {
    /// Creates a writer with its index in `folder`, unless the bucket has another log. Changes nothing in the bucket.
    pub(super) fn new(
        folder: &Path,
        key: &VerifierKey,
        depth: u8,
        bucket: Bucket,
        handle: Handle,
    ) -> Result<Self, StoreError> {
        let Bucket { store, prefix, folder: in_folder, pause, patience, interval: _ } = bucket;
        let (objects, layout) = (Objects::new(store, pause, handle), Layout::new(prefix));
        let claim = Claim::new(LogKind::Root, &objects, &layout, key);
        // Before an index is created in the folder.
        claim.has_origin()?;
        let index = TenantIndex::open(folder, key.name(), depth)?;
        let root = index.readers.root();
        let erasures = ErasureLog::new(objects.clone(), layout.clone());
        let server = secure_random().map_err(|error| StoreError::unavailable("opening the bucket", error))?;
        let logged = index.size();
        Ok(Self {
            claim,
            public: Public::new(objects.clone(), layout.clone(), key.clone(), root),
            objects,
            layout,
            index,
            key: key.clone(),
            folder: in_folder,
            patience,
            erasures,
            server,
            kept: Vec::new(),
            notes: Vec::new(),
            placed: Vec::new(),
            newest: NewestCommits::default(),
            is_check: false,
            wrong_windows: Vec::new(),
            unsure: false,
            is_open: false,
            standby: None,
            claims: CLAIMS_AT_START,
            role: Role::default(),
            anchors_deleted_at: None,
            logged,
        })
    }

    /// Follows the bucket to its newest commit.
    fn open(&mut self, folder: &Path) -> Result<(), StoreError> {
        let progress = self.index.erasures()?;
        if let Some(progress) = progress {
            self.erasures.continue_from(progress);
            patiently(self.patience, || self.put_back_lost(folder))?;
        }
        self.claim.check_origin()?;
        self.claim.check_key()?;
        if progress.is_none() {
            // From now on, the folder can't be served without the bucket.
            self.index.set_erasures(self.erasures.progress())?;
        }
        repair_checkpoint(&self.objects, &self.layout)?;
        patiently(self.patience, || self.follow_published())?;
        self.follow_checkpoints()?;
        self.follow_evidence()?;
        self.erasures.resume();
        if let Err(error) = self.finish_erasures() {
            tracing::error!(%error, "an erasure is incomplete; it will be retried with the next one");
        }
        if let Some(published) = self.index.readers.root().published()? {
            self.public.make_public(&published)?;
        }
        self.is_open = true;
        Ok(())
    }

    /// Puts back what the bucket lost, if the index in this folder has it.
    fn put_back_lost(&self, folder: &Path) -> Result<(), StoreError> {
        let copies = TickCopies::new(folder, &self.key, self.index.readers.clone())?;
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
        let published = self.public.size_of_tiles()?;
        if published > self.index.size() {
            // Another server may have made ticks in the meantime.
            self.follow()?;
            check_tiles(published, self.index.size())?;
        }
        Ok(())
    }

    /// Checks that the bucket still has the index's newest commit.
    fn check_newest(&self) -> Result<(), StoreError> {
        let Some((tick, entry)) = self.index.last_entry()? else { return Ok(()) };
        let commit = self.objects.wait(fetch(&self.objects, &self.layout, tick))?;
        if commit.is_some_and(|fetched| fetched.commit.entry.as_bytes() == entry) {
            return Ok(());
        }
        Err(StoreError::Damaged(
            "the bucket lacks ticks that this folder got from it; it is another bucket or was rolled back"
                .into(),
        ))
    }

    /// Reads the bucket's stored checkpoints into the index.
    fn follow_checkpoints(&mut self) -> Result<(), StoreError> {
        let new = self.public.new_checkpoints()?;
        new.iter().try_for_each(|published| self.index.tables.publish(published))
    }

    /// Follows everything that other servers did.
    fn follow(&mut self) -> Result<(), StoreError> {
        self.follow_commits()?;
        self.follow_erasures()?;
        self.unsure = false;
        Ok(())
    }

    /// Follows the bucket's commits.
    fn follow_commits(&mut self) -> Result<(), StoreError> {
        loop {
            for _ in 0..COMMITS_BEFORE_LISTING {
                let next = fetch(&self.objects, &self.layout, self.index.size());
                let Some(fetched) = self.objects.wait(next)? else { return Ok(()) };
                self.add(fetched)?;
            }
            if !self.is_check {
                self.follow_windows()?;
            }
            self.follow_many()?;
        }
    }

    /// Follows the windows that the bucket has, and the commits before each of them. Reads the next window while commits
    /// of the last one are read.
    fn follow_windows(&mut self) -> Result<(), StoreError> {
        let (objects, layout) = (self.objects.clone(), self.layout.clone());
        let folder = layout.windows();
        let mut next = self.index.size();
        let after =
            (next / WINDOW_TICKS).checked_sub(1).map_or_else(|| folder.clone(), |last| layout.window(last));
        let numbers = objects.wait(objects.numbers(&folder, &after))?;
        let windows = futures_util::stream::iter(numbers)
            .then(|number| read_window(&objects, &layout, number))
            .try_filter_map(|window| std::future::ready(Ok(window)));
        let commits = windows.map_ok(move |Window { number, commits }| {
            let first = number.saturating_mul(WINDOW_TICKS);
            let end = first.saturating_add(WINDOW_TICKS);
            let gap = (next..first).map(|tick| CommitSource { tick, window: None });
            let known = next;
            next = next.max(end);
            let in_window = (first..).zip(commits).filter(move |(tick, _)| *tick >= known);
            let in_window = in_window
                .map(move |(tick, bytes)| CommitSource { tick, window: Some(InWindow { number, bytes }) });
            futures_util::stream::iter(gap.chain(in_window).map(Ok))
        });
        let fetching = commits
            .try_flatten()
            .map(|source: Result<CommitSource, StoreError>| async { source?.fetch(&objects, &layout).await });
        self.add_fetched(fetching.buffered(MAX_CONCURRENT_REQUESTS))
    }

    /// Adds commits, up to one that the bucket lacks.
    fn add_all<F>(&mut self, fetching: impl Iterator<Item = F>) -> Result<(), StoreError>
    where
        F: Future<Output = Result<Option<Fetched>, StoreError>>,
    {
        self.add_fetched(futures_util::stream::iter(fetching).buffered(MAX_CONCURRENT_REQUESTS))
    }

    /// Adds commits that are being read, up to one that the bucket lacks.
    fn add_fetched(
        &mut self,
        fetching: impl Stream<Item = Result<Option<Fetched>, StoreError>>,
    ) -> Result<(), StoreError> {
        let objects = self.objects.clone();
        let mut fetched = std::pin::pin!(fetching);
        while let Some(Some(fetched)) = objects.wait(fetched.try_next())? {
            self.add(fetched)?;
            if self.index.size() - self.logged >= PROGRESS_TICKS {
                self.logged = self.index.size();
                tracing::info!(ticks = self.logged, "reading the bucket's commits");
            }
        }
        Ok(())
    }

    /// Adds a commit to the newest ones. Creates the window that it completes, or compares it.
    fn add_to_window(&mut self, tick: u64, windowed: Windowed) -> Result<(), StoreError> {
        let Windowed { bytes, is_from_window } = windowed;
        let is_last = (tick + 1).is_multiple_of(WINDOW_TICKS);
        let window = self.newest.add(tick, bytes);
        if self.is_check {
            return window.map_or(Ok(()), |window| self.compare_window(&window));
        }
        if is_last
            && !is_from_window
            && let Err(error) = self.create_window(tick / WINDOW_TICKS, window)
        {
            tracing::warn!(%error, "a window of commits can't be written; rebuilding an index will take longer");
        }
        Ok(())
    }

    /// Creates a window. If its first commits were added before this server was started, reads them again.
    fn create_window(&self, number: u64, window: Option<Window>) -> Result<(), StoreError> {
        let window = window.map_or_else(|| self.collect_window(number), Ok)?;
        self.objects.wait(self.objects.create_once(&self.layout.window(number), window.encode()?)).map(drop)
    }

    fn collect_window(&self, number: u64) -> Result<Window, StoreError> {
        let (objects, layout) = (&self.objects, &self.layout);
        let ticks = number * WINDOW_TICKS..(number + 1) * WINDOW_TICKS;
        let fetching = futures_util::stream::iter(ticks.map(|tick| fetch(objects, layout, tick)));
        let fetched: Vec<Option<Fetched>> =
            objects.wait(fetching.buffered(MAX_CONCURRENT_REQUESTS).try_collect())?;
        let missing = || StoreError::Damaged("a commit is missing".into());
        let commits = fetched.into_iter().map(|fetched| Ok(fetched.ok_or_else(missing)?.windowed.bytes));
        Ok(Window { number, commits: commits.collect::<Result<_, StoreError>>()? })
    }

    fn compare_window(&mut self, window: &Window) -> Result<(), StoreError> {
        let path = self.layout.window(window.number);
        let stored = self.objects.wait(self.objects.get(&path))?;
        let expected = window.encode()?;
        if stored.is_some_and(|stored| stored.bytes != expected) {
            self.wrong_windows.push((path, expected));
        }
        Ok(())
    }

    fn follow_many(&mut self) -> Result<(), StoreError> {
        let Some(last) = self.index.size().checked_sub(1) else { return Ok(()) };
        let (objects, layout) = (self.objects.clone(), self.layout.clone());
        let ticks = objects.wait(objects.numbers(&layout.commits(), &layout.commit(last)))?;
        self.add_all(ticks.into_iter().map(|tick| fetch(&objects, &layout, tick)))
    }

    /// Adds the next commit to the index.
    fn add(&mut self, Fetched { commit, secret, windowed }: Fetched) -> Result<(), StoreError> {
        self.public.mark_outdated();
        // The sequencer starts again with the notes in the index.
        self.notes.clear();
        self.placed.clear();
        let (path, tick, server) = (self.layout.commit(commit.tick), commit.tick, commit.server);
        self.index.follow(commit, secret, &self.key).map_err(in_object(&path))?;
        self.add_to_window(tick, windowed)?;
        if self.is_open && server != self.server {
            if let Some(waited) = self.standby {
                self.role.waited(waited);
            }
            self.standby = Some(0);
            if self.claims == 0 {
                self.role.log_standby();
            }
        }
        Ok(())
    }

    /// Deletes the anchors from the index that no head requires anymore. The server that makes the ticks deletes the
    /// objects by the same rule.
    fn delete_anchors_on_standby(&mut self) -> Result<(), StoreError> {
        let Some(newest) = self.index.size().checked_sub(1) else { return Ok(()) };
        if self.anchors_deleted_at.is_some_and(|at| required_before(at).1 == required_before(newest).1) {
            return Ok(());
        }
        let head = self.public.read_head()?;
        // Other servers publish without this one's knowledge.
        self.public.mark_outdated();
        let Some(published) = head.and_then(|head| head.size.checked_sub(1)) else { return Ok(()) };
        let published = published.min(newest);
        let (end, required) = required_before(published);
        self.index.tables.delete_anchors(end, &required)?;
        self.anchors_deleted_at = Some(published);
        Ok(())
    }

    /// Asks the other servers to go on standby.
    fn claim_turn(&mut self) {
        let path = self.layout.turn();
        match self.objects.wait(self.objects.write(&path, self.server.to_vec())) {
            Ok(()) => self.role.has_claimed = true,
            Err(error) => tracing::debug!(%error, "other servers can't be asked to go on standby"),
        }
    }

    /// True if another server asked this one to go on standby.
    fn is_claimed_by_another(&self) -> bool {
        let path = self.layout.turn();
        let claimed = self.objects.wait(self.objects.get(&path)).ok().flatten();
        claimed.is_some_and(|claimed| claimed.bytes != self.server.as_slice())
    }

    /// Fails on standby.
    fn check_turn(&self) -> Result<(), StoreError> {
        let why = "another server of this log makes the ticks; this one is on standby";
        self.standby.map_or(Ok(()), |_| Err(StoreError::unavailable("making a tick", why)))
    }

    /// Writes the secret of an anchor.
    fn put_secret(&self, tick: u64, entry: &[u8], secret: &TickSecret) -> Result<(), StoreError> {
        let path = self.layout.anchor(tick, &entry_name(entry));
        let created = self.objects.create(&path, encode_secret(secret));
        match self.objects.wait(created)? {
            CreateOutcome::Ours => Ok(()),
            CreateOutcome::Other(_) => {
                Err(in_object(&path)(StoreError::Damaged("the object has another secret".into())))
            }
        }
    }

    /// Reads the bucket's evidence into the index.
    fn follow_evidence(&mut self) -> Result<(), StoreError> {
        let mut found = Vec::new();
        for meta in self.objects.wait(self.objects.list(&self.layout.all_evidence(), None))? {
            let path = meta.location;
            let Some(object) = self.objects.wait(self.objects.get(&path))? else { continue };
            let damaged = || in_object(&path)(StoreError::Damaged("the object isn't evidence".into()));
            found.push(read_tenant_evidence(&object.bytes).ok_or_else(damaged)?);
        }
        found.sort_by_key(|(_, time, _)| *time);
        for (number, time, evidence) in found {
            self.index.tables.keep_evidence(number, &evidence, time)?;
        }
        Ok(())
    }
}

/// A commit with the events that it still has.
struct Fetched {
    commit: TickCommit,
    /// The secret of the tick's directory, if it is an anchor that heads require.
    secret: Option<TickSecret>,
    windowed: Windowed,
}

/// A commit in a window.
struct Windowed {
    /// The bytes of the commit's object; `None` if windows leave it out because it had events.
    bytes: Option<Vec<u8>>,
    is_from_window: bool,
}

/// A commit to read.
struct CommitSource {
    tick: u64,
    /// `None` if no window has it.
    window: Option<InWindow>,
}

/// A commit in the window with this number.
struct InWindow {
    number: u64,
    /// `None` if the window leaves the commit out.
    bytes: Option<Vec<u8>>,
}

impl CommitSource {
    /// Reads the commit. `None` if the bucket lacks it.
    async fn fetch(self, objects: &Objects, layout: &Layout) -> Result<Option<Fetched>, StoreError> {
        match self.window {
            None => fetch(objects, layout, self.tick).await,
            Some(InWindow { number, bytes }) => {
                fetch_from_window(objects, layout, &layout.window(number), self.tick, bytes).await
            }
        }
    }
}

/// Reads a window. `None` if it can't be used: all of its commits are objects too.
async fn read_window(objects: &Objects, layout: &Layout, number: u64) -> Result<Option<Window>, StoreError> {
    let path = layout.window(number);
    let Some(object) = objects.get(&path).await? else { return Ok(None) };
    let window = Window::decode(&object.bytes).inspect_err(|error| {
        tracing::warn!(%error, %path, "a window of commits is damaged; reading the commits instead");
    });
    Ok(window.ok().filter(|window| window.number == number))
}

/// Reads the commit of a tick.
async fn fetch(objects: &Objects, layout: &Layout, tick: u64) -> Result<Option<Fetched>, StoreError> {
    let path = layout.commit(tick);
    let Some(object) = objects.get(&path).await? else { return Ok(None) };
    let mut commit = decode(&object.bytes, tick).map_err(in_object(&path))?;
    let bytes = commit.has_no_events().then(|| object.bytes.to_vec());
    if commit.events.is_none() {
        let events = newest_events(objects, layout, tick, 0..u64::MAX).await?;
        commit.check_events(&events).map_err(in_object(&layout.generations(tick)))?;
        commit.events = Some(events);
    }
    let secret = fetch_secret(objects, layout, &commit).await?;
    Ok(Some(Fetched { commit, secret, windowed: Windowed { bytes, is_from_window: false } }))
}

/// Returns the commit of a tick from the window in the object with that path, or reads the commit if the window leaves it
/// out.
async fn fetch_from_window(
    objects: &Objects,
    layout: &Layout,
    path: &ObjectPath,
    tick: u64,
    bytes: Option<Vec<u8>>,
) -> Result<Option<Fetched>, StoreError> {
    let Some(bytes) = bytes else {
        let mut fetched = fetch(objects, layout, tick).await?;
        if let Some(fetched) = &mut fetched {
            fetched.windowed.is_from_window = true;
        }
        return Ok(fetched);
    };
    let commit = decode(&bytes, tick).map_err(in_object(path))?;
    if !commit.has_no_events() {
        return Err(in_object(path)(StoreError::Damaged("a window has a commit with events".into())));
    }
    let secret = fetch_secret(objects, layout, &commit).await?;
    Ok(Some(Fetched { commit, secret, windowed: Windowed { bytes: Some(bytes), is_from_window: true } }))
}

fn decode(bytes: &[u8], tick: u64) -> Result<TickCommit, StoreError> {
    let commit = TickCommit::decode(bytes)?;
    if commit.tick == tick {
        return Ok(commit);
    }
    Err(StoreError::Damaged(format!("the object is the commit of tick {}", commit.tick)))
}

/// Reads the secret of a commit's directory, if it is an anchor that heads require.
async fn fetch_secret(
    objects: &Objects,
    layout: &Layout,
    commit: &TickCommit,
) -> Result<Option<TickSecret>, StoreError> {
    if !is_anchor(commit.tick) {
        return Ok(None);
    }
    let path = layout.anchor(commit.tick, &entry_name(commit.entry.as_bytes()));
    let Some(object) = objects.get(&path).await? else { return Ok(None) };
    decode_secret(&object.bytes).map(Some).map_err(in_object(&path))
}

/// Returns the object with the evidence of a fork in a tenant log.
fn evidence_object(
    layout: &Layout,
    number: TenantNumber,
    evidence: &Evidence,
    at: Time,
) -> (ObjectPath, Vec<u8>) {
    let mut bytes = format!("{number}\n").into_bytes();
    // An object keeps the time of the first sighting, so it isn't part of the name.
    let name = entry_name(&[&bytes[..], &write_evidence(evidence, Time::MIN)].concat());
    bytes.extend(write_evidence(evidence, at));
    (layout.evidence(&name), bytes)
}

/// Returns the root log's entry in the commit of a tick.
pub(super) fn entry_of_tick(bytes: &[u8]) -> Result<String, StoreError> {
    TickCommit::decode(bytes).map(|commit| commit.entry)
}

fn read_tenant_evidence(bytes: &[u8]) -> Option<(TenantNumber, Time, Evidence)> {
    let (number, evidence) = str::from_utf8(bytes).ok()?.split_once('\n')?;
    let number = number.parse().ok().and_then(TenantNumber::new)?;
    let (time, evidence) = read_evidence(evidence.as_bytes())?;
    Some((number, time, evidence))
}

impl TreeStore for TenantBucketWriter {
    fn size(&self) -> u64 {
        self.index.size()
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        Ok(self.index.edge.clone())
    }

    fn catch_up(&mut self) -> Result<u64, StoreError> {
        self.follow()?;
        self.public.restore_head()?;
        Ok(self.index.size())
    }
}

impl CheckpointWriter for TenantBucketWriter {
    fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        self.public.make_public(published)?;
        self.index.tables.publish(published)
    }
}

impl SignedHeadStore for TenantBucketWriter {
    fn signed_size(&self) -> Result<Option<u64>, StoreError> {
        self.index.tables.signed_size()
    }

    fn forget_signed_size(&mut self) -> Result<(), StoreError> {
        self.index.tables.forget_signed_size()
    }
}

impl TenantWriter for TenantBucketWriter {
    fn depth(&self) -> Result<u8, StoreError> {
        self.index.tables.depth()
    }

    fn tenants(&self, after: u32) -> Result<Vec<Tenant>, StoreError> {
        self.index.tables.tenants(after)
    }

    fn heads(&self) -> Result<Vec<SlotHead>, StoreError> {
        self.index.tables.heads()
    }

    fn latest_link(&self) -> Result<Option<Time>, StoreError> {
        self.index.tables.latest_link()
    }

    fn size_of(&self, number: TenantNumber) -> Result<u64, StoreError> {
        self.index.tables.size_of(number)
    }

    fn edge_of(&self, number: TenantNumber, size: u64) -> Result<CompactRange, StoreError> {
        self.index.tables.edge_of(number, size)
    }

    fn state(&self, number: TenantNumber) -> Box<dyn Storage<Error = StoreError> + '_> {
        self.index.tables.state(number)
    }

    fn requests(&self) -> Result<Vec<StoredRequest>, StoreError> {
        self.index.tables.requests()
    }

    fn moved_to(&self, number: TenantNumber) -> Result<Option<String>, StoreError> {
        self.index.tables.moved_to(number)
    }

    fn root_notes(&self) -> Result<Vec<StoredRootNote>, StoreError> {
        self.index.tables.root_notes()
    }

    /// Stores the note with the next tick, so that all servers have it from the same tick on.
    fn add_root_note(&mut self, note: &RootNote) -> Result<(), StoreError> {
        self.check_turn()?;
        self.notes.push(note.clone());
        Ok(())
    }

    fn mark_placed(&mut self, hash: &Hash) -> Result<(), StoreError> {
        self.index.tables.mark_placed(hash)?;
        self.placed.push(*hash);
        Ok(())
    }

    fn has_key(&self, number: TenantNumber, key: &VerifierKey) -> Result<bool, StoreError> {
        self.index.tables.has_key(number, key)
    }

    fn tenants_with_key(
        &self,
        key: &VerifierKey,
        after: u32,
        max: u64,
    ) -> Result<Vec<(TenantNumber, TenantId)>, StoreError> {
        self.index.tables.tenants_with_key(key, after, max)
    }

    fn signs_before_commit(&self) -> bool {
        false
    }

    fn check_active(&self) -> Result<(), StoreError> {
        self.check_turn()
    }

    fn begin_tick(&mut self) -> Result<(), StoreError> {
        if !self.role.has_claimed {
            self.claim_turn();
        } else if self.standby.is_none() && self.is_claimed_by_another() {
            self.standby = Some(0);
            self.claims = 0;
            self.role.log_standby();
            // All that waits for this tick fails.
            self.notes.clear();
            self.placed.clear();
        }
        if self.unsure || self.standby.is_some() {
            self.standby = self.standby.map(|waited| waited + 1);
            // Sets the number back to 0 if another server made a tick.
            self.follow()?;
            let is_silent = self.standby.is_some_and(|waited| waited >= self.role.patience());
            if is_silent || self.standby.is_some() && self.claims > 0 {
                self.follow_checkpoints()?;
                self.follow_evidence()?;
                let why = if is_silent { "makes no ticks anymore" } else { "started earlier" };
                self.role.taking_over = Some(why);
                if is_silent {
                    self.claim_turn();
                }
                self.standby = None;
                self.claims = self.claims.saturating_sub(1);
            } else if self.standby.is_some()
                && let Err(error) = self.delete_anchors_on_standby()
            {
                tracing::warn!(%error, "anchors that are no longer required can't be deleted");
            }
        }
        self.check_turn()
    }

    fn commit_tick(&mut self, batch: &TickBatch<'_>) -> Result<(), CommitError> {
        debug_assert!(
            batch.publish.is_none(),
            "a checkpoint is signed only after its entries are in the bucket"
        );
        let tick = batch.root_tree.base();
        if self.unsure || tick != self.index.size() {
            return Err(CommitError::Overtaken);
        }
        let additions = Additions {
            tenants: self.index.new_tenants(batch.heads)?,
            kept: self.kept.clone(),
            moved: self.index.moved(batch.heads)?,
            notes: self.notes.clone(),
            placed: self.placed.clone(),
        };
        let commit = TickCommit::new(self.server, batch, additions)?;
        if let Some(directory) = batch.anchor {
            self.put_secret(tick, batch.entry, directory.secret())?;
        }
        let bytes = commit.encode()?;
        let windowed =
            Windowed { bytes: commit.has_no_events().then(|| bytes.clone()), is_from_window: false };
        self.unsure = true;
        match self.objects.wait(self.objects.create(&self.layout.commit(tick), bytes))? {
            CreateOutcome::Ours => {
                self.claims = 0;
                self.role.log_tick();
                self.index.commit(&commit, batch)?;
                self.kept.clear();
                self.notes.clear();
                self.placed.clear();
                self.unsure = false;
                self.add_to_window(tick, windowed)?;
                Ok(())
            }
            CreateOutcome::Other(_) => {
                self.follow()?;
                Err(CommitError::Overtaken)
            }
        }
    }

    fn delete_anchors(&mut self, end: u64, except: &[u64]) -> Result<(), StoreError> {
        self.check_turn()?;
        let mut superfluous = Vec::new();
        for meta in self.objects.wait(self.objects.list(&self.layout.anchors(), None))? {
            let tick = meta.location.parts().rev().nth(1).and_then(|part| part.as_ref().parse().ok());
            if tick.is_some_and(|tick: u64| tick < end && !except.contains(&tick)) {
                superfluous.push(meta.location);
            }
        }
        self.objects.wait(self.objects.delete(superfluous))?;
        self.index.tables.delete_anchors(end, except)
    }

    fn unkept(&self) -> Result<Vec<TenantNumber>, StoreError> {
        self.index.tables.unkept()
    }

    /// Keeps the heads with the next tick.
    fn keep_heads(&mut self, heads: &[KeptHead]) -> Result<(), StoreError> {
        self.kept.extend_from_slice(heads);
        Ok(())
    }

    fn keep_evidence(
        &mut self,
        number: TenantNumber,
        evidence: &Evidence,
        at: Time,
    ) -> Result<(), StoreError> {
        if self.index.tables.has_room_for(number, evidence)? {
            let (path, bytes) = evidence_object(&self.layout, number, evidence, at);
            self.objects.wait(self.objects.create(&path, bytes)).map(drop)?;
        }
        self.index.tables.keep_evidence(number, evidence, at)
    }

    fn erase(&mut self, number: TenantNumber, entries: &[u64]) -> Result<u64, StoreError> {
        self.erase_events(number, entries)
    }

    fn finish_erasure(&mut self, number: TenantNumber, record: u64, at: Time) -> Result<(), StoreError> {
        self.index.tables.finish_erasure(number, record, at)
    }
}
