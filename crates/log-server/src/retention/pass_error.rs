//! Errors of retention passes.

use countersign_log::erase::EraseError;
use countersign_log::store::StoreError;

/// An error of a retention pass. The next pass does the remaining work.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// Erasing failed.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The moment of the last pass, or the holds, can't be read or written. Nothing was erased.
    #[error("{0}")]
    File(String),
}
