//! Where to look for events: an index beside the log, of which nothing depends.
//!
//! It knows of each page of 64 leaves which terms its events hold, and from when to when its links are. So a question
//! goes to a few pages instead of all. Every event there is looked at again by [`Filter`], and
//! leaves that are not indexed yet are all looked at: the index can make an answer slow, and never wrong. It is a file
//! of its own, holds hashes instead of words, and is made anew where it is missing or of another log.

mod background;
mod index;
mod terms;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign::time::Time;
use roaring::RoaringTreemap;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _};
use tokio::sync::Notify;

use crate::export::{Candidates, Index, PAGE};
use crate::filter::Filter;
use crate::store::{Reader, StoreError};

pub use background::keep_up;

/// The file's name within the log's folder.
pub const FILE: &str = "search.sqlite";

/// Which form of the tables and terms a file has.
const VERSION: i64 = 1;

const TABLES: &str = "
-- A row for each page, by its number and one.
CREATE VIRTUAL TABLE terms USING fts5(
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
-- From when to when the links are; since when the oldest event is that is not erased; whether there are so many terms
-- that the page is a candidate for every question.
CREATE TABLE pages (
    page INTEGER PRIMARY KEY, first INTEGER, last INTEGER, oldest INTEGER, dense INTEGER NOT NULL
) STRICT;
-- Pages whose events were erased since they were indexed.
CREATE TABLE stale (page INTEGER PRIMARY KEY) STRICT;
-- How many pages are indexed, and the hash of the last leaf of these; whether terms of erased events may be left.
CREATE TABLE state (indexed INTEGER NOT NULL, last BLOB NOT NULL, purge INTEGER NOT NULL) STRICT;
INSERT INTO state VALUES (0, x'', 0);
";

/// The index.
pub struct Search {
    /// Who indexes, one at a time.
    writing: Mutex<Connection>,
    /// Who asks.
    reading: Mutex<Connection>,
    /// Told when pages become stale.
    woken: Notify,
}

fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::unavailable("using the search index", error)
}

/// The same while opening: a file that is no index is [damaged](StoreError::Damaged).
fn unusable(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        // A table that is missing is an error without a name.
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) => {
            StoreError::Damaged(error.to_string())
        }
        _ => failed(error),
    }
}

fn integer(value: u64) -> i64 {
    // Indexes and pages are below 2^53.
    value.cast_signed()
}

impl Search {
    /// Opens the index in the log's folder. One that is missing, damaged or of another log is made anew.
    ///
    /// # Errors
    /// What SQLite says, or the store.
    pub fn open(folder: &Path, reader: &dyn Reader) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        match Self::open_file(&path, reader) {
            Ok(Some(search)) => Ok(search),
            Ok(None) | Err(StoreError::Damaged(_)) => {
                Self::remove(&path)?;
                let search = Self::open_file(&path, reader)?;
                search.ok_or_else(|| StoreError::Damaged("the new search index is not usable".into()))
            }
            Err(error) => Err(error),
        }
    }

    /// None when the file is of another log or version.
    fn open_file(path: &Path, reader: &dyn Reader) -> Result<Option<Self>, StoreError> {
        crate::sqlite::touch(path)
            .map_err(|error| StoreError::unavailable("making the search index", error))?;
        let connect = || -> Result<Connection, StoreError> {
            let connection = Connection::open(path).map_err(unusable)?;
            connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(unusable)?;
            connection.pragma_update(None, "cache_size", -16_384).map_err(unusable)?;
            Ok(connection)
        };
        let writing = connect()?;
        let prepare = || -> rusqlite::Result<i64> {
            writing.pragma_update(None, "journal_mode", "wal")?;
            // What a crash takes is indexed again.
            writing.pragma_update(None, "synchronous", "off")?;
            // What is deleted is overwritten.
            writing.pragma_update(None, "secure_delete", true)?;
            writing.pragma_query_value(None, "user_version", |row| row.get(0))
        };
        match prepare().map_err(unusable)? {
            0 => {
                let setup = format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT");
                writing.execute_batch(&setup).map_err(unusable)?;
            }
            VERSION => {
                let (indexed, last): (u64, Vec<u8>) = writing
                    .query_row("SELECT indexed, last FROM state", [], |row| Ok((row.get(0)?, row.get(1)?)))
                    .map_err(unusable)?;
                if indexed > 0 {
                    let end = indexed.saturating_mul(PAGE);
                    if end > reader.size()? || reader.leaf_hash(end - 1)?.0 != *last {
                        return Ok(None);
                    }
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(Self { writing: Mutex::new(writing), reading: Mutex::new(connect()?), woken: Notify::new() }))
    }

    fn remove(path: &Path) -> Result<(), StoreError> {
        for end in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            match std::fs::remove_file(Path::new(&name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::unavailable("removing an unusable search index", error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// How many leaves are indexed.
    ///
    /// # Errors
    /// What SQLite says, as for all of these.
    pub fn indexed(&self) -> Result<u64, StoreError> {
        let indexed: u64 = lock(&self.reading)
            .query_row("SELECT indexed FROM state", [], |row| row.get(0))
            .map_err(failed)?;
        Ok(indexed * PAGE)
    }

    /// The pages with an event that is older than that, by its link's time, and perhaps of this tenant; those alone
    /// that are indexed.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn older(&self, than: Time, tenant: Option<&str>) -> Result<RoaringTreemap, StoreError> {
        let mut connection = lock(&self.reading);
        let view = connection.transaction().map_err(failed)?;
        let look = || -> rusqlite::Result<RoaringTreemap> {
            let mut pages = RoaringTreemap::new();
            let mut query = view.prepare_cached("SELECT page FROM pages WHERE oldest < ? ORDER BY page")?;
            for page in query.query_map([than.millis()], |row| row.get::<_, u64>(0))? {
                pages.insert(page?);
            }
            if let Some(tenant) = tenant {
                pages &= having(&view, &terms::of_tenant(tenant))?;
            }
            Ok(pages)
        };
        look().map_err(failed)
    }

    /// Tells that the events of these leaves are being erased: their pages are to be indexed again. Call it before and
    /// after erasing, so that neither a crash nor haste leaves their terms here.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn forget(&self, leaves: impl IntoIterator<Item = u64>) -> Result<(), StoreError> {
        let mut connection = lock(&self.writing);
        let mark = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            for leaf in leaves {
                let sql = "INSERT OR IGNORE INTO stale SELECT ?1 WHERE ?1 < (SELECT indexed FROM state)";
                transaction.prepare_cached(sql)?.execute([integer(leaf / PAGE)])?;
            }
            transaction.commit()
        };
        mark().map_err(failed)?;
        self.woken.notify_one();
        Ok(())
    }
}

impl Index for Search {
    fn candidates(&self, filter: &Filter) -> Result<Candidates, StoreError> {
        let mut connection = lock(&self.reading);
        // One view of the index for all of these.
        let view = connection.transaction().map_err(failed)?;
        let indexed = view.query_row("SELECT indexed FROM state", [], |row| row.get(0)).map_err(failed)?;
        let mut pages = match terms::question(filter) {
            Some(question) => Some(having(&view, &question).map_err(failed)?),
            None => None,
        };
        if filter.since.is_some() || filter.until.is_some() {
            let mut within = RoaringTreemap::new();
            let mut look = || -> rusqlite::Result<()> {
                let mut query = view
                    .prepare_cached("SELECT page FROM pages WHERE last >= ? AND first < ? ORDER BY page")?;
                let since = filter.since.unwrap_or(Time::MIN).millis();
                let until = filter.until.map_or(i64::MAX, Time::millis);
                for page in query.query_map((since, until), |row| row.get::<_, u64>(0))? {
                    within.insert(page?);
                }
                Ok(())
            };
            look().map_err(failed)?;
            pages = Some(pages.map_or_else(|| within.clone(), |pages| pages & &within));
        }
        Ok(Candidates::new(pages, indexed))
    }
}

/// The pages that answer an FTS5 question, and those that are candidates for every one.
fn having(view: &Connection, question: &str) -> rusqlite::Result<RoaringTreemap> {
    let mut pages = RoaringTreemap::new();
    let mut query = view.prepare_cached("SELECT rowid FROM terms WHERE terms MATCH ? ORDER BY rowid")?;
    for row in query.query_map([question], |row| row.get::<_, u64>(0))? {
        pages.extend(row?.checked_sub(1));
    }
    let mut query = view.prepare_cached("SELECT page FROM pages WHERE dense")?;
    for page in query.query_map([], |row| row.get::<_, u64>(0))? {
        pages.insert(page?);
    }
    Ok(pages)
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first stale page.
fn stale(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT page FROM stale ORDER BY page LIMIT 1";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()
}
