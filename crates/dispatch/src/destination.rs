//! The interface to a destination of feed records.

use std::time::Duration;

use countersign_client::DestinationError;
use countersign_errors::EngineError;
use countersign_feeds::Record;

/// A destination's answer to a batch. Records are identified by their positions in it.
#[derive(Debug, Default)]
pub struct BatchAnswer {
    /// The records that it rejects for good, with the reasons.
    pub refused: Vec<(usize, String)>,
    /// The records that it doesn't accept yet.
    pub later: Vec<usize>,
    /// The delay before a retry that the destination requested, if any.
    pub after: Option<Duration>,
    /// The number of records that it rejected without saying which, with the reason. They are not sent again.
    pub rejected: Option<(u64, String)>,
}

/// A destination for feed records.
pub trait Destination {
    /// Sends a batch. The destination has accepted each record that is neither in `refused` nor in `later`.
    ///
    /// # Errors
    /// If the destination accepted none of them.
    fn send(&mut self, records: &[&Record]) -> Result<BatchAnswer, DestinationError>;

    /// Returns the maximum number of records in a batch.
    fn max_records(&self) -> usize;

    /// Continues a destination that had `written` bytes when it contained everything that was sent.
    ///
    /// # Errors
    /// If the destination can't be read.
    fn resume(&mut self, _written: Option<u64>) -> Result<(), EngineError> {
        Ok(())
    }

    /// Returns the length of the destination in bytes, if that shows how much it has accepted.
    fn written(&self) -> Option<u64> {
        None
    }
}
