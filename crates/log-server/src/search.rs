//! Search index: finds the pages of a log that may have matching events. Nothing depends on it.
//!
//! For each page of 64 entries, it stores the terms of the page's events and the time range of its links, so that a
//! search reads a few pages instead of all. The query is still evaluated on every event of these pages, and entries
//! that aren't indexed are all read. The index can therefore make a search slow, but never wrong. The same holds if it
//! is damaged: every row is sealed, and a row that can't be read counts as not indexed and is indexed again.
//!
//! The index is a separate file and contains keyed terms instead of words. It is rebuilt if it is missing or belongs
//! to another log. The terms of erased events are removed with the events.

mod background;
mod check;
mod index;
mod secret;
mod segment;
pub mod tenants;
mod terms;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_query::{Parsers, Query};
use prometheus_client::metrics::counter::Counter;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _};
use tokio::sync::Notify;

use crate::sqlite;
use countersign_log::export::{Candidates, Entries, Index, PAGE};
use countersign_log::store::{EntryReader, StoreError};
use countersign_log::tokens::Scope;
use secret::Secret;
use segment::{Head, Page, page_of};
use terms::{Need, Places, Term};

pub use background::keep_up;
pub(crate) use check::{damaged, discard};
pub use secret::KEY_FILE;

/// The file's name within the log's folder.
pub const FILE: &str = "search.sqlite";

/// The version of the tables and terms.
const FORMAT_VERSION: i64 = 7;

/// Returns the file's version: [`FORMAT_VERSION`] combined with the parsers that the terms depend on.
fn version(parsers: &Parsers) -> i64 {
    let [a, b, c, ..] = parsers.digest().0;
    FORMAT_VERSION << 24 | i64::from(a) << 16 | i64::from(b) << 8 | i64::from(c)
}

/// The page cache of each connection, in KiB. Indexing needs the newest segment, and searching needs all heads.
const WRITING_CACHE: i64 = 4 << 10;
const READING_CACHE: i64 = 8 << 10;

const TABLES: &str = "
-- Segments' heads by their first page, and their parts by the first page * 256 and the part.
CREATE TABLE heads (first INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE parts (row INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
-- Pages whose events were erased since they were indexed.
CREATE TABLE stale (page INTEGER PRIMARY KEY) STRICT;
-- How large the log was at least, and the hash of its last leaf then.
CREATE TABLE log (size INTEGER NOT NULL, last BLOB NOT NULL) STRICT;
INSERT INTO log VALUES (0, x'');
";

/// The search index of a log.
pub struct Search {
    path: PathBuf,
    secret: Secret,
    /// The parsers of events.
    parsers: Parsers,
    /// The connection for indexing, one batch at a time.
    writing: Mutex<Connection>,
    /// The connection for searching.
    reading: Mutex<Connection>,
    /// The first pages of damaged segments.
    damaged: Mutex<BTreeSet<u64>>,
    /// Set if the whole file is damaged.
    broken: AtomicBool,
    /// Notified when there is work for the background task.
    work_available: Notify,
    /// Counts the parts found damaged.
    problem_counter: Counter,
    /// The number of indexed entries at the last update.
    end: AtomicU64,
}

/// An error of the search index.
#[derive(Debug)]
enum SearchError {
    /// The file isn't a usable index and must be rebuilt.
    Broken(String),
    /// The error isn't an error of the index, or is temporary.
    Other(StoreError),
}

impl From<StoreError> for SearchError {
    fn from(error: StoreError) -> Self {
        Self::Other(error)
    }
}

impl From<SearchError> for StoreError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Broken(why) => Self::Damaged(format!("search index: {why}")),
            SearchError::Other(error) => error,
        }
    }
}

fn failed(error: rusqlite::Error) -> SearchError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::QueryReturnedNoRows => SearchError::Broken(error.to_string()),
        _ => match error.sqlite_error_code() {
            // SQLite has no specific error code for a missing table.
            Some(
                ErrorCode::NotADatabase
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::ReadOnly
                | ErrorCode::Unknown,
            ) => SearchError::Broken(error.to_string()),
            _ => SearchError::Other(StoreError::disk("using the search index", error)),
        },
    }
}

fn integer(value: u64) -> i64 {
    // Indexes, pages, and rows are below 2^63. A generation may be any number.
    value.cast_signed()
}

impl Search {
    /// Opens the index in the log's folder. Rebuilds it if it is missing, damaged, or of another log or other parsers.
    ///
    /// # Errors
    /// If SQLite or the store fails.
    pub fn open(folder: &Path, reader: &dyn EntryReader, parsers: Parsers) -> Result<Self, StoreError> {
        Self::open_in(folder, folder.join(FILE), reader, parsers)
    }

    /// Opens the index at this path, as [`Search::open`] does. The folder has its secret.
    fn open_in(
        folder: &Path,
        path: PathBuf,
        reader: &dyn EntryReader,
        parsers: Parsers,
    ) -> Result<Self, StoreError> {
        let secret = Secret::load(folder)?;
        let opened = match open_file(&path, reader, &parsers) {
            Ok(None) | Err(SearchError::Broken(_)) => {
                sqlite::remove(&path)?;
                open_file(&path, reader, &parsers)?
            }
            opened => opened?,
        };
        let unusable = || StoreError::Damaged("the new search index can't be used".into());
        let (writing, reading) = opened.ok_or_else(unusable)?;
        let search = Self {
            path,
            secret,
            parsers,
            writing: Mutex::new(writing),
            reading: Mutex::new(reading),
            damaged: Mutex::default(),
            broken: AtomicBool::new(false),
            work_available: Notify::new(),
            problem_counter: Counter::default(),
            end: AtomicU64::default(),
        };
        match search.check_heads(reader) {
            Err(SearchError::Broken(_)) => search.rebuild(reader)?,
            checked => checked?,
        }
        search.update_end()?;
        Ok(search)
    }

    /// Counts problems found from now on.
    #[must_use]
    pub(crate) fn with_problem_counter(self, problem_counter: Counter) -> Self {
        Self { problem_counter, ..self }
    }

    /// True if no part of the index is known to be damaged.
    pub(crate) fn is_whole(&self) -> bool {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        damaged.is_empty() && !self.broken.load(Ordering::SeqCst)
    }

    /// Starts again with an empty file.
    fn rebuild(&self, reader: &dyn EntryReader) -> Result<(), StoreError> {
        let (mut writing, mut reading) = (lock(&self.writing), lock(&self.reading));
        // Close the connections to the file first.
        *writing = Connection::open_in_memory().map_err(failed)?;
        *reading = Connection::open_in_memory().map_err(failed)?;
        sqlite::remove(&self.path)?;
        let opened = open_file(&self.path, reader, &self.parsers)?;
        let unusable = || StoreError::Damaged("the new search index can't be used".into());
        (*writing, *reading) = opened.ok_or_else(unusable)?;
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.broken.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Returns the number of entries indexed without a gap from the start.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn indexed(&self) -> Result<u64, StoreError> {
        let connection = lock(&self.reading);
        let heads = heads(&connection, &self.secret, ALL_PAGES)?;
        let valid: Vec<_> =
            heads.into_iter().filter_map(Result::ok).map(|head| head.first..head.end()).collect();
        Ok(gapless_end(&valid) * PAGE)
    }

    /// Returns the number of indexed entries at the last update, without reading the index.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    fn update_end(&self) -> Result<(), StoreError> {
        let end = gapless_end(&extents(&lock(&self.reading))?);
        self.end.store(end * PAGE, Ordering::Relaxed);
        Ok(())
    }

    /// Marks the pages of these entries, whose events are about to be erased, to be indexed again. Call
    /// [`Search::settle`] once they are erased.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn forget(
        &self,
        reader: &dyn EntryReader,
        leaves: impl IntoIterator<Item = u64>,
    ) -> Result<(), StoreError> {
        let mut connection = lock(&self.writing);
        // Neither a crash nor a power failure may lose these marks.
        connection.pragma_update(None, "synchronous", "full").map_err(failed)?;
        let marked = (|| -> Result<(), SearchError> {
            let transaction = connection.transaction().map_err(failed)?;
            let mut last = None;
            for page in leaves.into_iter().map(|leaf| leaf / PAGE) {
                if last.replace(page) != Some(page) {
                    let mark = transaction.prepare_cached("INSERT OR IGNORE INTO stale VALUES (?)");
                    mark.and_then(|mut mark| mark.execute([integer(page)])).map_err(failed)?;
                }
            }
            index::note_size(&transaction, reader)?;
            transaction.commit().map_err(failed)
        })();
        connection.pragma_update(None, "synchronous", "normal").map_err(failed)?;
        drop(connection);
        self.work_available.notify_one();
        match marked {
            // The rebuilt index won't have these terms.
            Err(SearchError::Broken(why)) => {
                self.report_broken(&why);
                Ok(())
            }
            marked => Ok(marked?),
        }
    }

    fn report_broken(&self, why: &str) {
        if !self.broken.swap(true, Ordering::SeqCst) {
            self.problem_counter.inc();
            tracing::warn!(why, "the search index is damaged; searches read every event until it is rebuilt");
        }
        self.work_available.notify_one();
    }

    fn report_damaged(&self, first: u64) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.insert(first) {
            self.problem_counter.inc();
            tracing::warn!(
                page = first,
                "part of the search index is damaged; searches read its events one by one"
            );
        }
        drop(damaged);
        self.work_available.notify_one();
    }

    fn find_candidates(&self, scope: &Scope, query: &Query) -> Result<Candidates, SearchError> {
        let need = terms::required(&self.secret, scope, query);
        let terms_needed = need.terms();
        let mut connection = lock(&self.reading);
        // A single transaction gives a consistent view of the index.
        let view = connection.transaction().map_err(failed)?;
        let mut candidates = Candidates::all();
        for head in heads(&view, &self.secret, ALL_PAGES)? {
            let head = match head {
                Ok(head) => head,
                Err(first) => {
                    self.report_damaged(first);
                    continue;
                }
            };
            match self.find_in_segment(&view, &head, &need, &terms_needed)? {
                Some(entries) => candidates.extend(head.first, entries),
                // Treated like a missing segment.
                None => self.report_damaged(head.first),
            }
        }
        Ok(candidates)
    }

    /// Returns the entries on each page of a segment that may match, or `None` if the segment is damaged.
    fn find_in_segment(
        &self,
        view: &Connection,
        head: &Head,
        need: &Need,
        terms_needed: &BTreeSet<Term>,
    ) -> Result<Option<Vec<Entries>>, SearchError> {
        let mut entries_by_term: HashMap<Term, Vec<Entries>> =
            terms_needed.iter().map(|term| (*term, vec![Entries::NONE; head.pages.len()])).collect();
        let terms: Vec<Term> = terms_needed.iter().copied().collect();
        for of_part in terms.chunk_by(|one, other| head.part_of(*one) == head.part_of(*other)) {
            let number = head.part_of(of_part[0]);
            let Some(bytes) = part(view, head, number)? else { return Ok(None) };
            let mut is_in_range = true;
            let found = head.find(&self.secret, number, &bytes, of_part, &mut |term, place| {
                let page = usize::from(page_of((term, place)));
                match entries_by_term.get_mut(&term).and_then(|pages| pages.get_mut(page)) {
                    None => is_in_range = false,
                    Some(entries) => match Places::of_term(term) {
                        Places::Pages => *entries = Entries::ALL,
                        Places::Entries => entries.insert(place % Places::Entries.per_page()),
                    },
                }
            });
            if found.is_none() || !is_in_range {
                return Ok(None);
            }
        }
        let on_page = |(place, page): (usize, &Page)| {
            need.matching_entries(page, &|term| match entries_by_term.get(term) {
                Some(pages) if !page.dense => pages[place],
                _ => Entries::ALL,
            })
        };
        Ok(Some(head.pages.iter().enumerate().map(on_page).collect()))
    }
}

impl Index for Search {
    fn candidates(&self, scope: &Scope, query: &Query) -> Result<Candidates, StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Ok(Candidates::all());
        }
        match self.find_candidates(scope, query) {
            Err(SearchError::Broken(why)) => {
                self.report_broken(&why);
                Ok(Candidates::all())
            }
            answer => Ok(answer?),
        }
    }
}

/// Opens the file, or returns `None` if it has another version or belongs to another log. That includes a log that was
/// rolled back, in which events may exist again that the index removed.
fn open_file(
    path: &Path,
    reader: &dyn EntryReader,
    parsers: &Parsers,
) -> Result<Option<(Connection, Connection)>, SearchError> {
    crate::sqlite::touch(path).map_err(|error| StoreError::disk("creating the search index", error))?;
    let connect = |cache: i64| -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "cache_size", -cache)?;
        Ok(connection)
    };
    let writing = connect(WRITING_CACHE).map_err(failed)?;
    let prepare = || -> rusqlite::Result<i64> {
        writing.pragma_update(None, "journal_mode", "wal")?;
        // Work lost in a power failure is redone, except marks of erased events.
        writing.pragma_update(None, "synchronous", "normal")?;
        // Overwrites deleted content.
        writing.pragma_update(None, "secure_delete", true)?;
        writing.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    match prepare().map_err(failed)? {
        0 => {
            let setup =
                format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {}; COMMIT", version(parsers));
            writing.execute_batch(&setup).map_err(failed)?;
        }
        known if known == version(parsers) => {
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let known =
                writing.query_row("SELECT size, last FROM log", [], row).optional().map_err(failed)?;
            let Some((size, last)): Option<(u64, Vec<u8>)> = known else { return Ok(None) };
            if size > 0 && (size > reader.size()? || reader.leaf_hash(size - 1)?.0 != *last) {
                return Ok(None);
            }
        }
        _ => return Ok(None),
    }
    Ok(Some((writing, connect(READING_CACHE).map_err(failed)?)))
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

const ALL_PAGES: Range<u64> = 0..i64::MAX as u64;

/// Returns the heads of the segments that begin on these pages, in order. An `Err` is the first page of a damaged one.
fn heads(
    connection: &Connection,
    secret: &Secret,
    pages: Range<u64>,
) -> Result<Vec<Result<Head, u64>>, SearchError> {
    let read = || -> rusqlite::Result<Vec<Result<Head, u64>>> {
        let sql = "SELECT first, bytes FROM heads WHERE first >= ? AND first < ? ORDER BY first";
        let mut query = connection.prepare_cached(sql)?;
        let head = |row: &rusqlite::Row<'_>| {
            let (first, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let first = first.cast_unsigned();
            Ok(Head::decode(secret, first, &bytes).ok_or(first))
        };
        query.query_map([integer(pages.start), integer(pages.end)], head)?.collect()
    };
    read().map_err(failed)
}

/// Returns the page ranges of all segments, in order, computed from the lengths of their heads. Reading the heads
/// would take long in a large log.
fn extents(connection: &Connection) -> Result<Vec<Range<u64>>, SearchError> {
    let read = || -> rusqlite::Result<Vec<Range<u64>>> {
        let sql = "SELECT first, length(bytes) FROM heads ORDER BY first";
        let extent = |row: &rusqlite::Row<'_>| {
            let (first, length): (i64, i64) = (row.get(0)?, row.get(1)?);
            let first = first.cast_unsigned();
            Ok(first..first.saturating_add(Head::pages_of(length.cast_unsigned())))
        };
        connection.prepare_cached(sql)?.query_map([], extent)?.collect()
    };
    read().map_err(failed)
}

/// Returns the end of the gapless range of pages from the start that these segments cover.
fn gapless_end(extents: &[Range<u64>]) -> u64 {
    let mut end = 0;
    for extent in extents {
        if extent.start > end {
            break;
        }
        end = end.max(extent.end);
    }
    end
}

/// Reads a segment's part, if it exists.
fn part(connection: &Connection, head: &Head, part: u64) -> Result<Option<Vec<u8>>, SearchError> {
    let read = || {
        let mut query = connection.prepare_cached("SELECT bytes FROM parts WHERE row = ?")?;
        query.query_row([integer(head.row(part))], |row| row.get(0)).optional()
    };
    read().map_err(failed)
}
