//! A copy of the newest entries of a root log, kept apart from its database.
//!
//! An entry of a root log can't be made again: the secret of its tick is gone. The copy restores the root log to what it
//! signed after an older database was restored, so that the tenant logs that lack no entries continue.

use std::ops::Range;

use super::anchor_copy::encode;
use super::anchors::{is_anchor, required_before};
use super::directory::TickDirectory;
use crate::store::{EntryReader, StoreError};

/// The number of entries that are copied from the database at a time.
const BATCH: u64 = 4096;

/// A store for the newest entries of a root log. It outlives the database.
///
/// # Errors
/// [`StoreError`] if the store can't be read or written.
#[allow(clippy::missing_errors_doc, reason = "the trait states the errors of all methods")]
pub trait RootEntryStore: Send {
    /// Returns the tick after the last kept entry; 0 if none is kept.
    fn end(&mut self) -> Result<u64, StoreError>;

    /// Returns the first tick whose entry is needed, if the log has this many ticks: backups have those before it, or
    /// there is no room for them.
    fn first_needed(&mut self, ticks: u64) -> Result<u64, StoreError>;

    /// Returns the entry that was kept last for a tick, if there is one.
    fn entry(&mut self, tick: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps the [copy](super::anchor_copy) of an anchor's directory. It is durable when this returns. Deletes the copies
    /// of anchors before `first`, except those in the list.
    fn keep_anchor(
        &mut self,
        tick: u64,
        directory: &[u8],
        first: u64,
        older: &[u64],
    ) -> Result<(), StoreError>;

    /// Keeps the entries of consecutive ticks from this one on, in place of entries that were kept for them before. They
    /// are durable when this returns.
    fn keep(&mut self, first: u64, entries: &[&[u8]]) -> Result<(), StoreError>;
}

/// The copy as the sequencer uses it. It is completed from the database at the start, because another version of the program
/// may have made ticks, and again when a commit that failed turns out to have taken effect: the copy may have the
/// entry of a later attempt.
pub(super) struct RootEntryCopy {
    store: Option<Box<dyn RootEntryStore>>,
    is_complete: bool,
}

impl RootEntryCopy {
    /// Creates the copy. Without a store, nothing is kept.
    pub(super) fn new(store: Option<Box<dyn RootEntryStore>>) -> Self {
        Self { is_complete: store.is_none(), store }
    }

    /// Has the copy compared with the database before the next entry is kept, because the database has entries that the
    /// sequencer didn't know.
    pub(super) fn check_again(&mut self) {
        self.is_complete = self.store.is_none();
    }

    /// Keeps the entry of a tick, durably. Call it before the tick's checkpoint is signed, and only if the log is not
    /// stopped: the database then has all earlier entries.
    ///
    /// # Errors
    /// [`StoreError`]: the tick must fail.
    pub(super) fn keep(
        &mut self,
        root_log: &dyn EntryReader,
        tick: u64,
        entry: &[u8],
    ) -> Result<(), StoreError> {
        self.complete(root_log, tick)?;
        self.store.as_mut().map_or(Ok(()), |store| store.keep(tick, &[entry]))
    }

    /// Keeps the entries of the first `ticks` ticks that the copy lacks, unless it is known to be complete. Call it before
    /// the tree of these entries is signed, and only if the log is not stopped.
    ///
    /// # Errors
    /// [`StoreError`]: nothing may be signed.
    pub(super) fn complete(&mut self, root_log: &dyn EntryReader, ticks: u64) -> Result<(), StoreError> {
        if let Some(store) = self.store.as_mut().filter(|_| !self.is_complete) {
            complete(&mut **store, &|ticks| root_log.leaves(ticks), ticks)?;
            self.is_complete = true;
        }
        Ok(())
    }

    /// Keeps the directory of a tick if it is an anchor, durably: no later head can be proven without it.
    ///
    /// # Errors
    /// [`StoreError`]: the tick must fail.
    pub(super) fn keep_anchor(&mut self, directory: &TickDirectory) -> Result<(), StoreError> {
        let tick = directory.tick();
        let Some(store) = self.store.as_mut().filter(|_| is_anchor(tick)) else { return Ok(()) };
        let (first, older) = required_before(tick);
        store.keep_anchor(tick, &encode(directory), first, &older)
    }
}

/// Keeps the entries in the database that the copy lacks, and the last one if the copy has another.
fn complete(
    store: &mut dyn RootEntryStore,
    read: &dyn Fn(Range<u64>) -> Result<Vec<Vec<u8>>, StoreError>,
    ticks: u64,
) -> Result<(), StoreError> {
    let end = store.end()?.min(ticks);
    let mut from = store.first_needed(ticks)?.min(ticks);
    if let Some(last) = end.checked_sub(1).filter(|last| *last >= from) {
        let stored = read(last..end)?;
        from = if store.entry(last)? == stored.into_iter().next() { end } else { last };
    }
    while from < ticks {
        let to = ticks.min(from + BATCH);
        let entries = read(from..to)?;
        store.keep(from, &entries.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        from = to;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use super::*;

    type Entries = Arc<Mutex<BTreeMap<u64, Vec<u8>>>>;

    struct InMemory(Entries);

    impl RootEntryStore for InMemory {
        fn end(&mut self) -> Result<u64, StoreError> {
            Ok(self.0.lock().unwrap().last_key_value().map_or(0, |(tick, _)| tick + 1))
        }

        fn first_needed(&mut self, ticks: u64) -> Result<u64, StoreError> {
            Ok(ticks.saturating_sub(9))
        }

        fn entry(&mut self, tick: u64) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.0.lock().unwrap().get(&tick).cloned())
        }

        fn keep_anchor(&mut self, _: u64, _: &[u8], _: u64, _: &[u64]) -> Result<(), StoreError> {
            Ok(())
        }

        fn keep(&mut self, first: u64, entries: &[&[u8]]) -> Result<(), StoreError> {
            let kept = (first..).zip(entries.iter().map(|entry| entry.to_vec()));
            self.0.lock().unwrap().extend(kept);
            Ok(())
        }
    }

    /// The database of a root log, as far as it is read.
    fn complete_from(before: &[(u64, u8)], ticks: u64) -> Vec<(u64, u8)> {
        let entries = before.iter().map(|(tick, entry)| (*tick, vec![*entry])).collect();
        let entries: Entries = Arc::new(Mutex::new(entries));
        let leaves = |range: Range<u64>| Ok(range.map(|tick| vec![tick as u8]).collect());
        complete(&mut InMemory(entries.clone()), &leaves, ticks).unwrap();
        let entries = entries.lock().unwrap();
        entries.iter().map(|(tick, entry)| (*tick, entry[0])).collect()
    }

    #[test]
    fn lacking_entries_are_copied_from_the_database() {
        assert_eq!(complete_from(&[], 0), []);
        // A new copy has those that are needed.
        assert_eq!(complete_from(&[], 2), [(0, 0), (1, 1)]);
        assert_eq!(complete_from(&[], 12)[..2], [(3, 3), (4, 4)]);
        // Another version made ticks, after one that wasn't committed.
        assert_eq!(complete_from(&[(0, 0), (1, 99)], 4), [(0, 0), (1, 1), (2, 2), (3, 3)]);
        // The last tick was tried again before the process ended, but the first try took effect.
        assert_eq!(complete_from(&[(0, 0), (1, 99)], 2), [(0, 0), (1, 1)]);
        // The last tick was not committed.
        assert_eq!(complete_from(&[(0, 0), (1, 99)], 1), [(0, 0), (1, 99)]);
        // Nothing that the copy has is needed anymore.
        assert_eq!(complete_from(&[(0, 0)], 12)[..2], [(0, 0), (3, 3)]);
    }
}
