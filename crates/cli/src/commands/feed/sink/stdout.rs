//! The standard output: a record a line.

use std::io::Write as _;

use countersign_feeds::Record;

use super::{Answer, Sink};
use crate::io::retry::DestinationError;

pub(super) struct Stdout {
    pub(super) most: usize,
}

impl Sink for Stdout {
    fn send(&mut self, records: &[&Record]) -> Result<Answer, DestinationError> {
        let text: String = records.iter().flat_map(|record| [record.text.as_str(), "\n"]).collect();
        let mut out = std::io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(Answer::default()),
            // Nobody reads any more, and nobody will.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            Err(error) => Err(DestinationError::later(format!("the standard output: {error}"))),
        }
    }

    fn most(&self) -> usize {
        self.most
    }
}
