//! Connections to a database, and their errors.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use countersign_log::store::StoreError;

/// The longest time that one connection waits for another.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long the one that writes waits for those who read until the write-ahead log can be emptied: whoever submits waits
/// with it. Who copies or checks the whole database reads for long, and the erasure goes on afterwards.
pub(super) const PATIENCE_WITH_READERS: Duration = Duration::from_millis(250);

/// Opens a database that is read and written as this store does.
pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let sql = |error: rusqlite::Error| {
        let doing = "opening the database";
        let is_here = error.sqlite_error_code() == Some(ErrorCode::CannotOpen) && File::open(path).is_ok();
        if is_here {
            let why =
                "SQLite has to write files beside it, and cannot: copy it to a folder that can be written to";
            return StoreError::unavailable(doing, why);
        }
        opening(doing)(error)
    };
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.busy_timeout(PATIENCE).map_err(sql)?;
    prepare_reading(&connection).map_err(sql)?;
    Ok(connection)
}

pub(super) fn prepare_reading(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise a statement is planned anew whenever it is given other values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Like [`failed`], for a database whose schema was not read before.
pub(super) fn opening(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + Copy {
    move |error| match error {
        // A table is missing.
        rusqlite::Error::QueryReturnedNoRows => StoreError::Damaged(format!("{doing}: {error}")),
        error if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            StoreError::Damaged(format!("{doing}: {error}"))
        }
        error => failed(doing)(error),
    }
}

/// The error of a statement that was to do this.
pub(crate) fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + Copy {
    move |error| match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => StoreError::Damaged(format!("{doing}: {error}")),
        error => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged(format!("{doing}: {error}"))
            }
            _ => StoreError::unavailable(doing, error),
        },
    }
}
