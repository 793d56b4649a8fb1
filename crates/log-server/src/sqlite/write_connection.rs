//! The writing connection. It refuses to write if the database's files are removed or replaced, because writes to an
//! unlinked file are lost when the process ends.

use std::fs::{self, Metadata};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::beside;
use super::database::{SqlDatabase, truncate_write_ahead_log};
use countersign_log::store::StoreError;
use countersign_log::tables::{Database, Each, Value};

/// A connection and the files that it writes to.
pub(crate) struct WriteConnection {
    connection: Connection,
    /// Each file with its inode.
    files: Vec<(PathBuf, u64)>,
}

impl WriteConnection {
    /// Wraps a connection that has already read from the database at that path.
    pub(super) fn new(connection: Connection, path: &Path) -> Self {
        let named = ["", "-wal"].map(|end| beside(path, end));
        let with_inode = |path: PathBuf| Some((fs::metadata(&path).map(|file| inode(&file)).ok()?, path));
        let files = named.into_iter().filter_map(with_inode).map(|(number, path)| (path, number)).collect();
        Self { connection, files }
    }

    /// Turns the checks off, for a database that may be lost.
    pub(super) fn without_file_checks(mut self) -> Self {
        self.files.clear();
        self
    }

    fn check(&self, doing: &'static str) -> Result<(), StoreError> {
        let is_unchanged = |path, known| fs::metadata(path).is_ok_and(|file| inode(&file) == known);
        match self.files.iter().find(|(path, known)| !is_unchanged(path, *known)) {
            None => Ok(()),
            Some((path, _)) => {
                let why = format!(
                    "{} was deleted, moved, or replaced while the server is running; put the original back, or stop the server",
                    path.display()
                );
                Err(StoreError::disk(doing, why))
            }
        }
    }
}

impl Drop for WriteConnection {
    /// Truncates the write-ahead log. SQLite does that when the last connection closes, but a reader may outlive this
    /// one, and a copy of only the database file of a stopped server must be complete.
    fn drop(&mut self) {
        let _ = truncate_write_ahead_log(&self.connection);
    }
}

#[cfg(unix)]
fn inode(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

impl Deref for WriteConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Database for WriteConnection {
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
