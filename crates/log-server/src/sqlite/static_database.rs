//! Reads databases in a folder that no server uses, without changing anything: evidence may be on a read-only
//! disk, and the write-ahead log of a killed server must stay as it is.
//!
//! To read a database in write-ahead mode, SQLite usually writes shared memory next to it, and moves the write-ahead
//! log into the database when the last connection closes. Here it does neither. A database without a write-ahead log
//! is opened as immutable. With one, the log's index is kept in the process's memory, without locks on the file, so
//! each read fails if the files have changed in the meantime, for example because a server started.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::connection::{opening, prepare_reading};
use countersign_log::store::StoreError;
use countersign_log::tables::ADDED;

/// Characters that need no escaping in the path of a URI.
const UNESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

/// True if a server uses the folder of this database, so its files may change.
pub(crate) fn is_in_use(database: &Path) -> bool {
    let lock = database.with_file_name("lock");
    // Released at once, so that a server that is starting doesn't find the folder in use.
    let Ok(file) = File::open(lock) else { return false };
    let in_use = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let _ = file.unlock();
    in_use
}

/// A database that doesn't change, with the state of its files.
pub(super) struct StaticDatabase {
    path: PathBuf,
    files: [Option<(u64, Option<SystemTime>)>; 2],
}

impl StaticDatabase {
    /// Records the present state of the database's files.
    pub(super) fn new(path: PathBuf) -> Self {
        let files = files(&path);
        Self { path, files }
    }

    /// Connects to the database.
    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        let failed = opening("opening the database");
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let has_write_ahead_log = matches!(self.files[1], Some((length, _)) if length > 0);
        let parameter = if has_write_ahead_log { "vfs=unix-none" } else { "immutable=1" };
        let path = std::path::absolute(&self.path)
            .ok()
            .and_then(|path| path.to_str().map(|path| utf8_percent_encode(path, UNESCAPED).to_string()));
        let path = path.ok_or_else(|| StoreError::disk("opening the database", "its path isn't UTF-8"))?;
        let connection =
            Connection::open_with_flags(format!("file:{path}?mode=ro&{parameter}"), flags).map_err(failed)?;
        // Before the first read, so that the index of the write-ahead log is in this connection's memory.
        connection.pragma_update(None, "locking_mode", "exclusive").map_err(failed)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
        prepare_reading(&connection).map_err(failed)?;
        connection.pragma_update(None, "temp_store", "memory").map_err(failed)?;
        Ok(connection)
    }

    /// Adds the tables that an older database lacks to a connection, as empty tables.
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

    /// Fails if the files have changed since this was created.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if files(&self.path) == self.files {
            return Ok(());
        }
        let why = "the database changed while it was being read, possibly because a server was started; run the command again";
        Err(StoreError::disk("reading the database", why))
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
