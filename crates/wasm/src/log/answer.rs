//! A response on its way to JavaScript.

use http::{HeaderMap, Response};
use wasm_bindgen::prelude::*;

use countersign_log::embedded::Content;
use countersign_log::tenants::tenant::TenantId;

/// A response, or the state of one in progress.
#[wasm_bindgen]
pub struct Answer {
    status: u16,
    headers: Vec<String>,
    pub(super) content: Content,
    /// The request's headers.
    pub(super) request_headers: HeaderMap,
    /// The ID of the tenant whose log answers; `None` for an ordinary log and a root log.
    pub(super) tenant: Option<TenantId>,
}

impl Answer {
    pub(super) fn new(response: Response<Content>, request_headers: HeaderMap) -> Self {
        Self::of_tenant(None, response, request_headers)
    }

    pub(super) fn of_tenant(
        tenant: Option<TenantId>,
        response: Response<Content>,
        request_headers: HeaderMap,
    ) -> Self {
        let (head, content) = response.into_parts();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().flat_map(|(name, value)| [name.to_string(), text(value)]).collect();
        Self { status: head.status.as_u16(), headers, content, request_headers, tenant }
    }
}

#[wasm_bindgen]
impl Answer {
    /// Returns the HTTP status.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns alternating names and values.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> Vec<String> {
        self.headers.clone()
    }

    /// Returns the kind of body: `whole`, `pieces`, or `live`; `waiting` or `looking` if there is no response yet.
    #[wasm_bindgen(getter)]
    pub fn kind(&self) -> String {
        match self.content {
            Content::Whole(_) => "whole",
            Content::Export(_) | Content::Growth(_) => "pieces",
            Content::Live(_) => "live",
            Content::Waiting(_) => "waiting",
            Content::Search(_) => "looking",
        }
        .to_owned()
    }

    /// Takes the body if it is complete; otherwise returns no bytes.
    pub fn body(&mut self) -> Vec<u8> {
        match &mut self.content {
            Content::Whole(body) => std::mem::take(body),
            _ => Vec::new(),
        }
    }

    /// Returns the number of entries if this is an export of the whole log.
    #[wasm_bindgen(getter, js_name = wholeLog)]
    pub fn whole_log(&self) -> Option<f64> {
        match &self.content {
            Content::Export(lines) => lines.whole_log().map(|size| size as f64),
            _ => None,
        }
    }

    /// Returns the log size that the pieces have reached. The checkpoint of that size is still to come.
    #[wasm_bindgen(getter)]
    pub fn at(&self) -> f64 {
        match &self.content {
            Content::Export(lines) => lines.at() as f64,
            _ => 0.0,
        }
    }

    /// True if the number of bytes sent is recorded.
    #[wasm_bindgen(getter, js_name = isCounted)]
    pub fn is_counted(&self) -> bool {
        matches!(&self.content, Content::Export(sending) if sending.is_counted())
    }
}
