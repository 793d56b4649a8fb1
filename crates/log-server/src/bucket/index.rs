//! A server's index: everything in the bucket's commits, in the tables of the embedded store.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use countersign::log::{AcceptanceError, PendingBatch};
use countersign::merkle::{CompactRange, PendingTree};
use countersign::note::VerifierKey;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::codec::Commit;
use crate::sqlite::{self, SqliteWriter, failed};
use countersign_log::erase::record;
use countersign_log::store::{Batch, EntryWriter as _, ErasureWriter as _, Reader, StoreError};
use countersign_log::tables::integer;

pub(super) const TABLES: &str = "
-- Where the bucket's commits begin.
CREATE TABLE IF NOT EXISTS commits (base INTEGER PRIMARY KEY) STRICT;
-- One row when the log is in a bucket: how many of its erasures are done here, and the first that is perhaps not done
-- in the bucket.
CREATE TABLE IF NOT EXISTS bucket (erasures INTEGER NOT NULL, unfinished INTEGER NOT NULL) STRICT;
";

/// The index of a bucket.
pub(super) struct Index {
    pub(super) sqlite: SqliteWriter,
    pub(super) reader: Arc<dyn Reader>,
    edge: CompactRange,
    /// The signed size to store with the next batch.
    signed_size: Option<u64>,
}

/// Progress in following the bucket's erasures.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Erasures {
    /// The number of the next erasure.
    pub(super) next: u64,
    /// The first erasure that may be incomplete in the bucket.
    pub(super) unfinished: u64,
}

impl Erasures {
    /// Reads the progress from an index. `None` if the folder's log wasn't in a bucket before.
    pub(super) fn read(connection: &Connection) -> Result<Option<Self>, StoreError> {
        let row = |row: &rusqlite::Row<'_>| Ok(Self { next: row.get(0)?, unfinished: row.get(1)? });
        connection
            .query_row("SELECT erasures, unfinished FROM bucket", [], row)
            .optional()
            .map_err(failed("reading the index"))
    }

    /// Writes the progress to an index.
    pub(super) fn write(self, connection: &Connection) -> Result<(), StoreError> {
        let set = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM bucket", [])?;
            let row = (integer(self.next), integer(self.unfinished));
            transaction.execute("INSERT INTO bucket VALUES (?, ?)", row)?;
            transaction.commit()
        };
        set().map_err(failed("writing the index"))
    }
}

/// Marks the events of these entries, given by the keys of their rows, as erased. If an event was erased before the index
/// had its entry, the index has no row for it.
pub(super) fn mark_erased(connection: &Connection, entries: &[u64]) -> Result<(), StoreError> {
    let mark = || -> rusqlite::Result<()> {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO events (idx) VALUES (?)")?;
        for entry in entries {
            insert.execute([integer(*entry)])?;
        }
        drop(insert);
        transaction.commit()
    };
    mark().map_err(failed("erasing"))
}

/// Splits these entries, given by the keys of their rows, into those with an event and those whose event is erased.
pub(super) fn split_erased(
    connection: &Connection,
    entries: &[u64],
) -> Result<(Vec<u64>, Vec<u64>), StoreError> {
    let (mut here, mut erased) = (Vec::new(), Vec::new());
    let mut read = || -> rusqlite::Result<()> {
        let mut query = connection.prepare_cached("SELECT salt IS NOT NULL FROM events WHERE idx = ?")?;
        for entry in entries {
            match query.query_row([integer(*entry)], |row| row.get(0)).optional()? {
                Some(true) => here.push(*entry),
                Some(false) => erased.push(*entry),
                None => {}
            }
        }
        Ok(())
    };
    read().map_err(failed("reading events"))?;
    Ok((here, erased))
}

/// Returns the entries in a range, by the keys of their rows, whose events are erased.
pub(super) fn erased_in(connection: &Connection, range: &Range<u64>) -> Result<Vec<u64>, StoreError> {
    let sql = "SELECT idx FROM events WHERE idx >= ? AND idx < ? AND salt IS NULL";
    let read = || -> rusqlite::Result<Vec<u64>> {
        let mut query = connection.prepare_cached(sql)?;
        query.query_map((integer(range.start), integer(range.end)), |row| row.get(0))?.collect()
    };
    read().map_err(failed("reading events"))
}

impl Index {
    pub(super) fn open(folder: &Path, origin: &str) -> Result<Self, StoreError> {
        let (sqlite, reader) = sqlite::open_index(folder, origin)?;
        sqlite.database().execute_batch(TABLES).map_err(failed("opening the index"))?;
        let edge = sqlite.edge()?;
        Ok(Self { sqlite, reader, edge, signed_size: None })
    }

    fn connection(&self) -> &Connection {
        self.sqlite.database()
    }

    pub(super) fn size(&self) -> u64 {
        self.sqlite.size()
    }

    pub(super) fn edge(&self) -> &CompactRange {
        &self.edge
    }

    /// Returns how far erasures have been followed, or `None` if the folder's log wasn't in a bucket before.
    pub(super) fn erasures(&self) -> Result<Option<Erasures>, StoreError> {
        Erasures::read(self.connection())
    }

    pub(super) fn set_erasures(&self, erasures: Erasures) -> Result<(), StoreError> {
        erasures.write(self.connection())
    }

    /// Adds commits that follow the index's end. Erasures that `key` recorded in them become pending.
    pub(super) fn follow(&mut self, commits: Vec<Commit>, key: &VerifierKey) -> Result<(), StoreError> {
        let mut growth = PendingBatch::new(self.size());
        let mut bases = Vec::with_capacity(commits.len());
        for commit in commits {
            if commit.base != growth.size() {
                let message = format!(
                    "the commit at {} doesn't follow the one that ends at {}",
                    commit.base,
                    growth.size()
                );
                return Err(StoreError::Damaged(message));
            }
            bases.push(commit.base);
            let mut events = commit.events.unwrap_or_default();
            for (leaf, index) in commit.leaves.into_iter().zip(commit.base..) {
                growth.replay(self.sqlite.state(), leaf, events.remove(&index)).map_err(
                    |stop| match stop {
                        AcceptanceError::Refused(refusal) => {
                            StoreError::Damaged(format!("entry {index}: {refusal}"))
                        }
                        AcceptanceError::Storage(error) => error,
                    },
                )?;
            }
        }
        let mut tree = PendingTree::new(&self.edge);
        let hashes: Vec<_> = growth.leaves().iter().map(|leaf| leaf.hash).collect();
        tree.extend(&hashes);
        let erasures = record::recorded(&growth, key);
        let signed_size = self.signed_size;
        let batch = Batch { growth: &growth, tree: &tree, publish: None, erasures: &erasures, signed_size };
        self.write(&bases, &batch)
    }

    /// Sets the signed size to store with the next batch, whichever server's commit it is.
    pub(super) fn note_signed_size(&mut self, size: Option<u64>) {
        self.signed_size = size.or(self.signed_size);
    }

    /// Adds this server's own commit.
    pub(super) fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        self.write(&[batch.growth.base()], batch)
    }

    fn write(&mut self, bases: &[u64], batch: &Batch<'_>) -> Result<(), StoreError> {
        // First, because these commits are in the bucket even if the rest fails.
        self.add_bases(bases)?;
        self.sqlite.commit(batch).map_err(|error| error.into_store_error("writing the index"))?;
        self.edge = batch.tree.edge();
        self.signed_size = None;
        Ok(())
    }

    /// Records where commits begin.
    pub(super) fn add_bases(&self, bases: &[u64]) -> Result<(), StoreError> {
        let add = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(self.connection(), TransactionBehavior::Immediate)?;
            let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO commits VALUES (?)")?;
            for base in bases {
                insert.execute([integer(*base)])?;
            }
            drop(insert);
            transaction.commit()
        };
        add().map_err(failed("writing the index"))
    }

    /// Returns the entries of the newest commit.
    pub(super) fn last_commit(&self) -> Result<Option<Range<u64>>, StoreError> {
        match self.size().checked_sub(1) {
            Some(last) => self.commit_of(last).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the entries of the commit that contains this one.
    pub(super) fn commit_of(&self, leaf: u64) -> Result<Range<u64>, StoreError> {
        let sql = "SELECT (SELECT max(base) FROM commits WHERE base <= ?1), \
                   (SELECT min(base) FROM commits WHERE base > ?1)";
        let (begin, end): (Option<u64>, Option<u64>) = self
            .connection()
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([integer(leaf)], |row| Ok((row.get(0)?, row.get(1)?))))
            .map_err(failed("reading the index"))?;
        let begin = begin.ok_or_else(|| StoreError::Damaged(format!("no commit contains entry {leaf}")))?;
        Ok(begin..end.unwrap_or(self.size()).min(self.size()))
    }

    /// Splits these entries into those with an event and those whose event is erased.
    pub(super) fn with_events(&self, leaves: &[u64]) -> Result<(Vec<u64>, Vec<u64>), StoreError> {
        split_erased(self.connection(), leaves)
    }

    /// Returns the entries in a range whose events are erased.
    pub(super) fn erased_in(&self, range: &Range<u64>) -> Result<Vec<u64>, StoreError> {
        erased_in(self.connection(), range)
    }

    /// Erases the events of these entries from the index.
    pub(super) fn erase(&mut self, leaves: &[u64]) -> Result<(), StoreError> {
        mark_erased(self.connection(), leaves)?;
        self.sqlite.erase(leaves).map(drop)
    }
}
