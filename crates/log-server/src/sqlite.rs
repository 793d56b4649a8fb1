//! The embedded store: one SQLite file, in write-ahead mode, with an fsync before a commit counts.

mod connection;
mod database;
mod owned;
mod pool;
#[cfg(unix)]
mod still;

use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use connection::{connect, opening};
use countersign_files::open_private;
use countersign_log::store::{Store, StoreError};
use countersign_log::tables::{ADDED, ALL_SETTLED, TABLES, TableReader, TableWriter, VERSION};
use owned::Owned;
use pool::Pool;

pub(crate) use connection::failed;

/// The file's name within the log's folder.
pub const FILE: &str = "log.sqlite";

/// Writes the file.
pub(crate) type SqliteWriter = TableWriter<Owned>;

/// Opens the store in a folder that exists, and makes it where there is none.
///
/// # Errors
/// [`StoreError::Damaged`] when the file is not of this log, or the log is in a bucket; else what SQLite says.
pub fn open(folder: &Path, origin: &str) -> Result<Store, StoreError> {
    let (connection, reader) = open_halves(folder, origin)?;
    let writer = SqliteWriter::new(connection)?;
    if is_index(writer.database()).map_err(failed("opening"))? {
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
) -> Result<(SqliteWriter, Arc<dyn countersign_log::store::Reader>), StoreError> {
    let (connection, reader) = open_halves(folder, origin)?;
    connection.pragma_update(None, "synchronous", "normal").map_err(failed("opening the index"))?;
    Ok((SqliteWriter::new(connection.of_no_worth())?, reader))
}

fn open_halves(
    folder: &Path,
    origin: &str,
) -> Result<(Owned, Arc<dyn countersign_log::store::Reader>), StoreError> {
    let path = folder.join(FILE);
    touch(&path).map_err(|error| StoreError::unavailable("making the database", error))?;
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    prepare(&connection, origin)?;
    let connection = Owned::new(connection, &path);
    Ok((connection, Arc::new(TableReader::new(Pool::new(path)))))
}

/// Whether the log is in a bucket, which a row of a table of the index's says.
fn is_index(connection: &Connection) -> rusqlite::Result<bool> {
    let table = "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = 'bucket'";
    let has_table: bool = connection.query_row(table, [], |row| row.get(0))?;
    Ok(has_table && connection.query_row("SELECT count(*) > 0 FROM bucket", [], |row| row.get(0))?)
}

/// Opens the store in a folder for reading alone, while a server may be writing to it, and gives the log's origin. If no
/// server runs there, no file of the folder is changed, and the folder may be read-only.
///
/// # Errors
/// What SQLite says, also where there is no store.
pub fn open_reader(folder: &Path) -> Result<(String, Arc<dyn countersign_log::store::Reader>), StoreError> {
    open_pool(Pool::for_reading(folder.join(FILE)))
}

/// The same for a process that writes to the database itself.
pub(crate) fn open_live_reader(
    folder: &Path,
) -> Result<(String, Arc<dyn countersign_log::store::Reader>), StoreError> {
    open_pool(Pool::new(folder.join(FILE)))
}

fn open_pool(pool: Pool) -> Result<(String, Arc<dyn countersign_log::store::Reader>), StoreError> {
    let connection = pool.connect()?;
    let failed = opening("opening the database");
    let origin = connection.query_row("SELECT origin FROM log", [], |row| row.get(0)).map_err(failed)?;
    if !pool.is_still() {
        // A database that no server of this version opened may lack some.
        connection.execute_batch(ADDED).map_err(failed)?;
    }
    drop(connection);
    Ok((origin, Arc::new(TableReader::new(pool))))
}

/// A connection to a database that is read as a whole, which changes nothing if no server runs in its folder.
pub(crate) fn connect_to_read(path: &Path) -> Result<Connection, StoreError> {
    Pool::for_reading(path.to_owned()).connect()
}

/// A connection that changes a folder's database.
pub(crate) fn connect_to_write(folder: &Path) -> Result<Connection, StoreError> {
    connect(&folder.join(FILE), OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// A database that is read in several steps, of which each takes what it can't read for damaged.
pub(crate) struct Unchanged(Pool);

impl Unchanged {
    /// The database of that path, from now on.
    pub(crate) fn since_now(path: &Path) -> Self {
        Self(Pool::for_reading(path.to_owned()))
    }

    /// A server that was started meanwhile did not change what was read as if there were none.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.0.check()
    }
}

/// Copies a folder's database, as it is at one moment, into a file that is empty. A server may be writing to it meanwhile.
///
/// # Errors
/// What SQLite says; [`StoreError::Damaged`] where the log is in a bucket, of which the database is an index.
pub(crate) fn copy(folder: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = failed("copying the database");
    let pool = Pool::for_reading(folder.join(FILE));
    let connection = pool.connect()?;
    if is_index(&connection).map_err(failed)? {
        let why = "this folder is the index of a log in a bucket: what is to be backed up is there";
        return Err(StoreError::Damaged(why.into()));
    }
    let unnamed = || StoreError::unavailable("copying the database", "the file's name is not text");
    connection.execute("VACUUM INTO ?", [to.to_str().ok_or_else(unnamed)?]).map_err(failed)?;
    pool.check()
}

/// Opens what was [copied](copy) for reading.
pub(crate) fn open_copy(path: &Path) -> Arc<dyn countersign_log::store::Reader> {
    Arc::new(TableReader::new(Pool::new(path.to_owned())))
}

/// Makes the file where it is missing, for its owner alone: it holds events.
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    open_private(path, |options| options.append(true).create(true)).map(drop)
}

/// Removes a folder's database.
///
/// # Errors
/// What the system says.
pub(crate) fn discard(folder: &Path) -> Result<(), StoreError> {
    remove(&folder.join(FILE))
}

/// Removes a database with all its files, which need not be there.
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
    // Every commit is on the disk when it returns.
    connection.pragma_update(None, "synchronous", "full").map_err(sql)?;
    // When pages are split or merged no copy of an event stays behind, which erasing would not find.
    connection.pragma_update(None, "secure_delete", "fast").map_err(sql)?;
    // Whoever waits for a commit that moves pages into the database waits for all of them: few at a time.
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
                let message = format!("this folder holds the log {stored:?}, not {origin:?}");
                return Err(StoreError::Damaged(message));
            }
            if version < VERSION {
                connection.execute_batch(&format!("BEGIN IMMEDIATE; {settled} COMMIT")).map_err(sql)?;
            }
        }
        newer => {
            let message = format!("the database is of version {newer}, written by a newer program");
            return Err(StoreError::Damaged(message));
        }
    }
    connection.execute_batch(ADDED).map_err(sql)
}

#[cfg(test)]
mod tests;
