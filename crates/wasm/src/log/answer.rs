//! An answer on its way to JavaScript.

use http::{HeaderMap, Response};
use wasm_bindgen::prelude::*;

use countersign_log::embedded::Content;

/// An answer.
#[wasm_bindgen]
pub struct Answer {
    status: u16,
    headers: Vec<String>,
    pub(super) content: Content,
    /// The headers of the request.
    pub(super) asked: HeaderMap,
}

impl Answer {
    pub(super) fn new(response: Response<Content>, asked: HeaderMap) -> Self {
        let (head, content) = response.into_parts();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().flat_map(|(name, value)| [name.to_string(), text(value)]).collect();
        Self { status: head.status.as_u16(), headers, content, asked }
    }
}

#[wasm_bindgen]
impl Answer {
    /// The status.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Names and values that follow each other.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> Vec<String> {
        self.headers.clone()
    }

    /// What kind of body it has: `whole`, `pieces`, `live`; `waiting` or `looking` where it is no answer yet.
    #[wasm_bindgen(getter)]
    pub fn kind(&self) -> String {
        match self.content {
            Content::Whole(_) => "whole",
            Content::Export(_) => "pieces",
            Content::Live(_) => "live",
            Content::Waiting(_) => "waiting",
            Content::Search(_) => "looking",
        }
        .to_owned()
    }

    /// The body, where it is whole.
    pub fn body(&mut self) -> Vec<u8> {
        match &mut self.content {
            Content::Whole(body) => std::mem::take(body),
            _ => Vec::new(),
        }
    }

    /// Of how many leaves it is the whole export; none where it is anything else.
    #[wasm_bindgen(getter, js_name = wholeLog)]
    pub fn whole_log(&self) -> Option<f64> {
        match &self.content {
            Content::Export(lines) => lines.whole_log().map(|size| size as f64),
            _ => None,
        }
    }

    /// To which size its pieces have come. The checkpoint of that size is still to come.
    #[wasm_bindgen(getter)]
    pub fn at(&self) -> f64 {
        match &self.content {
            Content::Export(lines) => lines.at() as f64,
            _ => 0.0,
        }
    }

    /// Whether it is told how much of it is handed out.
    #[wasm_bindgen(getter, js_name = isCounted)]
    pub fn is_counted(&self) -> bool {
        matches!(&self.content, Content::Export(sending) if sending.is_counted())
    }
}
