//! The connection that writes. Nobody takes the database's files away under it, or it stores nothing more: what is written
//! to a file without a name is gone with the process.

use std::fs::{self, Metadata};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::database::{SqlDatabase, empty_write_ahead_log};
use countersign_log::store::StoreError;
use countersign_log::tables::{Database, Each, Value};

/// A connection, and the files that it writes to.
pub(crate) struct Owned {
    connection: Connection,
    /// Each with the file system's number for it.
    files: Vec<(PathBuf, u64)>,
}

impl Owned {
    /// To the database of that path, which it has read from.
    pub(super) fn new(connection: Connection, path: &Path) -> Self {
        let named = ["", "-wal"].map(|end| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        });
        let numbered = |path: PathBuf| Some((fs::metadata(&path).map(|file| number(&file)).ok()?, path));
        let files = named.into_iter().filter_map(numbered).map(|(number, path)| (path, number)).collect();
        Self { connection, files }
    }

    /// To one that may be lost.
    pub(super) fn of_no_worth(mut self) -> Self {
        self.files.clear();
        self
    }

    fn check(&self, doing: &'static str) -> Result<(), StoreError> {
        let is_there = |path, known| fs::metadata(path).is_ok_and(|file| number(&file) == known);
        match self.files.iter().find(|(path, known)| !is_there(path, *known)) {
            None => Ok(()),
            Some((path, _)) => {
                let why = format!(
                    "{} was deleted, moved or replaced while the server runs: put it back, or stop the server",
                    path.display()
                );
                Err(StoreError::unavailable(doing, why))
            }
        }
    }
}

impl Drop for Owned {
    /// The last connection to close empties the write-ahead log, but a reader may outlive this one: whoever copies the
    /// database of a server that was stopped, without its other files, shall have everything.
    fn drop(&mut self) {
        let _ = empty_write_ahead_log(&self.connection);
    }
}

#[cfg(unix)]
fn number(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}

impl Deref for Owned {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Database for Owned {
    fn each(
        &self,
        doing: &'static str,
        sql: &str,
        values: &[Value<'_>],
        each: Each<'_>,
    ) -> Result<(), StoreError> {
        SqlDatabase(&self.connection).each(doing, sql, values, each)
    }

    fn change(&self, doing: &'static str, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        SqlDatabase(&self.connection).change(doing, sql, values)
    }

    fn put(
        &self,
        doing: &'static str,
        into: &str,
        columns: usize,
        values: &[Value<'_>],
    ) -> Result<(), StoreError> {
        SqlDatabase(&self.connection).put(doing, into, columns, values)
    }

    fn transaction(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.check(doing)?;
        SqlDatabase(&self.connection).transaction(doing, work)?;
        self.check(doing)
    }

    fn purge(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.check(doing)?;
        SqlDatabase(&self.connection).purge(doing, work)?;
        self.check(doing)
    }
}
