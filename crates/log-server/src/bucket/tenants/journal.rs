//! The journal of a root log with tenant logs.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::hex;
use countersign::log::{Evidence, Storage};
use countersign::merkle::{CompactRange, empty_root};
use countersign::note::VerifierKey;
use countersign::tenant::State;
use countersign::time::Time;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path as ObjectPath;
use rusqlite::{OptionalExtension as _, Row};
use tokio::runtime::Handle;

use super::apply::{Overlap, apply, check_next, has_root_note};
use super::codec::{
    Additions, ChangedHead, MovedLog, NewTenant, Part, TickCommit, encode_secret, entry_name, entry_of,
    event_number,
};
use super::{evidence_object, fetch, read_tenant_evidence};
use crate::bucket::claim::LogKind;
use crate::bucket::codec::{Events, SplitCommit};
use crate::bucket::index;
use crate::bucket::journal::restore::Restored;
use crate::bucket::journal::{
    ArchivedHead, Journal, JournalCommit, JournalConfig, JournalIndex, JournalState, JournaledLog,
    read_entries,
};
use crate::bucket::layout::Layout;
use crate::bucket::layout::in_object;
use crate::bucket::objects::MAX_CONCURRENT_REQUESTS;
use crate::sqlite::{self, TenantIndexWriter, failed};
use countersign_log::store::{
    CheckpointWriter, CommitError, Published, Reader, SignedHeadStore, StoreError, TreeStore,
};
use countersign_log::tables::integer;
use countersign_log::tenants::anchors::{PastHead, is_anchor};
use countersign_log::tenants::heads::SlotHead;
use countersign_log::tenants::requests::StoredRequest;
use countersign_log::tenants::root_notes::{RootNote, StoredRootNote};
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::store::{KeptHead, TenantReaders, TenantStore, TenantWriter, TickBatch};
use countersign_log::tenants::tenant::{Tenant, TenantId, TenantNumber};

/// The number of ticks before the end of the journal whose kept heads it may lack.
const UNSURE_TICKS: u64 = 64;
const READING: &str = "reading what the journal lacks";

impl JournalCommit for TickCommit {
    fn base(&self) -> u64 {
        self.tick
    }

    fn size(&self) -> u64 {
        self.tick + 1
    }

    fn entries(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.entry.as_str())
    }

    fn events(&self) -> Vec<Range<u64>> {
        self.parts.iter().map(Part::event_numbers).collect()
    }

    fn heads(&self) -> Vec<(TenantNumber, ArchivedHead)> {
        let archived = |head: &ChangedHead| ArchivedHead { size: head.size, state: head.state };
        self.heads.iter().map(|head| (head.number, archived(head))).collect()
    }

    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        Self::encode(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::decode(bytes)
    }

    fn split(bytes: &[u8]) -> Result<SplitCommit, StoreError> {
        Self::split(bytes)
    }
}

/// The database of a root log.
struct Database<'d> {
    tables: &'d TenantIndexWriter,
    readers: &'d dyn TenantReaders,
    root: &'d dyn Reader,
    /// Kept heads that the journal may lack.
    kept: &'d [KeptHead],
    /// The newest tick, and the heads that it changed.
    newest: Option<(u64, &'d [SlotHead])>,
}

impl JournaledLog for Database<'_> {
    type Commit = TickCommit;

    fn size(&self) -> u64 {
        self.tables.size()
    }

    fn entries(&self) -> &dyn Reader {
        self.root
    }

    fn heads(&self) -> Result<Vec<(TenantNumber, ArchivedHead)>, StoreError> {
        let archived = |head: &SlotHead| ArchivedHead { size: head.size, state: head.state };
        Ok(self.tables.heads()?.iter().map(|head| (head.number, archived(head))).collect())
    }

    /// Returns the commit of a tick. If the journal is more than one tick behind, the commit of the newest one has all
    /// entries; the others have only the tenants that began and ended, because the ticks of these are public.
    fn commit_from(&self, tick: u64, index: &JournalIndex) -> Result<TickCommit, StoreError> {
        let is_newest = tick + 1 == self.size();
        let changed = self.changed_heads(tick, is_newest, index)?;
        let mut commit = TickCommit {
            tick,
            server: [0; 16],
            depth: self.tables.depth()?,
            entry: self.entry(tick)?,
            heads: Vec::with_capacity(changed.len()),
            parts: Vec::new(),
            additions: Additions { tenants: self.new_tenants(tick, &changed)?, ..Additions::default() },
            events: None,
        };
        let mut events = Events::new();
        let numbers: BTreeMap<TenantNumber, SlotHead> =
            changed.into_iter().map(|head| (head.number, head)).collect();
        for (number, head) in numbers {
            let SlotHead { size, state, root, .. } = head;
            commit.heads.push(ChangedHead { number, state, size, root });
            if state == State::Moved {
                let to = self.tables.moved_to(number)?;
                commit.additions.moved.extend(to.map(|to| MovedLog { number, to }));
            }
            let from = self.archived_size(tick, &head, index)?;
            // The entries of a stopped log are not those of its head.
            if from < size && self.tables.size_of(number)? == size {
                let first = event_number(number, from);
                let (leaves, here) = read_entries(&*self.readers.log(number), from..size, first)?;
                commit.parts.push(Part { number, base: from, leaves });
                events.extend(here);
            }
        }
        if is_newest {
            commit.additions.kept = self.kept.to_vec();
        }
        commit.events = Some(events);
        Ok(commit)
    }

    fn objects_before(
        &self,
        commit: &TickCommit,
        layout: &Layout,
    ) -> Result<Vec<(ObjectPath, Vec<u8>)>, StoreError> {
        // The directory of an earlier tick can't be computed from the newest heads.
        if !is_anchor(commit.tick) || commit.tick + 1 != self.size() {
            return Ok(Vec::new());
        }
        let sql = "SELECT secret FROM anchor_ticks WHERE tick = ?";
        let secret: Option<[u8; 32]> = self
            .tables
            .database()
            .query_row(sql, [integer(commit.tick)], |row| row.get(0))
            .optional()
            .map_err(failed(READING))?;
        let path = layout.anchor(commit.tick, &entry_name(commit.entry.as_bytes()));
        let object = |secret| (path, encode_secret(&TickSecret::from_bytes(secret)));
        Ok(secret.map(object).into_iter().collect())
    }

    fn other_objects(&self, layout: &Layout) -> Result<Vec<(ObjectPath, Vec<u8>)>, StoreError> {
        let notes = self.tables.root_notes()?;
        Ok(notes.iter().zip(0..).map(|(stored, place)| note_object(layout, &stored.note, place)).collect())
    }

    fn split_erased(&self, events: &[u64]) -> Result<(Vec<u64>, Vec<u64>), StoreError> {
        index::split_erased(self.tables.database(), events)
    }

    fn erased_in(&self, events: &Range<u64>) -> Result<Vec<u64>, StoreError> {
        index::erased_in(self.tables.database(), events)
    }
}

impl Database<'_> {
    fn entry(&self, tick: u64) -> Result<String, StoreError> {
        let entry = self.root.leaves(tick..tick + 1)?.pop().unwrap_or_default();
        String::from_utf8(entry).map_err(|_| StoreError::Damaged(format!("entry {tick} isn't UTF-8")))
    }

    /// Returns the heads in the commit of a tick.
    fn changed_heads(
        &self,
        tick: u64,
        is_newest: bool,
        index: &JournalIndex,
    ) -> Result<Vec<SlotHead>, StoreError> {
        match self.newest {
            Some((newest, heads)) if newest == tick => return Ok(heads.to_vec()),
            _ => {}
        }
        let began = self.numbers("SELECT number FROM tenants WHERE since = ?", tick)?;
        let ended = self.numbers("SELECT number FROM tenants WHERE ended = ?", tick)?;
        if !is_newest && began.is_empty() && ended.is_empty() {
            return Ok(Vec::new());
        }
        let mut changed = Vec::new();
        for head in self.tables.heads()? {
            let is_archived =
                index.head(head.number)? == Some(ArchivedHead { size: head.size, state: head.state });
            if is_newest && !is_archived || ended.contains(&head.number) {
                changed.push(head);
            } else if began.contains(&head.number) {
                changed.push(SlotHead { size: 0, root: empty_root(), state: State::Live, ..head });
            }
        }
        Ok(changed)
    }

    fn numbers(&self, sql: &str, tick: u64) -> Result<Vec<TenantNumber>, StoreError> {
        let numbers: Vec<u32> = self
            .tables
            .database()
            .prepare_cached(sql)
            .and_then(|mut query| query.query_map([integer(tick)], |row| row.get(0))?.collect())
            .map_err(failed(READING))?;
        Ok(numbers.into_iter().filter_map(TenantNumber::new).collect())
    }

    /// Returns those of these tenants whose first tick this is.
    fn new_tenants(&self, tick: u64, heads: &[SlotHead]) -> Result<Vec<NewTenant>, StoreError> {
        let sql = "SELECT id, created, name FROM tenants WHERE number = ? AND since = ?";
        let read = || -> rusqlite::Result<Vec<NewTenant>> {
            let mut query = self.tables.database().prepare_cached(sql)?;
            let mut new = Vec::new();
            for SlotHead { number, .. } in heads {
                let row = |row: &Row<'_>| {
                    let created = Time::from_millis(row.get(1)?);
                    let created = created.ok_or(rusqlite::Error::IntegralValueOutOfRange(1, 0))?;
                    Ok(NewTenant { number: *number, id: row.get(0)?, created, name: row.get(2)? })
                };
                new.extend(query.query_row((number.get(), integer(tick)), row).optional()?);
            }
            new.sort_by_key(|tenant| tenant.number);
            Ok(new)
        };
        read().map_err(failed(READING))
    }

    /// Returns the number of a tenant log's entries in the journal before this tick, or a lower bound: an index that was
    /// rebuilt has only the heads that changed since the journal begins.
    fn archived_size(&self, tick: u64, head: &SlotHead, index: &JournalIndex) -> Result<u64, StoreError> {
        if let Some(archived) = index.head(head.number)? {
            return Ok(archived.size.min(head.size));
        }
        let kept = self.readers.history(head.number, &head.id).kept_heads(0..head.size + 1)?;
        Ok(kept.iter().filter(|kept| kept.tick < tick).map(|kept| kept.size).max().unwrap_or(0))
    }
}

/// Returns the object of a key note for all tenant logs, the one with this number.
fn note_object(layout: &Layout, note: &RootNote, number: usize) -> (ObjectPath, Vec<u8>) {
    (layout.note(&hex::encode(&note.hash.0)), format!("{number:016}\n{}", note.text).into_bytes())
}

fn parse_note(bytes: &[u8]) -> Option<(u64, RootNote)> {
    let (number, text) = str::from_utf8(bytes).ok()?.split_once('\n')?;
    Some((number.parse().ok()?, RootNote::parse(text.to_owned()).ok()?))
}

/// The writer of a root log with a journal.
pub(crate) struct JournaledTenantWriter {
    tables: TenantIndexWriter,
    readers: Arc<dyn TenantReaders>,
    root: Arc<dyn Reader>,
    journal: Journal,
    /// Kept heads that the journal may lack.
    kept: Vec<KeptHead>,
}

impl JournaledTenantWriter {
    /// Adds a journal to a store. Applies what the database lacks.
    ///
    /// # Errors
    /// [`StoreError::Journal`] if it is the journal of another log, or of another history. A journal that can't be reached
    /// is no error: it is compared once it can be.
    pub(crate) fn open(
        folder: &Path,
        key: &VerifierKey,
        config: JournalConfig,
        handle: Handle,
        (mut tables, readers): (TenantIndexWriter, Arc<dyn TenantReaders>),
    ) -> Result<(TenantStore, Arc<JournalState>), StoreError> {
        let mut journal = Journal::new(folder, LogKind::RootJournal, key, config, handle)?;
        match Self::apply(&mut journal, &mut tables, &readers, key) {
            Ok(_) => {}
            Err(error @ StoreError::Unavailable { .. }) => {
                tracing::error!(%error, "the journal can't be compared with the log yet");
            }
            // It isn't the log that is damaged.
            Err(StoreError::Damaged(why)) => return Err(StoreError::Journal(why)),
            Err(error) => return Err(error),
        }
        let state = journal.state().clone();
        let kept = kept_since(&tables, journal.size().saturating_sub(UNSURE_TICKS))?;
        let root = readers.root();
        let mut writer = Self { tables, readers: readers.clone(), root, journal, kept };
        // Before anything is answered, if it can be reached.
        match writer.archive(None) {
            Ok(()) | Err(StoreError::Journal(_)) => {}
            Err(error) => return Err(error),
        }
        Ok((TenantStore { writer: Box::new(writer), readers }, state))
    }

    /// Compares a journal with the database, and applies what the database lacks.
    pub(crate) fn apply(
        journal: &mut Journal,
        tables: &mut TenantIndexWriter,
        readers: &Arc<dyn TenantReaders>,
        key: &VerifierKey,
    ) -> Result<Restored, StoreError> {
        let root = readers.root();
        journal.compare(&Database { tables, readers: &**readers, root: &*root, kept: &[], newest: None })?;
        let from = tables.size();
        if journal.size() > from {
            sqlite::stop_syncing(tables.database())?;
            apply_ticks(journal, tables, key)?;
            journal.check_signed(&*root, tables.size())?;
            for published in journal.kept_checkpoints(from)? {
                tables.publish(&published)?;
            }
            for (path, bytes) in journal.read_all(&journal.layout().all_evidence())? {
                let damaged = || in_object(&path)(StoreError::Damaged("the object isn't evidence".into()));
                let (number, at, evidence) = read_tenant_evidence(&bytes).ok_or_else(damaged)?;
                tables.keep_evidence(number, &evidence, at)?;
            }
            restore_notes(journal, tables)?;
            sqlite::sync_again(tables.database())?;
            tracing::warn!(from, to = tables.size(), "ticks were restored from the journal");
        }
        let mut erased = 0;
        for events in journal.erasures()? {
            let (here, _) = index::split_erased(tables.database(), &events)?;
            let entries: Vec<_> = here.iter().map(|event| entry_of(*event)).collect::<Result<_, _>>()?;
            for entries in entries.chunk_by(|one, next| one.0 == next.0) {
                let indexes: Vec<u64> = entries.iter().map(|(_, index)| *index).collect();
                erased += tables.erase(entries[0].0, &indexes)?;
            }
            let mut stored = Vec::with_capacity(events.len());
            for event in events {
                let (number, index) = entry_of(event)?;
                if index < tables.size_of(number)? {
                    stored.push(event);
                }
            }
            index::mark_erased(tables.database(), &stored)?;
        }
        Ok(Restored { from, to: tables.size(), erased, is_complete: false })
    }

    fn archive(&mut self, newest: Option<(u64, &[SlotHead])>) -> Result<(), StoreError> {
        let Self { tables, readers, root, journal, kept } = self;
        let archived = {
            let log = Database { tables, readers: &**readers, root: &**root, kept, newest };
            journal.archive(&log)
        };
        if journal.size() == tables.size() {
            kept.clear();
        }
        archived
    }

    /// Fails unless the journal has everything, or the log answers without it.
    fn check_archived(&mut self) -> Result<(), StoreError> {
        let size = self.tables.size();
        self.journal.check_has(size).or_else(|_| self.archive(None))
    }
}

/// Applies the ticks that the tables lack.
fn apply_ticks(
    journal: &Journal,
    tables: &mut TenantIndexWriter,
    key: &VerifierKey,
) -> Result<(), StoreError> {
    let (objects, layout) = (journal.objects().clone(), journal.layout().clone());
    let ticks = journal.bases_from(tables.size())?;
    let fetching = ticks.into_iter().map(|tick| fetch(&objects, &layout, tick));
    let mut fetched = std::pin::pin!(futures_util::stream::iter(fetching).buffered(MAX_CONCURRENT_REQUESTS));
    let mut edge = tables.edge()?;
    while let Some(found) = objects.wait(fetched.try_next())? {
        let found = found.ok_or_else(|| StoreError::Damaged("a commit of the journal is missing".into()))?;
        check_next(&found.commit, tables.size())?;
        edge = apply(tables, &edge, found.commit, found.secret, key, Overlap::Allowed)?;
    }
    Ok(())
}

/// Adds the key notes for all tenant logs that the tables lack.
fn restore_notes(journal: &Journal, tables: &mut TenantIndexWriter) -> Result<(), StoreError> {
    let mut notes = Vec::new();
    for (path, bytes) in journal.read_all(&journal.layout().notes())? {
        let damaged = || in_object(&path)(StoreError::Damaged("the object isn't a key note".into()));
        notes.push(parse_note(&bytes).ok_or_else(damaged)?);
    }
    notes.sort_by_key(|(number, _)| *number);
    for (_, note) in notes {
        if !has_root_note(tables, &note.hash)? {
            tables.add_root_note(&note)?;
        }
    }
    Ok(())
}

/// Returns the kept heads at this tick and later ones.
fn kept_since(tables: &TenantIndexWriter, tick: u64) -> Result<Vec<KeptHead>, StoreError> {
    let sql = "SELECT number, tick, size, state, salt, path FROM kept_heads WHERE tick >= ?";
    let row = |row: &Row<'_>| {
        let out_of_range = |column| rusqlite::Error::IntegralValueOutOfRange(column, 0);
        let siblings: Vec<u8> = row.get(5)?;
        Ok(KeptHead {
            number: TenantNumber::new(row.get(0)?).ok_or_else(|| out_of_range(0))?,
            head: PastHead {
                tick: row.get(1)?,
                size: row.get(2)?,
                state: State::from_byte(row.get(3)?).ok_or_else(|| out_of_range(3))?,
                salt: row.get(4)?,
                siblings: siblings.as_chunks().0.iter().copied().map(Hash).collect(),
            },
        })
    };
    tables
        .database()
        .prepare(sql)
        .and_then(|mut query| query.query_map([integer(tick)], row)?.collect())
        .map_err(failed(READING))
}

impl TreeStore for JournaledTenantWriter {
    fn size(&self) -> u64 {
        self.tables.size()
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        self.tables.edge()
    }
}

impl CheckpointWriter for JournaledTenantWriter {
    fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        self.journal.check_has(published.size).or_else(|_| self.archive(None))?;
        self.tables.publish(published)?;
        self.journal.note_published(published);
        Ok(())
    }
}

impl SignedHeadStore for JournaledTenantWriter {
    fn signed_size(&self) -> Result<Option<u64>, StoreError> {
        self.tables.signed_size()
    }

    fn forget_signed_size(&mut self) -> Result<(), StoreError> {
        self.tables.forget_signed_size()
    }
}

impl TenantWriter for JournaledTenantWriter {
    fn depth(&self) -> Result<u8, StoreError> {
        self.tables.depth()
    }

    fn tenants(&self, after: u32) -> Result<Vec<Tenant>, StoreError> {
        self.tables.tenants(after)
    }

    fn requests(&self) -> Result<Vec<StoredRequest>, StoreError> {
        self.tables.requests()
    }

    fn moved_to(&self, number: TenantNumber) -> Result<Option<String>, StoreError> {
        self.tables.moved_to(number)
    }

    fn heads(&self) -> Result<Vec<SlotHead>, StoreError> {
        self.tables.heads()
    }

    fn latest_link(&self) -> Result<Option<Time>, StoreError> {
        self.tables.latest_link()
    }

    fn size_of(&self, number: TenantNumber) -> Result<u64, StoreError> {
        self.tables.size_of(number)
    }

    fn edge_of(&self, number: TenantNumber, size: u64) -> Result<CompactRange, StoreError> {
        self.tables.edge_of(number, size)
    }

    fn state(&self, number: TenantNumber) -> Box<dyn Storage<Error = StoreError> + '_> {
        self.tables.state(number)
    }

    fn begin_tick(&mut self) -> Result<(), StoreError> {
        self.check_archived()
    }

    fn commit_tick(&mut self, batch: &TickBatch<'_>) -> Result<(), CommitError> {
        self.check_archived()?;
        let tick = self.tables.size();
        self.tables.commit_tick(&TickBatch { publish: None, ..*batch })?;
        self.archive(Some((tick, batch.heads)))?;
        batch.publish.map_or(Ok(()), |published| self.publish(published))?;
        Ok(())
    }

    fn root_notes(&self) -> Result<Vec<StoredRootNote>, StoreError> {
        self.tables.root_notes()
    }

    fn add_root_note(&mut self, note: &RootNote) -> Result<(), StoreError> {
        let number = self.tables.root_notes()?.len();
        self.tables.add_root_note(note)?;
        let (path, bytes) = note_object(self.journal.layout(), note, number);
        self.journal.add_object(&path, bytes)
    }

    /// Not part of the journal: after a restore, the note is placed again where it is missing.
    fn mark_placed(&mut self, hash: &Hash) -> Result<(), StoreError> {
        self.tables.mark_placed(hash)
    }

    fn has_key(&self, number: TenantNumber, key: &VerifierKey) -> Result<bool, StoreError> {
        self.tables.has_key(number, key)
    }

    fn tenants_with_key(
        &self,
        key: &VerifierKey,
        after: u32,
        max: u64,
    ) -> Result<Vec<(TenantNumber, TenantId)>, StoreError> {
        self.tables.tenants_with_key(key, after, max)
    }

    fn delete_anchors(&mut self, end: u64, except: &[u64]) -> Result<(), StoreError> {
        self.tables.delete_anchors(end, except)?;
        self.journal.delete_anchors(end, except);
        Ok(())
    }

    fn unkept(&self) -> Result<Vec<TenantNumber>, StoreError> {
        self.tables.unkept()
    }

    fn keep_heads(&mut self, heads: &[KeptHead]) -> Result<(), StoreError> {
        self.tables.keep_heads(heads)?;
        self.kept.extend_from_slice(heads);
        Ok(())
    }

    fn keep_evidence(
        &mut self,
        number: TenantNumber,
        evidence: &Evidence,
        at: Time,
    ) -> Result<(), StoreError> {
        let is_new = self.tables.has_room_for(number, evidence)?;
        self.tables.keep_evidence(number, evidence, at)?;
        if !is_new {
            return Ok(());
        }
        let (path, bytes) = evidence_object(self.journal.layout(), number, evidence, at);
        self.journal.add_object(&path, bytes)
    }

    fn erase(&mut self, number: TenantNumber, entries: &[u64]) -> Result<u64, StoreError> {
        let erased = self.tables.erase(number, entries)?;
        let events: Vec<u64> = entries.iter().map(|index| event_number(number, *index)).collect();
        let Self { tables, readers, root, journal, kept } = self;
        let log = Database { tables, readers: &**readers, root: &**root, kept, newest: None };
        journal.erase(event_number(number, 0), &events, &log)?;
        Ok(erased)
    }

    fn finish_erasure(&mut self, number: TenantNumber, record: u64, at: Time) -> Result<(), StoreError> {
        self.tables.finish_erasure(number, record, at)
    }
}
