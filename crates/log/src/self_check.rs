//! The check before a log signs anything: the stored tree must be the one that it published.
//!
//! A log that continued from a corrupt or changed store would sign a second history, so it doesn't start.

use countersign::checkpoint::SignedCheckpoint;

use crate::hashes::root_at;
use crate::store::{Reader, StoreError};

/// Checks that the stored tree has the root of the newest published checkpoint, and that no entry is missing.
///
/// # Errors
/// [`StoreError::Damaged`] if that is not the case; [`StoreError::Unavailable`] if the store fails.
pub fn check(reader: &dyn Reader) -> Result<(), StoreError> {
    let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
    let Some(published) = reader.published()? else { return Ok(()) };
    let size = published.size;
    let stored = reader.size()?;
    if stored < size {
        let message =
            format!("the log published a checkpoint of {size} entries, but the store has only {stored}");
        return Err(StoreError::Damaged(message));
    }
    let root = root_at(reader, size)?;
    if SignedCheckpoint::parse(&published.note).map_err(damaged)?.checkpoint.root == root {
        return Ok(());
    }
    Err(StoreError::Damaged(format!("the tree of the first {size} entries differs from the published one")))
}
