//! The journal of an ordinary log.

use std::iter;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use countersign::log::{Evidence, Storage};
use countersign::merkle::CompactRange;
use countersign::note::VerifierKey;
use countersign::time::Time;
use object_store::path::Path as ObjectPath;
use tokio::runtime::Handle;

use super::index::{ArchivedHead, JournalIndex};
use super::restore::{Restored, restore_entries};
use super::{Journal, JournalCommit, JournalConfig, JournalState, JournaledLog, SplitCommit};
use crate::bucket::claim::LogKind;
use crate::bucket::codec::{Commit, Events};
use crate::bucket::index;
use crate::bucket::layout::Layout;
use crate::bucket::writer::{evidence_name, write_evidence};
use crate::sqlite::SqliteWriter;
use countersign_log::store::{
    Batch, CheckpointWriter, CommitError, EntryWriter, ErasureWriter, ForkWriter, Published, Reader,
    SignedHeadStore, Store, StoreError, StoredEvent,
};
use countersign_log::tenants::tenant::TenantNumber;

/// Number of entries to read at a time.
const PAGE: u64 = 256;
/// Maximum number of entries in a commit that catches up.
const MAX_COMMIT_ENTRIES: u64 = 8_192;

impl JournalCommit for Commit {
    fn base(&self) -> u64 {
        self.base
    }

    fn size(&self) -> u64 {
        Self::size(self)
    }

    fn entries(&self) -> impl Iterator<Item = &str> {
        self.leaves.iter().map(String::as_str)
    }

    fn events(&self) -> Vec<Range<u64>> {
        iter::once(self.base..Self::size(self)).collect()
    }

    fn heads(&self) -> Vec<(TenantNumber, ArchivedHead)> {
        Vec::new()
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

/// The database of an ordinary log.
struct Database<'d> {
    sqlite: &'d SqliteWriter,
    reader: &'d dyn Reader,
}

impl JournaledLog for Database<'_> {
    type Commit = Commit;

    fn size(&self) -> u64 {
        EntryWriter::size(self.sqlite)
    }

    fn entries(&self) -> &dyn Reader {
        self.reader
    }

    fn heads(&self) -> Result<Vec<(TenantNumber, ArchivedHead)>, StoreError> {
        Ok(Vec::new())
    }

    fn commit_from(&self, base: u64, _: &JournalIndex) -> Result<Commit, StoreError> {
        let size = self.size().min(base + MAX_COMMIT_ENTRIES);
        let (leaves, events) = read_entries(self.reader, base..size, base)?;
        Ok(Commit { base, leaves, events: Some(events) })
    }

    fn objects_before(&self, _: &Commit, _: &Layout) -> Result<Vec<(ObjectPath, Vec<u8>)>, StoreError> {
        Ok(Vec::new())
    }

    fn other_objects(&self, layout: &Layout) -> Result<Vec<(ObjectPath, Vec<u8>)>, StoreError> {
        let evidence = self.reader.evidence()?;
        Ok(evidence.iter().map(|(at, evidence)| evidence_object(layout, evidence, *at)).collect())
    }

    fn split_erased(&self, events: &[u64]) -> Result<(Vec<u64>, Vec<u64>), StoreError> {
        index::split_erased(self.sqlite.database(), events)
    }

    fn erased_in(&self, events: &Range<u64>) -> Result<Vec<u64>, StoreError> {
        index::erased_in(self.sqlite.database(), events)
    }
}

/// Reads the entries in a range, with their events. `first` is the number of the first entry's event.
pub(crate) fn read_entries(
    reader: &dyn Reader,
    range: Range<u64>,
    first: u64,
) -> Result<(Vec<String>, Events), StoreError> {
    let (mut leaves, mut events) = (Vec::new(), Events::new());
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min((start / PAGE + 1) * PAGE);
        for (stored, index) in reader.leaves_with_events(start..end)?.into_iter().zip(start..) {
            let leaf = String::from_utf8(stored.leaf);
            leaves.push(leaf.map_err(|_| StoreError::Damaged(format!("entry {index} isn't UTF-8")))?);
            if let StoredEvent::Here(event) = stored.event {
                events.insert(first + (index - range.start), event);
            }
        }
        start = end;
    }
    Ok((leaves, events))
}

fn evidence_object(layout: &Layout, evidence: &Evidence, at: Time) -> (ObjectPath, Vec<u8>) {
    (layout.evidence(&evidence_name(evidence)), write_evidence(evidence, at))
}

/// The writer of an ordinary log with a journal.
pub(crate) struct JournaledWriter {
    sqlite: SqliteWriter,
    reader: Arc<dyn Reader>,
    journal: Journal,
}

impl JournaledWriter {
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
        (mut sqlite, reader): (SqliteWriter, Arc<dyn Reader>),
    ) -> Result<(Store, Arc<JournalState>), StoreError> {
        let mut journal = Journal::new(folder, LogKind::Journal, key, config, handle)?;
        match Self::apply(&mut journal, &mut sqlite, &*reader, key) {
            Ok(_) => {}
            Err(error @ StoreError::Unavailable { .. }) => {
                tracing::error!(%error, "the journal can't be compared with the log yet");
            }
            // It isn't the log that is damaged.
            Err(StoreError::Damaged(why)) => return Err(StoreError::Journal(why)),
            Err(error) => return Err(error),
        }
        let state = journal.state().clone();
        let mut writer = Self { sqlite, reader: reader.clone(), journal };
        writer.archive_at_start()?;
        Ok((Store { writer: Box::new(writer), reader }, state))
    }

    /// Compares a journal with the database, and applies what the database lacks.
    pub(crate) fn apply(
        journal: &mut Journal,
        sqlite: &mut SqliteWriter,
        reader: &dyn Reader,
        key: &VerifierKey,
    ) -> Result<Restored, StoreError> {
        journal.compare(&Database { sqlite, reader })?;
        restore_entries(journal, sqlite, reader, key)
    }

    /// Brings the journal up to date before anything is answered, if it can be reached.
    fn archive_at_start(&mut self) -> Result<(), StoreError> {
        match self.archive() {
            Err(StoreError::Journal(_)) => Ok(()),
            result => result,
        }
    }

    fn archive(&mut self) -> Result<(), StoreError> {
        let Self { sqlite, reader, journal } = self;
        journal.archive(&Database { sqlite, reader: &**reader })
    }
}

impl EntryWriter for JournaledWriter {
    fn size(&self) -> u64 {
        EntryWriter::size(&self.sqlite)
    }

    fn edge(&self) -> Result<CompactRange, StoreError> {
        EntryWriter::edge(&self.sqlite)
    }

    fn state(&self) -> &dyn Storage<Error = StoreError> {
        self.sqlite.state()
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
        self.journal.check_has(EntryWriter::size(&self.sqlite)).or_else(|_| self.archive())?;
        self.sqlite.commit(&Batch { publish: None, ..*batch })?;
        self.archive()?;
        batch.publish.map_or(Ok(()), |published| self.publish(published))?;
        Ok(())
    }

    fn catch_up(&mut self) -> Result<u64, StoreError> {
        // The next commit reports a failure.
        match self.archive() {
            Ok(()) | Err(StoreError::Journal(_)) => Ok(EntryWriter::size(&self.sqlite)),
            Err(error) => Err(error),
        }
    }
}

impl CheckpointWriter for JournaledWriter {
    fn publish(&mut self, published: &Published) -> Result<(), StoreError> {
        self.journal.check_has(published.size).or_else(|_| self.archive())?;
        self.sqlite.publish(published)?;
        self.journal.note_published(published);
        Ok(())
    }
}

impl SignedHeadStore for JournaledWriter {
    fn signed_size(&self) -> Result<Option<u64>, StoreError> {
        self.sqlite.signed_size()
    }

    fn forget_signed_size(&mut self) -> Result<(), StoreError> {
        self.sqlite.forget_signed_size()
    }
}

impl ForkWriter for JournaledWriter {
    fn keep_evidence(&mut self, evidence: &Evidence, at: Time) -> Result<(), StoreError> {
        let is_new = self.sqlite.has_room_for(evidence)?;
        self.sqlite.keep_evidence(evidence, at)?;
        if !is_new {
            return Ok(());
        }
        let (path, bytes) = evidence_object(self.journal.layout(), evidence, at);
        self.journal.add_object(&path, bytes)
    }
}

impl ErasureWriter for JournaledWriter {
    fn erase(&mut self, leaves: &[u64]) -> Result<u64, StoreError> {
        let erased = self.sqlite.erase(leaves)?;
        let Self { sqlite, reader, journal } = self;
        journal.erase(0, leaves, &Database { sqlite, reader: &**reader })?;
        Ok(erased)
    }

    fn finish_erasure(&mut self, record: u64, at: Time) -> Result<(), StoreError> {
        self.sqlite.finish_erasure(record, at)
    }

    fn find_erasures(&mut self, key: &VerifierKey) -> Result<(), StoreError> {
        self.sqlite.find_erasures(key)
    }
}
