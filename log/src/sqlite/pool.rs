//! Connections for those who read.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::connect;
use crate::store::StoreError;
use crate::tables::{Connections, Database};

/// Connections at rest that are kept for the next who reads.
const KEPT: usize = 8;

/// Connections to the file.
pub(super) struct Pool {
    path: PathBuf,
    kept: Mutex<Vec<Connection>>,
}

impl Pool {
    /// To the file of that path.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, kept: Mutex::new(Vec::new()) }
    }
}

impl Connections for Pool {
    fn with(&self, read: &mut dyn FnMut(&dyn Database) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = lock().pop();
        let connection = match kept {
            Some(connection) => connection,
            // Write-ahead mode needs its shared memory, also for who reads.
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        };
        read(&connection)?;
        let mut kept = lock();
        if kept.len() < KEPT {
            kept.push(connection);
        }
        Ok(())
    }
}
