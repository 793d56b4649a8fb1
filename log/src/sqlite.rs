//! The embedded store: one SQLite file, in write-ahead mode, with an fsync before a commit counts.
//!
//! Links and events are in tables of their own: an event is erased without touching what commits to it.

mod reader;
mod state;
mod writer;

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::store::{Store, StoreError};
use reader::SqliteReader;
pub(crate) use writer::{SqliteWriter, takes_the_place_of};

/// The file's name within the log's folder.
pub const FILE: &str = "log.sqlite";

/// Which form of the tables below a file has.
const VERSION: i64 = 1;

/// How long one connection waits for another.
const PATIENCE: Duration = Duration::from_secs(10);

const TABLES: &str = "
CREATE TABLE log (origin TEXT NOT NULL) STRICT;
-- A log's leaves: links and key notes.
CREATE TABLE leaves (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT;
-- The events behind links; an erased one keeps its row, with nothing in it.
CREATE TABLE events (idx INTEGER PRIMARY KEY, salt BLOB, event TEXT) STRICT;
-- Hash tiles, the partial ones of the right edge too; the key is level * 2^48 + index.
CREATE TABLE tiles (tile INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
CREATE TABLE chains (
    chain BLOB PRIMARY KEY, key TEXT NOT NULL, windows TEXT NOT NULL,
    next INTEGER NOT NULL, last BLOB NOT NULL, time INTEGER NOT NULL, closed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Links of one chain that follow each other in the log: where each link is.
CREATE TABLE runs (
    chain BLOB NOT NULL, seq INTEGER NOT NULL, idx INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE notes (hash BLOB PRIMARY KEY, idx INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX notes_in_order ON notes (idx);
-- What key notes say about keys.
CREATE TABLE lives (key TEXT PRIMARY KEY, windows TEXT NOT NULL, revoked INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- Published checkpoints: the last witnessed one of each hour, and the newest.
CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY, note TEXT NOT NULL, at INTEGER NOT NULL, witnessed INTEGER NOT NULL
) STRICT;
-- Forks that were refused: the links that contradict that of the log (or each other, without one), one a line.
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, chain BLOB NOT NULL, seq INTEGER NOT NULL,
    idx INTEGER, refused TEXT NOT NULL, UNIQUE (chain, seq, refused)
) STRICT;
";

/// A table that files may lack which were made before it.
const ADDED: &str = "
-- The newest checkpoint as witnesses saw it first, where they saw it again since.
CREATE TABLE IF NOT EXISTS seen_first (
    size INTEGER PRIMARY KEY, note TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
";

/// Opens the store in a folder that exists, and makes it where there is none.
///
/// # Errors
/// [`StoreError::Damaged`] when the file is not of this log, or the log is in a bucket; else what SQLite says.
pub fn open(folder: &Path, origin: &str) -> Result<Store, StoreError> {
    let (writer, reader) = open_halves(folder, origin)?;
    if is_index(writer.connection()).map_err(failed("opening"))? {
        let why =
            "this folder is the index of a log in a bucket: serve it with that bucket, or the log is forked";
        return Err(StoreError::Damaged(why.into()));
    }
    Ok(Store { writer: Box::new(writer), reader })
}

/// Opens the index of a log that is in a bucket: what a power failure takes from it comes from there again.
pub(crate) fn open_index(
    folder: &Path,
    origin: &str,
) -> Result<(SqliteWriter, Arc<dyn crate::store::Reader>), StoreError> {
    let (writer, reader) = open_halves(folder, origin)?;
    writer.connection().pragma_update(None, "synchronous", "normal").map_err(failed("opening the index"))?;
    Ok((writer, reader))
}

fn open_halves(
    folder: &Path,
    origin: &str,
) -> Result<(SqliteWriter, Arc<dyn crate::store::Reader>), StoreError> {
    let path = folder.join(FILE);
    touch(&path).map_err(|error| StoreError::unavailable("making the database", error))?;
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    prepare(&connection, origin)?;
    let reader = SqliteReader::new(path);
    Ok((SqliteWriter::new(connection)?, Arc::new(reader)))
}

/// Whether the log is in a bucket, which a row of a table of the index's says.
fn is_index(connection: &Connection) -> rusqlite::Result<bool> {
    let table = "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = 'bucket'";
    let has_table: bool = connection.query_row(table, [], |row| row.get(0))?;
    Ok(has_table && connection.query_row("SELECT count(*) > 0 FROM bucket", [], |row| row.get(0))?)
}

/// Opens the store in a folder for reading alone, while a server may be writing to it, and gives the log's origin.
///
/// # Errors
/// What SQLite says, also where there is no store.
pub fn open_reader(folder: &Path) -> Result<(String, Arc<dyn crate::store::Reader>), StoreError> {
    let path: PathBuf = folder.join(FILE);
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let origin =
        connection.query_row("SELECT origin FROM log", [], |row| row.get(0)).map_err(failed("opening"))?;
    Ok((origin, Arc::new(SqliteReader::new(path))))
}

/// Makes the file where it is missing, for its owner alone: it holds events.
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn prepare(connection: &Connection, origin: &str) -> Result<(), StoreError> {
    let sql = |error| StoreError::unavailable("opening the database", error);
    connection.pragma_update(None, "journal_mode", "wal").map_err(sql)?;
    // Every commit is on the disk when it returns.
    connection.pragma_update(None, "synchronous", "full").map_err(sql)?;
    // When pages are split or merged no copy of an event stays behind, which erasing would not find.
    connection.pragma_update(None, "secure_delete", "fast").map_err(sql)?;
    // Whoever waits for a commit that moves pages into the database waits for all of them: few at a time.
    connection.pragma_update(None, "wal_autocheckpoint", 1024).map_err(sql)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql)?;
    match version {
        0 => {
            let setup = format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION};");
            connection.execute_batch(&setup).map_err(sql)?;
            connection.execute("INSERT INTO log VALUES (?)", [origin]).map_err(sql)?;
            connection.execute_batch("COMMIT").map_err(sql)?;
        }
        VERSION => {
            let stored: String =
                connection.query_row("SELECT origin FROM log", [], |row| row.get(0)).map_err(sql)?;
            if stored != origin {
                let message = format!("this folder holds the log {stored:?}, not {origin:?}");
                return Err(StoreError::Damaged(message));
            }
        }
        newer => {
            let message = format!("the database is of version {newer}, written by a newer program");
            return Err(StoreError::Damaged(message));
        }
    }
    connection.execute_batch(ADDED).map_err(sql)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let sql = |error| StoreError::unavailable("opening the database", error);
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.busy_timeout(PATIENCE).map_err(sql)?;
    connection.pragma_update(None, "cache_size", -8_192).map_err(sql)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

pub(crate) fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + Copy {
    move |error| match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => StoreError::Damaged(format!("{doing}: {error}")),
        error => StoreError::unavailable(doing, error),
    }
}

/// A tile's key.
fn tile_key(level: u8, index: u64) -> i64 {
    // A tree of 2^53 leaves has fewer than 2^48 tiles on any level.
    i64::from(level) << 48 | index.cast_signed()
}

/// Integers as SQLite has them. Sizes and indexes are below 2^53.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
