//! SQLite's own check of a log's database.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::report::{Repair, Report};
use crate::sqlite;
use countersign_log::store::StoreError;

/// Maximum time to check one table within a server. An open reader keeps the write-ahead log from being truncated, and
/// erasures wait for that.
const MAX_TABLE_TIME: Duration = Duration::from_millis(250);

/// Checks all pages of the database.
pub(super) fn check_all(folder: &Path, report: &mut Report) -> Result<(), StoreError> {
    let connection = connect(folder)?;
    add_problems(query_strings(&connection, "PRAGMA integrity_check(100)"), report);
    Ok(())
}

/// Checks one table after the other, each for a limited time. The rows of tables that take longer are all read by the
/// check of entries.
pub(super) fn check_tables(folder: &Path, report: &mut Report) -> Result<(), StoreError> {
    let connection = connect(folder)?;
    let tables = match query_strings(&connection, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
        Ok(tables) => tables,
        found => {
            add_problems(found, report);
            return Ok(());
        }
    };
    for table in tables {
        let handle = connection.get_interrupt_handle();
        let (done, finished) = mpsc::channel::<()>();
        let found = thread::scope(|scope| {
            scope.spawn(move || {
                if finished.recv_timeout(MAX_TABLE_TIME) == Err(mpsc::RecvTimeoutError::Timeout) {
                    handle.interrupt();
                }
            });
            let found = query_strings(&connection, &format!("PRAGMA quick_check(\"{table}\")"));
            drop(done);
            found
        });
        match found {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {}
            found => add_problems(found, report),
        }
    }
    Ok(())
}

fn query_strings(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare(sql)?;
    query.query_map([], |row| row.get(0))?.collect()
}

fn add_problems(found: rusqlite::Result<Vec<String>>, report: &mut Report) {
    let found = found.unwrap_or_else(|error| vec![error.to_string()]);
    for line in found.into_iter().filter(|line| line != "ok") {
        report.add("fsck.database", sqlite::FILE, line, Repair::Not);
    }
}

fn connect(folder: &Path) -> Result<Connection, StoreError> {
    sqlite::connect_to_read(&folder.join(sqlite::FILE))
}
