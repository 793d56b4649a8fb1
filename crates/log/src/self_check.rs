//! What a log looks at before it signs anything: whether the tree that is stored is the one that it published.
//!
//! A log that goes on from a damaged or changed store would sign a second history. It had better not start.

use countersign::checkpoint::SignedCheckpoint;

use crate::hashes::root_at;
use crate::store::{Reader, StoreError};

/// Checks that the stored tree leads to the newest published checkpoint, and that nothing of it is missing.
///
/// # Errors
/// [`StoreError::Damaged`] where it does not; the store's own.
pub fn check(reader: &dyn Reader) -> Result<(), StoreError> {
    let damaged = |error: countersign::Error| StoreError::Damaged(error.into_message());
    let Some(published) = reader.published()? else { return Ok(()) };
    let size = published.size;
    let stored = reader.size()?;
    if stored < size {
        let message = format!("a checkpoint of {size} leaves was published, and {stored} are here");
        return Err(StoreError::Damaged(message));
    }
    let root = root_at(reader, size)?;
    if SignedCheckpoint::parse(&published.note).map_err(damaged)?.checkpoint.root == root {
        return Ok(());
    }
    Err(StoreError::Damaged(format!(
        "the tree of the first {size} leaves is not the one that was published: bring back a backup that is whole"
    )))
}
