//! `/`: a page for people, or one line that says what this is.

use std::io::{self, Read as _, Write as _};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use countersign::hash::Hash;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::state::AppState;
use crate::oidc::SignIn;
use countersign_log::api;

/// No page is larger, unpacked.
const MOST: u64 = 64 << 20;

/// One HTML file that a log serves at `/`, such as its console.
#[derive(Clone, Debug)]
pub struct Page {
    plain: Form,
    packed: Form,
}

/// Where a console says what it is written in, and what it may connect to: its own log alone.
const CHARSET: &str = "<meta charset=\"utf-8\" />";
const CONNECTS: &str = "connect-src 'self'";

/// A page as it is sent, and the tag by which a browser asks whether it still is.
#[derive(Clone, Debug)]
struct Form {
    bytes: Bytes,
    tag: HeaderValue,
}

impl Page {
    /// Of that file's content.
    ///
    /// # Errors
    ///
    /// Where it cannot be compressed.
    pub fn new(html: Vec<u8>) -> io::Result<Self> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&html)?;
        Self::of(html.into(), encoder.finish()?.into())
    }

    /// Of a file's content that was compressed with gzip before.
    ///
    /// # Errors
    ///
    /// Where it does not unpack.
    pub fn packed(gzip: &'static [u8]) -> io::Result<Self> {
        let mut html = Vec::new();
        GzDecoder::new(gzip).take(MOST).read_to_end(&mut html)?;
        Self::of(html.into(), Bytes::from_static(gzip))
    }

    /// The same for readers who may sign in: it knows where, and may connect to there too. None where it is no console.
    ///
    /// # Errors
    ///
    /// Where it cannot be compressed.
    pub fn with_sign_in(&self, sign_in: &SignIn) -> io::Result<Option<Self>> {
        let html = String::from_utf8_lossy(&self.plain.bytes);
        let head = html.split_once(CHARSET);
        // The first is the policy's.
        let Some((before, (policy, after))) =
            head.and_then(|(before, rest)| Some((before, rest.split_once(CONNECTS)?)))
        else {
            return Ok(None);
        };
        let (told, origin) = (escaped(&sign_in.told()), sign_in.origin());
        let meta = format!("<meta name=\"countersign-sign-in\" content=\"{told}\" />");
        let html = format!("{before}{CHARSET}{meta}{policy}{CONNECTS} {origin}{after}");
        Self::new(html.into_bytes()).map(Some)
    }

    fn of(plain: Bytes, packed: Bytes) -> io::Result<Self> {
        Ok(Self { plain: Form::of(plain)?, packed: Form::of(packed)? })
    }
}

impl Form {
    fn of(bytes: Bytes) -> io::Result<Self> {
        let tag = HeaderValue::try_from(format!("\"{}\"", Hash::of(&[&bytes]))).map_err(io::Error::other)?;
        Ok(Self { bytes, tag })
    }
}

pub(super) async fn page(
    State(AppState { log_server, page, .. }): State<AppState>,
    headers: HeaderMap,
) -> Response {
    answer(log_server.origin(), page, &headers)
}

fn answer(origin: &str, page: Option<Page>, asked: &HeaderMap) -> Response {
    let Some(page) = page else { return api::root::text(origin).map(Body::from) };
    let is_packed = takes_gzip(asked);
    let Form { bytes, tag } = if is_packed { page.packed } else { page.plain };
    let is_known = knows(asked, &tag);
    let mut response = api::root::page(if is_known { Body::empty() } else { Body::from(bytes) });
    let headers = response.headers_mut();
    if is_packed && !is_known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, tag);
    // What the page may load and connect to, it says in its first lines. Only a header can forbid to frame it.
    let framing = HeaderValue::from_static("frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, framing);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response
}

/// As an attribute's value in double quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// The items of a header that is a list.
fn items(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    items(headers, header::ACCEPT_ENCODING).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let is_refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// Whether the client has this already.
fn knows(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    items(headers, header::IF_NONE_MATCH)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;
    use crate::oidc;

    const HTML: &str = "<!doctype html>\n<p>é";

    fn asking(headers: &[(HeaderName, &str)]) -> Response {
        let asked = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        answer("log.example/audit", Some(Page::new(HTML.into()).unwrap()), &asked)
    }

    fn said(response: &Response, name: HeaderName) -> Option<&str> {
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
    async fn the_page_is_served_as_it_is_and_framed_by_nobody() {
        let response = asking(&[]);
        assert_eq!(said(&response, header::CONTENT_TYPE), Some("text/html; charset=utf-8"));
        assert_eq!(said(&response, header::CONTENT_SECURITY_POLICY), Some("frame-ancestors 'none'"));
        assert_eq!(said(&response, header::CACHE_CONTROL), Some("no-cache"));
        assert_eq!(said(&response, header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"));
        assert_eq!(said(&response, header::REFERRER_POLICY), Some("no-referrer"));
        assert_eq!(said(&response, header::CONTENT_ENCODING), None);
        assert_eq!(text(response).await, HTML);
    }

    #[tokio::test]
    async fn who_takes_gzip_gets_it_packed() {
        for encodings in ["gzip", "br, gzip;q=0.5", "identity, GZIP"] {
            let response = asking(&[(header::ACCEPT_ENCODING, encodings)]);
            assert_eq!(said(&response, header::CONTENT_ENCODING), Some("gzip"), "{encodings}");
            assert_eq!(said(&response, header::VARY), Some("accept-encoding"));
            assert_eq!(unpacked(response).await, HTML);
        }
        for encodings in ["br", "gzip;q=0", "gzip; q=0.0", "xgzip"] {
            let response = asking(&[(header::ACCEPT_ENCODING, encodings)]);
            assert_eq!(said(&response, header::CONTENT_ENCODING), None, "{encodings}");
        }
    }

    #[tokio::test]
    async fn who_has_it_is_not_sent_it_again() {
        let first = asking(&[(header::ACCEPT_ENCODING, "gzip")]);
        let tag = said(&first, header::ETAG).unwrap();
        for known in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = asking(&[(header::ACCEPT_ENCODING, "gzip"), (header::IF_NONE_MATCH, &known)]);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(said(&again, header::ETAG), Some(tag));
            assert!(bytes(again).await.is_empty());
        }
        // The other form is another one.
        let plain = asking(&[(header::IF_NONE_MATCH, tag)]);
        assert_eq!(plain.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_page_that_was_packed_before_is_the_same() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(HTML.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap().leak();
        let page = Page::packed(packed).unwrap();
        assert_eq!(text(answer("o", Some(page), &HeaderMap::new())).await, HTML);
        assert!(Page::packed(b"no gzip").is_err());
    }

    #[tokio::test]
    async fn a_console_knows_where_to_sign_in_and_may_connect_to_there() {
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
        assert!(html.ends_with("<p>connect-src 'self'"), "what it says for people stays: {html}");
        let told = "content=\"{&quot;issuer&quot;:&quot;https://login.example/r&quot;,&quot;client&quot;:&quot;a\\&quot;&lt;b>&quot;";
        assert!(html.contains(told), "{html}");
        assert!(html.contains(
            "&quot;resource&quot;:&quot;https://log.example&quot;,&quot;token&quot;:&quot;access&quot;"
        ));
        assert!(
            config.sign_in("https://log.example", None).told().contains("\"resource\":null,\"token\":\"id\"")
        );
        assert!(
            config
                .sign_in("c", Some("openid log/read"))
                .told()
                .contains("\"scope\":\"openid log/read\",\"resource\":null")
        );
        assert!(Page::new(HTML.into()).unwrap().with_sign_in(&sign_in).unwrap().is_none());
    }

    #[tokio::test]
    async fn without_a_page_one_line_says_what_this_is() {
        let response = answer("log.example/audit", None, &HeaderMap::new());
        assert_eq!(said(&response, header::CONTENT_TYPE), Some("text/plain; charset=utf-8"));
        let text = text(response).await;
        assert!(text.contains("log.example/audit") && text.ends_with('\n'));
        assert_eq!(text.lines().count(), 1);
    }
}
