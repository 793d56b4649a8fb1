//! A log server on the network.

use countersign_delivery::{Answer, LogServer};
use countersign_errors::EngineError;

use crate::http::{Body, Client, Prefix, Redirects};

/// The most bytes of a response: proofs for each chain of a submission are far below it.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// A log server that links are submitted to over HTTP.
pub struct HttpLogServer {
    client: Client,
    prefix: Prefix,
}

impl HttpLogServer {
    /// Creates the client of the log server at `prefix`. Sends nothing yet.
    ///
    /// # Errors
    /// If the system's certificates or proxy settings can't be used.
    pub fn new(prefix: Prefix) -> Result<Self, EngineError> {
        Ok(Self { client: Client::new(Redirects::SameHostWithBody)?, prefix })
    }
}

impl LogServer for HttpLogServer {
    type Error = EngineError;

    fn submit(&mut self, lines: &str) -> Result<Answer, EngineError> {
        let body = Body { content_type: "application/x-ndjson", bytes: lines.as_bytes().to_vec() };
        let answer = self.client.post(&self.prefix.join("submit", &[]), body, None, MAX_ANSWER_BYTES)?;
        Ok(Answer { status: answer.status, retry_after: answer.retry_after, body: answer.body })
    }
}
