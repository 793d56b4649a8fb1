//! Indexing pages: in batches, each small enough that nobody waits for it.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::terms::Terms;
use super::{Search, failed, integer, lock, stale};
use crate::export::PAGE;
use crate::filter::parse;
use crate::store::{Reader, StoreError, StoredEvent};

/// A page with more terms than this is a candidate for every question.
const DENSE: usize = 50_000;

/// How much is merged at a time while terms of erased events are purged: pages of the database file.
const MERGE: i64 = 64;

/// What is known of a page.
#[derive(Debug, Default)]
struct Page {
    terms: Terms,
    first: Option<i64>,
    last: Option<i64>,
    oldest: Option<i64>,
}

impl Search {
    /// Indexes again pages whose events were erased, then further ones that are full in a log of `size` leaves, at most
    /// so many together. Gives how many it were.
    ///
    /// # Errors
    /// What SQLite says, or the store.
    pub fn advance(&self, reader: &dyn Reader, size: u64, most: u64) -> Result<u64, StoreError> {
        let mut connection = lock(&self.writing);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut done = 0;
        while done < most
            && let Some(page) = stale(&transaction).map_err(failed)?
        {
            let read = read(reader, page)?;
            transaction.execute("DELETE FROM terms WHERE rowid = ?", [integer(page + 1)]).map_err(failed)?;
            read.write(&transaction, page).map_err(failed)?;
            transaction.execute("DELETE FROM stale WHERE page = ?", [integer(page)]).map_err(failed)?;
            transaction.execute("UPDATE state SET purge = 1", []).map_err(failed)?;
            done += 1;
        }
        let indexed: u64 =
            transaction.query_row("SELECT indexed FROM state", [], |row| row.get(0)).map_err(failed)?;
        let end = (size / PAGE).min(indexed.saturating_add(most - done));
        for page in indexed..end {
            read(reader, page)?.write(&transaction, page).map_err(failed)?;
            done += 1;
        }
        if end > indexed {
            let last = reader.leaf_hash(end * PAGE - 1)?;
            transaction
                .execute("UPDATE state SET indexed = ?, last = ?", (integer(end), last.0))
                .map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        Ok(done)
    }

    /// Whether terms of erased events may be left in the file.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn owes_purge(&self) -> Result<bool, StoreError> {
        let purge: i64 =
            lock(&self.reading).query_row("SELECT purge FROM state", [], |row| row.get(0)).map_err(failed)?;
        Ok(purge != 0)
    }

    /// Does some of the work of taking the terms of erased events out of the file, and says whether there is more. The
    /// index is merged into one piece meanwhile, which on a large log takes a while.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn purge(&self) -> Result<bool, StoreError> {
        let connection = lock(&self.writing);
        let purge = || -> rusqlite::Result<bool> {
            let state: i64 = connection.query_row("SELECT purge FROM state", [], |row| row.get(0))?;
            if state == 0 {
                return Ok(false);
            }
            // A negative amount begins to merge all there is, positive ones go on with it.
            let more = merge(&connection, if state == 1 { -MERGE } else { MERGE })?;
            connection.execute("UPDATE state SET purge = ?", [if more { 2 } else { 0 }])?;
            if !more {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            }
            Ok(more)
        };
        purge().map_err(failed)
    }
}

fn merge(connection: &Connection, amount: i64) -> rusqlite::Result<bool> {
    let before = connection.total_changes();
    connection.execute("INSERT INTO terms (terms, rank) VALUES ('merge', ?)", [amount])?;
    // FTS5 itself counts as one change: fewer than two say that nothing was left to do.
    Ok(connection.total_changes() - before >= 2)
}

impl Page {
    fn write(&self, transaction: &Transaction<'_>, page: u64) -> rusqlite::Result<()> {
        let dense = self.terms.len() > DENSE;
        if !dense {
            transaction
                .prepare_cached("INSERT INTO terms (rowid, words) VALUES (?, ?)")?
                .execute((integer(page + 1), self.terms.to_row()))?;
        }
        transaction.prepare_cached("REPLACE INTO pages VALUES (?, ?, ?, ?, ?)")?.execute((
            integer(page),
            self.first,
            self.last,
            self.oldest,
            dense,
        ))?;
        Ok(())
    }
}

fn read(reader: &dyn Reader, number: u64) -> Result<Page, StoreError> {
    let mut page = Page::default();
    let least = |known: Option<i64>, time| Some(known.map_or(time, |known: i64| known.min(time)));
    for leaf in reader.leaves_with_events(number * PAGE..(number + 1) * PAGE)? {
        let link = leaf.link();
        let Some(link) = link else { continue };
        let time = link.time().millis();
        page.first = least(page.first, time);
        page.last = page.last.max(Some(time));
        page.terms.link(link.chain());
        if let StoredEvent::Here(event) = &leaf.event {
            page.oldest = least(page.oldest, time);
            page.terms.event(&parse(&event.text));
        }
    }
    Ok(page)
}
