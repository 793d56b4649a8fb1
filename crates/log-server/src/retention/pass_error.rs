//! Why a pass ends early.

use countersign_log::erase::EraseError;
use countersign_log::store::StoreError;

/// Why a pass did not do all of its work. Nothing is lost: the next one does it.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// Erasing failed.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The moment of the last pass, or the holds, cannot be read or written. Nothing was erased.
    #[error("{0}")]
    File(String),
}
