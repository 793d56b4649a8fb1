//! Reading the databases of a folder in which no server runs, without changing anything there: evidence may be on a
//! read-only disk, and a server that was killed left a write-ahead log that must stay as it is.
//!
//! SQLite opens a database in write-ahead mode for reading by writing shared memory beside it, and moves the write-ahead
//! log into the database when the last connection closes. Here it does neither. A database without a write-ahead log is
//! opened as one that never changes. With one, the log's index is kept in the process's memory, without locks on the file;
//! so each read looks whether the files changed meanwhile, as when a server starts, and fails then.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::connection::{opening, prepare_reading};
use countersign_log::store::StoreError;
use countersign_log::tables::ADDED;

/// What stands for itself in the path of a URI.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

/// True if a server has the folder of this database: its files change then.
pub(crate) fn is_served(database: &Path) -> bool {
    let lock = database.with_file_name("lock");
    // The lock is released at once: a server that starts now must not find the folder in use.
    let Ok(file) = File::open(lock) else { return false };
    let served = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let _ = file.unlock();
    served
}

/// A database that does not change, with the state of its files.
pub(super) struct Still {
    path: PathBuf,
    files: [Option<(u64, Option<SystemTime>)>; 2],
}

impl Still {
    /// The database of that path, as it is now.
    pub(super) fn new(path: PathBuf) -> Self {
        let files = files(&path);
        Self { path, files }
    }

    /// Opens it.
    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        let failed = opening("opening the database");
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let has_write_ahead_log = matches!(self.files[1], Some((length, _)) if length > 0);
        let parameter = if has_write_ahead_log { "vfs=unix-none" } else { "immutable=1" };
        let path = std::path::absolute(&self.path)
            .ok()
            .and_then(|path| path.to_str().map(|path| utf8_percent_encode(path, PLAIN).to_string()));
        let path =
            path.ok_or_else(|| StoreError::unavailable("opening the database", "its path is not text"))?;
        let connection =
            Connection::open_with_flags(format!("file:{path}?mode=ro&{parameter}"), flags).map_err(failed)?;
        // Before anything is read: the index of the write-ahead log is then in this connection's memory.
        connection.pragma_update(None, "locking_mode", "exclusive").map_err(failed)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
        prepare_reading(&connection).map_err(failed)?;
        connection.pragma_update(None, "temp_store", "memory").map_err(failed)?;
        Ok(connection)
    }

    /// Adds the tables that an older database lacks to a connection, where they are empty.
    pub(super) fn add_tables(connection: &Connection) -> rusqlite::Result<()> {
        const CREATE: &str = "CREATE TABLE IF NOT EXISTS ";
        let lines = ADDED.lines().filter(|line| !line.starts_with("--"));
        for statement in lines.collect::<String>().split(';') {
            let Some(rest) = statement.trim().strip_prefix(CREATE) else { continue };
            let name = rest.split(' ').next().unwrap_or_default();
            let known = "SELECT count(*) > 0 FROM main.sqlite_schema WHERE name = ?";
            if !connection.query_row(known, [name], |row| row.get(0))? {
                connection.execute_batch(&format!("CREATE TEMP TABLE {rest}"))?;
            }
        }
        Ok(())
    }

    /// The files are as they were when this was made.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if files(&self.path) == self.files {
            return Ok(());
        }
        let why = "the database changed while it was read, perhaps because a server was started: start again";
        Err(StoreError::unavailable("reading the database", why))
    }
}

fn files(path: &Path) -> [Option<(u64, Option<SystemTime>)>; 2] {
    ["", "-wal"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let metadata = fs::metadata(Path::new(&name)).ok()?;
        Some((metadata.len(), metadata.modified().ok()))
    })
}
