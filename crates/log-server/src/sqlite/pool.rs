//! A pool of connections for reading.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::connection::{connect, failed};
use super::database::SqlDatabase;
#[cfg(unix)]
use super::static_database::{StaticDatabase, is_in_use};
use countersign_log::store::StoreError;
use countersign_log::tables::{Connections, Database};

/// Maximum number of idle connections to keep.
const MAX_IDLE: usize = 8;

/// Connections to the database.
pub(super) struct Pool {
    path: PathBuf,
    /// The database as a static one, if no server was using it.
    #[cfg(unix)]
    static_database: Option<StaticDatabase>,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    /// Creates a pool for a file that may be written to in the meantime.
    pub(super) fn new(path: PathBuf) -> Self {
        let idle = Mutex::new(Vec::new());
        Self {
            path,
            #[cfg(unix)]
            static_database: None,
            idle,
        }
    }

    /// Creates a pool for a process that never writes to the file. If no server uses its folder, nothing in it is
    /// changed.
    pub(super) fn for_reading(path: PathBuf) -> Self {
        #[cfg(unix)]
        if !is_in_use(&path) {
            let static_database = Some(StaticDatabase::new(path.clone()));
            return Self { static_database, ..Self::new(path) };
        }
        Self::new(path)
    }

    /// True if the database is read as a static one.
    #[cfg(unix)]
    pub(super) fn is_static(&self) -> bool {
        self.static_database.is_some()
    }

    /// True if the database is read as a static one.
    #[cfg(not(unix))]
    pub(super) fn is_static(&self) -> bool {
        false
    }

    /// Opens a separate connection.
    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        #[cfg(unix)]
        if let Some(database) = &self.static_database {
            return database.connect();
        }
        // Write-ahead mode needs shared memory even for readers.
        connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Fails if a static database was changed.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        #[cfg(unix)]
        if let Some(database) = &self.static_database {
            return database.check();
        }
        Ok(())
    }
}

impl Connections for Pool {
    fn with(&self, read: &mut dyn FnMut(&dyn Database) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let lock = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = lock().pop();
        let connection = if let Some(connection) = idle {
            connection
        } else {
            let connection = self.connect()?;
            #[cfg(unix)]
            if self.is_static() {
                StaticDatabase::add_tables(&connection).map_err(failed("opening the database"))?;
            }
            connection
        };
        read(&SqlDatabase(&connection))?;
        self.check()?;
        let mut idle = lock();
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
        Ok(())
    }
}
