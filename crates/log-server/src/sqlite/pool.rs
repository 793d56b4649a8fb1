//! Connections for those who read.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::connection::{connect, failed};
use super::database::SqlDatabase;
#[cfg(unix)]
use super::still::{Still, is_served};
use countersign_log::store::StoreError;
use countersign_log::tables::{Connections, Database};

/// Connections at rest that are kept for the next who reads.
const KEPT: usize = 8;

/// Connections to the file.
pub(super) struct Pool {
    path: PathBuf,
    /// The database as one that does not change, where that is so.
    #[cfg(unix)]
    still: Option<Still>,
    kept: Mutex<Vec<Connection>>,
}

impl Pool {
    /// To the file of that path, which may be written to meanwhile.
    pub(super) fn new(path: PathBuf) -> Self {
        let kept = Mutex::new(Vec::new());
        Self {
            path,
            #[cfg(unix)]
            still: None,
            kept,
        }
    }

    /// To the file of that path, for a process that never writes to it. If no server runs in its folder, nothing there is
    /// changed.
    pub(super) fn for_reading(path: PathBuf) -> Self {
        #[cfg(unix)]
        if !is_served(&path) {
            let still = Some(Still::new(path.clone()));
            return Self { still, ..Self::new(path) };
        }
        Self::new(path)
    }

    /// True if the database is read as one that does not change.
    #[cfg(unix)]
    pub(super) fn is_still(&self) -> bool {
        self.still.is_some()
    }

    /// True if the database is read as one that does not change.
    #[cfg(not(unix))]
    pub(super) fn is_still(&self) -> bool {
        false
    }

    /// A connection of its own.
    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        #[cfg(unix)]
        if let Some(still) = &self.still {
            return still.connect();
        }
        // Write-ahead mode needs its shared memory, also for who reads.
        connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Nobody changed a database that does not change.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        #[cfg(unix)]
        if let Some(still) = &self.still {
            return still.check();
        }
        Ok(())
    }
}

impl Connections for Pool {
    fn with(&self, read: &mut dyn FnMut(&dyn Database) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = lock().pop();
        let connection = if let Some(connection) = kept {
            connection
        } else {
            let connection = self.connect()?;
            #[cfg(unix)]
            if self.is_still() {
                Still::add_tables(&connection).map_err(failed("opening the database"))?;
            }
            connection
        };
        read(&SqlDatabase(&connection))?;
        self.check()?;
        let mut kept = lock();
        if kept.len() < KEPT {
            kept.push(connection);
        }
        Ok(())
    }
}
