//! What a server has of the log at hand: all that the bucket's commits say, in the tables of the embedded store.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::log::{AcceptanceError, PendingBatch};
use countersign::merkle::{CompactRange, PendingTree};
use countersign::note::VerifierKey;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::codec::Commit;
use crate::sqlite::{self, SqliteWriter, failed};
use countersign_log::erase::record;
use countersign_log::hashes::root_at;
use countersign_log::store::{Batch, CommitError, EntryWriter as _, ErasureWriter as _, Reader, StoreError};
use countersign_log::tables::integer;

const TABLES: &str = "
-- Where the bucket's commits begin.
CREATE TABLE IF NOT EXISTS commits (base INTEGER PRIMARY KEY) STRICT;
-- One row when the log is in a bucket: how many of its erasures are done here, and the first that is perhaps not done
-- in the bucket.
CREATE TABLE IF NOT EXISTS bucket (erasures INTEGER NOT NULL, unfinished INTEGER NOT NULL) STRICT;
";

/// The index.
pub(super) struct Index {
    pub(super) sqlite: SqliteWriter,
    pub(super) reader: Arc<dyn Reader>,
    edge: CompactRange,
    /// The signed size that the next batch states.
    signed_size: Option<u64>,
}

/// How far the bucket's erasures were followed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Erasures {
    /// The number of the next.
    pub(super) next: u64,
    /// The first that is perhaps not done in the bucket.
    pub(super) unfinished: u64,
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

    /// How far erasures were followed; `None` where the folder's log was in no bucket so far.
    pub(super) fn erasures(&self) -> Result<Option<Erasures>, StoreError> {
        let row = |row: &rusqlite::Row<'_>| Ok(Erasures { next: row.get(0)?, unfinished: row.get(1)? });
        self.connection()
            .query_row("SELECT erasures, unfinished FROM bucket", [], row)
            .optional()
            .map_err(failed("reading the index"))
    }

    pub(super) fn set_erasures(&self, erasures: Erasures) -> Result<(), StoreError> {
        let set = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(self.connection(), TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM bucket", [])?;
            let row = (integer(erasures.next), integer(erasures.unfinished));
            transaction.execute("INSERT INTO bucket VALUES (?, ?)", row)?;
            transaction.commit()
        };
        set().map_err(failed("writing the index"))
    }

    /// Takes commits that follow each other and what is here. The erasures that `key` recorded in them are to be done.
    pub(super) fn follow(&mut self, commits: Vec<Commit>, key: &VerifierKey) -> Result<(), StoreError> {
        let mut growth = PendingBatch::new(self.size());
        let mut bases = Vec::with_capacity(commits.len());
        for commit in commits {
            if commit.base != growth.size() {
                let message = format!(
                    "the commit at {} does not follow one that ends at {}",
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
                            StoreError::Damaged(format!("leaf {index}: {refusal}"))
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

    /// Has the next batch say how much of what was signed is remembered, whichever server's commit it is.
    pub(super) fn note_signed_size(&mut self, size: Option<u64>) {
        self.signed_size = size.or(self.signed_size);
    }

    /// Takes this server's own commit.
    pub(super) fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        self.write(&[batch.growth.base()], batch)
    }

    fn write(&mut self, bases: &[u64], batch: &Batch<'_>) -> Result<(), StoreError> {
        // These commits are in the bucket: that is so whatever becomes of the rest.
        self.add_bases(bases)?;
        self.sqlite.commit(batch).map_err(|error| match error {
            CommitError::Failed(error) => error,
            error @ CommitError::Overtaken => StoreError::unavailable("writing the index", error),
        })?;
        self.edge = batch.tree.edge();
        self.signed_size = None;
        Ok(())
    }

    /// Notes where commits begin.
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

    /// The leaves of the newest commit.
    pub(super) fn last_commit(&self) -> Result<Option<Range<u64>>, StoreError> {
        match self.size().checked_sub(1) {
            Some(last) => self.commit_of(last).map(Some),
            None => Ok(None),
        }
    }

    /// The leaves of the commit that has this one.
    pub(super) fn commit_of(&self, leaf: u64) -> Result<Range<u64>, StoreError> {
        let sql = "SELECT (SELECT max(base) FROM commits WHERE base <= ?1), \
                   (SELECT min(base) FROM commits WHERE base > ?1)";
        let (begin, end): (Option<u64>, Option<u64>) = self
            .connection()
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([integer(leaf)], |row| Ok((row.get(0)?, row.get(1)?))))
            .map_err(failed("reading the index"))?;
        let begin = begin.ok_or_else(|| StoreError::Damaged(format!("no commit has the leaf {leaf}")))?;
        Ok(begin..end.unwrap_or(self.size()).min(self.size()))
    }

    /// Of these leaves those whose events are here, and those whose events are erased.
    pub(super) fn with_events(&self, leaves: &[u64]) -> Result<(Vec<u64>, Vec<u64>), StoreError> {
        let (mut here, mut erased) = (Vec::new(), Vec::new());
        let mut read = || -> rusqlite::Result<()> {
            let mut query =
                self.connection().prepare_cached("SELECT salt IS NOT NULL FROM events WHERE idx = ?")?;
            for leaf in leaves {
                match query.query_row([integer(*leaf)], |row| row.get(0)).optional()? {
                    Some(true) => here.push(*leaf),
                    Some(false) => erased.push(*leaf),
                    None => {}
                }
            }
            Ok(())
        };
        read().map_err(failed("looking for events"))?;
        Ok((here, erased))
    }

    /// The leaves of a range whose events are erased.
    pub(super) fn erased_in(&self, range: &Range<u64>) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT idx FROM events WHERE idx >= ? AND idx < ? AND salt IS NULL";
        let read = || -> rusqlite::Result<Vec<u64>> {
            let mut query = self.connection().prepare_cached(sql)?;
            query.query_map((integer(range.start), integer(range.end)), |row| row.get(0))?.collect()
        };
        read().map_err(failed("looking for events"))
    }

    /// Erases the events of leaves that have some, here.
    pub(super) fn erase(&mut self, leaves: &[u64]) -> Result<(), StoreError> {
        let mark = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(self.connection(), TransactionBehavior::Immediate)?;
            // Of what was erased before this index had the leaf there is no event, and it shall show as erased.
            let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO events (idx) VALUES (?)")?;
            for leaf in leaves {
                insert.execute([integer(*leaf)])?;
            }
            drop(insert);
            transaction.commit()
        };
        mark().map_err(failed("erasing"))?;
        self.sqlite.erase(leaves).map(drop)
    }

    /// The root hash that the log had when it had so many leaves.
    pub(super) fn root_at(&self, size: u64) -> Result<Hash, StoreError> {
        root_at(&*self.reader, size)
    }
}
