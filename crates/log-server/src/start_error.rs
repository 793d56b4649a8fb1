//! Why a server does not start, and the lock of its folder, which one at a time has.

use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::time::Duration;

use countersign::Error;
use countersign_files::Lock;
use countersign_log::sequencer::RulesError;
use countersign_log::store::StoreError;

/// Why a log server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process has the log's folder.
    #[error("another server has this folder: {0}")]
    InUse(String),
    /// The address cannot be listened on.
    #[error("listening: {0}")]
    Listen(io::Error),
    /// The folder cannot be locked, or a thread not started.
    #[error("{doing}: {error}")]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The system's error.
        error: io::Error,
    },
    /// The store is not usable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or trust file is not usable.
    #[error(transparent)]
    Invalid(#[from] Error),
}

impl From<RulesError> for StartError {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::Key(error) => Self::Invalid(error),
            RulesError::Store(error) => Self::Store(error),
        }
    }
}

/// Takes the folder for this process: two writers would fork the log. It is free again when the lock is dropped.
///
/// # Errors
/// [`StartError::InUse`] where a server has it.
pub fn lock(folder: &Path) -> Result<Lock, StartError> {
    let path = folder.join("lock");
    // Whoever asks whether a server runs here has the lock for a moment.
    let again = || {
        std::thread::sleep(Duration::from_millis(20));
        Lock::take(&path)
    };
    let taken = Lock::take(&path).or_else(|error| match error {
        TryLockError::WouldBlock => again().or_else(|_| again()),
        error @ TryLockError::Error(_) => Err(error),
    });
    taken.map_err(|error| match error {
        TryLockError::WouldBlock => StartError::InUse(folder.display().to_string()),
        TryLockError::Error(error) => StartError::Io { doing: "locking the log's folder", error },
    })
}
