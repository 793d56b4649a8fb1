//! Where records go.

use std::time::Duration;

use countersign_client::DestinationError;
use countersign_errors::EngineError;
use countersign_feeds::Record;

/// A destination's answer to a batch, by the positions of its records.
#[derive(Debug, Default)]
pub struct BatchAnswer {
    /// Those that it does not want, with the reasons.
    pub refused: Vec<(usize, String)>,
    /// Those that it does not accept now.
    pub later: Vec<usize>,
    /// The wait that it asks for, if any.
    pub after: Option<Duration>,
    /// The number of records that it rejected without saying which, with the reason. They are not sent again.
    pub rejected: Option<(u64, String)>,
}

/// A destination of records.
pub trait Destination {
    /// Has the destination accept these. It has each that is neither refused nor left for later.
    ///
    /// # Errors
    /// If it has none of them.
    fn send(&mut self, records: &[&Record]) -> Result<BatchAnswer, DestinationError>;

    /// Returns how many records a batch has at most.
    fn max_records(&self) -> usize;

    /// Continues with what was written before, which had this length when it contained all that was sent.
    ///
    /// # Errors
    /// If that can't be read.
    fn resume(&mut self, _written: Option<u64>) -> Result<(), EngineError> {
        Ok(())
    }

    /// Returns the length of what was written, if that says how far it is.
    fn written(&self) -> Option<u64> {
        None
    }
}
