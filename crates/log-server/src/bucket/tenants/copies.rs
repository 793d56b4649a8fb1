//! The copies that a server's index has of the commits of ticks.
//!
//! The root log's entry of a tick is proven by a root that the log signed, and the entries of each tenant log by the
//! newest head that this server showed. The index keeps the rest of each commit as it is in the bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::merkle::leaf_hash;
use countersign::note::VerifierKey;
use countersign_log::hashes::root_at;
use countersign_log::store::{Reader, StoreError};
use countersign_log::tables::integer;
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::store::TenantReaders;
use countersign_log::tenants::tenant::TenantNumber;
use object_store::path::Path as ObjectPath;
use roaring::RoaringTreemap;
use rusqlite::OptionalExtension as _;

use super::codec::{Part, TickCommit, encode_secret, entry_name, entry_of, event_number};
use super::windows::{WINDOW_TICKS, Window};
use crate::bucket::codec::{Events, SplitCommit};
use crate::bucket::commit_names::known_commits;
use crate::bucket::copies::{CommitCopies, CommitCopy, SignedTrees, is_included, read_entries};
use crate::bucket::layout::Layout;
use crate::heads_file::TenantHeadsFile;
use crate::sqlite::{self, failed};

/// The ticks in the index of a root log.
pub(crate) struct TickCopies {
    folder: PathBuf,
    readers: Arc<dyn TenantReaders>,
    root: Arc<dyn Reader>,
    signed: SignedTrees,
    /// The newest heads that this server showed, or those in the index.
    heads: BTreeMap<TenantNumber, SlotHead>,
}

/// The contents of a commit, besides its entries, in the tables of an index.
struct CommitRest {
    /// The commit without the root log's entry, the tenant logs' entries, and the events.
    commit: TickCommit,
    /// The number of entries of each part, by the number of the first one's event.
    parts: Vec<(u64, u64)>,
}

impl TickCopies {
    /// Uses the index in a folder, which `readers` read.
    pub(crate) fn new(
        folder: &Path,
        key: &VerifierKey,
        readers: Arc<dyn TenantReaders>,
    ) -> Result<Self, StoreError> {
        let root = readers.root();
        let signed = SignedTrees::read(folder, key, &*root)?;
        let mut heads: BTreeMap<TenantNumber, SlotHead> =
            readers.heads()?.into_iter().map(|head| (head.number, head)).collect();
        for shown in TenantHeadsFile::read(folder, key.name())?.heads {
            heads.insert(shown.head.number, shown.head);
        }
        Ok(Self { folder: folder.to_owned(), readers, root, signed, heads })
    }

    /// Reads what the index has of a commit besides its entries. `None` if a program wrote it that didn't keep that.
    fn rest(&self, tick: u64) -> Result<Option<CommitRest>, StoreError> {
        let sql = failed("reading the index");
        let connection = sqlite::connect_to_read(&self.folder.join(sqlite::FILE))?;
        let exists = "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'ticks'";
        if !connection.query_row(exists, [], |row| row.get(0)).map_err(sql)? {
            return Ok(None);
        }
        let rest: Option<Vec<u8>> = connection
            .query_row("SELECT rest FROM ticks WHERE tick = ?", [integer(tick)], |row| row.get(0))
            .optional()
            .map_err(sql)?;
        let Some(commit) = rest.and_then(|rest| TickCommit::decode(&rest).ok()) else { return Ok(None) };
        let mut query = connection
            .prepare("SELECT first, count FROM parts WHERE tick = ? ORDER BY first")
            .map_err(sql)?;
        let parts = query
            .query_map([integer(tick)], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(sql)?;
        Ok(Some(CommitRest { commit, parts }))
    }

    /// Returns the secrets of the anchors.
    fn secrets(&self) -> Result<Vec<(u64, [u8; 32])>, StoreError> {
        let sql = failed("reading the index");
        let connection = sqlite::connect_to_read(&self.folder.join(sqlite::FILE))?;
        let mut query = connection.prepare("SELECT tick, secret FROM anchor_ticks").map_err(sql)?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(sql)?;
        rows.collect::<Result<_, _>>().map_err(sql)
    }

    /// Returns a window. `None` if a commit in it has no proven copy.
    fn window(&self, number: u64) -> Result<Option<Window>, StoreError> {
        let mut commits = Vec::new();
        for tick in number * WINDOW_TICKS..(number + 1) * WINDOW_TICKS {
            let Some(copy) = self.copy(tick, &RoaringTreemap::new())? else { return Ok(None) };
            commits.push((copy.events.is_empty() && !copy.has_erased).then_some(copy.whole));
        }
        Ok(Some(Window { number, commits }))
    }

    /// Reads the entries of a tenant log. `None` if they can't be proven.
    fn part(
        &self,
        commit: &TickCommit,
        (first, count): (u64, u64),
        erased: &RoaringTreemap,
    ) -> Result<Option<(Part, Events, bool)>, StoreError> {
        let (number, base) = entry_of(first)?;
        let end = base + count;
        let reader = self.readers.log(number);
        let Some(entries) = read_entries(&*reader, base..end, erased, |index| event_number(number, index))?
        else {
            return Ok(None);
        };
        let Some(newest) = self.heads.get(&number).filter(|head| head.size >= end) else { return Ok(None) };
        let changed = commit.heads.iter().find(|head| head.number == number);
        let is_proven = newest.size <= reader.size()?
            && is_included(&*reader, base, &entries.hashes, newest.size, &newest.root)?
            && changed.is_some_and(|head| head.size == end)
            && root_at(&*reader, end)? == changed.map_or(newest.root, |head| head.root);
        if !is_proven {
            return Ok(None);
        }
        Ok(Some((Part { number, base, leaves: entries.leaves }, entries.events, entries.has_erased)))
    }
}

impl CommitCopies for TickCopies {
    fn known(&self, first: u64, max: u64) -> Result<Vec<u64>, StoreError> {
        known_commits(&self.folder, first, max)
    }

    fn copy(&self, tick: u64, erased: &RoaringTreemap) -> Result<Option<CommitCopy>, StoreError> {
        if tick >= self.root.size()? {
            return Ok(None);
        }
        let Some(CommitRest { mut commit, parts }) = self.rest(tick)? else { return Ok(None) };
        let entry = self.root.leaves(tick..tick + 1)?.pop().unwrap_or_default();
        if commit.tick != tick || !self.signed.prove(&*self.root, tick, &[leaf_hash(&entry)])? {
            return Ok(None);
        }
        let Ok(entry) = String::from_utf8(entry) else { return Ok(None) };
        commit.entry = entry;
        let (mut events, mut has_erased) = (Events::new(), false);
        for part in parts {
            let Some((part, part_events, part_has_erased)) = self.part(&commit, part, erased)? else {
                return Ok(None);
            };
            commit.parts.push(part);
            events.extend(part_events);
            has_erased |= part_has_erased;
        }
        let stub = commit.encode()?;
        commit.events = Some(events.clone());
        let whole = commit.encode()?;
        Ok(Some(CommitCopy { whole, stub, events, numbers: 0..u64::MAX, has_erased }))
    }

    fn split(&self, bytes: &[u8]) -> Result<SplitCommit, StoreError> {
        TickCommit::split(bytes)
    }

    /// Adds the secrets of anchors, and the windows.
    fn each_other(
        &self,
        layout: &Layout,
        list: &mut dyn FnMut(&ObjectPath) -> Result<BTreeSet<ObjectPath>, StoreError>,
        put: &mut dyn FnMut(&ObjectPath, Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let listed = list(&layout.anchors())?;
        for (tick, secret) in self.secrets()? {
            let entry = self.root.leaves(tick..tick + 1)?.pop().unwrap_or_default();
            let path = layout.anchor(tick, &entry_name(&entry));
            if !listed.contains(&path) {
                put(&path, encode_secret(&TickSecret::from_bytes(secret)))?;
            }
        }
        let listed = list(&layout.windows())?;
        for number in 0..self.root.size()? / WINDOW_TICKS {
            let path = layout.window(number);
            if !listed.contains(&path)
                && let Some(window) = self.window(number)?
            {
                put(&path, window.encode()?)?;
            }
        }
        Ok(())
    }

    fn reader(&self) -> &Arc<dyn Reader> {
        &self.root
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn signed(&self) -> &SignedTrees {
        &self.signed
    }
}
