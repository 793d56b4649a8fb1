//! A destination that writes one record per line to standard output.

use std::io::Write as _;

use countersign_client::DestinationError;
use countersign_dispatch::{BatchAnswer, Destination};
use countersign_feeds::Record;

pub(super) struct Stdout {
    pub(super) max_records: usize,
}

impl Destination for Stdout {
    fn send(&mut self, records: &[&Record]) -> Result<BatchAnswer, DestinationError> {
        let text: String = records.iter().flat_map(|record| [record.text.as_str(), "\n"]).collect();
        let mut out = std::io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(BatchAnswer::default()),
            // The pipe's reader is gone for good, so no retry can help.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            Err(error) => Err(DestinationError::later(format!("standard output: {error}"))),
        }
    }

    fn max_records(&self) -> usize {
        self.max_records
    }
}
