//! Where to look for events: an index beside the log, on which nothing depends.
//!
//! It knows of each page of 64 leaves which terms its events hold, and from when to when its links are. So a question
//! goes to a few pages instead of all. Every event there is looked at again by the query, and
//! leaves that are not indexed are all looked at: the index can make an answer slow, and never wrong. So too where it is
//! damaged: each row is sealed, what cannot be read is taken for not indexed, and indexed again.
//!
//! It is a file of its own, holds keyed terms instead of words, and is made anew where it is missing or of
//! another log. Terms of erased events leave it with them.

mod background;
mod check;
mod index;
mod secret;
mod segment;
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

/// Which form of the tables and terms a file has.
const FORM: i64 = 5;

/// The same with the parsers by which the terms were made.
fn version(parsers: &Parsers) -> i64 {
    let [a, b, c, ..] = parsers.digest().0;
    FORM << 24 | i64::from(a) << 16 | i64::from(b) << 8 | i64::from(c)
}

/// How many KiB of the file each connection keeps in memory: who indexes needs the newest segment, who asks all heads.
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

/// The index.
pub struct Search {
    path: PathBuf,
    secret: Secret,
    /// How events are read.
    parsers: Parsers,
    /// Who indexes, one at a time.
    writing: Mutex<Connection>,
    /// Who asks.
    reading: Mutex<Connection>,
    /// The first pages of segments that were found to be damaged.
    damaged: Mutex<BTreeSet<u64>>,
    /// Whether the file as a whole was.
    broken: AtomicBool,
    /// Told when there is something to do.
    woken: Notify,
    /// How many parts were found damaged.
    found: Counter,
    /// How many leaves are indexed, as it was last looked at.
    end: AtomicU64,
}

/// An error of the search index.
#[derive(Debug)]
enum SearchError {
    /// The file is no index that can be used: it is to be made anew.
    Broken(String),
    /// It is not the index's fault, or may work later.
    Other(StoreError),
}

impl From<StoreError> for SearchError {
    fn from(error: StoreError) -> Self {
        Self::Other(error)
    }
}

impl From<SearchError> for StoreError {
    fn from(fault: SearchError) -> Self {
        match fault {
            SearchError::Broken(why) => Self::Damaged(format!("the search index: {why}")),
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
            // A table that is missing is an error without a name.
            Some(
                ErrorCode::NotADatabase
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::ReadOnly
                | ErrorCode::Unknown,
            ) => SearchError::Broken(error.to_string()),
            _ => SearchError::Other(StoreError::unavailable("using the search index", error)),
        },
    }
}

fn integer(value: u64) -> i64 {
    // Indexes, pages and rows are below 2^63; a generation is any number.
    value.cast_signed()
}

impl Search {
    /// Opens the index in the log's folder. One that is missing, damaged, of another log or of other parsers is made anew.
    ///
    /// # Errors
    /// What SQLite says, or the store.
    pub fn open(folder: &Path, reader: &dyn EntryReader, parsers: Parsers) -> Result<Self, StoreError> {
        let (path, secret) = (folder.join(FILE), Secret::load(folder)?);
        let opened = match open_file(&path, reader, &parsers) {
            Ok(None) | Err(SearchError::Broken(_)) => {
                sqlite::remove(&path)?;
                open_file(&path, reader, &parsers)?
            }
            opened => opened?,
        };
        let unusable = || StoreError::Damaged("the new search index is not usable".into());
        let (writing, reading) = opened.ok_or_else(unusable)?;
        let search = Self {
            path,
            secret,
            parsers,
            writing: Mutex::new(writing),
            reading: Mutex::new(reading),
            damaged: Mutex::default(),
            broken: AtomicBool::new(false),
            woken: Notify::new(),
            found: Counter::default(),
            end: AtomicU64::default(),
        };
        match search.check_heads(reader) {
            Err(SearchError::Broken(_)) => search.remake(reader)?,
            checked => checked?,
        }
        search.look()?;
        Ok(search)
    }

    /// Counts there what is found damaged from now on.
    #[must_use]
    pub(crate) fn counting(self, found: Counter) -> Self {
        Self { found, ..self }
    }

    /// Whether nothing of it is known to be damaged.
    pub(crate) fn is_whole(&self) -> bool {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        damaged.is_empty() && !self.broken.load(Ordering::SeqCst)
    }

    /// Begins anew, with an empty file.
    fn remake(&self, reader: &dyn EntryReader) -> Result<(), StoreError> {
        let (mut writing, mut reading) = (lock(&self.writing), lock(&self.reading));
        // The file's own connections end first.
        *writing = Connection::open_in_memory().map_err(failed)?;
        *reading = Connection::open_in_memory().map_err(failed)?;
        sqlite::remove(&self.path)?;
        let opened = open_file(&self.path, reader, &self.parsers)?;
        let unusable = || StoreError::Damaged("the new search index is not usable".into());
        (*writing, *reading) = opened.ok_or_else(unusable)?;
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.broken.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// How many leaves are indexed, from the first on.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn indexed(&self) -> Result<u64, StoreError> {
        let connection = lock(&self.reading);
        let heads = heads(&connection, &self.secret, ALL)?;
        let good: Vec<_> =
            heads.into_iter().filter_map(Result::ok).map(|head| head.first..head.end()).collect();
        Ok(whole_to(&good) * PAGE)
    }

    /// The same as it was when it was last indexed, without asking the index.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    fn look(&self) -> Result<(), StoreError> {
        let end = whole_to(&extents(&lock(&self.reading))?);
        self.end.store(end * PAGE, Ordering::Relaxed);
        Ok(())
    }

    /// Tells that the events of these leaves are about to be erased: their pages are to be indexed again. When they are
    /// erased, [`Search::settle`].
    ///
    /// # Errors
    /// What SQLite says.
    pub fn forget(
        &self,
        reader: &dyn EntryReader,
        leaves: impl IntoIterator<Item = u64>,
    ) -> Result<(), StoreError> {
        let mut connection = lock(&self.writing);
        // Neither a crash nor a power failure lets the index go on with these terms.
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
        self.woken.notify_one();
        match marked {
            // It is made anew, without them.
            Err(SearchError::Broken(why)) => {
                self.tell_broken(&why);
                Ok(())
            }
            marked => Ok(marked?),
        }
    }

    fn tell_broken(&self, why: &str) {
        if !self.broken.swap(true, Ordering::SeqCst) {
            self.found.inc();
            tracing::warn!(
                why,
                "the search index is damaged: searches look at every event until it is made anew"
            );
        }
        self.woken.notify_one();
    }

    fn tell_damaged(&self, first: u64) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.insert(first) {
            self.found.inc();
            tracing::warn!(
                page = first,
                "a part of the search index is damaged: searches look at its events one by one"
            );
        }
        drop(damaged);
        self.woken.notify_one();
    }

    fn ask(&self, scope: &Scope, query: &Query) -> Result<Candidates, SearchError> {
        let need = terms::question(&self.secret, scope, query);
        let asked = need.terms();
        let mut connection = lock(&self.reading);
        // One view of the index for all of these.
        let view = connection.transaction().map_err(failed)?;
        let mut candidates = Candidates::all();
        for head in heads(&view, &self.secret, ALL)? {
            let head = match head {
                Ok(head) => head,
                Err(first) => {
                    self.tell_damaged(first);
                    continue;
                }
            };
            match self.ask_segment(&view, &head, &need, &asked)? {
                Some(entries) => candidates.extend(head.first, entries),
                // Like one that is missing.
                None => self.tell_damaged(head.first),
            }
        }
        Ok(candidates)
    }

    /// Returns the entries on each page of a segment that may be as needed; none if it is damaged.
    fn ask_segment(
        &self,
        view: &Connection,
        head: &Head,
        need: &Need,
        asked: &BTreeSet<Term>,
    ) -> Result<Option<Vec<Entries>>, SearchError> {
        let mut had: HashMap<Term, Vec<Entries>> =
            asked.iter().map(|term| (*term, vec![Entries::NONE; head.pages.len()])).collect();
        let terms: Vec<Term> = asked.iter().copied().collect();
        for of_part in terms.chunk_by(|one, other| head.part_of(*one) == head.part_of(*other)) {
            let number = head.part_of(of_part[0]);
            let Some(bytes) = part(view, head, number)? else { return Ok(None) };
            let mut is_within = true;
            let found = head.find(&self.secret, number, &bytes, of_part, &mut |term, place| {
                let page = usize::from(page_of((term, place)));
                match had.get_mut(&term).and_then(|pages| pages.get_mut(page)) {
                    None => is_within = false,
                    Some(entries) => match Places::of(term) {
                        Places::Pages => *entries = Entries::ALL,
                        Places::Entries => entries.insert(place % Places::Entries.per_page()),
                    },
                }
            });
            if found.is_none() || !is_within {
                return Ok(None);
            }
        }
        let on_page = |(place, page): (usize, &Page)| {
            need.on(page, &|term| match had.get(term) {
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
        match self.ask(scope, query) {
            Err(SearchError::Broken(why)) => {
                self.tell_broken(&why);
                Ok(Candidates::all())
            }
            answer => Ok(answer?),
        }
    }
}

/// None when the file is of another version, or of another log than the store's: also of one that was rolled back since,
/// whose events may be there again that the index forgot.
fn open_file(
    path: &Path,
    reader: &dyn EntryReader,
    parsers: &Parsers,
) -> Result<Option<(Connection, Connection)>, SearchError> {
    crate::sqlite::touch(path).map_err(|error| StoreError::unavailable("making the search index", error))?;
    let connect = |cache: i64| -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "cache_size", -cache)?;
        Ok(connection)
    };
    let writing = connect(WRITING_CACHE).map_err(failed)?;
    let prepare = || -> rusqlite::Result<i64> {
        writing.pragma_update(None, "journal_mode", "wal")?;
        // What a power failure takes is indexed again, unless it is asked to forget.
        writing.pragma_update(None, "synchronous", "normal")?;
        // What is deleted is overwritten.
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

/// Any page that may be a segment's first.
const ALL: Range<u64> = 0..i64::MAX as u64;

/// The heads of all segments that begin on these pages, in their order; of a damaged one its first page.
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

/// The pages of all segments in their order, as far as that is told by how long heads are: none is read, and in a large
/// log that would take long.
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

/// The page after the last one up to which all are in these segments.
fn whole_to(extents: &[Range<u64>]) -> u64 {
    let mut end = 0;
    for extent in extents {
        if extent.start > end {
            break;
        }
        end = end.max(extent.end);
    }
    end
}

/// The row of a segment's part, where it is there.
fn part(connection: &Connection, head: &Head, part: u64) -> Result<Option<Vec<u8>>, SearchError> {
    let read = || {
        let mut query = connection.prepare_cached("SELECT bytes FROM parts WHERE row = ?")?;
        query.query_row([integer(head.row(part))], |row| row.get(0)).optional()
    };
    read().map_err(failed)
}
