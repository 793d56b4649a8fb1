//! The newest state of a log that exports may show.

use std::sync::Arc;

use tokio::sync::watch;

use crate::store::{Published, StoreError};

/// A source of the newest state that exports may show.
pub trait NewestState: Send + Sync {
    /// Returns the newest state, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    fn newest(&self) -> Result<Option<Published>, StoreError>;
}

/// The newest checkpoint that the sequencer announced.
#[derive(Clone, Debug)]
pub struct WatchedCheckpoint(pub watch::Receiver<Option<Arc<Published>>>);

impl NewestState for WatchedCheckpoint {
    fn newest(&self) -> Result<Option<Published>, StoreError> {
        Ok(self.0.borrow().as_deref().cloned())
    }
}
