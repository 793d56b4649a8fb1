//! A log server on the network.

use countersign::tenant::Since;
use countersign_delivery::{Answer, LogServer};
use countersign_errors::EngineError;

use crate::http::{Body, Client, Prefix, Redirects};

/// The maximum size of a response, in bytes. Proofs for all chains of a submission are far smaller.
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

    /// Asks a root log's server to place a key note in all tenant logs that need it. The response lists the logs after the
    /// tenant with the ID `after`.
    ///
    /// # Errors
    /// If there was no complete response.
    pub fn place_note(&self, request: &str, after: Option<&str>) -> Result<Answer, EngineError> {
        let after: Vec<_> = after.iter().map(|id| ("after", *id)).collect();
        self.post("keys", &after, "application/json", request)
    }

    fn post(
        &self,
        path: &str,
        query: &[(&str, &str)],
        content_type: &'static str,
        text: &str,
    ) -> Result<Answer, EngineError> {
        let body = Body { content_type, bytes: text.as_bytes().to_vec() };
        let answer = self.client.post(&self.prefix.join(path, query), body, None, MAX_ANSWER_BYTES)?;
        Ok(Answer { status: answer.status, retry_after: answer.retry_after, body: answer.body })
    }
}

impl LogServer for HttpLogServer {
    type Error = EngineError;

    fn submit(&mut self, lines: &str, since: Option<Since>) -> Result<Answer, EngineError> {
        let since = since.map(|since| since.to_string());
        let query: Vec<_> = since.iter().map(|since| ("since", &**since)).collect();
        self.post("submit", &query, "application/x-ndjson", lines)
    }
}
