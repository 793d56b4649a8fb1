//! The index of a journal in the log's folder: which commit has an event, and how far each tenant log is in the journal.
//!
//! It is a database of its own, because `log.sqlite` may be replaced by a backup. It may be lost at any time, and is then
//! rebuilt from the journal's commits.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use countersign::tenant::State;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::{JournalCommit, Place};
use crate::sqlite::{self, failed};
use countersign_log::store::StoreError;
use countersign_log::tables::integer;
use countersign_log::tenants::tenant::TenantNumber;

/// The file's name within the log's folder.
pub const FILE: &str = "journal.sqlite";

const TABLES: &str = "
-- One row: the journal, where it is, the size of the log at which it begins, and the number of erasures read from it.
CREATE TABLE IF NOT EXISTS journal (
    id TEXT NOT NULL, place TEXT NOT NULL, begin INTEGER NOT NULL, erasures INTEGER NOT NULL
) STRICT;
-- The commits: the sizes of the log before and after each.
CREATE TABLE IF NOT EXISTS commits (base INTEGER PRIMARY KEY, size INTEGER NOT NULL) STRICT;
-- The entries in commits by the number of the first one's event. Parts of one tenant log may overlap.
CREATE TABLE IF NOT EXISTS parts (
    first INTEGER NOT NULL, base INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (first, base)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS parts_by_commit ON parts (base);
-- The heads of tenant logs as of the last commit.
CREATE TABLE IF NOT EXISTS heads (number INTEGER PRIMARY KEY, size INTEGER NOT NULL, state INTEGER NOT NULL) STRICT;
-- The numbers of the erased events that the journal's erasures name.
CREATE TABLE IF NOT EXISTS erased (event INTEGER PRIMARY KEY) STRICT;
";
const WRITING: &str = "writing the journal's index";
const READING: &str = "reading the journal's index";

/// The index of a journal.
pub(crate) struct JournalIndex {
    connection: Connection,
    size: u64,
}

/// The journal that an index belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexedJournal {
    /// The journal's ID.
    pub(super) id: String,
    /// The place in which it was last.
    pub(super) place: String,
}

impl JournalIndex {
    /// Opens the index in a folder. A damaged one is rebuilt.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        match Self::open_file(&path) {
            Err(StoreError::Damaged(_)) => {
                sqlite::remove(&path)?;
                Self::open_file(&path)
            }
            opened => opened,
        }
    }

    fn open_file(path: &Path) -> Result<Self, StoreError> {
        sqlite::touch(path).map_err(|error| StoreError::unavailable(WRITING, error))?;
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            // Work that a power failure undoes is repeated from the journal.
            connection.pragma_update(None, "synchronous", "normal")?;
            connection.execute_batch(TABLES)?;
            Ok(connection)
        };
        let mut index = Self { connection: open().map_err(failed(WRITING))?, size: 0 };
        index.size = index.read_size()?;
        Ok(index)
    }

    fn read_size(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce((SELECT max(size) FROM commits), (SELECT begin FROM journal), 0)";
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(failed(READING))
    }

    /// Returns the number of entries of the log up to the last commit.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the journal that the index belongs to.
    pub(super) fn journal(&self) -> Result<Option<IndexedJournal>, StoreError> {
        let row = |row: &rusqlite::Row<'_>| Ok(IndexedJournal { id: row.get(0)?, place: row.get(1)? });
        self.connection
            .query_row("SELECT id, place FROM journal", [], row)
            .optional()
            .map_err(failed(READING))
    }

    /// Starts an empty index of a journal.
    pub(super) fn reset(&mut self, place: &Place, name: &str) -> Result<(), StoreError> {
        let set = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            transaction.execute_batch(
                "DELETE FROM journal; DELETE FROM commits; DELETE FROM parts; DELETE FROM heads; DELETE FROM erased;",
            )?;
            let row = (&place.id, name, integer(place.begin));
            transaction.execute("INSERT INTO journal VALUES (?, ?, ?, 0)", row)?;
            transaction.commit()
        };
        set().map_err(failed(WRITING))?;
        self.size = place.begin;
        Ok(())
    }

    /// Records where the journal is now.
    pub(super) fn set_place(&self, name: &str) -> Result<(), StoreError> {
        self.connection.execute("UPDATE journal SET place = ?", [name]).map(drop).map_err(failed(WRITING))
    }

    /// Adds the next commit of the journal.
    pub(super) fn add(&mut self, commit: &impl JournalCommit) -> Result<(), StoreError> {
        let add = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            let base = integer(commit.base());
            transaction
                .prepare_cached("INSERT OR REPLACE INTO commits VALUES (?, ?)")?
                .execute((base, integer(commit.size())))?;
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO parts (first, base, count) VALUES (?, ?, ?)")?;
            for Range { start, end } in commit.events() {
                insert.execute((integer(start), base, integer(end - start)))?;
            }
            drop(insert);
            let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)")?;
            for (number, head) in commit.heads() {
                insert.execute((number.get(), integer(head.size), head.state.to_byte()))?;
            }
            drop(insert);
            transaction.commit()
        };
        add().map_err(failed(WRITING))?;
        self.size = commit.size();
        Ok(())
    }

    /// Adds the heads of tenant logs before the first commit.
    pub(super) fn add_heads(
        &self,
        heads: impl Iterator<Item = (TenantNumber, ArchivedHead)>,
    ) -> Result<(), StoreError> {
        let add = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)")?;
            for (number, head) in heads {
                insert.execute((number.get(), integer(head.size), head.state.to_byte()))?;
            }
            drop(insert);
            transaction.commit()
        };
        add().map_err(failed(WRITING))
    }

    /// Returns the head of a tenant log as of the last commit, if the index has it.
    pub(crate) fn head(&self, number: TenantNumber) -> Result<Option<ArchivedHead>, StoreError> {
        let sql = "SELECT size, state FROM heads WHERE number = ?";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found: Option<(u64, u8)> = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([number.get()], row).optional())
            .map_err(failed(READING))?;
        Ok(found.and_then(|(size, state)| Some(ArchivedHead { size, state: State::from_byte(state)? })))
    }

    /// Returns the bases of all commits with one of these events, which are in ascending order and belong to one log.
    /// `first` is the least number that an event of this log can have.
    pub(super) fn commits_with(&self, first: u64, events: &[u64]) -> Result<BTreeSet<u64>, StoreError> {
        let Some(last) = events.last() else { return Ok(BTreeSet::new()) };
        let read = || -> rusqlite::Result<BTreeSet<u64>> {
            let sql = "SELECT first, first + count, base FROM parts WHERE first >= ? AND first <= ?";
            let mut query = self.connection.prepare_cached(sql)?;
            let mut rows = query.query([integer(first), integer(*last)])?;
            let mut found = BTreeSet::new();
            while let Some(row) = rows.next()? {
                let (start, end): (u64, u64) = (row.get(0)?, row.get(1)?);
                let next = events.partition_point(|event| *event < start);
                if events.get(next).is_some_and(|event| *event < end) {
                    found.insert(row.get(2)?);
                }
            }
            Ok(found)
        };
        read().map_err(failed(READING))
    }

    /// Returns the numbers of the events that a commit had at first.
    pub(super) fn events_of(&self, base: u64) -> Result<Vec<Range<u64>>, StoreError> {
        self.connection
            .prepare_cached("SELECT first, first + count FROM parts WHERE base = ? ORDER BY first")
            .and_then(|mut query| {
                query.query_map([integer(base)], |row| Ok(row.get(0)?..row.get(1)?))?.collect()
            })
            .map_err(failed(READING))
    }

    /// Returns the base of the last commit that begins before this size.
    pub(super) fn last_base_before(&self, size: u64) -> Result<Option<u64>, StoreError> {
        self.connection
            .query_row("SELECT max(base) FROM commits WHERE base < ?", [integer(size)], |row| row.get(0))
            .map_err(failed(READING))
    }

    /// Returns the bases of the commits with entries from this one on.
    pub(super) fn bases_from(&self, size: u64) -> Result<Vec<u64>, StoreError> {
        self.connection
            .prepare_cached("SELECT base FROM commits WHERE size > ? ORDER BY base")
            .and_then(|mut query| query.query_map([integer(size)], |row| row.get(0))?.collect())
            .map_err(failed(READING))
    }

    /// Removes commits before this size, which the journal has no more.
    pub(super) fn remove_before(&self, begin: u64) -> Result<(), StoreError> {
        let remove = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            for sql in ["DELETE FROM parts WHERE base < ?", "DELETE FROM commits WHERE base < ?"] {
                transaction.execute(sql, [integer(begin)])?;
            }
            transaction.commit()
        };
        remove().map_err(failed(WRITING))
    }

    /// Returns the number of the journal's next erasure.
    pub(super) fn next_erasure(&self) -> Result<u64, StoreError> {
        self.connection
            .query_row("SELECT erasures FROM journal", [], |row| row.get(0))
            .map_err(failed(READING))
    }

    /// Adds an erasure of the journal.
    pub(super) fn add_erasure(&self, number: u64, events: &[u64]) -> Result<(), StoreError> {
        let add = || -> rusqlite::Result<()> {
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO erased VALUES (?)")?;
            for event in events {
                insert.execute([integer(*event)])?;
            }
            drop(insert);
            transaction.execute("UPDATE journal SET erasures = ?", [integer(number + 1)])?;
            transaction.commit()
        };
        add().map_err(failed(WRITING))
    }

    /// Returns those of these events that no erasure of the journal names.
    pub(super) fn without_erasure(&self, events: &[u64]) -> Result<Vec<u64>, StoreError> {
        let read = || -> rusqlite::Result<Vec<u64>> {
            let mut query = self.connection.prepare_cached("SELECT 1 FROM erased WHERE event = ?")?;
            let mut found = Vec::new();
            for event in events {
                if !query.exists([integer(*event)])? {
                    found.push(*event);
                }
            }
            Ok(found)
        };
        read().map_err(failed(READING))
    }
}

/// The head of a tenant log in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ArchivedHead {
    pub(crate) size: u64,
    pub(crate) state: State,
}
