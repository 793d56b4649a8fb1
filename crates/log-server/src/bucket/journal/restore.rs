//! Applies what a journal has in addition to the database, and repeats its erasures.

use countersign::log::{AcceptanceError, PendingBatch};
use countersign::merkle::PendingTree;
use countersign::note::VerifierKey;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{Journal, other_history};
use crate::bucket::codec::{Commit, Erasure, decode_checkpoint};
use crate::bucket::index;
use crate::bucket::layout::in_object;
use crate::bucket::objects::MAX_CONCURRENT_REQUESTS;
use crate::bucket::writer::{fetch, read_evidence};
use crate::sqlite::{self, SqliteWriter};
use countersign_log::erase::record;
use countersign_log::hashes::root_at;
use countersign_log::store::{
    Batch, CheckpointWriter as _, EntryReader, EntryWriter as _, ErasureWriter as _, ForkWriter as _,
    Published, Reader, StoreError,
};

/// The entries that a journal added to a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The number of entries that the database had. For a root log, these are ticks.
    pub from: u64,
    /// The number of entries that it has now.
    pub to: u64,
    /// The number of events that were erased again.
    pub erased: u64,
    /// True if the journal has everything that was answered: no server answered without it.
    pub is_complete: bool,
}

/// Applies the entries of an ordinary log that its database lacks, and repeats erasures.
pub(super) fn restore_entries(
    journal: &mut Journal,
    database: &mut SqliteWriter,
    reader: &dyn Reader,
    key: &VerifierKey,
) -> Result<Restored, StoreError> {
    let from = database.size();
    if journal.index.size() > from {
        sqlite::stop_syncing(database.database())?;
        let (objects, layout) = (journal.objects.clone(), journal.layout.clone());
        let bases = journal.bases_from(from)?;
        let fetching = bases.into_iter().map(|base| fetch(&objects, &layout, base));
        let mut fetched =
            std::pin::pin!(futures_util::stream::iter(fetching).buffered(MAX_CONCURRENT_REQUESTS));
        while let Some(commit) = objects.wait(fetched.try_next())? {
            let commit =
                commit.ok_or_else(|| StoreError::Damaged("a commit of the journal is missing".into()))?;
            add(database, reader, commit, key)?;
        }
        journal.check_signed(reader, database.size())?;
        for (path, bytes) in journal.read_all(&journal.layout.all_evidence())? {
            let damaged = || in_object(&path)(StoreError::Damaged("the object isn't evidence".into()));
            let (at, evidence) = read_evidence(&bytes).ok_or_else(damaged)?;
            database.keep_evidence(&evidence, at)?;
        }
        for published in journal.kept_checkpoints(from)? {
            database.publish(&published)?;
        }
        sqlite::sync_again(database.database())?;
        tracing::warn!(from, to = database.size(), "entries were restored from the journal");
    }
    let mut erased = 0;
    for events in journal.erasures()? {
        let (here, _) = index::split_erased(database.database(), &events)?;
        erased += if here.is_empty() { 0 } else { database.erase(&here)? };
        let stored: Vec<u64> = events.into_iter().filter(|entry| *entry < database.size()).collect();
        index::mark_erased(database.database(), &stored)?;
    }
    Ok(Restored { from, to: database.size(), erased, is_complete: false })
}

/// Adds the entries of a commit that the database lacks.
fn add(
    sqlite: &mut SqliteWriter,
    reader: &dyn Reader,
    mut commit: Commit,
    key: &VerifierKey,
) -> Result<(), StoreError> {
    let size = sqlite.size();
    if commit.base > size {
        return Err(StoreError::Damaged(format!("the journal lacks entries {size} to {}", commit.base - 1)));
    }
    let mut events = commit.events.take().unwrap_or_default();
    let mut growth = PendingBatch::new(size);
    for (leaf, index) in commit.leaves.into_iter().zip(commit.base..) {
        if index < size {
            let stored = reader.leaves(index..index + 1)?.pop();
            if stored.is_none_or(|stored| stored != leaf.as_bytes()) {
                return Err(other_history(index + 1));
            }
            continue;
        }
        growth.replay(sqlite.state(), leaf, events.remove(&index)).map_err(|stop| match stop {
            AcceptanceError::Refused(refusal) => StoreError::Damaged(format!("entry {index}: {refusal}")),
            AcceptanceError::Storage(error) => error,
        })?;
    }
    if growth.leaves().is_empty() {
        return Ok(());
    }
    let mut tree = PendingTree::new(&sqlite.edge()?);
    tree.extend(&growth.leaves().iter().map(|leaf| leaf.hash).collect::<Vec<_>>());
    let erasures = record::recorded(&growth, key);
    let batch = Batch { growth: &growth, tree: &tree, publish: None, erasures: &erasures, signed_size: None };
    sqlite.commit(&batch).map_err(|error| error.into_store_error("restoring entries"))
}

impl Journal {
    /// Returns the bases of the commits with entries from this one on.
    pub(crate) fn bases_from(&self, size: u64) -> Result<Vec<u64>, StoreError> {
        self.index.bases_from(size)
    }

    /// Fails if the log's tree differs from the newest checkpoint in the journal that was signed up to this size.
    pub(crate) fn check_signed(&self, reader: &dyn EntryReader, size: u64) -> Result<(), StoreError> {
        for head in self.signed_heads()?.iter().filter(|head| head.size <= size) {
            if root_at(reader, head.size)? != head.root {
                let why = format!(
                    "the journal's entries don't lead to the tree of {} entries that the log signed",
                    head.size
                );
                return Err(StoreError::Damaged(why));
            }
        }
        Ok(())
    }

    /// Returns the events that the journal's erasures name.
    pub(crate) fn erasures(&self) -> Result<Vec<Vec<u64>>, StoreError> {
        let mut erasures = Vec::new();
        for number in 0..self.index.next_erasure()? {
            let path = self.layout.erasure(number);
            let object = self.objects.wait(self.objects.get(&path))?;
            let missing = || StoreError::Damaged(format!("{path} is missing"));
            erasures
                .push(Erasure::decode(&object.ok_or_else(missing)?.bytes).map_err(in_object(&path))?.leaves);
        }
        Ok(erasures)
    }

    /// Returns the kept checkpoints of more than `from` entries, up to those that the journal has, in ascending order.
    pub(crate) fn kept_checkpoints(&self, from: u64) -> Result<Vec<Published>, StoreError> {
        let mut found = Vec::new();
        for (path, bytes) in self.read_all(&self.layout.kept_checkpoints())? {
            found.push(decode_checkpoint(&bytes).map_err(in_object(&path))?);
        }
        found.retain(|published| (from + 1..=self.index.size()).contains(&published.size));
        Ok(found)
    }

    /// Reads all objects in a folder.
    pub(crate) fn read_all(
        &self,
        folder: &object_store::path::Path,
    ) -> Result<Vec<(object_store::path::Path, Vec<u8>)>, StoreError> {
        let mut found = Vec::new();
        for meta in self.objects.wait(self.objects.list(folder, None))? {
            if let Some(object) = self.objects.wait(self.objects.get(&meta.location))? {
                found.push((meta.location, object.bytes.to_vec()));
            }
        }
        Ok(found)
    }
}
