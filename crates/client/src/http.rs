//! HTTP, for reading from a log or sending something to it.
//!
//! Every answer is bounded in size and time. Nothing that is sent goes to another host than the one that was asked
//! for: who sends a body or a token has redirects followed within the same host alone.

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

/// How long connecting may take, and how long nothing may come.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a body may take to be sent and answered.
const SENDING: Duration = Duration::from_mins(1);
/// How long a whole answer may take, if it is not a stream.
const WHOLE: Duration = Duration::from_mins(2);
/// The slowest answer that is read: what is slower keeps its reader waiting without being silent.
const SLOWEST: Pace = Pace { bytes: 20 << 10, within: PATIENCE };
/// The slowest export that is read. Its server may have to look for the next entries first.
const SLOWEST_EXPORT: Pace = Pace { bytes: 1 << 10, within: Duration::from_mins(1) };
const MAX_REDIRECTS: usize = 5;
/// So little at a time that what it decompresses to is little too.
const PIECE: usize = 1 << 12;

/// The place below which a server has what it serves: an `http://` or `https://` URL that ends in a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Url);

impl Prefix {
    /// True if the text is meant to be a URL, and not a path.
    pub fn is_meant(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }

    /// Reads a URL without a secret, query or fragment.
    ///
    /// # Errors
    /// If it is none. The error is for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text).map_err(|error| format!("it is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("a URL begins with http:// or https://".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("leave out the user name and password: URLs end up in logs".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("give the URL without a query and without a fragment".into());
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }

    /// Returns the URL of this path, which does not begin with a slash, with this query.
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

/// The places to which a server may redirect a request. From `https` to `http` it never may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// Anywhere: what is asked for is public, and verified by what it is.
    Anywhere,
    /// To the same host and port alone, or from `http` to the same host's `https`.
    SameHost,
    /// The same, and only by a status that has the body sent on (307, 308): after the others, the next request is a GET
    /// without it, whose success would say nothing about what was sent.
    SameHostWithBody,
}

/// A minimal speed: at least `bytes` in each span of `within`, until the answer ends.
#[derive(Clone, Copy)]
struct Pace {
    bytes: usize,
    within: Duration,
}

/// Measures whether an answer keeps a pace.
struct Meter {
    pace: Pace,
    begun: Instant,
    bytes: usize,
}

impl Meter {
    fn new(pace: Pace) -> Self {
        Self { pace, begun: Instant::now(), bytes: 0 }
    }

    /// Counts bytes that came; fails with what is wrong when the span is over and they are too few.
    fn count(&mut self, bytes: usize) -> Result<(), String> {
        self.bytes += bytes;
        let elapsed = self.begun.elapsed();
        if elapsed < self.pace.within {
            return Ok(());
        }
        if self.bytes < self.pace.bytes {
            return Err(format!(
                "the answer comes too slowly: {} bytes in {} s",
                self.bytes,
                elapsed.as_secs()
            ));
        }
        *self = Self::new(self.pace);
        Ok(())
    }
}

/// The time by which requests must have ended. It can be set while they run, which ends those that are late.
#[derive(Debug, Default)]
pub struct Deadline(Mutex<Option<Instant>>);

impl Deadline {
    /// Sets the time; `None` is no deadline.
    pub fn set(&self, deadline: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    /// Returns the time that is left, or `None` without a deadline.
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

/// A whole answer, of any status.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The wait that it asks for, if any.
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
    /// Creates a client for requests without a body and a token ([`Redirects::Anywhere`]), with a token
    /// ([`Redirects::SameHost`]), or with a body ([`Redirects::SameHostWithBody`]).
    ///
    /// # Errors
    /// If the system's certificates or proxy settings can't be used.
    pub fn new(redirects: Redirects) -> Result<Self, EngineError> {
        Self::with_certificates(redirects, None, None)
    }

    /// Creates a client that accepts only the certificates of `trusted`, if it is given, and shows `own`: PEM, and the
    /// names of the files.
    ///
    /// # Errors
    /// If they, or the system's certificates or proxy settings, can't be used.
    pub fn with_certificates(
        redirects: Redirects,
        trusted: Option<(Vec<u8>, String)>,
        own: Option<(Vec<u8>, String)>,
    ) -> Result<Self, EngineError> {
        let policy = Policy::custom(move |attempt| follow(redirects, attempt));
        let mut builder = reqwest::blocking::Client::builder();
        let unusable = |name: &str| {
            let hint = "give a PEM file with the certificates, and the key where one is needed";
            EngineError::new("tls.invalid", "there is no certificate in it that can be used", hint)
                .within(name)
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
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE)
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

    /// Gets an answer of at most `most` bytes once decompressed, before the deadline.
    ///
    /// # Errors
    /// If there is no whole answer.
    pub fn get(&self, url: &Url, most: usize, deadline: &Deadline) -> Result<Answer, EngineError> {
        let mut request = self.inner.get(url.clone());
        match deadline.remaining() {
            Some(left) if left.is_zero() => return Err(late().within(url.as_str())),
            // A timeout of a request covers its whole answer.
            Some(left) if left < PATIENCE => request = request.timeout(left),
            _ => {}
        }
        whole(send(request, url)?, url, most, deadline)
    }

    /// Gets what readers with this token may have, as a stream, perhaps compressed. Only the status 200 is one;
    /// another status is the answer, of at most 1 MiB.
    ///
    /// # Errors
    /// If there is no answer.
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
        whole(response, url, 1 << 20, &Deadline::default()).map(Err)
    }

    /// Sends a body, and returns the answer of at most `most` bytes.
    ///
    /// # Errors
    /// If there is no whole answer. It is not known then whether the body was received.
    pub fn post(
        &self,
        url: &Url,
        body: Body,
        token: Option<&str>,
        most: usize,
    ) -> Result<Answer, EngineError> {
        let mut request = self.posting(url, body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        whole(send(request, url)?, url, most, &Deadline::default())
    }

    /// Sends a body with these headers, and returns the answer of at most `most` bytes.
    ///
    /// # Errors
    /// If there is no whole answer. It is not known then whether the body was received.
    pub fn post_with(
        &self,
        url: &Url,
        body: Body,
        headers: &[(&str, &str)],
        most: usize,
    ) -> Result<Answer, EngineError> {
        let request = self.posting(url, body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        whole(send(request, url)?, url, most, &Deadline::default())
    }

    fn posting(&self, url: &Url, body: Body) -> RequestBuilder {
        debug_assert_eq!(self.redirects, Redirects::SameHostWithBody, "what is sent stays with its host");
        let request = self.inner.post(url.clone()).header(header::CONTENT_TYPE, body.content_type);
        request.body(body.bytes).timeout(SENDING)
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
        attempt.error("it redirects on and on")
    } else if !matches!(next.scheme(), "http" | "https")
        || (last.scheme(), next.scheme()) == ("https", "http")
    {
        attempt.error("it redirects to an unencrypted address")
    } else if redirects != Redirects::Anywhere && !same_host {
        attempt.error("it redirects to another host")
    } else if redirects == Redirects::SameHostWithBody
        && !matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
    {
        let status = attempt.status().as_u16();
        attempt.error(format!("it redirects with status {status}, after which nothing would be sent on"))
    } else {
        attempt.follow()
    }
}

/// The body of an answer as it arrives.
pub struct Stream {
    response: Response,
    name: String,
    meter: Option<Meter>,
}

impl Stream {
    /// Returns its address, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes reading fail, too, when less than 1 KiB comes in a minute. An export keeps that pace; a live view need not.
    #[must_use]
    pub fn paced(self) -> Self {
        Self { meter: Some(Meter::new(SLOWEST_EXPORT)), ..self }
    }

    /// Returns the value of a header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }
}

impl Read for Stream {
    /// Fails when nothing comes for too long.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.response.read(buffer);
        let length = read.map_err(|error| io::Error::new(error.kind(), innermost(&error)))?;
        if let Some(meter) = self.meter.as_mut().filter(|_| length > 0) {
            meter.count(length).map_err(|why| io::Error::new(io::ErrorKind::TimedOut, why))?;
        }
        Ok(length)
    }
}

fn whole(mut response: Response, url: &Url, most: usize, deadline: &Deadline) -> Result<Answer, EngineError> {
    let text = |headers: &HeaderMap, name| {
        headers.get(name).and_then(|value| value.to_str().ok()).map(|value| value.trim().to_owned())
    };
    let headers = response.headers();
    let retry_after = text(headers, header::RETRY_AFTER)
        .and_then(|after| wait(&after, text(headers, header::DATE).as_deref()));
    let coding = text(headers, header::CONTENT_ENCODING);
    let status = response.status().as_u16();
    let body = read(&mut response, coding.as_deref(), most, SLOWEST, deadline)
        .map_err(|failure| failure.within(url.as_str()))?;
    Ok(Answer { status, retry_after, body })
}

/// How long `Retry-After` says to wait: seconds, or until a time by the clock of whoever answered.
fn wait(after: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(after).ok()?;
    let answered = httpdate::parse_http_date(date?).ok()?;
    Some(until.duration_since(answered).unwrap_or_default())
}

fn late() -> EngineError {
    EngineError::new("http.timeout", "the answer takes too long", "try again later")
}

fn read(
    response: &mut impl Read,
    coding: Option<&str>,
    most: usize,
    slowest: Pace,
    deadline: &Deadline,
) -> Result<Vec<u8>, EngineError> {
    let mut decompressor = match coding {
        None | Some("identity" | "") => None,
        Some("gzip" | "x-gzip") => Some(Decompressor::new(Compression::Gzip)),
        Some(_) => {
            let hint = "the server must answer with gzip, or without any";
            return Err(EngineError::new(
                "http.encoding",
                "the answer has a content encoding that was not asked for",
                hint,
            ));
        }
    };
    let begun = Instant::now();
    let mut meter = Meter::new(slowest);
    let mut body = Vec::new();
    let mut piece = [0; PIECE];
    loop {
        let length = match response.read(&mut piece) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let hint = "the connection was lost, or nothing arrived for too long: try again";
                return Err(EngineError::new("http.interrupted", innermost(&error), hint));
            }
        };
        if length == 0 {
            break;
        }
        match &mut decompressor {
            Some(decompressor) => {
                let mut sink = |bytes: &[u8]| {
                    if body.len() <= most {
                        body.extend_from_slice(bytes);
                    }
                };
                decompressor.push(&piece[..length], &mut sink).map_err(not_whole)?;
            }
            None => body.extend_from_slice(&piece[..length]),
        }
        if body.len() > most {
            let hint = "what is there is not what was asked for: check the URL";
            return Err(EngineError::new(
                "http.too_large",
                format!("the answer is above {most} bytes"),
                hint,
            ));
        }
        if begun.elapsed() > WHOLE || deadline.has_passed() {
            return Err(late());
        }
        meter
            .count(length)
            .map_err(|message| EngineError::new("http.timeout", message, "try again later"))?;
    }
    if let Some(decompressor) = &mut decompressor {
        decompressor.finish().map_err(not_whole)?;
    }
    Ok(body)
}

fn not_whole(why: countersign::export::DecompressError) -> EngineError {
    let message = format!("the answer cannot be read whole: {why}");
    EngineError::new("http.encoding", message, "the connection was lost, or the server is faulty: try again")
}

fn failed(error: &reqwest::Error) -> EngineError {
    let (code, hint) = if error.is_redirect() {
        ("http.redirect", "give the URL that it redirects to, if you trust it")
    } else if error.is_timeout() {
        ("http.timeout", "the server did not answer in time: check that it runs, and try again")
    } else if error.is_connect() && of_request(error).contains("certificate") {
        (
            "http.connect",
            "this machine doesn't trust the server's certificate: for an authority of your own, add it to the system's store, or name its PEM file in SSL_CERT_FILE; otherwise check the URL",
        )
    } else if error.is_connect() && of_request(error).contains("InvalidContentType") {
        ("http.connect", "what answers there speaks no TLS: does the URL begin with http://?")
    } else if error.is_connect() {
        ("http.connect", "check the URL, the network, and that the server runs")
    } else {
        ("http.failed", "the server does not speak HTTP as expected: check the URL")
    };
    EngineError::new(code, of_request(error), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_url_without_secrets() {
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
        assert!(Prefix::is_meant("http://log.example") && Prefix::is_meant("ftp://log.example"));
        assert!(!Prefix::is_meant("./log") && !Prefix::is_meant("C:\\log") && !Prefix::is_meant("://a"));
    }

    /// A server on this machine that gives each request the same answer; tells what was asked.
    fn server(answer: String) -> (Prefix, std::sync::mpsc::Receiver<String>) {
        use std::io::{BufRead as _, BufReader, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let prefix = Prefix::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let (tell, asked) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let head = BufReader::new(&stream).lines().map_while(Result::ok);
                let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
                let _ = tell.send(head.join("\n"));
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        (prefix, asked)
    }

    fn redirect(status: u16, to: &str) -> String {
        format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    }

    #[test]
    fn waits_as_long_as_whoever_answers_says() {
        let date = Some("Thu, 26 Nov 2026 07:00:00 GMT");
        for (after, date, seconds) in [
            ("30", None, Some(30)),
            ("Thu, 26 Nov 2026 07:02:00 GMT", date, Some(120)),
            ("Thu, 26 Nov 2026 06:00:00 GMT", date, Some(0)),
            ("Thu, 26 Nov 2026 07:02:00 GMT", None, None),
            ("soon", date, None),
            ("-1", date, None),
        ] {
            assert_eq!(wait(after, date), seconds.map(Duration::from_secs), "{after}");
        }
    }

    #[test]
    fn what_is_sent_stays_with_its_host() {
        let (there, asked_there) =
            server("HTTP/1.1 200 Yes\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into());
        let (here, asked_here) = server(redirect(307, &there.to_string()));
        let client = Client::new(Redirects::SameHostWithBody).unwrap();
        let body = || Body { content_type: "text/plain", bytes: b"secret".to_vec() };
        let url = here.join("submit", &[]);
        assert_eq!(client.post(&url, body(), Some("token"), 100).unwrap_err().code(), "http.redirect");
        assert_eq!(client.stream(&url, Some("token")).err().unwrap().code(), "http.redirect");
        let asked = asked_here.recv().unwrap().to_ascii_lowercase();
        assert!(asked.starts_with("post /submit ") && asked.contains("authorization: bearer token"));
        assert!(asked_there.try_recv().is_err(), "the other host was asked");

        assert_eq!(
            Client::new(Redirects::Anywhere).unwrap().get(&url, 100, &Deadline::default()).unwrap().status,
            200
        );
        assert!(!asked_there.recv().unwrap().to_ascii_lowercase().contains("authorization"));
    }

    #[test]
    fn a_body_is_sent_on_or_its_sender_is_told() {
        let send = |status| {
            let (here, asked) = server(redirect(status, "/else"));
            let body = Body { content_type: "text/plain", bytes: b"an alert".to_vec() };
            let client = Client::new(Redirects::SameHostWithBody).unwrap();
            let failure = client.post(&here.join("hook", &[]), body, None, 100).unwrap_err();
            assert_eq!(failure.code(), "http.redirect");
            let asked: Vec<String> = asked.try_iter().collect();
            let methods = asked.iter().map(|head| head.split(' ').next().unwrap_or_default().to_owned());
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
    fn answers_are_bounded_also_when_they_decompress_to_much() {
        let text = vec![b'a'; 3_000_000];
        let zipped = {
            use std::io::Write as _;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&text).unwrap();
            encoder.finish().unwrap()
        };
        let read = |mut body: &[u8], coding, most| {
            super::read(&mut body, coding, most, SLOWEST, &Deadline::default())
        };
        assert_eq!(read(&text[..], None, text.len()).unwrap(), text);
        assert_eq!(read(&zipped[..], Some("gzip"), text.len()).unwrap(), text);
        let code = |body: &[u8], coding, most| read(body, coding, most).unwrap_err().code().to_owned();
        assert_eq!(code(&text, None, text.len() - 1), "http.too_large");
        assert_eq!(code(&zipped, Some("gzip"), text.len() - 1), "http.too_large");
        assert_eq!(code(&zipped[..zipped.len() - 1], Some("gzip"), text.len()), "http.encoding");
        assert_eq!(code(&text, Some("gzip"), text.len()), "http.encoding");
        assert_eq!(code(&text, Some("br"), text.len()), "http.encoding");
    }

    /// A body of one byte at a time, without end.
    struct Drip;
    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(Duration::from_millis(1));
            buffer[0] = b'x';
            Ok(1)
        }
    }

    #[test]
    fn an_answer_that_drips_is_not_read_to_its_end() {
        let most = 1 << 30;
        let pace = |bytes, millis| Pace { bytes, within: Duration::from_millis(millis) };
        let slow = read(&mut Drip, None, most, pace(1 << 20, 20), &Deadline::default()).unwrap_err();
        assert_eq!(slow.code(), "http.timeout");
        assert!(slow.without_place().contains("too slowly"), "{}", slow.without_place());

        let deadline = Deadline::default();
        deadline.set(Some(Instant::now()));
        let late = read(&mut Drip, None, most, pace(0, 1), &deadline).unwrap_err();
        assert_eq!((late.code(), late.without_place().contains("slowly")), ("http.timeout", false));
        // A body that arrives at the required pace is read to its end.
        let few = read(&mut Drip.take(100), None, most, pace(1, 50), &Deadline::default());
        assert_eq!(few.unwrap().len(), 100);
    }
}
