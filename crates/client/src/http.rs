//! An HTTP client for reading from a log and for sending to a log server.
//!
//! Every response is bounded in size and time. Requests with a body or a token follow redirects only within the same
//! host, so neither reaches another host.

use std::fmt;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign::export::{Compression, Decompressor};
use countersign_errors::EngineError;
use countersign_errors::reason::{innermost, of_request};
use reqwest::blocking::{RequestBuilder, Response};
use reqwest::header::{self, HeaderMap};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{StatusCode, Url};

/// The time limit for connecting, and for silence while a response arrives.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// The time limit for sending a body and receiving the response.
const SEND_TIMEOUT: Duration = Duration::from_mins(1);
/// The time limit for a whole response that is not a stream.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(2);
/// The minimum speed of a response. A slower one could keep its reader waiting without ever being silent.
const MIN_PACE: Pace = Pace { bytes: 20 << 10, within: IDLE_TIMEOUT };
/// The minimum speed of an export. Its server may have to search for the next entries first.
const MIN_EXPORT_PACE: Pace = Pace { bytes: 1 << 10, within: Duration::from_mins(1) };
const MAX_REDIRECTS: usize = 5;
/// The size of a read, in bytes. It is small, so that what one chunk decompresses to is bounded, too.
const CHUNK_BYTES: usize = 1 << 12;

/// The base URL of a log: `http://` or `https://`, ending in a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Url);

impl Prefix {
    /// True if the text looks like a URL, not like a path.
    pub fn is_url(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }

    /// Parses a URL without credentials, query, or fragment.
    ///
    /// # Errors
    /// The human-readable reason why the URL is not usable.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text).map_err(|error| format!("the URL is malformed: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the URL must start with http:// or https://".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "the URL must not contain a user name or password, because URLs end up in logs".into()
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("the URL must not have a query or a fragment".into());
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }

    /// Returns the URL of a path, which must not start with a slash, with a query.
    pub fn join(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path()));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The redirects that a client follows. No client follows a redirect from `https` to `http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// Follows redirects to any host: the data is public, and verified by its content.
    Anywhere,
    /// Follows redirects only to the same host and port, or from `http` to `https` of the same host.
    SameHost,
    /// Like [`Self::SameHost`], and only with a status that repeats the body (307, 308). After others, the next
    /// request would be a GET without the body, whose success says nothing about it.
    SameHostWithBody,
}

/// A minimum speed: at least `bytes` in each span of `within`, until the response ends.
#[derive(Clone, Copy)]
struct Pace {
    bytes: usize,
    within: Duration,
}

/// Measures whether a response keeps a minimum speed.
struct Meter {
    pace: Pace,
    begun: Instant,
    bytes: usize,
}

impl Meter {
    fn new(pace: Pace) -> Self {
        Self { pace, begun: Instant::now(), bytes: 0 }
    }

    /// Counts received bytes. Fails with the reason if a span ends with too few.
    fn count(&mut self, bytes: usize) -> Result<(), String> {
        self.bytes += bytes;
        let elapsed = self.begun.elapsed();
        if elapsed < self.pace.within {
            return Ok(());
        }
        if self.bytes < self.pace.bytes {
            return Err(format!(
                "the response arrived too slowly: {} bytes in {} s",
                self.bytes,
                elapsed.as_secs()
            ));
        }
        *self = Self::new(self.pace);
        Ok(())
    }
}

/// The time by which requests must have ended. It can be set while requests run, to end them early.
#[derive(Debug, Default)]
pub struct Deadline(Mutex<Option<Instant>>);

impl Deadline {
    /// Sets the time; `None` for no deadline.
    pub fn set(&self, deadline: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    /// Returns the remaining time, or `None` without a deadline.
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn has_passed(&self) -> bool {
        self.remaining().is_some_and(|left| left.is_zero())
    }
}

/// Sends requests. Several threads can use it at once.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::blocking::Client,
    redirects: Redirects,
}

/// A complete response, of any status.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The delay from `Retry-After`, if any.
    pub retry_after: Option<Duration>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// The body of a request.
pub struct Body {
    /// The value of `content-type`.
    pub content_type: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Client {
    /// Creates a client for requests with neither a body nor a token ([`Redirects::Anywhere`]), with a token
    /// ([`Redirects::SameHost`]), or with a body ([`Redirects::SameHostWithBody`]).
    ///
    /// # Errors
    /// If the system's certificates or proxy settings can't be used.
    pub fn new(redirects: Redirects) -> Result<Self, EngineError> {
        Self::with_certificates(redirects, None, None)
    }

    /// Creates a client that accepts only the certificates of `trusted`, if given, and presents `own`. Both are the
    /// contents of a PEM file and its name.
    ///
    /// # Errors
    /// If these, or the system's certificates or proxy settings, can't be used.
    pub fn with_certificates(
        redirects: Redirects,
        trusted: Option<(Vec<u8>, String)>,
        own: Option<(Vec<u8>, String)>,
    ) -> Result<Self, EngineError> {
        let policy = Policy::custom(move |attempt| follow(redirects, attempt));
        let mut builder = countersign_tls::blocking_http_client();
        let unusable = |name: &str| {
            let hint =
                "use a PEM file with the certificates, and with the private key for a client certificate";
            EngineError::new("tls.invalid", "the file contains no usable certificate", hint).within(name)
        };
        if let Some((pem, name)) = trusted {
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|all| !all.is_empty());
            builder = builder.tls_certs_only(certificates.ok_or_else(|| unusable(&name))?);
        }
        if let Some((pem, name)) = own {
            builder = builder.identity(reqwest::Identity::from_pem(&pem).map_err(|_| unusable(&name))?);
        }
        let built = builder
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(IDLE_TIMEOUT)
            .timeout(IDLE_TIMEOUT)
            .redirect(policy)
            .referer(false)
            .build();
        let inner = built.map_err(|error| {
            EngineError::new(
                "http.client",
                of_request(&error),
                "check the system's certificates and proxy settings",
            )
        })?;
        Ok(Self { inner, redirects })
    }

    /// Gets a response of at most `max_bytes` after decompression, before the deadline.
    ///
    /// # Errors
    /// If there is no complete response.
    pub fn get(&self, url: &Url, max_bytes: usize, deadline: &Deadline) -> Result<Answer, EngineError> {
        read_whole(self.inner.get(url.clone()), url, max_bytes, deadline)
    }

    /// Gets a response of at most `max_bytes` after decompression, before the deadline, with a reader's token.
    ///
    /// # Errors
    /// If there is no complete response.
    pub fn get_with_token(
        &self,
        url: &Url,
        token: &str,
        max_bytes: usize,
        deadline: &Deadline,
    ) -> Result<Answer, EngineError> {
        debug_assert_ne!(self.redirects, Redirects::Anywhere, "a token stays with its host");
        read_whole(self.inner.get(url.clone()).bearer_auth(token), url, max_bytes, deadline)
    }

    /// Gets a stream with a reader's token, perhaps compressed. Only the status 200 is a stream; another status is
    /// returned as an answer of at most 1 MiB.
    ///
    /// # Errors
    /// If there is no response.
    pub fn stream(&self, url: &Url, token: Option<&str>) -> Result<Result<Stream, Answer>, EngineError> {
        let mut request = self.inner.get(url.clone());
        if let Some(token) = token {
            debug_assert_ne!(self.redirects, Redirects::Anywhere, "a token stays with its host");
            request = request.bearer_auth(token);
        }
        let response = send(request, url)?;
        if response.status() == StatusCode::OK {
            return Ok(Ok(Stream { response, name: url.to_string(), meter: None }));
        }
        read_response(response, url, 1 << 20, &Deadline::default()).map(Err)
    }

    /// Sends a body, and returns a response of at most `max_bytes`.
    ///
    /// # Errors
    /// If there is no complete response. The body may have been received.
    pub fn post(
        &self,
        url: &Url,
        body: Body,
        token: Option<&str>,
        max_bytes: usize,
    ) -> Result<Answer, EngineError> {
        let mut request = self.posting(url, body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        read_response(send(request, url)?, url, max_bytes, &Deadline::default())
    }

    /// Sends a body with these headers, and returns a response of at most `max_bytes`.
    ///
    /// # Errors
    /// If there is no complete response. The body may have been received.
    pub fn post_with(
        &self,
        url: &Url,
        body: Body,
        headers: &[(&str, &str)],
        max_bytes: usize,
    ) -> Result<Answer, EngineError> {
        let request = self.posting(url, body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        read_response(send(request, url)?, url, max_bytes, &Deadline::default())
    }

    fn posting(&self, url: &Url, body: Body) -> RequestBuilder {
        debug_assert_eq!(
            self.redirects,
            Redirects::SameHostWithBody,
            "requests aren't redirected to another host"
        );
        let request = self.inner.post(url.clone()).header(header::CONTENT_TYPE, body.content_type);
        request.body(body.bytes).timeout(SEND_TIMEOUT)
    }
}

fn send(request: RequestBuilder, url: &Url) -> Result<Response, EngineError> {
    request
        .header(header::ACCEPT_ENCODING, "gzip, identity")
        .send()
        .map_err(|error| failed(&error).within(url.as_str()))
}

fn follow(redirects: Redirects, attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let (next, before) = (attempt.url(), attempt.previous());
    let (Some(first), Some(last)) = (before.first(), before.last()) else { return attempt.follow() };
    let same_host = next.host() == first.host()
        && (next.port_or_known_default() == first.port_or_known_default()
            || (first.scheme(), next.scheme()) == ("http", "https"));
    if before.len() > MAX_REDIRECTS {
        attempt.error("the server sent too many redirects")
    } else if !matches!(next.scheme(), "http" | "https")
        || (last.scheme(), next.scheme()) == ("https", "http")
    {
        attempt.error("the server redirects to an unencrypted address")
    } else if redirects != Redirects::Anywhere && !same_host {
        attempt.error("the server redirects to another host")
    } else if redirects == Redirects::SameHostWithBody
        && !matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
    {
        let status = attempt.status().as_u16();
        attempt.error(format!("the server redirects with status {status}, which would drop the request body"))
    } else {
        attempt.follow()
    }
}

/// The body of a response as it arrives.
pub struct Stream {
    response: Response,
    name: String,
    meter: Option<Meter>,
}

impl Stream {
    /// Returns the stream's URL, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes reading fail if less than 1 KiB arrives in a minute. Exports keep that pace; a live view need not.
    #[must_use]
    pub fn paced(self) -> Self {
        Self { meter: Some(Meter::new(MIN_EXPORT_PACE)), ..self }
    }

    /// Returns the value of a response header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }
}

impl Read for Stream {
    /// Fails if nothing arrives for too long.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.response.read(buffer);
        let length = read.map_err(|error| io::Error::new(error.kind(), innermost(&error)))?;
        if let Some(meter) = self.meter.as_mut().filter(|_| length > 0) {
            meter.count(length).map_err(|why| io::Error::new(io::ErrorKind::TimedOut, why))?;
        }
        Ok(length)
    }
}

/// Sends a request, and reads the whole response before the deadline.
fn read_whole(
    mut request: RequestBuilder,
    url: &Url,
    max_bytes: usize,
    deadline: &Deadline,
) -> Result<Answer, EngineError> {
    match deadline.remaining() {
        Some(left) if left.is_zero() => return Err(timeout().within(url.as_str())),
        // A timeout set on a request covers the whole response.
        Some(left) if left < IDLE_TIMEOUT => request = request.timeout(left),
        _ => {}
    }
    read_response(send(request, url)?, url, max_bytes, deadline)
}

fn read_response(
    mut response: Response,
    url: &Url,
    max_bytes: usize,
    deadline: &Deadline,
) -> Result<Answer, EngineError> {
    let text = |headers: &HeaderMap, name| {
        headers.get(name).and_then(|value| value.to_str().ok()).map(|value| value.trim().to_owned())
    };
    let headers = response.headers();
    let retry_after = text(headers, header::RETRY_AFTER)
        .and_then(|after| parse_retry_after(&after, text(headers, header::DATE).as_deref()));
    let coding = text(headers, header::CONTENT_ENCODING);
    let status = response.status().as_u16();
    let body = read(&mut response, coding.as_deref(), max_bytes, MIN_PACE, deadline)
        .map_err(|failure| failure.within(url.as_str()))?;
    Ok(Answer { status, retry_after, body })
}

/// Returns the delay from `Retry-After`: seconds, or the span until a time, by the server's own clock.
fn parse_retry_after(after: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(after).ok()?;
    let answered = httpdate::parse_http_date(date?).ok()?;
    Some(until.duration_since(answered).unwrap_or_default())
}

fn timeout() -> EngineError {
    EngineError::new("http.timeout", "the response takes too long", "try again later")
}

fn read(
    response: &mut impl Read,
    coding: Option<&str>,
    max_bytes: usize,
    pace: Pace,
    deadline: &Deadline,
) -> Result<Vec<u8>, EngineError> {
    let mut decompressor = match coding {
        None | Some("identity" | "") => None,
        Some("gzip" | "x-gzip") => Some(Decompressor::new(Compression::Gzip)),
        Some(_) => {
            let hint = "configure the server to answer with gzip or without a content encoding";
            return Err(EngineError::new(
                "http.encoding",
                "the response has a content encoding that was not requested",
                hint,
            ));
        }
    };
    let begun = Instant::now();
    let mut meter = Meter::new(pace);
    let mut body = Vec::new();
    let mut chunk = [0; CHUNK_BYTES];
    loop {
        let length = match response.read(&mut chunk) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let hint = "try again; the connection was lost, or nothing arrived for too long";
                return Err(EngineError::new("http.interrupted", innermost(&error), hint));
            }
        };
        if length == 0 {
            break;
        }
        match &mut decompressor {
            Some(decompressor) => {
                let mut sink = |bytes: &[u8]| {
                    if body.len() <= max_bytes {
                        body.extend_from_slice(bytes);
                    }
                };
                decompressor.push(&chunk[..length], &mut sink).map_err(decompress_failed)?;
            }
            None => body.extend_from_slice(&chunk[..length]),
        }
        if body.len() > max_bytes {
            let hint = "check the URL; the server returned something else";
            return Err(EngineError::new(
                "http.too_large",
                format!("the response is larger than {max_bytes} bytes"),
                hint,
            ));
        }
        if begun.elapsed() > RESPONSE_TIMEOUT || deadline.has_passed() {
            return Err(timeout());
        }
        meter
            .count(length)
            .map_err(|message| EngineError::new("http.timeout", message, "try again later"))?;
    }
    if let Some(decompressor) = &mut decompressor {
        decompressor.finish().map_err(decompress_failed)?;
    }
    Ok(body)
}

fn decompress_failed(why: countersign::export::DecompressError) -> EngineError {
    let message = format!("the response can't be decompressed: {why}");
    EngineError::new("http.encoding", message, "try again; the connection was lost, or the server is faulty")
}

fn failed(error: &reqwest::Error) -> EngineError {
    let (code, hint) = if error.is_redirect() {
        ("http.redirect", "use the URL that it redirects to, if you trust it")
    } else if error.is_timeout() {
        ("http.timeout", "check that the server is running, and try again")
    } else if error.is_connect() && of_request(error).contains("certificate") {
        (
            "http.connect",
            "check the URL, because this machine doesn't trust the server's certificate; if the certificate is from your own authority, add the authority to the system's store or set SSL_CERT_FILE to its PEM file",
        )
    } else if error.is_connect() && of_request(error).contains("InvalidContentType") {
        ("http.connect", "check whether the URL must start with http://; the server doesn't speak TLS")
    } else if error.is_connect() {
        ("http.connect", "check the URL, the network, and that the server is running")
    } else {
        ("http.failed", "check the URL; the server doesn't speak HTTP as expected")
    };
    EngineError::new(code, of_request(error), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_rejects_secrets_and_queries() {
        for (text, shown) in [
            ("https://log.example", "https://log.example/"),
            ("http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080/a/b/"),
            ("https://log.example/a/", "https://log.example/a/"),
        ] {
            let prefix = Prefix::parse(text).unwrap();
            assert_eq!(prefix.to_string(), shown);
            assert_eq!(
                prefix.join("tile/0/x001/234.p/5", &[]).as_str(),
                format!("{shown}tile/0/x001/234.p/5")
            );
        }
        for text in [
            "",
            "log.example",
            "ftp://log.example/",
            "file:///etc",
            "https://u@log.example/",
            "https://:p@log.example/",
            "https://log.example/?a=b",
            "https://log.example/#a",
            "https://",
        ] {
            assert!(Prefix::parse(text).is_err(), "{text}");
        }
        let query = Prefix::parse("https://log.example").unwrap().join("export", &[("q", "a b&c=/d")]);
        assert_eq!(query.as_str(), "https://log.example/export?q=a+b%26c%3D%2Fd");
        assert!(Prefix::is_url("http://log.example") && Prefix::is_url("ftp://log.example"));
        assert!(!Prefix::is_url("./log") && !Prefix::is_url("C:\\log") && !Prefix::is_url("://a"));
    }

    /// Starts a local server that sends the same response to each request, and returns the received requests.
    fn server(answer: String) -> (Prefix, std::sync::mpsc::Receiver<String>) {
        use std::io::{BufRead as _, BufReader, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let prefix = Prefix::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let (sender, requests) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let head = BufReader::new(&stream).lines().map_while(Result::ok);
                let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
                let _ = sender.send(head.join("\n"));
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        (prefix, requests)
    }

    fn redirect(status: u16, to: &str) -> String {
        format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    }

    #[test]
    fn retry_after_is_relative_to_the_servers_clock() {
        let date = Some("Thu, 26 Nov 2026 07:00:00 GMT");
        for (after, date, seconds) in [
            ("30", None, Some(30)),
            ("Thu, 26 Nov 2026 07:02:00 GMT", date, Some(120)),
            ("Thu, 26 Nov 2026 06:00:00 GMT", date, Some(0)),
            ("Thu, 26 Nov 2026 07:02:00 GMT", None, None),
            ("soon", date, None),
            ("-1", date, None),
        ] {
            assert_eq!(parse_retry_after(after, date), seconds.map(Duration::from_secs), "{after}");
        }
    }

    #[test]
    fn bodies_and_tokens_stay_with_their_host() {
        let (there, requests_there) =
            server("HTTP/1.1 200 Yes\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into());
        let (here, requests_here) = server(redirect(307, &there.to_string()));
        let client = Client::new(Redirects::SameHostWithBody).unwrap();
        let body = || Body { content_type: "text/plain", bytes: b"secret".to_vec() };
        let url = here.join("submit", &[]);
        assert_eq!(client.post(&url, body(), Some("token"), 100).unwrap_err().code(), "http.redirect");
        assert_eq!(client.stream(&url, Some("token")).err().unwrap().code(), "http.redirect");
        let requests = requests_here.recv().unwrap().to_ascii_lowercase();
        assert!(requests.starts_with("post /submit ") && requests.contains("authorization: bearer token"));
        assert!(requests_there.try_recv().is_err(), "the other host received a request");

        assert_eq!(
            Client::new(Redirects::Anywhere).unwrap().get(&url, 100, &Deadline::default()).unwrap().status,
            200
        );
        assert!(!requests_there.recv().unwrap().to_ascii_lowercase().contains("authorization"));
    }

    #[test]
    fn redirect_repeats_the_body_or_fails() {
        let send = |status| {
            let (here, requests) = server(redirect(status, "/else"));
            let body = Body { content_type: "text/plain", bytes: b"an alert".to_vec() };
            let client = Client::new(Redirects::SameHostWithBody).unwrap();
            let failure = client.post(&here.join("hook", &[]), body, None, 100).unwrap_err();
            assert_eq!(failure.code(), "http.redirect");
            let requests: Vec<String> = requests.try_iter().collect();
            let methods = requests.iter().map(|head| head.split(' ').next().unwrap_or_default().to_owned());
            (methods.collect::<Vec<_>>(), failure.without_place())
        };
        for status in [301, 302, 303] {
            let (methods, said) = send(status);
            assert_eq!(methods, ["POST"], "{status}");
            assert!(said.contains(&status.to_string()), "{said}");
        }
        for status in [307, 308] {
            assert_eq!(send(status).0, ["POST"; MAX_REDIRECTS + 1], "{status}");
        }
    }

    #[test]
    fn responses_are_bounded_after_decompression() {
        let text = vec![b'a'; 3_000_000];
        let zipped = {
            use std::io::Write as _;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&text).unwrap();
            encoder.finish().unwrap()
        };
        let read = |mut body: &[u8], coding, max_bytes| {
            super::read(&mut body, coding, max_bytes, MIN_PACE, &Deadline::default())
        };
        assert_eq!(read(&text[..], None, text.len()).unwrap(), text);
        assert_eq!(read(&zipped[..], Some("gzip"), text.len()).unwrap(), text);
        let code =
            |body: &[u8], coding, max_bytes| read(body, coding, max_bytes).unwrap_err().code().to_owned();
        assert_eq!(code(&text, None, text.len() - 1), "http.too_large");
        assert_eq!(code(&zipped, Some("gzip"), text.len() - 1), "http.too_large");
        assert_eq!(code(&zipped[..zipped.len() - 1], Some("gzip"), text.len()), "http.encoding");
        assert_eq!(code(&text, Some("gzip"), text.len()), "http.encoding");
        assert_eq!(code(&text, Some("br"), text.len()), "http.encoding");
    }

    /// An endless body of one byte at a time.
    struct Drip;
    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(Duration::from_millis(1));
            buffer[0] = b'x';
            Ok(1)
        }
    }

    #[test]
    fn slow_response_is_aborted() {
        let max_bytes = 1 << 30;
        let pace = |bytes, millis| Pace { bytes, within: Duration::from_millis(millis) };
        let slow = read(&mut Drip, None, max_bytes, pace(1 << 20, 20), &Deadline::default()).unwrap_err();
        assert_eq!(slow.code(), "http.timeout");
        assert!(slow.without_place().contains("too slowly"), "{}", slow.without_place());

        let deadline = Deadline::default();
        deadline.set(Some(Instant::now()));
        let late = read(&mut Drip, None, max_bytes, pace(0, 1), &deadline).unwrap_err();
        assert_eq!((late.code(), late.without_place().contains("slowly")), ("http.timeout", false));
        // A body that arrives at the required pace is read to its end.
        let few = read(&mut Drip.take(100), None, max_bytes, pace(1, 50), &Deadline::default());
        assert_eq!(few.unwrap().len(), 100);
    }
}
