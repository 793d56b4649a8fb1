//! A collector on the network.

use crate::errors::CliError;
use crate::io::http::{Body, Client, Prefix, Redirects};
use countersign_delivery::{Answer, LogServer};

/// The most that an answer may have: proofs for each chain of a submission are far below it.
const MAX_ANSWER: usize = 8 << 20;

/// A collector's `/submit`.
pub(crate) struct Http {
    client: Client,
    prefix: Prefix,
}

impl Http {
    /// The collector at that address.
    pub(crate) fn new(to: &str) -> Result<Self, CliError> {
        let prefix = Prefix::parse(to).map_err(|why| {
            let hint = "give the collector's address, such as https://log.example.com";
            CliError::unusable("arguments.invalid", format!("--to {why}"), hint)
        })?;
        Ok(Self { client: Client::new(Redirects::SameHostWithBody)?, prefix })
    }
}

impl LogServer for Http {
    type Error = CliError;

    fn submit(&mut self, lines: &str) -> Result<Answer, CliError> {
        let body = Body { content_type: "application/x-ndjson", bytes: lines.as_bytes().to_vec() };
        let answer = self.client.post(&self.prefix.join("submit", &[]), body, None, MAX_ANSWER)?;
        Ok(Answer { status: answer.status, retry_after: answer.retry_after, body: answer.body })
    }
}
