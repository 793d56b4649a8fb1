//! What SQLite itself finds in a log's database.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::report::{Repair, Report};
use crate::sqlite;
use countersign_log::store::StoreError;

/// How long a table is looked at within a server: whoever looks keeps the write-ahead log from being emptied, for which
/// erasures wait.
const MOST: Duration = Duration::from_millis(250);

/// Looks at all pages.
pub(super) fn check_all(folder: &Path, report: &mut Report) -> Result<(), StoreError> {
    let connection = connect(folder)?;
    tell(ask(&connection, "PRAGMA integrity_check(100)"), report);
    Ok(())
}

/// Looks at one table after the other, each for a moment: of those that take longer every row is read by who checks
/// leaves.
pub(super) fn check_tables(folder: &Path, report: &mut Report) -> Result<(), StoreError> {
    let connection = connect(folder)?;
    let tables = match ask(&connection, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
        Ok(tables) => tables,
        found => {
            tell(found, report);
            return Ok(());
        }
    };
    for table in tables {
        let handle = connection.get_interrupt_handle();
        let (done, told) = mpsc::channel::<()>();
        let found = thread::scope(|scope| {
            scope.spawn(move || {
                if told.recv_timeout(MOST) == Err(mpsc::RecvTimeoutError::Timeout) {
                    handle.interrupt();
                }
            });
            let found = ask(&connection, &format!("PRAGMA quick_check(\"{table}\")"));
            drop(done);
            found
        });
        match found {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {}
            found => tell(found, report),
        }
    }
    Ok(())
}

fn ask(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare(sql)?;
    query.query_map([], |row| row.get(0))?.collect()
}

fn tell(found: rusqlite::Result<Vec<String>>, report: &mut Report) {
    let found = found.unwrap_or_else(|error| vec![error.to_string()]);
    for line in found.into_iter().filter(|line| line != "ok") {
        report.tell("fsck.database", sqlite::FILE, line, Repair::Not);
    }
}

fn connect(folder: &Path) -> Result<Connection, StoreError> {
    sqlite::connect_to_read(&folder.join(sqlite::FILE))
}
