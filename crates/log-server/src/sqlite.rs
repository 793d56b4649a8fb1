//! The embedded store: a SQLite file in write-ahead mode that is flushed to disk before a commit counts.

mod connection;
mod database;
mod pool;
#[cfg(unix)]
mod static_database;
mod write_connection;

use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use connection::{connect, opening};
use countersign_files::open_private;
use countersign_log::store::{Store, StoreError};
use countersign_log::tables::{ADDED, ALL_SETTLED, TABLES, TableReader, TableWriter, VERSION};
use pool::Pool;
use write_connection::WriteConnection;

pub(crate) use connection::failed;

/// The file's name within the log's folder.
pub const FILE: &str = "log.sqlite";

/// The writer of the file.
pub(crate) type SqliteWriter = TableWriter<WriteConnection>;

/// Opens the store in an existing folder, and creates it if needed.
///
/// # Errors
/// [`StoreError::Damaged`] if the file belongs to another log or is the index of a bucket; other errors if SQLite
/// fails.
pub fn open(folder: &Path, origin: &str) -> Result<Store, StoreError> {
    let (connection, reader) = open_connections(folder, origin)?;
    let writer = SqliteWriter::new(connection)?;
    if is_index(writer.database()).map_err(failed("opening"))? {
        let why =
            "this folder is the index of a log in a bucket; serve it with that bucket, or the log would fork";
        return Err(StoreError::Damaged(why.into()));
    }
    Ok(Store { writer: Box::new(writer), reader })
}

/// Opens a bucket's index. Work lost in a power failure comes back from the bucket.
pub(crate) fn open_index(
    folder: &Path,
    origin: &str,
) -> Result<(SqliteWriter, Arc<dyn countersign_log::store::Reader>), StoreError> {
    let (connection, reader) = open_connections(folder, origin)?;
    connection.pragma_update(None, "synchronous", "normal").map_err(failed("opening the index"))?;
    Ok((SqliteWriter::new(connection.without_file_checks())?, reader))
}

fn open_connections(
    folder: &Path,
    origin: &str,
) -> Result<(WriteConnection, Arc<dyn countersign_log::store::Reader>), StoreError> {
    let path = folder.join(FILE);
    touch(&path).map_err(|error| StoreError::unavailable("creating the database", error))?;
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    prepare(&connection, origin)?;
    let connection = WriteConnection::new(connection, &path);
    Ok((connection, Arc::new(TableReader::new(Pool::new(path)))))
}

/// True if the log is in a bucket, which a row in one of the index's tables says.
fn is_index(connection: &Connection) -> rusqlite::Result<bool> {
    let table = "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = 'bucket'";
    let has_table: bool = connection.query_row(table, [], |row| row.get(0))?;
    Ok(has_table && connection.query_row("SELECT count(*) > 0 FROM bucket", [], |row| row.get(0))?)
}

/// Opens the store in a folder for reading, and returns the log's origin. A server may be writing to it. If no server
/// uses the folder, no file in it is changed, and the folder may be read-only.
///
/// # Errors
/// If SQLite fails or there is no store.
pub fn open_reader(folder: &Path) -> Result<(String, Arc<dyn countersign_log::store::Reader>), StoreError> {
    open_pool(Pool::for_reading(folder.join(FILE)))
}

/// Opens the store for reading in a process that writes to the database itself.
pub(crate) fn open_live_reader(
    folder: &Path,
) -> Result<(String, Arc<dyn countersign_log::store::Reader>), StoreError> {
    open_pool(Pool::new(folder.join(FILE)))
}

fn open_pool(pool: Pool) -> Result<(String, Arc<dyn countersign_log::store::Reader>), StoreError> {
    let connection = pool.connect()?;
    let failed = opening("opening the database");
    let origin = connection.query_row("SELECT origin FROM log", [], |row| row.get(0)).map_err(failed)?;
    if !pool.is_static() {
        // A database that no server of this version has opened may lack some tables.
        connection.execute_batch(ADDED).map_err(failed)?;
    }
    drop(connection);
    Ok((origin, Arc::new(TableReader::new(pool))))
}

/// Connects to a database to read it as a whole. Changes nothing if no server uses its folder.
pub(crate) fn connect_to_read(path: &Path) -> Result<Connection, StoreError> {
    Pool::for_reading(path.to_owned()).connect()
}

/// Connects to a folder's database to change it.
pub(crate) fn connect_to_write(folder: &Path) -> Result<Connection, StoreError> {
    connect(&folder.join(FILE), OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// Detects changes of a database that is read in several steps. A step would report a changed part as damaged.
pub(crate) struct ChangeGuard(Pool);

impl ChangeGuard {
    /// Starts to guard the database at that path.
    pub(crate) fn new(path: &Path) -> Self {
        Self(Pool::for_reading(path.to_owned()))
    }

    /// Fails if a server changed the database although none was running at the start.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.0.check()
    }
}

/// Copies a folder's database, consistently, to an empty file. A server may be writing to it.
///
/// # Errors
/// If SQLite fails; [`StoreError::Damaged`] if the database is the index of a bucket.
pub(crate) fn copy(folder: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = failed("copying the database");
    let pool = Pool::for_reading(folder.join(FILE));
    let connection = pool.connect()?;
    if is_index(&connection).map_err(failed)? {
        let why = "this folder is the index of a log in a bucket; back up the bucket instead";
        return Err(StoreError::Damaged(why.into()));
    }
    let unnamed = || StoreError::unavailable("copying the database", "the file's name isn't UTF-8");
    connection.execute("VACUUM INTO ?", [to.to_str().ok_or_else(unnamed)?]).map_err(failed)?;
    pool.check()
}

/// Opens a [copy] for reading.
pub(crate) fn open_copy(path: &Path) -> Arc<dyn countersign_log::store::Reader> {
    Arc::new(TableReader::new(Pool::new(path.to_owned())))
}

/// Creates the file if it doesn't exist, readable only by its owner because it contains events.
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    open_private(path, |options| options.append(true).create(true)).map(drop)
}

/// Removes a folder's database.
///
/// # Errors
/// If a file can't be removed.
pub(crate) fn discard(folder: &Path) -> Result<(), StoreError> {
    remove(&folder.join(FILE))
}

/// Removes a database with all its files, if they exist.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match std::fs::remove_file(Path::new(&name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::unavailable("removing a database", error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn prepare(connection: &Connection, origin: &str) -> Result<(), StoreError> {
    let sql = opening("opening the database");
    connection.pragma_update(None, "journal_mode", "wal").map_err(sql)?;
    // A commit returns once it is on disk.
    connection.pragma_update(None, "synchronous", "full").map_err(sql)?;
    // Splitting or merging pages must leave no copy of an event behind, which erasure wouldn't find.
    connection.pragma_update(None, "secure_delete", "fast").map_err(sql)?;
    // A commit that moves pages into the database delays all who wait for it, so move few at a time.
    connection.pragma_update(None, "wal_autocheckpoint", 1024).map_err(sql)?;
    let settled = format!("{ADDED} {ALL_SETTLED} PRAGMA user_version = {VERSION};");
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql)?;
    match version {
        0 => {
            let setup = format!("BEGIN IMMEDIATE; {TABLES} {settled}");
            connection.execute_batch(&setup).map_err(sql)?;
            connection.execute("INSERT INTO log VALUES (?)", [origin]).map_err(sql)?;
            connection.execute_batch("COMMIT").map_err(sql)?;
        }
        1..=VERSION => {
            let stored: String =
                connection.query_row("SELECT origin FROM log", [], |row| row.get(0)).map_err(sql)?;
            if stored != origin {
                let message = format!("this folder contains the log {stored:?} instead of {origin:?}");
                return Err(StoreError::Damaged(message));
            }
            if version < VERSION {
                connection.execute_batch(&format!("BEGIN IMMEDIATE; {settled} COMMIT")).map_err(sql)?;
            }
        }
        newer => {
            let message =
                format!("the database has version {newer}, written by a newer version of the program");
            return Err(StoreError::Damaged(message));
        }
    }
    connection.execute_batch(ADDED).map_err(sql)
}

#[cfg(test)]
mod tests;
