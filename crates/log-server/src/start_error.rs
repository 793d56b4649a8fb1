//! Errors in starting a server, and the lock on its folder.

use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::time::Duration;

use countersign::Error;
use countersign_files::Lock;
use countersign_log::sequencer::RulesError;
use countersign_log::store::StoreError;

/// An error in starting a log server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process uses the log's folder.
    #[error("another server uses the log's folder {0}")]
    InUse(String),
    /// The listen address can't be bound.
    #[error("can't listen on the address: {0}")]
    Listen(io::Error),
    /// The folder can't be locked, or a thread can't be started.
    #[error("{doing}: {error}")]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The system's error.
        error: io::Error,
    },
    /// The key is not the one that signs the log, and the change isn't confirmed.
    #[error("{}", wrong_key(kind, known, given.as_deref()))]
    WrongKey {
        /// The kind of key.
        kind: &'static str,
        /// The public key that signs the log.
        known: String,
        /// The public key that the server was started with, if any.
        given: Option<String>,
        /// The public key to confirm.
        confirmation: String,
    },
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or trust file can't be used.
    #[error(transparent)]
    Invalid(#[from] Error),
}

fn wrong_key(kind: &str, known: &str, given: Option<&str>) -> String {
    match given {
        Some(given) => format!("the log's {kind} is {known}, but the server was started with {given}"),
        None => format!("the log's {kind} is {known}, but the server was started without one"),
    }
}

impl From<RulesError> for StartError {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::Key(error) => Self::Invalid(error),
            RulesError::Store(error) => Self::Store(error),
        }
    }
}

/// Locks the folder for this process, because two writers would fork the log. Dropping the lock releases it.
///
/// # Errors
/// [`StartError::InUse`] if another server uses the folder.
pub fn lock(folder: &Path) -> Result<Lock, StartError> {
    let path = folder.join("lock");
    // A process that checks for a running server holds the lock for a moment.
    let retry = || {
        std::thread::sleep(Duration::from_millis(20));
        Lock::acquire(&path)
    };
    let taken = Lock::acquire(&path).or_else(|error| match error {
        TryLockError::WouldBlock => retry().or_else(|_| retry()),
        error @ TryLockError::Error(_) => Err(error),
    });
    taken.map_err(|error| match error {
        TryLockError::WouldBlock => StartError::InUse(folder.display().to_string()),
        TryLockError::Error(error) => StartError::Io { doing: "locking the log's folder", error },
    })
}
