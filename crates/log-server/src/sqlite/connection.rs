//! Connections to a database, and their errors.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use countersign_log::part::Part;
use countersign_log::store::StoreError;

/// Maximum time that a connection waits for another.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time that the writer waits for readers before it truncates the write-ahead log, while submissions wait too.
/// Copying or checking the database takes longer; erasure then continues afterwards.
pub(super) const CHECKPOINT_TIMEOUT: Duration = Duration::from_millis(250);

/// Connects to a database with this store's settings.
pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let sql = |error: rusqlite::Error| {
        let doing = "opening the database";
        let is_here = error.sqlite_error_code() == Some(ErrorCode::CannotOpen) && File::open(path).is_ok();
        if is_here {
            let why = "SQLite can't write the files that it needs next to the database; copy the database to a writable folder";
            return StoreError::disk(doing, why);
        }
        opening(doing)(error)
    };
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sql)?;
    prepare_reading(&connection).map_err(sql)?;
    Ok(connection)
}

pub(super) fn prepare_reading(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise, a statement is planned again for each set of values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Like [`failed`], for a database whose schema was not read before.
pub(super) fn opening(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + Copy {
    move |error| match error {
        // A missing table.
        rusqlite::Error::QueryReturnedNoRows => StoreError::Damaged(format!("{doing}: {error}")),
        error if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            StoreError::Damaged(format!("{doing}: {error}"))
        }
        error => failed(doing)(error),
    }
}

/// Converts a statement's error; `doing` names the operation.
pub(crate) fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + Copy {
    move |error| match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => StoreError::Damaged(format!("{doing}: {error}")),
        error => match error.sqlite_error_code() {
            // SQLite reports an I/O error while it reads (EIO) as corruption, and hides the system's error.
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged(format!(
                "{doing}: the database is damaged, or the disk failed to read it (I/O error): {error}"
            )),
            Some(ErrorCode::NotADatabase) => StoreError::Damaged(format!("{doing}: {error}")),
            // The rows or the tables are not what this version expects.
            Some(ErrorCode::ConstraintViolation | ErrorCode::Unknown | ErrorCode::TypeMismatch) => {
                StoreError::failed(Part::Data, doing, error)
            }
            // Another program uses the database.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::unavailable(doing, error)
            }
            _ => StoreError::disk(doing, error),
        },
    }
}
