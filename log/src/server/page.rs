//! `/`: a page for people, or one line that says what this is.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::AppState;
use crate::interface;

/// One HTML file that a log serves at `/`, such as the auditor's page.
#[derive(Clone, Debug)]
pub struct Page(Bytes);

impl Page {
    /// Of that file's content.
    pub fn new(html: Vec<u8>) -> Self {
        Self(html.into())
    }
}

pub(super) async fn page(State(AppState { collector, page, .. }): State<AppState>) -> Response {
    answer(collector.origin(), page)
}

fn answer(origin: &str, page: Option<Page>) -> Response {
    let Some(Page(html)) = page else { return interface::welcome(origin).map(Body::from) };
    let mut response = interface::page(html).map(Body::from);
    // What the page may load and connect to, it says in its first lines. Only a header can forbid to frame it.
    let framing = HeaderValue::from_static("frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, framing);
    response
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_page_is_served_as_it_is_and_framed_by_nobody() {
        let response = answer("log.example/audit", Some(Page::new(b"<!doctype html>\n<p>\xc3\xa9".to_vec())));
        let headers = response.headers();
        let said = |name: HeaderName| headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(said(header::CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(said(header::CONTENT_SECURITY_POLICY), "frame-ancestors 'none'");
        assert_eq!(said(header::CACHE_CONTROL), "no-cache");
        assert_eq!(said(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(said(header::REFERRER_POLICY), "no-referrer");
        assert_eq!(text(response).await, "<!doctype html>\n<p>é");
    }

    #[tokio::test]
    async fn without_a_page_one_line_says_what_this_is() {
        let response = answer("log.example/audit", None);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        let text = text(response).await;
        assert!(text.contains("log.example/audit") && text.ends_with('\n'));
        assert_eq!(text.lines().count(), 1);
    }
}
