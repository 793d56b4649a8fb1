//! The responses of witnesses and mirrors to a log server.

use countersign_errors::reason::of_request;
use futures_util::StreamExt as _;
use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;

/// A response with its complete body.
pub(crate) struct ShortResponse {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl ShortResponse {
    /// Sends a request, and reads its response. Fails if the body has more than `max_bytes` bytes.
    pub(crate) async fn receive(request: RequestBuilder, max_bytes: usize) -> Result<Self, String> {
        let response = request.send().await.map_err(|error| of_request(&error))?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(|error| of_request(&error))?);
            if body.len() > max_bytes {
                return Err(format!("the response has more than {max_bytes} bytes"));
            }
        }
        Ok(Self { status, content_type, body })
    }
}
