//! The page at `/`, or one line of text if there is none.

use std::io::{self, Read as _, Write as _};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use countersign::hash::Hash;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::fallback;
use super::state::AppState;
use crate::oidc::SignIn;
use countersign_log::api;

/// Maximum size of a page, uncompressed.
const MAX_PAGE_BYTES: u64 = 64 << 20;

/// An HTML file served at `/`, such as the console.
#[derive(Clone, Debug)]
pub struct Page {
    plain: Encoding,
    packed: Encoding,
}

/// Markers in a console's HTML: where to insert the sign-in settings, and which connections its policy allows.
const CHARSET: &str = "<meta charset=\"utf-8\" />";
const CONNECT_POLICY: &str = "connect-src 'self'";

/// The page in one content encoding, with its `ETag`.
#[derive(Clone, Debug)]
struct Encoding {
    bytes: Bytes,
    tag: HeaderValue,
}

impl Page {
    /// Creates a page from an HTML file's content.
    ///
    /// # Errors
    ///
    /// If compression fails.
    pub fn new(html: Vec<u8>) -> io::Result<Self> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&html)?;
        Self::from_encodings(html.into(), encoder.finish()?.into())
    }

    /// Creates a page from a gzip file's content.
    ///
    /// # Errors
    ///
    /// If decompression fails.
    pub fn packed(gzip: &'static [u8]) -> io::Result<Self> {
        let mut html = Vec::new();
        GzDecoder::new(gzip).take(MAX_PAGE_BYTES).read_to_end(&mut html)?;
        Self::from_encodings(html.into(), Bytes::from_static(gzip))
    }

    /// Returns a copy for readers who may sign in: it contains the issuer's settings and may connect to the issuer.
    /// Returns `None` if the page isn't a console.
    ///
    /// # Errors
    ///
    /// If compression fails.
    pub fn with_sign_in(&self, sign_in: &SignIn) -> io::Result<Option<Self>> {
        let html = String::from_utf8_lossy(&self.plain.bytes);
        let head = html.split_once(CHARSET);
        // The first match is in the Content-Security-Policy; later ones are text.
        let Some((before, (policy, after))) =
            head.and_then(|(before, rest)| Some((before, rest.split_once(CONNECT_POLICY)?)))
        else {
            return Ok(None);
        };
        let (settings, origin) = (escaped(&sign_in.to_json()), sign_in.origin());
        let meta = format!("<meta name=\"countersign-sign-in\" content=\"{settings}\" />");
        let html = format!("{before}{CHARSET}{meta}{policy}{CONNECT_POLICY} {origin}{after}");
        Self::new(html.into_bytes()).map(Some)
    }

    fn from_encodings(plain: Bytes, packed: Bytes) -> io::Result<Self> {
        Ok(Self { plain: Encoding::new(plain)?, packed: Encoding::new(packed)? })
    }
}

impl Encoding {
    fn new(bytes: Bytes) -> io::Result<Self> {
        let tag =
            HeaderValue::try_from(format!("\"{}\"", Hash::digest(&[&bytes]))).map_err(io::Error::other)?;
        Ok(Self { bytes, tag })
    }
}

pub(super) async fn page(
    State(AppState { log_server, page, .. }): State<AppState>,
    headers: HeaderMap,
) -> Response {
    answer(log_server.origin(), page, &headers)
}

/// Returns the auditor's page; 404 without one.
pub(super) async fn auditors_page(
    State(AppState { auditors_page, .. }): State<AppState>,
    headers: HeaderMap,
) -> Response {
    match auditors_page {
        Some(page) => html(page, &headers),
        None => fallback::not_found().await,
    }
}

fn answer(origin: &str, page: Option<Page>, request: &HeaderMap) -> Response {
    match page {
        Some(page) => html(page, request),
        None => api::root::text(origin).map(Body::from),
    }
}

fn html(page: Page, request: &HeaderMap) -> Response {
    let is_gzip = accepts_gzip(request);
    let Encoding { bytes, tag } = if is_gzip { page.packed } else { page.plain };
    let is_cached = has_cached(request, &tag);
    let mut response = api::root::page(if is_cached { Body::empty() } else { Body::from(bytes) });
    let headers = response.headers_mut();
    if is_gzip && !is_cached {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, tag);
    // The page's own <meta> sets the rest of the policy. Only a header can forbid framing.
    let framing = HeaderValue::from_static("frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, framing);
    if is_cached {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response
}

/// Escapes text for an attribute in double quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// Returns the items of a comma-separated header.
fn items(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    items(headers, header::ACCEPT_ENCODING).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let is_refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// True if the client's cached copy is current.
fn has_cached(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    items(headers, header::IF_NONE_MATCH)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;
    use crate::oidc;

    const HTML: &str = "<!doctype html>\n<p>é";

    fn get(headers: &[(HeaderName, &str)]) -> Response {
        let request = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        answer("log.example/audit", Some(Page::new(HTML.into()).unwrap()), &request)
    }

    fn header_value(response: &Response, name: HeaderName) -> Option<&str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    async fn bytes(response: Response) -> Vec<u8> {
        axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()
    }

    async fn text(response: Response) -> String {
        String::from_utf8(bytes(response).await).unwrap()
    }

    async fn unpacked(response: Response) -> String {
        let mut text = String::new();
        GzDecoder::new(&*bytes(response).await).read_to_string(&mut text).unwrap();
        text
    }

    #[tokio::test]
    async fn serves_the_page_unchanged_and_forbids_framing() {
        let response = get(&[]);
        assert_eq!(header_value(&response, header::CONTENT_TYPE), Some("text/html; charset=utf-8"));
        assert_eq!(header_value(&response, header::CONTENT_SECURITY_POLICY), Some("frame-ancestors 'none'"));
        assert_eq!(header_value(&response, header::CACHE_CONTROL), Some("no-cache"));
        assert_eq!(header_value(&response, header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"));
        assert_eq!(header_value(&response, header::REFERRER_POLICY), Some("no-referrer"));
        assert_eq!(header_value(&response, header::CONTENT_ENCODING), None);
        assert_eq!(text(response).await, HTML);
    }

    #[tokio::test]
    async fn serves_gzip_to_clients_that_accept_it() {
        for encodings in ["gzip", "br, gzip;q=0.5", "identity, GZIP"] {
            let response = get(&[(header::ACCEPT_ENCODING, encodings)]);
            assert_eq!(header_value(&response, header::CONTENT_ENCODING), Some("gzip"), "{encodings}");
            assert_eq!(header_value(&response, header::VARY), Some("accept-encoding"));
            assert_eq!(unpacked(response).await, HTML);
        }
        for encodings in ["br", "gzip;q=0", "gzip; q=0.0", "xgzip"] {
            let response = get(&[(header::ACCEPT_ENCODING, encodings)]);
            assert_eq!(header_value(&response, header::CONTENT_ENCODING), None, "{encodings}");
        }
    }

    #[tokio::test]
    async fn answers_304_to_a_current_etag() {
        let first = get(&[(header::ACCEPT_ENCODING, "gzip")]);
        let tag = header_value(&first, header::ETAG).unwrap();
        for known in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = get(&[(header::ACCEPT_ENCODING, "gzip"), (header::IF_NONE_MATCH, &known)]);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(header_value(&again, header::ETAG), Some(tag));
            assert!(bytes(again).await.is_empty());
        }
        // Each encoding has its own ETag.
        let plain = get(&[(header::IF_NONE_MATCH, tag)]);
        assert_eq!(plain.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn gzip_page_is_served_uncompressed_too() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(HTML.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap().leak();
        let page = Page::packed(packed).unwrap();
        assert_eq!(text(answer("o", Some(page), &HeaderMap::new())).await, HTML);
        assert!(Page::packed(b"no gzip").is_err());
    }

    #[tokio::test]
    async fn console_gets_sign_in_settings_and_may_connect_to_the_issuer() {
        let rules = vec!["* read".parse().unwrap()];
        let audiences = vec!["https://log.example".into()];
        let config = oidc::Config::new("https://login.example/r", audiences, rules, "sub".into()).unwrap();
        let console =
            "<html><meta charset=\"utf-8\" /><meta content=\"connect-src 'self'; x\" /><p>connect-src 'self'";
        let page = Page::new(console.into()).unwrap();
        let sign_in = config.sign_in("a\"<b>", None);
        let served = page.with_sign_in(&sign_in).unwrap().unwrap();
        let html = text(answer("o", Some(served), &HeaderMap::new())).await;
        assert!(html.contains("connect-src 'self' https://login.example; x"), "{html}");
        assert!(html.ends_with("<p>connect-src 'self'"), "only the policy changes: {html}");
        let settings = "content=\"{&quot;issuer&quot;:&quot;https://login.example/r&quot;,&quot;client&quot;:&quot;a\\&quot;&lt;b>&quot;";
        assert!(html.contains(settings), "{html}");
        assert!(html.contains(
            "&quot;resource&quot;:&quot;https://log.example&quot;,&quot;token&quot;:&quot;access&quot;"
        ));
        assert!(
            config
                .sign_in("https://log.example", None)
                .to_json()
                .contains("\"resource\":null,\"token\":\"id\"")
        );
        assert!(
            config
                .sign_in("c", Some("openid log/read"))
                .to_json()
                .contains("\"scope\":\"openid log/read\",\"resource\":null")
        );
        assert!(Page::new(HTML.into()).unwrap().with_sign_in(&sign_in).unwrap().is_none());
    }

    #[tokio::test]
    async fn serves_one_line_of_text_without_a_page() {
        let response = answer("log.example/audit", None, &HeaderMap::new());
        assert_eq!(header_value(&response, header::CONTENT_TYPE), Some("text/plain; charset=utf-8"));
        let text = text(response).await;
        assert!(text.contains("log.example/audit") && text.ends_with('\n'));
        assert_eq!(text.lines().count(), 1);
    }
}
